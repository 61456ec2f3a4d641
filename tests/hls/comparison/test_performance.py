from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from hls.comparison import CompareConfig
from hls.comparison.candidates import Scored
from hls.comparison.cuts import cuts
from hls.comparison.performance import Performance
from hls.comparison.replicas import bootstrap, upper_limit
from jets.metrics import auc, background_rejection
from tests.hls.comparison.conftest import QUICK, gaussian, scored_of


def tables_of(scored: Scored, config: CompareConfig = QUICK) -> dict[str, Any]:
    performance = Performance(scored, config)
    rng = np.random.default_rng(config.seed)
    return performance.tables(bootstrap(performance.cells(), scored.weights, config.n_replicas, rng))


@pytest.fixture(scope="module")
def scored() -> Scored:
    return gaussian(20_000, {"first": 0.0, "second": 0.7, "third": 0.7})


@pytest.fixture(scope="module")
def tables(scored: Scored) -> dict[str, Any]:
    return tables_of(scored, dataclasses.replace(QUICK, n_replicas=200))


@pytest.mark.parametrize("step", [0.0, 1 / 4])
def test_rejections_are_those_of_the_metric_also_with_equal_scores(step: float) -> None:
    scored = gaussian(2000, {"only": 0.5})
    values = scored.scores.outputs["only"][:, 0].astype(np.float64)
    if step:
        values = np.round(values / step) * step
    rows = tables_of(scored_of(scored.scores.labels, {"only": values}))["rejection"]
    for row in rows:
        metric = background_rejection(values, scored.scores.labels, row["signal_efficiency"])
        assert row["rejection"]["value"] == pytest.approx(metric.value, rel=1e-9)
    assert len(rows) == 3


def test_errors_are_near_the_analytic_ones(scored: Scored, tables: dict[str, Any]) -> None:
    values, labels = scored.scores.outputs["first"][:, 0], scored.scores.labels
    exact = auc(values, labels)
    measured = tables["auc"][0]["auc"]
    assert measured["value"] == pytest.approx(exact.value, abs=3e-5)
    assert measured["error"] == pytest.approx(exact.error, rel=0.25)
    for row in tables["rejection"][:3]:
        metric = background_rejection(values, labels, row["signal_efficiency"])
        assert (
            0.8 * metric.error < row["rejection"]["error"] < 1.8 * metric.error
        )  # the metric leaves the threshold out


def test_gaussian_scores_have_the_known_auc_rejection_and_rate(tables: dict[str, Any]) -> None:
    area = tables["auc"][0]["auc"]
    assert abs(area["value"] - norm.cdf(2 / np.sqrt(2))) < 4 * area["error"]
    for row in tables["rejection"][:3]:
        expected = 1 / norm.sf(2 + norm.isf(row["signal_efficiency"]))
        assert abs(row["rejection"]["value"] - expected) < 4 * row["rejection"]["error"]
    budget = tables["rate_budget"][0]["signal_efficiency"]
    assert abs(budget["value"] - norm.sf(norm.isf(0.01) - 2)) < 4 * budget["error"]
    for row in tables["rate"][:20]:
        expected = 1000 * norm.sf(row["threshold"] + 1)
        assert abs(row["rate_khz"]["value"] - expected) < 5 * max(row["rate_khz"]["error"], 0.1)


def test_differences_are_to_the_first_with_smaller_errors(tables: dict[str, Any]) -> None:
    first, second, third = (row["auc"] for row in tables["auc"])
    assert first["difference"] is None
    for other in (second, third):
        assert other["difference"]["value"] == pytest.approx(other["value"] - first["value"])
        assert other["difference"]["error"] < 0.8 * np.hypot(first["error"], other["error"])
    assert second["difference"]["value"] < -5 * second["difference"]["error"]
    assert tables["accuracy"][1]["accuracy"]["difference"]["value"] < 0


def test_a_whole_weight_counts_a_jet_as_often() -> None:
    scored = gaussian(1500, {"only": 0.5})
    values, labels = scored.scores.outputs["only"][:, 0].astype(np.float64), scored.scores.labels
    weights = np.random.default_rng(4).integers(1, 4, len(labels))
    again = np.repeat(np.arange(len(labels)), weights)
    weighted = tables_of(scored_of(labels, {"only": values}, weights.astype(float)))
    repeated = tables_of(scored_of(labels[again], {"only": values[again]}))
    for one, other in zip(weighted["rejection"], repeated["rejection"], strict=True):
        assert one["rejection"]["value"] == pytest.approx(other["rejection"]["value"], rel=1e-5)
    assert weighted["auc"][0]["auc"]["value"] == pytest.approx(repeated["auc"][0]["auc"]["value"], abs=2e-4)


def test_the_cut_of_the_rate_budget_is_the_loosest_within_it() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    values = np.array([0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    config = dataclasses.replace(QUICK, jet_rate_khz=8.0, rate_budget_khz=4.0)
    found = {cut.kind: cut.threshold for cut in cuts(scored_of(labels, {"only": values}), config)}
    assert found["rate"] == 4.0  # at 3 five jets of equal and higher score would pass
    assert found["efficiency"] == 8.0
    none = dataclasses.replace(config, rate_budget_khz=0.5)
    (cut,) = (cut for cut in cuts(scored_of(labels, {"only": values}), none) if cut.kind == "rate")
    assert cut.threshold > 6.0


def test_few_jets_give_no_number_without_an_error() -> None:
    labels, values = np.array([0] * 8 + [1] * 4), np.arange(12.0)
    config = dataclasses.replace(QUICK, jet_rate_khz=8.0, rate_budget_khz=1.0)
    scored = scored_of(labels, {"one": values - 7.5, "other": values - 7.5})
    tables = tables_of(scored, config)
    assert tables["accuracy"][0]["accuracy"] == {"value": 1.0, "error": upper_limit(12), "difference": None}
    (passing, _) = (row["signal_efficiency"] for row in tables["rate_budget"])
    assert (passing["value"], passing["error"]) == (1.0, upper_limit(4))
    below = tables_of(scored, dataclasses.replace(config, rate_budget_khz=0.9))["rate_budget"]
    assert [row["signal_efficiency"] for row in below] == [{"value": None, "error": None, "difference": None}] * 2


def test_every_class_is_the_signal_against_all_others_and_each_of_them() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(900) % 3
    outputs = {"only": 2.0 * (labels[:, None] == np.arange(3)) + rng.normal(size=(900, 3))}
    tables = tables_of(scored_of(labels, outputs, classes=("g", "q", "t")))
    pairs = [(row["signal"], row["background"]) for row in tables["auc"]]
    assert pairs[:3] == [("g", "all others"), ("g", "q"), ("g", "t")] and len(pairs) == 9
    whole = {row["background"]: row["auc"]["value"] for row in tables["auc"][:3]}
    assert min(whole["q"], whole["t"]) < whole["all others"] < max(whole["q"], whole["t"])


def test_the_background_that_is_asked_for_is_taken() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(900) % 3
    outputs = {"only": 2.0 * (labels[:, None] == np.arange(3)) + rng.normal(size=(900, 3))}
    scored = dataclasses.replace(scored_of(labels, outputs, classes=("g", "q", "t")), background=(0, 1))
    pairs = [(row["signal"], row["background"]) for row in tables_of(scored)["auc"]]
    assert pairs == [("t", "g + q"), ("t", "g"), ("t", "q")]
