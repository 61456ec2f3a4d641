"""Each tagger's scores in fine bins, from which ROC, rejection and rates of all replicas follow; and its cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.comparison.candidates import Scored
from hls.comparison.config import CompareConfig
from hls.comparison.replicas import Cells, Floats, fraction
from jets.metrics import cut_at

N_SIGNAL_EDGES = 400
N_BACKGROUND_EDGES = 200


@dataclass(frozen=True)
class Cut:
    """A threshold on the scores of one tagger: `kind` "efficiency" (the working point) or "rate" (the budget)."""

    tagger: str
    signal: int
    kind: str
    threshold: float


def cuts(scored: Scored, config: CompareConfig) -> Iterator[Cut]:
    """The working point and the cut of the rate budget of every tagger and signal class, on the jets as they are."""
    allowed = config.rate_budget_khz / config.jet_rate_khz
    for signal in scored.signals:
        truth, background = scored.scores.labels == signal, scored.is_background(signal)
        for tagger in scored.taggers:
            values = scored.discriminant(tagger, signal)
            at_point = cut_at(values[truth], config.working_point, scored.weights[truth])
            yield Cut(tagger, signal, "efficiency", at_point)
            yield Cut(tagger, signal, "rate", _within(values[background], scored.weights[background], allowed))


def _within(values: Floats, weights: NDArray[Any], share: float) -> float:
    """The loosest threshold that lets at most `share` of the weighted jets through (score >= threshold)."""
    order = np.argsort(-values, kind="stable")
    ordered, passing = values[order], np.cumsum(weights[order], dtype=np.float64)
    last = np.append(ordered[1:] != ordered[:-1], True)  # jets of equal score pass together
    allowed = np.flatnonzero(last & (passing <= share * passing[-1] * (1 + 1e-12)))
    return float(ordered[allowed[-1]]) if allowed.size else float(np.nextafter(ordered[0], np.inf))


def score_edges(scored: Scored, tagger: str, signal: int, config: CompareConfig) -> Floats:
    """Rising edges of score bins: fine in signal and in background efficiency, exact at the quoted efficiencies."""
    values = scored.discriminant(tagger, signal)
    truth, background = scored.scores.labels == signal, scored.is_background(signal)
    chosen = values[truth]
    quoted = [cut_at(chosen, point, scored.weights[truth]) for point in config.signal_efficiencies]
    few = np.geomspace(1, max(background.sum(), 2), N_BACKGROUND_EDGES) / max(background.sum(), 2)
    edges = [
        [values.min()],
        quoted,
        np.nextafter(quoted, np.inf),  # so that one bin holds just the jets whose score is the threshold
        np.quantile(chosen, np.linspace(0, 1, N_SIGNAL_EDGES), method="inverted_cdf"),
        np.quantile(values[background], 1 - few, method="inverted_cdf"),
    ]
    unique: Floats = np.unique(np.concatenate(edges))
    return unique


def score_cells(scored: Scored, tagger: str, signal: int, edges: Floats) -> Cells:
    """The jets by class and by score bin; bin i holds edges[i] <= score < edges[i + 1]."""
    values = scored.discriminant(tagger, signal)
    return Cells.of(
        (scored.scores.labels, len(scored.scores.classes)),
        (np.searchsorted(edges, values, side="right") - 1, len(edges)),
    )


@dataclass(frozen=True)
class Curve:
    """The ROC of one tagger in all replicas.

    Attributes:
        signal: (1 + n_replicas, n_points), rising from 0 to 1: signal efficiency for score >= threshold.
        background: the same of the background.
        thresholds: (n_points,), falling from infinity.
    """

    signal: Floats
    background: Floats
    thresholds: Floats

    @classmethod
    def of(cls, sums: Floats, edges: Floats, signal: int, background: tuple[int, ...]) -> Curve:
        """From `bootstrap` sums (1 + n_replicas, n_classes, n_bins) of `score_cells`."""
        return cls(
            _passing(sums[:, signal]),
            _passing(sums[:, list(background)].sum(axis=1)),
            np.concatenate([[np.inf], edges[::-1]]),
        )

    def background_at(self, signal_efficiency: float) -> Floats:
        """eps_B at a signal efficiency, (1 + n_replicas,); jets of equal score in proportion."""
        return _along(self.signal, self.background, signal_efficiency)

    def signal_at(self, background_efficiency: float) -> Floats:
        """eps_S at a background efficiency, (1 + n_replicas,)."""
        return _along(self.background, self.signal, background_efficiency)

    def area(self) -> Floats:
        """The area under the curve, (1 + n_replicas,)."""
        steps = np.diff(self.background, axis=1)
        area: Floats = (steps * (self.signal[:, 1:] + self.signal[:, :-1]) / 2).sum(axis=1)
        return area


def _passing(sums: Floats) -> Floats:
    """The fraction (n, 1 + n_bins) of what lies in the highest 0, 1, … bins of (n, n_bins)."""
    from_the_top = np.cumsum(sums[:, ::-1], axis=1)
    whole = from_the_top[:, -1:]
    return np.concatenate([np.zeros_like(whole), fraction(from_the_top, whole)], axis=1)


def _along(x: Floats, y: Floats, target: float) -> Floats:
    """y where each row of x, rising from 0, first reaches the target; in proportion within the step that does."""
    # A rate such as 3/10 may differ from 0.3 in the last bit.
    reached = np.maximum((x < target - 1e-12).sum(axis=1), 1)
    rows = np.arange(len(x))
    reached = np.minimum(reached, x.shape[1] - 1)
    step = x[rows, reached] - x[rows, reached - 1]
    share = np.clip(fraction(target - x[rows, reached - 1], step), 0, 1)
    low = y[rows, reached - 1]
    result: Floats = low + share * (y[rows, reached] - low)
    return result
