"""Whatever a stranger's file holds, there is a result or an error of ours that says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from compress.teach import TeacherOutputs
from flow.project import ProjectFolder
from flow.search.result import SearchResult
from flow.source import POINTER, open_jets
from flow.steps import stages
from hls.compare import Scores
from hls.cosim import CosimResult
from hls.cosim.result import PassResult
from hls.csim import CsimResult, Vectors
from hls.package import verification, verify
from hls.package.archive import write_archive
from hls.package.manifest import NAME, Manifest
from hls.plots import TrainingCurve
from hls.project import HlsConfig, Project, Tensor
from hls.report import Report
from hls.rtl.design import Design
from hls.synth.resources import Resources, UnitResources
from hls.synth.synthesis import Mapped, Synthesis
from hls.tools.nextpnr import parse_report
from hls.tools.yosys import parse_netlist, parse_statistics
from jets.config import read_yaml
from jets.dataset import JetsFile, JetsWriter
from jets.errors import TagwareError
from jets.files import write_json
from jets.readers import READERS
from jets.simulate.detector import CARDS, load_detector
from models.registry import architecture
from models.tagger import Tagger
from tests.documentation import ROOT, blocks
from tests.flow.search.test_result import result_of
from tests.fuzzing import FUZZ, STRANGE, changed, damaged, places, spliced
from tests.hls.cosim.small_designs import product_sum
from tests.jets.readers import test_aspen_open_jets, test_jetnet, test_omnilearned, test_rs3l
from tests.jets.readers.public_files import random_momenta, save, top_tagging_table, write_hls4ml
from tests.jets.readers.root_files import jetclass_branches, pfnano_branches, write_tree
from tests.synthetic import synthetic_jets

(PROJECT,) = (yaml.safe_load(block) for block in blocks(ROOT / "docs/project.md", "yaml"))
Write, Read = Callable[[Path], Any], Callable[[Path], Any]


@FUZZ
@given(place=st.sampled_from(places(PROJECT)), new=STRANGE)
def test_a_project_with_anything_anywhere_is_taken_or_refused(tmp_path: Path, place: tuple[Any, ...], new: Any) -> None:
    (tmp_path / "project.yaml").write_text(yaml.safe_dump(changed(PROJECT, place, new), allow_unicode=True))
    before = sorted(tmp_path.iterdir())
    try:
        stages(ProjectFolder.load(tmp_path))
    except TagwareError as error:
        assert "\n" not in str(error)
    assert sorted(tmp_path.iterdir()) == before


@FUZZ
@example(content=b"[" * 5000)
@example(content=b"a: 2026-13-13")
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_a_yaml_file_of_any_bytes_is_taken_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "project.yaml").write_bytes(content)
    with suppress(TagwareError):
        read_yaml(tmp_path / "project.yaml")


def write_jets(folder: Path) -> Path:
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(synthetic_jets(20))
    return folder / "jets.h5"


def write_scores(folder: Path) -> Path:
    outputs = {"teacher": np.ones((20, 1), np.float32), "csim": np.zeros((20, 1), np.float32)}
    return Scores(np.arange(20) % 2, np.arange(20, dtype=np.uint64), ("QCD", "top"), outputs).save(folder / "scores.h5")


def write_teacher_outputs(folder: Path) -> Path:
    logits, ids = np.ones((20, 1), np.float32), np.arange(20, dtype=np.uint64)
    attributes = {"layout": "tagware-teacher-1", "classes": ["QCD", "top"], "checksum": "0", "provenance": {}}
    path = save(folder / "teacher.h5", {"logits": logits, "ids": ids, "embedding": logits})
    with h5py.File(path, "a") as file:
        file.attrs["tagware"] = json.dumps(attributes)
    return path


def write_top_tagging(folder: Path) -> Path:
    top_tagging_table(20, 6).to_hdf(folder / "train.h5", key="table", format="table")
    return folder / "train.h5"


def write_hls4ml_file(folder: Path) -> Path:
    write_hls4ml(folder / "jets.h5")
    return folder / "jets.h5"


def read_all(format: str) -> Read:
    """What reads every jet of a file in a public format."""
    reader = READERS[format]
    return lambda path: list(reader.read(path, range(reader.count(path)), 7))


JETS: dict[str, tuple[Write, Read]] = {
    "ours": (write_jets, lambda path: [list(JetsFile(path).slices()), JetsFile(path).verify()]),
    "scores": (write_scores, Scores.load),
    "teacher": (write_teacher_outputs, lambda path: TeacherOutputs.load(path, embedding=True)),
    "top_tagging": (write_top_tagging, read_all("top_tagging")),
    "hls4ml_lhc_jets": (write_hls4ml_file, read_all("hls4ml_lhc_jets")),
    "jetnet": (lambda folder: save(folder / "g.hdf5", test_jetnet.arrays()), read_all("jetnet")),
    "omnilearned": (lambda folder: save(folder / "a.h5", test_omnilearned.arrays()), read_all("omnilearned")),
    "aspen_open_jets": (
        lambda folder: save(folder / "a.h5", test_aspen_open_jets.file_arrays()), read_all("aspen_open_jets"),
    ),
    "rs3l": (lambda folder: save(folder / "a.h5", test_rs3l.file_arrays()), read_all("rs3l")),
    "jetclass": (
        lambda folder: write_tree(folder / "a.root", "tree", jetclass_branches(random_momenta)), read_all("jetclass"),
    ),
    "cms_pfnano": (
        lambda folder: write_tree(folder / "a.root", "Events", pfnano_branches()), read_all("cms_pfnano"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("format", JETS)
@FUZZ
@given(data=st.data())
def test_a_file_of_jets_with_other_bytes_is_read_or_refused(tmp_path: Path, format: str, data: st.DataObject) -> None:
    write, read = JETS[format]
    whole = tmp_path / "whole"
    if not whole.is_file():
        written = write(tmp_path)
        read(written)
        written.rename(whole)
    content = damaged(whole.read_bytes(), data)
    assume(content != whole.read_bytes())
    path = tmp_path / ("damaged.root" if format in ("jetclass", "cms_pfnano") else "g.hdf5")
    path.write_bytes(content)
    try:
        with np.errstate(all="ignore"):
            read(path)
    except TagwareError as error:
        assert str(path) in str(error)


TENSOR = Tensor("x", (2,), "ap_fixed<8,4>", 8, 4, True)


def write_project(folder: Path) -> None:
    project = Project(folder, "tiny", HlsConfig(), "0", (TENSOR,), (TENSOR,), (), {})
    (folder / "project.json").write_text(project.manifest())


def write_synthesis(folder: Path) -> Path:
    units = (UnitResources("top", ("dense",), 20.0, Resources(20, 10), {"cell": Resources(1)}),)
    mapped = Mapped("xcup", False, False, Resources(20, 10), 15, units, None, 1.0)
    return Synthesis("tiny", "0", "any", 5.0, 3, 1.0, {"yosys": "0.9"}, (mapped,)).save(folder / "synthesis.json")


def write_cosim(folder: Path) -> Path:
    full = PassResult(2, 0, {"jets": 0}, None, None, 3, 3, 3.0, 3, 9, 1.0, 2.0, None)
    result = CosimResult("Verilator", "5.048", "0", 2, {"jets": 2}, 0, 1.0, 3, 1.0, full, full, 1.0)
    return result.save(folder / "cosim.json")


def write_pointer(folder: Path) -> None:
    checksum = JetsFile(write_jets(folder)).checksum
    write_json(folder / POINTER, {"sample": None, "path": "jets.h5", "checksum": checksum, "classes": ["QCD", "top"]})


def write_csim(folder: Path) -> None:
    CsimResult(20, 0, None, "tagware", 1.0, 20.0, "testbench.log", {"n_mismatch": 0}).save(folder / "csim.json")


def write_tagger(folder: Path) -> Path:
    design = architecture("gru")
    config = design.config_class(n_constituents=4, units=2, dense=(2,))
    scaling = design.fit_scaling(synthetic_jets(20), config)
    return Tagger("gru", config, ("QCD", "top"), scaling, design.build(config, 1), "torch").save(folder)


# What writes the JSON or YAML that a stage or a verb of ours reads again, and what reads it, of a folder.
SAVED: dict[str, tuple[Write, Read]] = {
    "report.json": (
        lambda folder: Report.load(ROOT / "firmware_projects/jets5_hlf_mlp/report.json").save(folder / "report.json"),
        lambda folder: Report.load(folder / "report.json"),
    ),
    "search.json": (lambda folder: result_of(lut=20_000).save(folder), SearchResult.load),
    "design.json": (lambda folder: product_sum().save(folder), Design.load),
    "project.json": (write_project, Project.load),
    "tagger.json": (write_tagger, Tagger.load),
    "synthesis.json": (write_synthesis, lambda folder: Synthesis.load(folder / "synthesis.json")),
    "cosim.json": (write_cosim, lambda folder: CosimResult.load(folder / "cosim.json")),
    "csim.json": (write_csim, lambda folder: CsimResult.load(folder / "csim.json")),
    POINTER: (write_pointer, open_jets),
    "card.yaml": (
        lambda folder: (folder / "card.yaml").write_bytes((CARDS / "cms.yaml").read_bytes()),
        lambda folder: load_detector(str(folder / "card.yaml")),
    ),
}


def kept(write: Write, folder: Path, name: str) -> bytes:
    """The bytes of a file that `write` puts into a folder, on the first call, from where it is then gone."""
    whole = folder.with_suffix(".whole")
    if not whole.is_file():
        folder.mkdir()
        write(folder)
        (folder / name).rename(whole)
    return whole.read_bytes()


@pytest.mark.parametrize("name", SAVED)
@FUZZ
@given(data=st.data())
def test_a_saved_file_with_anything_anywhere_is_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    write, read = SAVED[name]
    path = tmp_path / "folder" / name
    whole = kept(write, path.parent, name)
    if data.draw(st.booleans()):
        content = yaml.safe_load(whole) if path.suffix == ".yaml" else json.loads(whole)
        place = data.draw(st.sampled_from(places(content)))
        new = changed(content, place, data.draw(STRANGE))
        path.write_text(yaml.safe_dump(new) if path.suffix == ".yaml" else json.dumps(new, default=str))
    else:
        path.write_bytes(spliced(whole, data))
    before = sorted(path.parent.iterdir())
    try:
        read(path.parent)
    except TagwareError as error:
        assert error.where is not None and "\n" not in str(error)
    assert sorted(path.parent.iterdir()) == before


def write_vectors(folder: Path) -> None:
    Vectors(np.arange(6).reshape(3, 2), np.arange(6).reshape(3, 2)).save(folder, TENSOR, TENSOR)


def write_curves(folder: Path) -> None:
    (folder / "curves.csv").write_text("epoch,train_loss,validation_loss\n0,0.7,0.6\n1,0.5,0.4\n")


def write_package(folder: Path) -> None:
    files = {"hls/project.json": b"{}", "rtl/a.v": b"module a; endmodule\n" * 9}
    manifest = Manifest.of("tiny", {}, files)
    write_archive({**files, NAME: manifest.text().encode()}, manifest.folder, folder / "package.zip")


DATA = ROOT / "tests/hls/synth/data"


def told(name: str, parse: Callable[[str, Path], Any]) -> tuple[Write, Read]:
    """A report that a tool wrote, and its parser."""
    return (
        lambda folder: (folder / name).write_bytes((DATA / name).read_bytes()),
        lambda path: parse(path.read_text(errors="replace"), path),
    )


def all_cells(text: str, path: Path) -> None:
    statistics = parse_statistics(text, path)
    for module in statistics.modules:
        statistics.total(module)
        statistics.instances(module, module)


# Texts and archives: what writes a file into a folder, and what reads it.
TEXTS: dict[str, tuple[Write, Read]] = {
    "inputs.txt": (write_vectors, lambda path: Vectors.load(path.parent, TENSOR, TENSOR)),
    "curves.csv": (write_curves, TrainingCurve.read),
    "package.zip": (write_package, verify),
    "nextpnr_report.json": told("nextpnr_report.json", parse_report),
    "yosys_statistics.json": told("yosys_statistics.json", all_cells),
    "yosys_netlist.json": told(
        "yosys_netlist.json", lambda text, path: parse_netlist(text, "squares", path).fan_out
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
@FUZZ
@given(data=st.data())
def test_a_text_or_an_archive_with_other_bytes_is_read_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: st.DataObject
) -> None:
    write, read = TEXTS[name]
    monkeypatch.setattr(verification, "_runs", lambda folder: ())
    path = tmp_path / "folder" / name
    whole = kept(write, path.parent, name)
    change = data.draw(st.sampled_from([spliced, damaged]))
    path.write_bytes(change(whole, data))
    assume(path.read_bytes() != whole)
    try:
        read(path)
    except TagwareError as error:
        assert "\n" not in str(error)
