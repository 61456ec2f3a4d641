"""How far the decisions and the rejection of one tagger move when the same jets are seen otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.comparison.candidates import Scored
from hls.comparison.config import CompareConfig
from hls.comparison.cuts import Curve, score_cells, score_edges
from hls.comparison.performance import Row
from hls.comparison.replicas import Cells, Floats, bootstrap, effective_number, efficiency, fraction, number, rejection
from jets.metrics import cut_at


@dataclass(frozen=True)
class Flips:
    """Which of `n_bits` was flipped in each jet, `bits` (n_jets,), in the variation of this name."""

    variation: str
    bits: NDArray[np.int64]
    n_bits: int


def stability(scored: Scored, config: CompareConfig, flips: Flips | None = None) -> tuple[list[Row], list[Row]]:
    """A row for each signal and variation, and for each signal and flipped bit.

    The outputs of `scored` are those of one tagger: on the jets as they are, then on the same jets in every variation.
    """
    signals = [_Stability.of(scored, signal, config, flips) for signal in scored.signals]
    cells = {key: item for signal in signals for key, item in signal.cells().items()}
    sums = bootstrap(cells, scored.weights, config.n_replicas, np.random.default_rng(config.seed))
    rows = [row for signal in signals for row in signal.rows(sums)]
    return rows, [row for signal in signals for row in signal.bit_rows(sums)]


@dataclass(frozen=True)
class _Stability:
    """The variations for one signal, at the working point's threshold on the jets as they are."""

    scored: Scored
    signal: int
    config: CompareConfig
    flips: Flips | None
    threshold: float
    edges: Mapping[str, Floats]

    @classmethod
    def of(cls, scored: Scored, signal: int, config: CompareConfig, flips: Flips | None) -> _Stability:
        truth = scored.scores.labels == signal
        values = scored.discriminant(scored.taggers[0], signal)[truth]
        threshold = cut_at(values, config.working_point, scored.weights[truth])
        edges = {name: score_edges(scored, name, signal, config) for name in scored.taggers}
        return cls(scored, signal, config, flips, threshold, edges)

    @property
    def _nominal(self) -> str:
        return self.scored.taggers[0]

    def _passes(self, variation: str) -> NDArray[np.bool_]:
        return self.scored.discriminant(variation, self.signal) >= self.threshold

    def cells(self) -> dict[Any, Cells]:
        truth, background = self.scored.scores.labels == self.signal, self.scored.is_background(self.signal)
        nominal = self._passes(self._nominal)
        cells: dict[Any, Cells] = {}
        for name, edges in self.edges.items():
            cells["scores", self.signal, name] = score_cells(self.scored, name, self.signal, edges)
            passes = self._passes(name)
            cells["passes", self.signal, name] = Cells.of(
                (truth, 2), (passes, 2), (passes != nominal, 2), counts=truth | background
            )
        if self.flips is not None:
            differs = self._passes(self.flips.variation) != nominal
            bits = (self.flips.bits, self.flips.n_bits)
            cells["bits", self.signal] = Cells.of(bits, (differs, 2), counts=truth | background)
        return cells

    def rows(self, sums: Mapping[Any, Floats]) -> Iterator[Row]:
        """Rejection with the threshold set anew, and efficiencies and changed decisions with the threshold kept."""
        background = next(iter(self.scored.backgrounds(self.signal).values()))
        n = effective_number(self.scored.weights[self.scored.is_background(self.signal)])
        rejected, kept = {}, {}
        for name, edges in self.edges.items():
            curve = Curve.of(sums["scores", self.signal, name], edges, self.signal, background)
            rejected[name] = curve.background_at(self.config.working_point)
            counts = sums["passes", self.signal, name].sum(axis=3)
            kept[name] = fraction(counts[..., 1], counts.sum(axis=2))
        for name in self.edges:
            first = None if name == self._nominal else self._nominal
            compared = [None if first is None else kept[first][:, label] for label in (0, 1)]
            changed = sums["passes", self.signal, name].sum(axis=(1, 2))
            yield {
                "signal": self.scored.scores.classes[self.signal],
                "variation": name,
                "rejection": rejection(rejected[name], n, None if first is None else rejected[first]),
                "signal_efficiency": number(kept[name][:, 1], compared[1]),
                "background_efficiency": number(kept[name][:, 0], compared[0]),
                "changed": efficiency(changed[:, 1] / changed.sum(axis=1), effective_number(self.scored.weights)),
            }

    def bit_rows(self, sums: Mapping[Any, Floats]) -> Iterator[Row]:
        """The fraction of changed decisions by the bit that was flipped."""
        if self.flips is None:
            return
        counts = sums["bits", self.signal]
        changed = fraction(counts[..., 1], counts.sum(axis=2))
        for bit in range(self.flips.n_bits):
            n = effective_number(self.scored.weights[self.flips.bits == bit])
            row = {"signal": self.scored.scores.classes[self.signal], "bit": bit}
            yield {**row, "changed": efficiency(changed[:, bit], n)}
