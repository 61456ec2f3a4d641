"""The table `shifts`: which view moves which class, as probability and on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hls.compare import Scores
from hls.comparison import Candidate, Comparison, compare
from hls.comparison.compare import compared
from hls.comparison.shifts import shifts
from hls.comparison.tables import robustness_table, shift_table, view_name
from jets.dataset import Jets, JetsFile, JetsWriter
from tests.hls.comparison.conftest import QUICK, gaussian
from tests.synthetic import synthetic_jets

NAMES = ("nominal", "seed", "fsr_up")
N_PARTONS = 900


@pytest.fixture(scope="module")
def viewed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Jets in three views, and the scores of two models; "fsr_up" moves those of one, for top jets alone."""
    jets = synthetic_jets(N_PARTONS)[np.repeat(np.arange(N_PARTONS), 3)]
    views = np.tile(np.arange(3, dtype=np.int8), N_PARTONS)
    ids = np.arange(3 * N_PARTONS, dtype=np.uint64)
    jets = replace(jets, ids=ids, views=views, view_names=NAMES)
    jets = replace(jets, events=jets.hard_ids)
    folder = tmp_path_factory.mktemp("viewed")
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(jets)
    test: Jets = jets.split("test")
    base = 2.0 * test.labels - 1 + np.random.default_rng(3).normal(size=len(test))
    moved = base - 1.5 * ((test.ids % 3 == 2) & (test.labels == 1))
    outputs = {"steady": base.astype(np.float32), "moved": moved.astype(np.float32)}
    scores = Scores(test.labels, test.ids, test.classes, outputs).save(folder / "scores.h5")
    return folder / "jets.h5", scores


def test_the_view_that_moves_scores_has_the_distance(viewed: tuple[Path, Path], tmp_path: Path) -> None:
    jets, scores = viewed
    candidates = [Candidate(name, scores=scores, model=name) for name in ("steady", "moved")]
    comparison = compare(candidates, jets, QUICK, tmp_path / "out")
    rows = {(row["tagger"], row["class"], row["view"]): row["distance"] for row in comparison.tables["shifts"]}
    assert len(rows) == 2 * 2 * 2
    largest = rows.pop(("moved", "top", "fsr_up"))
    assert largest["value"] > 0.15 > 5 * largest["error"] > 0
    assert all(0 < distance["value"] < 0.08 for distance in rows.values())
    assert rows["moved", "QCD", "fsr_up"] == rows["steady", "QCD", "fsr_up"]
    table = shift_table(Comparison.load(tmp_path / "out"))
    assert table.header == ("Tagger", "Signal", "Class", "showered again", "FSR scale × √2") and len(table.rows) == 4
    assert (tmp_path / "out/plots/views-0.svg").exists()
    assert "Other showers, detectors and pile-up" in (tmp_path / "out/comparison.html").read_text()
    assert (tmp_path / "out/tables/shifts.csv").read_text().count("\n") == 9


def test_rejection_moves_with_the_view_that_moves_scores_and_all_else_is_of_the_first(
    viewed: tuple[Path, Path], tmp_path: Path
) -> None:
    jets, scores = viewed
    candidates = [Candidate(name, scores=scores, model=name) for name in ("steady", "moved")]
    comparison = compared(candidates, jets, QUICK, tmp_path)
    rows = {(row["tagger"], row["view"]): row for row in comparison.tables["views"]}
    assert list(rows) == [(tagger, view) for tagger in ("steady", "moved") for view in NAMES]
    nominal, seed, moved = (rows["moved", view] for view in NAMES)
    assert nominal == {**rows["steady", "nominal"], "tagger": "moved"}
    assert seed["rejection"] == rows["steady", "seed"]["rejection"]
    worse, same = moved["rejection"]["difference"], seed["rejection"]["difference"]
    assert worse["value"] < 0 < worse["error"] and abs(same["value"]) < 4 * same["error"]
    lost = moved["signal_efficiency"]["difference"]
    assert lost["value"] < -0.3 < -4 * lost["error"] < 0
    assert moved["changed"]["value"] > 0 < seed["changed"]["value"]
    n_partons = sum(len(set(block.hard_ids)) for block in JetsFile(jets).slices(split="test"))
    assert comparison.jets["n_test"] == n_partons
    (merit, _) = comparison.tables["merit"]
    assert merit["rejection"]["value"] == pytest.approx(nominal["rejection"]["value"], rel=1e-12)
    table = robustness_table(comparison, "views")
    assert [row[2] for row in table.rows] == ["as they are", "showered again", "FSR scale × √2"] * 2
    assert view_name("detector_cms") == "detector cms" and view_name("pile_up_140") == "pile-up 140"


def test_jets_of_one_view_have_no_shifts(jets_file: Path) -> None:
    assert shifts(gaussian(10, {"a": 0.1}), JetsFile(jets_file), QUICK) == {"views": [], "shifts": []}
