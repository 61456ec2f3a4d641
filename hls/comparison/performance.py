"""ROC, rejection and trigger rate of every tagger, each with its error and its difference to the first tagger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hls.comparison.candidates import Scored
from hls.comparison.config import CompareConfig
from hls.comparison.cuts import Curve, score_cells, score_edges
from hls.comparison.replicas import Cells, Floats, effective_number, efficiency, inverse, number, rejection

Row = dict[str, Any]
Tables = dict[str, list[Row]]

CURVE_EFFICIENCIES = np.round(np.concatenate([np.linspace(0.02, 0.98, 49), [0.99, 0.995]]), 3)
RATE_POINTS = 40


@dataclass(frozen=True)
class Merit:
    """What one number says of a tagger: 1 over eps_B at the working point, averaged over the signal classes.

    Attributes:
        passing: tagger -> (1 + n_replicas,) of that mean eps_B.
        n_background: effective number of background jets.
    """

    passing: Mapping[str, Floats]
    n_background: float

    def rejection(self, tagger: str) -> Row:
        """The number of one tagger, and its difference to the first."""
        first = next(iter(self.passing))
        return rejection(self.passing[tagger], self.n_background, None if tagger == first else self.passing[first])

    def table(self) -> list[Row]:
        """The table `merit`."""
        return [{"tagger": tagger, "rejection": self.rejection(tagger)} for tagger in self.passing]

    def ahead(self, tagger: str, other: str) -> Row | None:
        """How much more one tagger rejects than another; None where either has only a bound."""
        if self.passing[tagger][0] == 0 or self.passing[other][0] == 0:
            return None
        ahead = number(inverse(self.passing[tagger]) - inverse(self.passing[other]))
        return {"value": ahead["value"], "error": ahead["error"]}


class Performance:
    """The tables `auc`, `rejection`, `roc`, `rate` and `rate_budget` from score bins, and `accuracy` from decisions."""

    def __init__(self, scored: Scored, config: CompareConfig) -> None:
        self.scored, self.config = scored, config
        self._edges = {
            (tagger, signal): score_edges(scored, tagger, signal, config)
            for signal in scored.signals
            for tagger in scored.taggers
        }

    def cells(self) -> dict[Any, Cells]:
        """The histograms that the tables need."""
        labels = self.scored.scores.labels
        cells: dict[Any, Cells] = {
            ("scores", *key): score_cells(self.scored, *key, edges) for key, edges in self._edges.items()
        }
        for tagger in self.scored.taggers:
            cells["accuracy", tagger] = Cells.of((self.scored.scores.decisions(tagger) == labels, 2))
        return cells

    def tables(self, sums: Mapping[Any, Floats]) -> Tables:
        """The tables from the replicas of the histograms."""
        n_jets = effective_number(self.scored.weights)
        tables: Tables = {name: [] for name in ("accuracy", "auc", "rejection", "rate_budget", "rate", "roc")}
        right = {tagger: _share(sums["accuracy", tagger]) for tagger in self.scored.taggers}
        for tagger in self.scored.taggers:
            first = None if tagger == self.scored.taggers[0] else right[self.scored.taggers[0]]
            tables["accuracy"].append({"tagger": tagger, "accuracy": efficiency(right[tagger], n_jets, first)})
        for signal in self.scored.signals:
            for place, (name, classes) in enumerate(self.scored.backgrounds(signal).items()):
                curves = {tagger: self._curve(sums, tagger, signal, classes) for tagger in self.scored.taggers}
                for tagger in self.scored.taggers:
                    key = {"tagger": tagger, "signal": self.scored.scores.classes[signal], "background": name}
                    other = None if tagger == self.scored.taggers[0] else curves[self.scored.taggers[0]]
                    measured = _Measured(self.scored, self.config, key, curves[tagger], other)
                    tables["auc"].append(measured.auc())
                    tables["rejection"] += measured.rejections(classes)
                    tables["roc"] += measured.roc()
                    if place == 0:
                        tables["rate_budget"].append(measured.rate_budget(classes))
                        tables["rate"] += measured.rates()
        return tables

    def merit(self, sums: Mapping[Any, Floats]) -> Merit:
        """The figure of merit of every tagger."""
        passing = {}
        for tagger in self.scored.taggers:
            curves = [
                self._curve(sums, tagger, signal, next(iter(self.scored.backgrounds(signal).values())))
                for signal in self.scored.signals
            ]
            passing[tagger] = np.mean([curve.background_at(self.config.working_point) for curve in curves], axis=0)
        background = np.any([self.scored.is_background(signal) for signal in self.scored.signals], axis=0)
        return Merit(passing, effective_number(self.scored.weights[background]))

    def _curve(self, sums: Mapping[Any, Floats], tagger: str, signal: int, background: tuple[int, ...]) -> Curve:
        return Curve.of(sums["scores", tagger, signal], self._edges[tagger, signal], signal, background)


class _Measured:
    """The rows of one tagger for one signal and background; `key` names them, `first` is the first tagger's curve."""

    def __init__(self, scored: Scored, config: CompareConfig, key: Row, curve: Curve, first: Curve | None) -> None:
        self.scored, self.config, self.key, self.curve, self.first = scored, config, key, curve, first

    def auc(self) -> Row:
        """The area under the curve; within a bin of scores it is taken as straight."""
        return {**self.key, "auc": number(self.curve.area(), None if self.first is None else self.first.area())}

    def rejections(self, background: tuple[int, ...]) -> Iterator[Row]:
        """1 / eps_B at every quoted signal efficiency."""
        n = effective_number(self.scored.weights[np.isin(self.scored.scores.labels, background)])
        for point in self.config.signal_efficiencies:
            passing = self.curve.background_at(point)
            first = None if self.first is None else self.first.background_at(point)
            yield {**self.key, "signal_efficiency": point, "rejection": rejection(passing, n, first)}

    def roc(self) -> Iterator[Row]:
        """eps_B along the curve."""
        for point in CURVE_EFFICIENCIES:
            passing = self.curve.background_at(float(point))
            first = None if self.first is None else self.first.background_at(float(point))
            yield {**self.key, "signal_efficiency": float(point), "background_efficiency": number(passing, first)}

    def rate_budget(self, background: tuple[int, ...]) -> Row:
        """The signal efficiency that the rate budget leaves; not known where that is less than one jet."""
        labels, weights = self.scored.scores.labels, self.scored.weights
        share = self.config.rate_budget_khz / self.config.jet_rate_khz
        is_known = share * effective_number(weights[np.isin(labels, background)]) >= 1
        first = None if self.first is None else self.first.signal_at(share)
        n_signal = effective_number(weights[labels == self.scored.scores.classes.index(self.key["signal"])])
        passing = efficiency(self.curve.signal_at(share), n_signal, first)
        return {
            "tagger": self.key["tagger"],
            "signal": self.key["signal"],
            "rate_khz": self.config.rate_budget_khz,
            "signal_efficiency": passing if is_known else {"value": None, "error": None, "difference": None},
        }

    def rates(self) -> Iterator[Row]:
        """Rate and signal efficiency against the threshold, at points spread evenly in the logarithm of the rate."""
        passing = self.curve.background[0]
        wanted = np.geomspace(max(passing[passing > 0].min(), 1e-9), 1, RATE_POINTS)
        for point in np.unique(np.searchsorted(passing, wanted * (1 - 1e-12))):
            yield {
                "tagger": self.key["tagger"],
                "signal": self.key["signal"],
                "threshold": float(self.curve.thresholds[point]),
                "rate_khz": number(self.curve.background[:, point] * self.config.jet_rate_khz),
                "signal_efficiency": number(self.curve.signal[:, point]),
            }


def _share(sums: Floats) -> Floats:
    """The fraction (1 + n_replicas,) of jets in the second of two cells."""
    share: Floats = sums[:, 1] / sums.sum(axis=1)
    return share
