import numpy as np
import pytest

from jets.errors import DataError
from jets.learning_curve import saving_factor
from jets.metrics import Measure

LABELS = (100, 1000, 10_000)


def curve(*values: float, error: float = 0.01) -> list[Measure]:
    return [Measure(value, error) for value in values]


def test_the_factor_is_the_distance_along_the_labels() -> None:
    saving = saving_factor(LABELS, curve(0.7, 0.8, 0.9), Measure(0.85, 0.0), at=100)
    assert saving.value == pytest.approx(10**1.5) and not saving.is_lower_bound
    assert saving_factor(LABELS, curve(0.7, 0.8, 0.9), Measure(0.8, 0.0), at=1000).value == pytest.approx(1)


def test_the_error_is_that_of_replicas() -> None:
    rng, found = np.random.default_rng(1), []
    for _ in range(2000):
        points = [Measure(value + 0.002 * rng.standard_normal(), 0.002) for value in (0.7, 0.8, 0.9)]
        reached = Measure(0.85 + 0.001 * rng.standard_normal(), 0.001)
        found.append(np.log(saving_factor(LABELS, points, reached, at=100).value))
    saving = saving_factor(LABELS, curve(0.7, 0.8, 0.9, error=0.002), Measure(0.85, 0.001), at=100)
    assert saving.error / saving.value == pytest.approx(np.std(found), rel=0.1)


def test_beyond_the_curve_there_is_a_bound_and_below_it_the_first_piece_goes_on() -> None:
    bound = saving_factor(LABELS, curve(0.7, 0.8, 0.9), Measure(0.95, 0.01), at=100)
    assert bound.is_lower_bound and bound.value == bound.error == pytest.approx(100)
    below = saving_factor(LABELS, curve(0.7, 0.8, 0.9), Measure(0.65, 0.01), at=1000)
    assert below.value == pytest.approx(10**-1.5)


def test_a_curve_that_falls_is_read_at_its_highest() -> None:
    flat = saving_factor(LABELS, curve(0.7, 0.8, 0.75), Measure(0.8, 0.01), at=100)
    assert flat.value == pytest.approx(10)
    assert saving_factor(LABELS, curve(0.8, 0.7, 0.75), Measure(0.7, 0.01), at=100).error == float("inf")


@pytest.mark.parametrize("labels", [(100,), (100, 100, 1000), (100, 1000)])
def test_a_curve_without_rising_labels_is_refused(labels: tuple[int, ...]) -> None:
    points = curve(0.7, 0.8, 0.9) if len(labels) != 1 else curve(0.7)
    with pytest.raises(DataError, match="two or more points with rising labels"):
        saving_factor(labels, points, Measure(0.8, 0.01), at=100)
