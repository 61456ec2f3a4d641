"""A project that extends another: what its project.yaml may say, and the check that sees a single changed bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

import tagware
from compress.prune import PruneConfig
from compress.quantize.cost import constants
from flow.extension import check_kept, firmware_of
from flow.project import ProjectFolder
from flow.reporting import COSIM, FIRMWARE, KEPT
from flow.source import open_jets
from flow.steps import stages
from hls.convert import convert_student
from hls.csim.sources import BUILD, VECTORS
from hls.project import HlsConfig
from hls.report import Report
from jets.errors import ConfigError, ExactnessError, InputError
from jets.files import claim_folder, read_json
from jets.metrics import auc
from models.students.feed_forward import MlpSpec
from models.tagger import Tagger
from tests.documentation import types_in

pytestmark = pytest.mark.xdist_group("extension")  # one run serves every test

COMMITTED = Path(__file__).parents[2] / "firmware_projects" / "top_then_w"
FIRST = """
jets: {sample: five_class, classes: [QCD=g+q, top=t]}
student: {kind: mlp, dense: [4, 3]}
compress: {bits: {output: [14, 5]}, prune: {neurons: 0.5}}
rtl: null
"""
SECOND = """
extend: first
jets: {sample: five_class, classes: [QCD=g+q, W]}
rtl: null
"""


def written(folder: Path, second: str = SECOND, first: str = FIRST) -> Path:
    (folder / "first").mkdir()
    (folder / "first" / "project.yaml").write_text(first)
    (folder / "project.yaml").write_text(second)
    return folder


def test_an_extension_has_the_student_and_the_bits_of_what_it_extends(tmp_path: Path) -> None:
    project = ProjectFolder.load(written(tmp_path))
    assert project.config.student == MlpSpec(dense=(4, 3))
    assert project.config.compress.bits.output == (14, 5)
    assert project.config.compress.prune == PruneConfig()
    assert project.extended is not None and project.extended.folder == tmp_path / "first"


@pytest.mark.parametrize(
    ("second", "first", "named"),
    [
        (SECOND + "student: {kind: mlp}", FIRST, "student is that of the project which this one extends"),
        (SECOND + "compress: {bits: {}}", FIRST, "bits is that of the project which this one extends"),
        (SECOND.replace("first", "."), FIRST, "extend: extends itself"),
        (SECOND, FIRST.replace("kind: mlp, dense: [4, 3]", "cell: gru"), "extend: extends a student that cannot be"),
        (SECOND, FIRST.replace("neurons: 0.5", "neurons: 2"), "first/project.yaml: compress: prune: neurons must be"),
        (SECOND.replace("extend: first", "extend: 3"), FIRST, "extend: must be str, not 3"),
    ],
)
def test_an_extension_that_cannot_be_is_refused(second: str, first: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=named):
        ProjectFolder.load(written(tmp_path, second, first))


def test_an_extension_of_no_project_or_of_one_that_has_not_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path)
    with pytest.raises(InputError, match=r"distil/quantized/tagger\.json: no such file; finish the project that"):
        stages(ProjectFolder.load(folder))
    assert tagware.main(["distil", "jets.h5", "out", "--config", str(folder / "project.yaml")]) == 2
    assert "train its student with `tagware run`" in capsys.readouterr().err
    (folder / "first" / "project.yaml").unlink()
    with pytest.raises(InputError, match="no such project"):
        ProjectFolder.load(folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    """The committed project run again with short trainings, as far as its firmware is compared with the first one's."""
    folder = tmp_path_factory.mktemp("projects") / COMMITTED.name
    for source, last in ((COMMITTED / "top", "csim"), (COMMITTED, "kept")):
        content = yaml.safe_load((source / "project.yaml").read_text())
        content["teacher"]["train"]["epochs"] = 3
        content["compress"]["distil"] |= {"float_epochs": 8, "quantized_epochs": 6}
        place = folder / source.relative_to(COMMITTED)
        place.mkdir(parents=True, exist_ok=True)
        (place / "project.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        assert tagware.main(["run", str(place), "--until", last]) == 0
    return ProjectFolder.load(folder)


def test_the_saved_report_says_that_every_bit_was_kept() -> None:
    report = Report.load(COMMITTED / "report.json")
    kept = report.exactness["kept"]
    assert kept["project"] == "top" and kept["csim"]["n_mismatch"] == kept["rtl"]["n_mismatch"] == 0
    assert min(kept[key]["n_vectors"] for key in ("csim", "rtl")) > report.jets["n_test"]
    assert report.exactness["csim_vs_rtl"]["n_mismatch"] == 0 and report.physics["rtl"] == report.physics["csim"]
    assert report.jets["classes"] == ["QCD", "W"]
    first = Report.load(COMMITTED / "top" / "report.json")
    for name, (free, _) in first.cost["free_neurons"].items():
        assert free > report.cost["free_neurons"][name][0]


@pytest.mark.long
@types_in(COMMITTED / "README.md", COMMITTED / "top/README.md")
def test_the_project_gains_a_tagger_and_keeps_every_bit_of_the_first(project: ProjectFolder) -> None:
    kept = read_json(project.build / "kept" / KEPT)
    assert kept["csim"]["n_mismatch"] == kept["rtl"]["n_mismatch"] == 0
    assert kept["csim"]["n_vectors"] > 6000 and kept["rtl"]["n_vectors"] > 4000
    tagger, jets = Tagger.load(project.build / "distil" / "quantized"), open_jets(project.build / "jets").read("test")
    assert tagger.heads == (("QCD", "top"), ("QCD", "W")) and tagger.n_outputs == 1
    assert auc(tagger.predict(jets)[:, 0], jets.labels == 1).value > 0.85


@pytest.mark.long
def test_one_changed_bit_of_the_rtl_or_weight_of_the_first_task_is_seen(project: ProjectFolder, tmp_path: Path) -> None:
    assert project.extended is not None
    upstream = {name: project.build / name for name in ("jets", "distil", "csim", "rtl", "cosim")}
    compiled = firmware_of(project.extended) / BUILD
    aside = compiled.rename(tmp_path / BUILD)
    check_kept(project.extended, claim_folder(tmp_path / "same"), upstream)
    assert not compiled.exists(), "it is compiled in a folder of its own"
    aside.rename(compiled)
    assert read_json(tmp_path / "same" / KEPT) == read_json(project.build / "kept" / KEPT)
    outputs = np.load(upstream["cosim"] / COSIM / "outputs.npy")
    outputs[-1, 0] ^= 1
    claim_folder(tmp_path / "cosim" / COSIM)
    np.save(tmp_path / "cosim" / COSIM / "outputs.npy", outputs)
    with pytest.raises(ExactnessError, match=r"1 of \d+ vectors differ in rtl"):
        check_kept(project.extended, claim_folder(tmp_path / "bit"), {**upstream, "cosim": tmp_path / "cosim"})
    earlier = Tagger.load(project.extended.build / "distil" / "quantized").network
    biggest = int(np.abs(constants(earlier)["logit"]["kernel"][:, 0]).argmax())
    network = Tagger.load(upstream["distil"] / "quantized").network
    kernel = network.get_layer("logit").kernel
    values = keras.ops.convert_to_numpy(kernel).copy()
    values[biggest, 0] *= 0.5
    kernel.assign(values)
    changed = convert_student(network, HlsConfig(), tmp_path / "csim" / FIRMWARE, "of a test")
    shutil.copytree(upstream["csim"] / FIRMWARE / VECTORS, changed.folder / VECTORS)
    with pytest.raises(ExactnessError, match=r"\d+ of \d+ vectors differ in csim"):
        check_kept(project.extended, claim_folder(tmp_path / "weight"), {**upstream, "csim": tmp_path / "csim"})
