"""Errors of differences between models measured on the same jets, where the single errors are correlated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.metrics import Measure

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Integers = NDArray[np.intp]


def auc_influence(values: Floats, signal: Booleans) -> tuple[float, Floats]:
    """The AUC of scores (n_jets,) and the influence (n_jets,) of every jet on it.

    The sum of squared influences is DeLong's variance, the sum of products of two models' influences their
    covariance. DeLong et al., Biometrics 44 (1988) 837, eqs. 4-6, with the midranks of Sun & Xu, IEEE SPL 21 (2014)
    1389, eq. 5.
    """
    from scipy.stats import rankdata

    n_signal, n_background = int(signal.sum()), int((~signal).sum())
    ranks = rankdata(values)
    below = (ranks[signal] - rankdata(values[signal])) / n_background
    above = 1 - (ranks[~signal] - rankdata(values[~signal])) / n_signal
    area = float(below.mean())
    influence = np.empty(len(values))
    influence[signal] = (below - area) / np.sqrt(n_signal * max(n_signal - 1, 1))
    influence[~signal] = (above - area) / np.sqrt(n_background * max(n_background - 1, 1))
    return area, influence


def mean_difference(first: NDArray[Any], second: NDArray[Any]) -> Measure:
    """The mean of first - second (n_jets,) with the error of a mean of paired differences."""
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return Measure(float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference))))


@dataclass(frozen=True)
class SortedScores:
    """One model's scores for one signal class, sorted once so that every bootstrap replica is a few sums.

    Attributes:
        signal: (n_signal,) indices of the signal jets, highest score first.
        background: (n_background,) indices of the background jets, highest score first.
        block: (n_signal, 2) first and past-the-last signal rank with the same score as each signal rank.
        passing: (n_signal, 2) number of background jets above, and at or above, the score of each signal rank.
    """

    signal: Integers
    background: Integers
    block: Integers
    passing: Integers

    @classmethod
    def of(cls, values: Floats, is_signal: Booleans) -> SortedScores:
        """Sort scores (n_jets,) for the signal flags (n_jets,)."""
        order = np.argsort(-values, kind="stable")
        signal, background = order[is_signal[order]], order[~is_signal[order]]
        high, low = -values[signal], -values[background]
        sides: tuple[Any, ...] = ("left", "right")
        block = np.stack([np.searchsorted(high, high, side=side) for side in sides], axis=1)
        passing = np.stack([np.searchsorted(low, high, side=side) for side in sides], axis=1)
        return cls(signal, background, block, passing)

    def background_efficiencies(self, counts: Integers, signal_efficiencies: Floats) -> Floats:
        """eps_B at each eps_S when jet i is taken `counts[i]` times.

        Jets of equal score are shared out as in `jets.metrics.background_rejection`.
        """
        taken = np.concatenate([[0], np.cumsum(counts[self.signal])])
        target = signal_efficiencies * taken[-1]
        rank = np.searchsorted(taken, target - 1e-9, side="left") - 1
        first, last = self.block[rank].T
        share = np.clip((target - taken[first]) / np.maximum(taken[last] - taken[first], 1), 0, 1)
        low = np.concatenate([[0], np.cumsum(counts[self.background[: self.passing[rank, 1].max()]])])
        above, at_or_above = low[self.passing[rank].T]
        passed = above + share * (at_or_above - above)
        n_background = counts.sum() - taken[-1]
        result: Floats = passed / n_background
        return result


def bootstrap_efficiencies(
    models: Mapping[str, Sequence[SortedScores]],
    n_jets: int,
    signal_efficiencies: Sequence[float],
    n_replicas: int,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """eps_B of every model in bootstrap replicas that take the same jets for all models.

    Each model gives one `SortedScores` for each signal class; eps_B is averaged over them. Returns
    (n_replicas, n_signal_efficiencies) for each model. Efron & Tibshirani, An Introduction to the Bootstrap (1993),
    ch. 6.
    """
    efficiencies = np.asarray(signal_efficiencies, np.float64)
    replicas = {name: np.empty((n_replicas, len(efficiencies))) for name in models}
    for replica in range(n_replicas):
        counts = np.bincount(rng.integers(0, n_jets, n_jets), minlength=n_jets)
        for name, classes in models.items():
            per_class = [item.background_efficiencies(counts, efficiencies) for item in classes]
            replicas[name][replica] = np.mean(per_class, axis=0)
    return replicas
