"""What the cuts decide: efficiency and rejection in bins, the mass spectrum behind them, and where taggers differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.comparison.candidates import Scored
from hls.comparison.config import CompareConfig
from hls.comparison.cuts import Cut
from hls.comparison.performance import Row, Tables
from hls.comparison.replicas import (
    Cells,
    Floats,
    effective_number,
    effective_numbers,
    efficiency,
    fraction,
    number,
    rejection,
)
from jets.metrics import jensen_shannon, jensen_shannon_floor

BINNED = ("pt_gev", "eta", "n_constituents")
AGREEMENT_BINNED = ("pt_gev", "n_constituents")
N_MASS_BINS = 40


class Decisions:
    """The tables `bins`, `sculpting`, `mass`, `agreement` and `agreement_bins` of the cuts."""

    def __init__(self, scored: Scored, config: CompareConfig, cuts: Sequence[Cut]) -> None:
        self.scored, self.cuts = scored, cuts
        self.points = [cut for cut in cuts if cut.kind == "efficiency"]
        self.edges = {name: bin_edges(scored.kinematics[name], config.n_bins) for name in BINNED}
        self.mass_edges = _mass_edges(scored.kinematics["mass_gev"])
        self._bins = {name: _place(scored.kinematics[name], edges) for name, edges in self.edges.items()}

    def _passes(self, cut: Cut) -> NDArray[np.bool_]:
        return self.scored.discriminant(cut.tagger, cut.signal) >= cut.threshold

    def _first(self, cut: Cut) -> Cut:
        """The first tagger's cut for the same signal and of the same kind."""
        return next(other for other in self.cuts if (other.signal, other.kind) == (cut.signal, cut.kind))

    def cells(self) -> dict[Any, Cells]:
        """The histograms that the tables need."""
        cells: dict[Any, Cells] = {}
        firsts: dict[Cut, NDArray[np.bool_]] = {}
        mass = _place(self.scored.kinematics["mass_gev"], self.mass_edges)
        for cut in self.cuts:
            passes = self._passes(cut)
            truth, background = self.scored.scores.labels == cut.signal, self.scored.is_background(cut.signal)
            counts = truth | background
            for name in BINNED:
                axes = ((truth, 2), (self._bins[name], self._n(name)), (passes, 2))
                cells["bins", cut, name] = Cells.of(*axes, counts=counts)
            if cut.kind == "efficiency":
                cells["mass", cut] = Cells.of((passes, 2), (mass, len(self.mass_edges) - 1), counts=background)
                first = firsts.setdefault(self._first(cut), passes)
                if first is not passes:
                    cells |= self._agreement_cells(cut, passes != first, truth, counts)
        return cells

    def _agreement_cells(
        self, cut: Cut, differs: NDArray[np.bool_], truth: NDArray[np.bool_], counts: NDArray[np.bool_]
    ) -> dict[Any, Cells]:
        return {
            ("agreement", cut, name): Cells.of(
                (truth, 2), (self._bins[name], self._n(name)), (differs, 2), counts=counts
            )
            for name in AGREEMENT_BINNED
        }

    def _n(self, name: str) -> int:
        return len(self.edges[name]) - 1

    def tables(self, sums: Mapping[Any, Floats]) -> Tables:
        """The tables from the replicas of the histograms."""
        return {
            "bins": [row for cut in self.cuts for name in BINNED for row in self._bin_rows(sums, cut, name)],
            "sculpting": [self._sculpting_row(sums, cut) for cut in self.points],
            "mass": [row for cut in self.points for row in self._mass_rows(sums, cut)],
            "agreement": [row for cut in self._others() for row in self._agreement_rows(sums, cut)],
            "agreement_bins": [
                row for cut in self._others() for name in AGREEMENT_BINNED for row in self._differing(sums, cut, name)
            ],
        }

    def _others(self) -> list[Cut]:
        return [cut for cut in self.points if cut.tagger != self.scored.taggers[0]]

    def _key(self, cut: Cut) -> Row:
        return {"tagger": cut.tagger, "signal": self.scored.scores.classes[cut.signal]}

    def _bin_rows(self, sums: Mapping[Any, Floats], cut: Cut, name: str) -> Iterator[Row]:
        """eps_S and 1 / eps_B in every bin of one variable, at a threshold that is the same in all bins."""
        counts, first = sums["bins", cut, name], sums["bins", self._first(cut), name]
        passing = fraction(counts[..., 1], counts.sum(axis=-1))
        other = None if cut.tagger == self.scored.taggers[0] else fraction(first[..., 1], first.sum(axis=-1))
        n = self._effective[cut.signal, name]
        for place, (low, high) in enumerate(pairwise(self.edges[name])):
            compared = [None if other is None else other[:, label, place] for label in (0, 1)]
            yield {
                **self._key(cut),
                "cut": cut.kind,
                "threshold": cut.threshold,
                "variable": name,
                "low": float(low),
                "high": float(high),
                "signal_efficiency": efficiency(passing[:, 1, place], n[1, place], compared[1]),
                "rejection": rejection(passing[:, 0, place], n[0, place], compared[0]),
            }

    def _sculpting_row(self, sums: Mapping[Any, Floats], cut: Cut) -> Row:
        """The Jensen-Shannon divergence of the background's mass, passing against failing, and its floor."""
        spectra = sums["mass", cut]
        values = jensen_shannon(spectra[:, 1], spectra[:, 0])
        first = None
        if cut.tagger != self.scored.taggers[0]:
            other = sums["mass", self._first(cut)]
            first = jensen_shannon(other[:, 1], other[:, 0])
        background = self.scored.is_background(cut.signal)
        passes = self._passes(cut)
        n = [effective_number(self.scored.weights[background & chosen]) for chosen in (passes, ~passes)]
        filled = int(np.count_nonzero(spectra[0].sum(axis=0)))
        floor = jensen_shannon_floor(n[0], n[1], filled) if min(n) > 0 else None
        return {**self._key(cut), "jensen_shannon_bits": number(values, first), "floor_bits": floor}

    def _mass_rows(self, sums: Mapping[Any, Floats], cut: Cut) -> Iterator[Row]:
        """The background's mass spectrum after the cut and before it, as fractions of jets in each bin."""
        spectra = sums["mass", cut]
        whole = spectra.sum(axis=1)
        after, before = (fraction(part, part.sum(axis=1, keepdims=True)) for part in (spectra[:, 1], whole))
        for place, (low, high) in enumerate(pairwise(self.mass_edges)):
            row = {"passing": number(after[:, place]), "all": number(before[:, place])}
            yield {**self._key(cut), "low": float(low), "high": float(high), **row}

    def _agreement_rows(self, sums: Mapping[Any, Floats], cut: Cut) -> Iterator[Row]:
        """The fraction of jets on which the decision is not the first tagger's."""
        counts = sums["agreement", cut, AGREEMENT_BINNED[0]].sum(axis=2)
        truth, background = self.scored.scores.labels == cut.signal, self.scored.is_background(cut.signal)
        groups = {"all": ([0, 1], truth | background), "signal": ([1], truth), "background": ([0], background)}
        for jets, (labels, chosen) in groups.items():
            some = counts[:, labels].sum(axis=1)
            n = effective_number(self.scored.weights[chosen])
            differing = efficiency(fraction(some[:, 1], some.sum(axis=1)), n)
            yield {**self._key(cut), "jets": jets, "differing": differing}

    def _differing(self, sums: Mapping[Any, Floats], cut: Cut, name: str) -> Iterator[Row]:
        """The same in bins of one variable, signal and background apart."""
        counts = sums["agreement", cut, name]
        differing = fraction(counts[..., 1], counts.sum(axis=-1))
        for label, jets in ((1, "signal"), (0, "background")):
            for place, (low, high) in enumerate(pairwise(self.edges[name])):
                n = self._effective[cut.signal, name][label, place]
                row = {"jets": jets, "variable": name, "low": float(low), "high": float(high)}
                yield {**self._key(cut), **row, "differing": efficiency(differing[:, label, place], n)}

    @cached_property
    def _effective(self) -> dict[tuple[int, str], Floats]:
        """The effective number of background (0) and signal (1) jets in the bins of a variable, (2, n_bins)."""
        numbers = {}
        for signal in self.scored.signals:
            truth, background = self.scored.scores.labels == signal, self.scored.is_background(signal)
            for name in BINNED:
                cells = Cells.of((truth, 2), (self._bins[name], self._n(name)), counts=truth | background)
                numbers[signal, name] = effective_numbers(self.scored.weights, cells)
        return numbers


def bin_edges(values: NDArray[Any], n_bins: int) -> Floats:
    """Rising edges of at most `n_bins` bins of about equally many jets; fewer where values are repeated."""
    edges = np.unique(np.quantile(values.astype(np.float64), np.linspace(0, 1, n_bins + 1)))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + 1.0])


def _mass_edges(mass: NDArray[Any]) -> Floats:
    high = float(np.quantile(mass, 0.995))
    return np.linspace(0.0, high if high > 0 else 1.0, N_MASS_BINS + 1)


def _place(values: NDArray[Any], edges: Floats) -> NDArray[np.intp]:
    """The bin of each value; what lies beyond goes into the first and the last."""
    place = np.searchsorted(edges, values.astype(np.float64), side="right") - 1
    return np.clip(place, 0, len(edges) - 2)
