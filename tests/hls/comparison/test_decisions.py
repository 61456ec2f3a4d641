from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hls.comparison.calibration import Calibration
from hls.comparison.candidates import Scored
from hls.comparison.cuts import cuts
from hls.comparison.decisions import Decisions, bin_edges
from hls.comparison.replicas import bootstrap
from tests.hls.comparison.conftest import QUICK, scored_of

N = 6000


def tables_of(scored: Scored) -> dict[str, Any]:
    decisions, calibration = Decisions(scored, QUICK, list(cuts(scored, QUICK))), Calibration(scored)
    cells = decisions.cells() | calibration.cells()
    sums = bootstrap(cells, scored.weights, QUICK.n_replicas, np.random.default_rng(1))
    return decisions.tables(sums) | calibration.tables(sums)


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    """A tagger that knows nothing but labels, one that cuts on pT, one on mass, and the first with jets flipped."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, N)
    pt, mass = rng.uniform(500, 800, N), rng.uniform(0, 100, N)
    fair = labels + rng.normal(size=N)
    outputs = {"fair": fair, "by pt": pt / 100, "by mass": mass / 100, "flipped": np.where(pt > 700, -fair, fair)}
    return tables_of(scored_of(labels, outputs, pt_gev=pt, mass_gev=mass))


def chosen(rows: list[dict[str, Any]], **values: Any) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[key] == value for key, value in values.items())]


def test_efficiency_in_bins_of_pt_is_flat_or_turns_on(tables: dict[str, Any]) -> None:
    fair = chosen(tables["bins"], tagger="fair", cut="efficiency", variable="pt_gev")
    assert len(fair) == 3
    for row in fair:
        assert abs(row["signal_efficiency"]["value"] - 0.5) < 4 * row["signal_efficiency"]["error"]
    steps = chosen(tables["bins"], tagger="by pt", cut="efficiency", variable="pt_gev")
    values = [row["signal_efficiency"]["value"] for row in steps]
    assert values[0] == 0 and values[2] == 1 and 0.4 < values[1] < 0.6
    assert steps[0]["rejection"]["is_lower_bound"] and steps[2]["rejection"]["value"] == 1
    assert steps[1]["signal_efficiency"]["difference"]["value"] == pytest.approx(
        values[1] - fair[1]["signal_efficiency"]["value"]
    )


def test_the_cut_of_the_rate_keeps_the_budget_in_the_sum_of_the_bins(tables: dict[str, Any]) -> None:
    rows = chosen(tables["bins"], tagger="fair", cut="rate", variable="pt_gev")
    passing = np.mean([0 if row["rejection"].get("is_lower_bound") else 1 / row["rejection"]["value"] for row in rows])
    assert passing == pytest.approx(0.01, rel=0.1)


def test_a_cut_on_mass_sculpts_and_a_fair_one_does_not(tables: dict[str, Any]) -> None:
    by_tagger = {row["tagger"]: row for row in tables["sculpting"]}
    fair, by_mass = by_tagger["fair"], by_tagger["by mass"]
    assert by_mass["jensen_shannon_bits"]["value"] > 0.95
    assert fair["jensen_shannon_bits"]["value"] < 2 * fair["floor_bits"]
    assert by_mass["jensen_shannon_bits"]["difference"]["value"] > 0.9
    low = [row for row in chosen(tables["mass"], tagger="by mass") if row["high"] < 45]
    assert low and all(row["passing"]["value"] == 0 < row["all"]["value"] for row in low)


def test_decisions_differ_where_they_were_changed(tables: dict[str, Any]) -> None:
    assert not chosen(tables["agreement"], tagger="fair")
    rows = chosen(tables["agreement_bins"], tagger="flipped", variable="pt_gev", jets="signal")
    assert rows[2]["differing"]["value"] > 0.5
    assert rows[0]["differing"]["value"] < 0.25
    (whole,) = chosen(tables["agreement"], tagger="flipped", jets="all")
    (signal,) = chosen(tables["agreement"], tagger="flipped", jets="signal")
    (background,) = chosen(tables["agreement"], tagger="flipped", jets="background")
    assert min(signal["differing"]["value"], background["differing"]["value"]) < whole["differing"]["value"]


def test_probabilities_that_are_frequencies_are_calibrated() -> None:
    rng = np.random.default_rng(3)
    logits = 2 * rng.normal(size=20_000)
    labels = (rng.uniform(size=len(logits)) < 1 / (1 + np.exp(-logits))).astype(int)
    tables = tables_of(scored_of(labels, {"true": logits, "twice": 2 * logits}))
    true, twice = (row["calibration_error"] for row in tables["calibration"])
    assert true["value"] < 0.012 and twice["value"] > 0.05
    assert twice["difference"]["value"] > 5 * twice["difference"]["error"]
    for row in chosen(tables["reliability"], tagger="true"):
        gap = row["true_fraction"]["value"] - row["probability"]["value"]
        assert abs(gap) < 4.5 * row["true_fraction"]["error"]
        assert row["low"] <= row["probability"]["value"] <= row["high"]


def test_score_distributions_hold_every_jet(tables: dict[str, Any]) -> None:
    for tagger in ("fair", "by pt"):
        for name in ("QCD", "top"):
            rows = chosen(tables["distributions"], tagger=tagger, **{"class": name})
            assert sum(row["fraction"]["value"] for row in rows) == pytest.approx(1)


def test_bins_hold_equally_many_jets_and_merge_where_values_repeat() -> None:
    edges = bin_edges(np.arange(100.0), 4)
    assert np.histogram(np.arange(100.0), edges)[0].tolist() == [25, 25, 25, 25]
    assert len(bin_edges(np.array([1.0] * 90 + [2.0] * 10), 4)) == 2
    assert bin_edges(np.ones(5), 4).tolist() == [1.0, 2.0]
