from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hls.comparison import replicas
from hls.comparison.replicas import (
    Cells,
    bootstrap,
    effective_number,
    effective_numbers,
    efficiency,
    fraction,
    number,
    rejection,
)
from jets.metrics import background_rejection


def sums_of(cells: dict[Any, Cells], weights: Any, n_replicas: int = 400, seed: int = 1) -> dict[Any, Any]:
    return bootstrap(cells, np.asarray(weights, np.float64), n_replicas, np.random.default_rng(seed))


def test_the_first_row_is_the_weighted_histogram_itself() -> None:
    rng = np.random.default_rng(2)
    place, truth, weights = rng.integers(0, 5, 1000), rng.integers(0, 2, 1000), rng.uniform(0, 2, 1000)
    amounts = rng.uniform(size=1000)
    cells = {
        "both": Cells.of((truth, 2), (place, 5)),
        "some": Cells.of((place, 5), counts=truth == 1, amounts=amounts),
    }
    sums = sums_of(cells, weights, 3)
    expected = np.histogram2d(truth, place, bins=(2, 5), weights=weights)[0]
    np.testing.assert_allclose(sums["both"][0], expected, rtol=1e-5)
    np.testing.assert_allclose(sums["some"][0], np.bincount(place, weights * amounts * truth, 5), rtol=1e-5)
    assert sums["both"].shape == (4, 2, 5) and not np.array_equal(sums["both"][1], sums["both"][0])


def test_the_error_of_an_efficiency_is_binomial() -> None:
    passes = np.arange(5000) % 10 == 0
    sums = sums_of({"passes": Cells.of((passes, 2))}, np.ones(5000), 2000)["passes"]
    measured = number(fraction(sums[:, 1], sums.sum(axis=1)))
    assert measured["value"] == 0.1
    assert measured["error"] == pytest.approx(np.sqrt(0.1 * 0.9 / 5000), rel=0.08)


def test_what_two_taggers_share_cancels_in_the_error_of_their_difference() -> None:
    """The error of a paired difference is that of the jets on which they differ (McNemar)."""
    first = np.arange(5000) % 2 == 0
    second = first ^ (np.arange(5000) % 100 == 0)
    sums = sums_of({0: Cells.of((first, 2)), 1: Cells.of((second, 2))}, np.ones(5000), 2000)
    shares = [fraction(sums[key][:, 1], sums[key].sum(axis=1)) for key in (0, 1)]
    difference = number(shares[1], shares[0])["difference"]
    assert difference["value"] == pytest.approx(-0.01)
    assert difference["error"] == pytest.approx(np.sqrt(50 / 5000**2 * (1 - 50 / 5000)), rel=0.1)
    assert difference["error"] < 0.3 * np.hypot(number(shares[0])["error"], number(shares[1])["error"])
    assert number(shares[0], shares[0])["difference"] == {"value": 0.0, "error": 0.0}


def test_replicas_do_not_depend_on_the_size_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {"x": Cells.of((np.arange(1000) % 7, 7))}
    whole = sums_of(cells, np.ones(1000), 5)["x"]
    monkeypatch.setattr(replicas, "CHUNK", 64)
    assert np.array_equal(sums_of(cells, np.ones(1000), 5)["x"], whole)
    assert not np.array_equal(sums_of(cells, np.ones(1000), 5, seed=2)["x"], whole)


def test_a_rejection_without_background_is_the_bound_of_the_metric() -> None:
    bound = rejection(np.zeros(10), 500)
    metric = background_rejection([0.0] * 500 + [1.0], [0] * 500 + [1], 1.0)
    assert bound["is_lower_bound"] and bound["value"] == pytest.approx(metric.value)
    assert rejection(np.full(10, 0.1), 500, np.zeros(10))["difference"] is None


def test_rejection_is_linear_about_its_value() -> None:
    passing = np.array([0.01, 0.011, 0.009])
    measured = rejection(passing, 1000)
    assert measured["value"] == pytest.approx(100) and measured["error"] == pytest.approx(np.sqrt(2) * 10)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_efficiency_without_spread_has_the_error_of_its_limit(value: float) -> None:
    assert efficiency(np.full(10, value), 100)["error"] == pytest.approx(1 - 0.3173**0.01)


def test_numbers_that_are_not_known_are_null() -> None:
    assert number(np.full(5, np.nan)) == {"value": None, "error": None, "difference": None}
    assert number(np.ones(5), np.full(5, np.nan))["difference"] is None


def test_the_effective_number_of_equal_weights_is_the_number() -> None:
    assert effective_number(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_number(np.array([1.0, 0.0])) == 1 and effective_number(np.zeros(3)) == 0


def test_effective_numbers_are_those_of_each_cell() -> None:
    weights, place = np.array([1.0, 3.0, 2.0, 2.0, 9.0]), np.array([0, 0, 2, 2, 1])
    numbers = effective_numbers(weights, Cells.of((place, 4), counts=place != 1))
    assert numbers.tolist() == [16 / 10, 0, 2, 0]


def test_a_histogram_beyond_the_index_is_refused() -> None:
    with pytest.raises(ValueError, match="too many cells"):
        Cells.of((np.zeros(1), 40_000))
