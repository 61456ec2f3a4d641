from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, wasserstein_distance

from jets.dataset import Jets
from jets.errors import DataError
from jets.shifts import score_shifts, wasserstein

N_PARTONS = 4000
NAMES = ("nominal", "seed", "moved", "widened")


@pytest.fixture
def jets(random_jets: Callable[..., Jets]) -> Jets:
    """Four views of each parton, all views of one class."""
    n = 4 * N_PARTONS
    labels = np.repeat(np.arange(N_PARTONS) % 2, 4).astype(np.int16)
    ids, views = np.arange(n, dtype=np.uint64), np.tile(np.arange(4, dtype=np.int8), N_PARTONS)
    return random_jets(n, labels=labels, ids=ids, views=views, view_names=NAMES)


def test_the_distance_is_that_of_scipy() -> None:
    first, second = np.random.default_rng(1).normal(size=(2, 500)) * np.array([[1.0], [2.0]])
    assert wasserstein(first, second) == pytest.approx(wasserstein_distance(first, second), rel=1e-12)


def test_each_view_of_each_class_is_as_far_as_it_was_moved(jets: Jets) -> None:
    normal = np.random.default_rng(2).normal(size=(N_PARTONS, 4))
    normal[:, 2] += 0.3 + 0.2 * (np.arange(N_PARTONS) % 2)
    normal[:, 3] *= 2
    found = {(shift.jet_class, shift.view): shift.distance for shift in score_shifts(normal.ravel(), jets, fresh())}
    assert list(found) == [(name, view) for name in ("QCD", "top") for view in NAMES[1:]]
    expected = {"QCD": (0.0, 0.3, norm.expect(abs)), "top": (0.0, 0.5, norm.expect(abs))}
    for (name, view), distance in found.items():
        true = expected[name][NAMES.index(view) - 1]
        assert 0 < distance.error < 0.05
        assert distance.value == pytest.approx(true, abs=4 * distance.error + (0.06 if view == "seed" else 0))


def test_the_error_is_the_spread_over_samples(jets: Jets) -> None:
    part, rng = jets[: 4 * 400], np.random.default_rng(3)
    values, errors = [], []
    for _ in range(40):
        scores = rng.normal(size=(400, 4)) + np.array([0, 0, 1, 0])
        shift = next(item for item in score_shifts(scores.ravel(), part, rng, 50) if item.view == "moved")
        values.append(shift.distance.value)
        errors.append(shift.distance.error)
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.3)


def test_partons_that_lack_a_view_do_not_count(jets: Jets) -> None:
    scores = np.random.default_rng(4).normal(size=len(jets))
    lacking = np.delete(np.arange(len(jets)), 2)
    fewer = list(score_shifts(scores[lacking], jets[lacking], fresh()))
    assert fewer == list(score_shifts(scores[4:], jets[4:], fresh()))


def test_jets_of_one_view_and_scores_of_other_jets_are_refused(jets: Jets) -> None:
    with pytest.raises(DataError, match="one view each"):
        list(score_shifts(np.zeros(len(jets)), replace(jets, views=None, view_names=()), fresh()))
    with pytest.raises(DataError, match="of 16000 jets"):
        list(score_shifts(np.zeros(7), jets, fresh()))
    with pytest.raises(DataError, match="without NaN"):
        list(score_shifts(np.full(len(jets), np.nan), jets, fresh()))


def fresh() -> np.random.Generator:
    return np.random.default_rng(5)
