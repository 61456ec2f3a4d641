"""How far varied inputs move decisions and rejection, on the same jets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.comparison.candidates import SLICE, VARIABLES, Candidate, Scored, background_labels
from hls.comparison.config import CompareConfig
from hls.comparison.cuts import Curve, score_cells, score_edges
from hls.comparison.performance import Row, Tables
from hls.comparison.replicas import Cells, Floats, bootstrap, effective_number, efficiency, fraction, number, rejection
from hls.comparison.variations import NOMINAL, flip_bits, variations
from hls.csim import CompiledProject, build
from hls.project import Project
from jets.dataset import Jets, JetsFile, concatenate
from jets.metrics import cut_at
from models.registry import n_outputs

BIT_FLIP = "bit_flip"
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class _Varied:
    """One candidate's logits on the sample by variation, `NOMINAL` first; `bits` (n_jets,) flipped, if any were."""

    logits: Mapping[str, Logits]
    bits: NDArray[np.int64] | None = None
    n_bits: int = 0


def robustness(candidates: Sequence[Candidate], file: JetsFile, n_test: int, config: CompareConfig) -> Tables:
    """The tables `robustness` and `bit_flips` of all candidates that can score varied jets.

    Raises:
        ToolNotFound, ToolFailed: a firmware project cannot be compiled here.
    """
    tables: Tables = {"robustness": [], "bit_flips": []}
    able = [candidate for candidate in candidates if candidate.tagger is not None]
    if config.robustness.n_jets == 0 or not able:
        return tables
    jets = sample(file, n_test, config.robustness.n_jets, config.seed)
    background = background_labels(config.background, file.classes)
    for candidate in able:
        varied = _vary(candidate, jets, config)
        for name, rows in _measure(candidate.name, jets, varied, background, config).items():
            tables[name] += rows
    return tables


def sample(file: JetsFile, n_test: int, n_jets: int, seed: int) -> Jets:
    """At most `n_jets` of the file's `n_test` test jets, chosen at random."""
    chosen = np.zeros(n_test, bool)
    chosen[np.random.default_rng(seed).permutation(n_test)[:n_jets]] = True
    blocks, start = [], 0
    for block in file.slices(SLICE, "test"):
        blocks.append(block[chosen[start : start + len(block)]])
        start += len(block)
    return concatenate(blocks)


def _vary(candidate: Candidate, jets: Jets, config: CompareConfig) -> _Varied:
    """The candidate's logits on the jets as they are and under every variation, all from the same seed."""
    compiled = None if candidate.firmware is None else build(Project.load(candidate.firmware))
    predict = _predictor(candidate, compiled)
    logits = {NOMINAL: predict(jets)}
    for variation in variations(config.robustness):
        logits[variation.name] = predict(variation.apply(jets, np.random.default_rng(config.seed)))
    if compiled is None or not config.robustness.bit_flips:
        return _Varied(logits)
    codes = compiled.encode(_only(candidate.network.inputs(jets)))
    flipped, bits = flip_bits(codes, compiled.input, np.random.default_rng(config.seed))
    outputs = compiled.predict_codes(flipped)[:, -n_outputs(jets.classes) :] / 2.0**compiled.output.fraction_bits
    return _Varied({**logits, f"{BIT_FLIP} 1": outputs.astype(np.float32)}, bits, compiled.input.width)


def _predictor(candidate: Candidate, compiled: CompiledProject | None) -> Callable[[Jets], Logits]:
    if compiled is None:
        return candidate.network.predict

    def predict(jets: Jets) -> Logits:
        outputs = compiled.predict(_only(candidate.network.inputs(jets)))
        return outputs[:, -n_outputs(jets.classes) :].astype(np.float32)

    return predict


def _only(arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    return next(iter(arrays.values()))


def _measure(name: str, jets: Jets, varied: _Varied, background: tuple[int, ...], config: CompareConfig) -> Tables:
    """The rows of one candidate: the variations are compared as if they were taggers, the jets as they are first."""
    from hls.compare import Scores

    kinematics = {key: jets.jet(key) for key in VARIABLES}
    scores = Scores(jets.labels, jets.ids, jets.classes, varied.logits)
    scored = Scored(scores, jets.weights, kinematics, background)
    shifts = [_Shifts.of(scored, signal, varied, config) for signal in scored.signals]
    cells = {key: item for shift in shifts for key, item in shift.cells().items()}
    sums = bootstrap(cells, scored.weights, config.n_replicas, np.random.default_rng(config.seed))
    return {
        "robustness": [{"tagger": name, **row} for shift in shifts for row in shift.rows(sums)],
        "bit_flips": [{"tagger": name, **row} for shift in shifts for row in shift.bit_rows(sums)],
    }


@dataclass(frozen=True)
class _Shifts:
    """The variations of one candidate for one signal, at the working point's threshold on the jets as they are."""

    scored: Scored
    signal: int
    varied: _Varied
    config: CompareConfig
    threshold: float
    edges: Mapping[str, Floats]

    @classmethod
    def of(cls, scored: Scored, signal: int, varied: _Varied, config: CompareConfig) -> _Shifts:
        truth = scored.scores.labels == signal
        values = scored.discriminant(NOMINAL, signal)[truth]
        threshold = cut_at(values, config.working_point, scored.weights[truth])
        edges = {name: score_edges(scored, name, signal, config) for name in scored.taggers}
        return cls(scored, signal, varied, config, threshold, edges)

    def _passes(self, variation: str) -> NDArray[np.bool_]:
        return self.scored.discriminant(variation, self.signal) >= self.threshold

    def cells(self) -> dict[Any, Cells]:
        truth, background = self.scored.scores.labels == self.signal, self.scored.is_background(self.signal)
        nominal = self._passes(NOMINAL)
        cells: dict[Any, Cells] = {}
        for name, edges in self.edges.items():
            cells["scores", self.signal, name] = score_cells(self.scored, name, self.signal, edges)
            passes = self._passes(name)
            cells["passes", self.signal, name] = Cells.of(
                (truth, 2), (passes, 2), (passes != nominal, 2), counts=truth | background
            )
        if self.varied.bits is not None:
            differs = self._passes(f"{BIT_FLIP} 1") != nominal
            bits = (self.varied.bits, self.varied.n_bits)
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
            first = None if name == NOMINAL else NOMINAL
            compared = [None if first is None else kept[first][:, label] for label in (0, 1)]
            kind, _, size = name.partition(" ")
            changed = sums["passes", self.signal, name].sum(axis=(1, 2))
            yield {
                "signal": self.scored.scores.classes[self.signal],
                "variation": kind,
                "size": float(size) if size else None,
                "rejection": rejection(rejected[name], n, None if first is None else rejected[first]),
                "signal_efficiency": number(kept[name][:, 1], compared[1]),
                "background_efficiency": number(kept[name][:, 0], compared[0]),
                "changed": efficiency(changed[:, 1] / changed.sum(axis=1), effective_number(self.scored.weights)),
            }

    def bit_rows(self, sums: Mapping[Any, Floats]) -> Iterator[Row]:
        """The fraction of changed decisions by the bit that was flipped."""
        if self.varied.bits is None:
            return
        counts = sums["bits", self.signal]
        changed = fraction(counts[..., 1], counts.sum(axis=2))
        for bit in range(self.varied.n_bits):
            n = effective_number(self.scored.weights[self.varied.bits == bit])
            row = {"signal": self.scored.scores.classes[self.signal], "bit": bit}
            yield {**row, "changed": efficiency(changed[:, bit], n)}
