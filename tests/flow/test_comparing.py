"""`tagware compare`: what its arguments find, and how it complains about those that find nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tagware
from flow.comparing import find_candidates, find_jets
from hls.compare import Scores
from hls.comparison import Comparison
from hls.report import Report
from jets.dataset import JetsFile, JetsWriter
from jets.errors import InputError
from jets.splits import split_of
from tests.flow.test_verbs import BASE, refused
from tests.hls.conftest import sections_of
from tests.synthetic import synthetic_jets

QUICK = "{n_replicas: 10, n_bins: 2, robustness: {n_jets: 0}}\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished project: its jets, and the scores and the report of every model."""
    folder = tmp_path_factory.mktemp("projects") / "mine"
    (folder / "build/jets").mkdir(parents=True)
    (folder / "build/report").mkdir()
    (folder / "project.yaml").write_text(BASE)
    jets = synthetic_jets(1500)
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(jets)
    pointer = {"path": "../../jets.h5", "checksum": JetsFile(folder / "jets.h5").checksum}
    (folder / "build/jets/jets.json").write_text(json.dumps(pointer))
    test = jets[split_of(jets.ids) == 2]
    logits = 2.0 * test.labels[:, None] - 1 + np.random.default_rng(1).normal(size=(len(test), 1))
    names = ("teacher", "reference", "student_float", "student_quantized", "csim")
    scores = Scores(test.labels, test.ids, test.classes, {name: logits.astype(np.float32) for name in names})
    scores.save(folder / "build/report/scores.h5")
    Report.build(**sections_of(scores)).save(folder / "build/report/report.json")
    return folder


def test_a_project_gives_its_models_and_the_firmware_its_hardware(project: Path) -> None:
    found = find_candidates([str(project)])
    assert [item.name for item in found] == ["mine teacher", "mine student_quantized", "mine csim"]
    teacher, quantized, csim = found
    assert quantized.float_tagger == project / "build/distil/float" and csim.float_tagger is None
    assert (teacher.firmware, teacher.report, teacher.tagger) == (None, None, project / "build/teacher")
    assert csim.firmware == project / "build/csim/firmware" and csim.tagger == project / "build/distil/quantized"
    assert csim.design == "hls" and csim.report == project / "build/report/report.json"
    assert find_jets([str(project)]).resolve() == (project / "jets.h5").resolve()


def test_one_model_can_be_named_and_renamed(project: Path) -> None:
    named = find_candidates([f"{project}:reference", f"old={project}:csim", f"new={project}"])
    assert [item.name for item in named[:2]] == ["mine reference", "old"]
    assert [item.name for item in named[2:]] == ["new teacher", "new student_quantized", "new csim"]
    assert named[0].model == "reference" and named[1].model == "csim"


def test_a_tagger_goes_by_its_folder(tmp_path: Path) -> None:
    for place in ("small", "distil/quantized", "distil/float"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "tagger.json").write_text("{}")
    found = find_candidates([f"{tmp_path}/small", f"{tmp_path}/distil/quantized", f"mine={tmp_path}/small"])
    assert [item.name for item in found] == ["small", "distil/quantized", "mine"]
    assert found[0].tagger == tmp_path / "small" and found[0].scores is None
    assert found[0].float_tagger is None and found[1].float_tagger == tmp_path / "distil/float"


def test_what_is_not_there_is_named(project: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a tagger"):
        find_candidates([str(tmp_path)])
    with pytest.raises(InputError, match="no model 'csin'; did you mean 'csim'"):
        find_candidates([f"{project}:csin"])
    (tmp_path / "project.yaml").write_text(BASE)
    with pytest.raises(InputError, match="no scores yet; make them with `tagware run"):
        find_candidates([str(tmp_path)])
    with pytest.raises(InputError, match="name a jets file with --jets"):
        find_jets([str(tmp_path / "tagger")])
    assert [path.name for path in tmp_path.iterdir()] == ["project.yaml"]


def test_the_verb_compares_and_says_who_wins(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compare.yaml").write_text(QUICK)
    out = tmp_path / "out"
    options = ["--out", str(out), "--config", str(tmp_path / "compare.yaml"), "--lut", "60000", "--jet-rate-khz", "40"]
    assert tagware.main(["compare", f"{project}:teacher", f"firmware={project}:csim", *options]) == 0
    text = capsys.readouterr().out
    assert "The winner within 60,000 LUT is firmware" in text and str(out / "comparison.html") in text
    comparison = Comparison.load(out)
    assert comparison.names == ("mine teacher", "firmware")
    assert comparison.config["jet_rate_khz"] == 40 and comparison.config["budget"]["lut"] == 60_000
    assert (out / "comparison.html").is_file() and comparison.config["n_replicas"] == 10


def test_wrong_options_of_the_verb_are_one_line(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, yaml = tmp_path / "out", tmp_path / "compare.yaml"
    base = ["compare", f"{project}:csim", "--out", out]
    yaml.write_text("replicas: 3\n")
    assert "compare.yaml: unknown key 'replicas'" in refused(capsys, *base, "--config", yaml)
    yaml.write_text("budget: 3\n")
    assert "budget: must be a mapping" in refused(capsys, *base, "--config", yaml, "--lut", "3")
    assert "lut must not be negative" in refused(capsys, *base, "--lut", "-3")
    assert "rate_budget_khz" in refused(capsys, *base, "--rate-budget-khz", "5000")
    assert "neither a tagger" in refused(capsys, "compare", tmp_path / "no", "--out", out)
    assert not out.exists()
