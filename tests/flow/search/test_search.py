"""The whole of a search, small: one teacher, trials in processes, a second call that goes on, a page and a winner."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import tagware
from compress.teach import LAYOUT
from flow.project import ProjectFolder
from flow.reporting import TEACHER_OUTPUTS
from flow.search.config import SearchConfig
from flow.search.result import SearchResult
from flow.search.space import Space
from flow.search.trial import Terms, evaluate, hopeless
from flow.source import provide_jets
from flow.stages import Runner, Stage
from flow.steps import stages
from jets import workers
from jets.dataset import JetsFile, JetsWriter
from jets.errors import DataError
from jets.hdf5 import HDF5Writer
from tests.flow.test_verbs import refused
from tests.synthetic import synthetic_jets

ROOT = Path(__file__).parents[3]
PROJECT = """
jets: {file: jets.h5}
teacher: {architecture: gru, config: {n_constituents: 6, units: 3, dense: [4]}, train: {epochs: 1}}
student: {kind: deep_sets, n_constituents: 4, features: 3, particle: [4], dense: [4]}
compress: {distil: {float_epochs: 2, quantized_epochs: 1}}
search:
  budget: {lut: 100000, latency_ns: 500, part: xcvu9p-flga2104-2-e}
  trials: 2
  options:
    compress.distil.learning_rate: [0.01, 1.0e+30]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project that was never run."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "project.yaml").write_text(PROJECT)
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(synthetic_jets(1500))
    return folder


@pytest.mark.long
def test_a_search_finds_a_winner_that_can_be_run_and_survives_a_loss_that_is_nan(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tagware.main(["search", str(folder / "project.yaml")]) == 0
    out = folder / "build/search"
    printed = capsys.readouterr().out
    assert "2 trials (1 complete, 1 failed), 1 on the front" in printed or "1 failed, 1 complete" in printed
    result = SearchResult.load(out)
    failed = next(trial for trial in result.trials if trial.state == "failed")
    assert failed.options == {"compress.distil.learning_rate": 1e30}
    assert failed.reason is not None and "the loss is nan in" in failed.reason
    winner = result.trials_by_number[result.winner if result.winner is not None else -1]
    row = json.loads(next((out / "trials").glob("*/measure/trial.json")).read_text())
    assert winner.numbers == row | {"lut_untrained": winner.numbers["lut_untrained"]}
    chosen = ProjectFolder.load(out / "winner").config
    assert chosen.compress.distil.learning_rate == 0.01 and chosen.hls.part == "xcvu9p-flga2104-2-e"
    assert chosen.jets.file == str((folder / "jets.h5").resolve()) and chosen.search is None

    shutil.copyfile(out / "winner/project.yaml", folder / "project.yaml")
    states = {
        state.name: state.state for state in Runner(stages(ProjectFolder.load(folder)), folder / "build").states()
    }
    assert [states[name] for name in ("jets", "teacher", "teach", "distil")] == ["fresh"] * 3 + ["missing"]
    (folder / "project.yaml").write_text(PROJECT)

    students = {path: path.stat().st_mtime_ns for path in (out / "trials").rglob("*.keras")}
    assert tagware.main(["search", str(folder), "--lut", "1"]) == 2
    captured = capsys.readouterr()
    assert "No trial keeps the budget: trial " in captured.err and "% over 1)" in captured.err
    assert {path: path.stat().st_mtime_ns for path in (out / "trials").rglob("*.keras")} == students
    assert (
        not (out / "winner/project.yaml").exists() and "No trial keeps the budget" in (out / "search.html").read_text()
    )


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"checksum": "0" * 64}, r"the teacher outputs are about other jets \(checksum 000000000000"),
        ({"classes": ["QCD", "W"]}, "the teacher knows the classes QCD, W, the jets QCD, top"),
    ],
)
def test_teacher_outputs_of_other_jets_or_classes_end_the_search(
    folder: Path, told: dict[str, Any], named: str
) -> None:
    project, jets = ProjectFolder.load(folder), JetsFile(folder / "jets.h5")

    def teach(out: Path, upstream: Mapping[str, Path]) -> None:
        header = {"layout": LAYOUT, "classes": jets.classes, "checksum": jets.checksum, "provenance": {}}
        with HDF5Writer(out / TEACHER_OUTPUTS) as writer:
            writer.append({"logits": np.zeros((1, 1), np.float32), "ids": np.zeros(1, np.uint64)})
            writer.attributes["tagware"] = json.dumps(header | told)

    provide = Stage("jets", (), {}, lambda out, _: provide_jets(project, out))
    Runner([provide, Stage("teach", ("jets",), {}, teach)], project.build).run()
    content = {key: value for key, value in yaml.safe_load(PROJECT).items() if key != "search"}
    with pytest.raises(DataError, match=named):
        evaluate(Terms(folder, folder / "build/search", project.search), content)


def test_only_a_trial_that_cannot_win_is_stopped_before_its_training() -> None:
    search = ProjectFolder.of({**yaml.safe_load(PROJECT)}, Path("mine")).with_search(lut=1000).search
    fits = {"lut": 1500, "latency_ns": 500.0, "dsp": 0}
    assert hopeless(fits, search, learns=False) is None
    assert (
        hopeless({**fits, "lut": 1501}, search, learns=False) == "untrained it needs 1,501 LUT, more than 1.5 × 1,000"
    )
    assert hopeless({**fits, "lut": 10**6}, search, learns=True) is None
    assert "its latency of 505 ns" in str(hopeless({**fits, "latency_ns": 505.0}, search, learns=True))
    assert hopeless({**fits, "lut": 10**9}, SearchConfig(search.options), learns=False) is None


def test_what_cannot_be_searched_is_refused_before_any_training(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "must be at least 1" in refused(capsys, "search", folder, "--jobs", "0")
    assert "cannot be reached" in refused(capsys, "search", folder, "--storage", "sqlite:////nowhere/at/all.db")
    monkeypatch.setattr(workers, "SECONDS", 1)
    assert "no Dask scheduler" in refused(capsys, "search", folder, "--cluster", "tcp://127.0.0.1:1")
    assert "trials must be at least 1" in refused(capsys, "search", folder, "--trials", "0")
    assert not [path for path in (folder / "build").rglob("*") if path.suffix in (".h5", ".json")]
    settings = yaml.safe_load((folder / "project.yaml").read_text())
    settings["search"]["storage"] = "sqlite:////etc/passwd"
    (folder / "project.yaml").write_text(yaml.safe_dump(settings))
    assert "unknown key 'storage'" in refused(capsys, "search", folder)
    (folder / "project.yaml").write_text("jets: {file: jets.h5}\n")
    assert "has no section 'search'; write it as in docs/search.md" in refused(capsys, "search", folder)


def test_the_search_of_the_documentation_can_be_used() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/search.md").read_text(), flags=re.S)
    content = {"jets": {"sample": "top_qcd"}, **yaml.safe_load(block)}
    assert len(Space.of(ProjectFolder.of(content, Path("mine")), content).distributions()) == 7
