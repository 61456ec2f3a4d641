"""How far a tagger's scores move when the same hard partons are simulated otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jets.dataset import Jets
from jets.errors import DataError
from jets.metrics import Measure


@dataclass(frozen=True)
class Shift:
    """The Wasserstein distance of the scores of one class between a view and the first view."""

    jet_class: str
    view: str
    distance: Measure


def score_shifts(scores: ArrayLike, jets: Jets, rng: np.random.Generator, n_replicas: int = 200) -> Iterator[Shift]:
    """For each class and each view but the first: how far the view moves the scores (n_jets,) of that class.

    The distance is that of arXiv:2403.07066 between distributions of scores, best taken as probabilities. Only jets
    that are here in all views count; replicas draw hard partons with all their views, and their spread is the error.
    As the views are of the same partons, what a new seed alone does is what one parton's jets differ by anyway, and
    the finite sample adds to every distance: compare the other views with "seed".

    Raises:
        DataError: the jets have one view each, other numbers of scores and jets, or NaN.
    """
    values, rows = np.asarray(scores, np.float64), jets.view_rows()
    if values.shape != (len(jets),) or np.isnan(values).any():
        raise DataError(f"scores {values.shape} of {len(jets)} jets", None, "give one number a jet, without NaN")
    for label, jet_class in enumerate(jets.classes):
        here = values[rows[jets.labels[rows[:, 0]] == label]]
        if len(here) == 0:
            continue
        drawn = [here[rng.integers(0, len(here), len(here))] for _ in range(n_replicas)]
        for view, name in enumerate(jets.view_names[1:], start=1):
            spread = np.std([wasserstein(replica[:, 0], replica[:, view]) for replica in drawn], ddof=1)
            yield Shift(jet_class, name, Measure(wasserstein(here[:, 0], here[:, view]), float(spread)))


def wasserstein(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The Wasserstein-1 distance of two samples, each (n,): the mean distance of their order statistics."""
    return float(np.abs(np.sort(first) - np.sort(second)).mean())
