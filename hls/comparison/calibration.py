"""Whether a tagger's probabilities are frequencies, and how its scores are distributed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.comparison.candidates import Scored
from hls.comparison.performance import Row, Tables
from hls.comparison.replicas import Cells, Floats, fraction, number
from jets.metrics import calibration_error

N_PROBABILITY_BINS = 10
N_SCORE_BINS = 40


class Calibration:
    """The tables `calibration`, `reliability` and `distributions`."""

    def __init__(self, scored: Scored) -> None:
        self.scored = scored
        self._edges = {signal: self._score_edges(signal) for signal in scored.signals}

    def _score_edges(self, signal: int) -> Floats:
        """Common edges for all taggers that hold all but one in a thousand jets on either side."""
        values = [self.scored.discriminant(tagger, signal) for tagger in self.scored.taggers]
        low = min(float(np.quantile(item, 0.001)) for item in values)
        high = max(float(np.quantile(item, 0.999)) for item in values)
        # A power of two as bin width gives every bin the same number of fixed-point values.
        width = 2.0 ** np.round(np.log2(max(high - low, 1e-6) / N_SCORE_BINS))
        edges: Floats = np.arange(np.floor(low / width), np.ceil(high / width) + 1) * width
        return edges

    def cells(self) -> dict[Any, Cells]:
        """The histograms that the tables need."""
        cells: dict[Any, Cells] = {}
        labels, n_classes = self.scored.scores.labels, len(self.scored.scores.classes)
        for signal in self.scored.signals:
            truth, edges = labels == signal, self._edges[signal]
            for tagger in self.scored.taggers:
                values = self.scored.discriminant(tagger, signal)
                probability = _sigmoid(values)
                place = np.minimum(probability * N_PROBABILITY_BINS, N_PROBABILITY_BINS - 1).astype(np.intp)
                bins = (place, N_PROBABILITY_BINS)
                cells["true", tagger, signal] = Cells.of((truth, 2), bins)
                cells["probability", tagger, signal] = Cells.of(bins, amounts=probability)
                inside = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
                cells["score", tagger, signal] = Cells.of((labels, n_classes), (inside, len(edges) - 1))
        return cells

    def tables(self, sums: Mapping[Any, Floats]) -> Tables:
        """The tables from the replicas of the histograms."""
        keys = [(tagger, signal) for signal in self.scored.signals for tagger in self.scored.taggers]
        return {
            "calibration": [self._error_row(sums, *key) for key in keys],
            "reliability": [row for key in keys for row in self._reliability_rows(sums, *key)],
            "distributions": [row for key in keys for row in self._distribution_rows(sums, *key)],
        }

    def _key(self, tagger: str, signal: int) -> Row:
        return {"tagger": tagger, "signal": self.scored.scores.classes[signal]}

    def _error_row(self, sums: Mapping[Any, Floats], tagger: str, signal: int) -> Row:
        errors = [
            calibration_error(
                sums["true", name, signal].sum(axis=1),
                sums["probability", name, signal],
                sums["true", name, signal][:, 1],
            )
            for name in (tagger, self.scored.taggers[0])
        ]
        first = None if tagger == self.scored.taggers[0] else errors[1]
        return {**self._key(tagger, signal), "calibration_error": number(errors[0], first)}

    def _reliability_rows(self, sums: Mapping[Any, Floats], tagger: str, signal: int) -> Iterator[Row]:
        """Mean probability and true fraction of the jets in every bin of probability that has any."""
        true = sums["true", tagger, signal]
        jets = true.sum(axis=1)
        predicted = fraction(sums["probability", tagger, signal], jets)
        observed = fraction(true[:, 1], jets)
        for place in np.flatnonzero(jets[0] > 0).tolist():
            yield {
                **self._key(tagger, signal),
                "low": place / N_PROBABILITY_BINS,
                "high": (place + 1) / N_PROBABILITY_BINS,
                "probability": number(predicted[:, place]),
                "true_fraction": number(observed[:, place]),
            }

    def _distribution_rows(self, sums: Mapping[Any, Floats], tagger: str, signal: int) -> Iterator[Row]:
        """The fraction of each class's jets in bins of ln(p / (1 - p)); the outermost hold what lies beyond."""
        edges, counts = self._edges[signal], sums["score", tagger, signal]
        for label, name in enumerate(self.scored.scores.classes):
            share = fraction(counts[:, label], counts[:, label].sum(axis=1, keepdims=True))
            for place, (low, high) in enumerate(pairwise(edges)):
                row = {"class": name, "low": float(low), "high": float(high), "fraction": number(share[:, place])}
                yield {**self._key(tagger, signal), **row}


def _sigmoid(values: Floats) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), for any x without overflow."""
    result: Floats = np.exp(-np.logaddexp(0.0, -values))
    return result
