"""How far varied inputs move decisions and rejection, on the same jets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.compare import Scores
from hls.comparison.candidates import VARIABLES, Candidate, Scored, background_labels, nominal_slices
from hls.comparison.config import CompareConfig
from hls.comparison.performance import Row, Tables
from hls.comparison.stability import Flips, stability
from hls.comparison.variations import NOMINAL, flip_bits, variations
from hls.csim import CompiledProject, build
from hls.project import Project
from jets.dataset import Jets, JetsFile, concatenate
from models.registry import n_outputs

BIT_FLIP = "bit_flip 1"
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class _Varied:
    """One candidate's logits on the sample by variation, `NOMINAL` first, and the bits that were flipped, if any."""

    logits: Mapping[str, Logits]
    flips: Flips | None = None


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
        kinematics = {key: jets.jet(key) for key in VARIABLES}
        scores = Scores(jets.labels, jets.ids, jets.classes, varied.logits)
        rows, bit_rows = stability(Scored(scores, jets.weights, kinematics, background), config, varied.flips)
        tables["robustness"] += [{"tagger": candidate.name, **_with_size(row)} for row in rows]
        tables["bit_flips"] += [{"tagger": candidate.name, **row} for row in bit_rows]
    return tables


def _with_size(row: Row) -> Row:
    """A row whose variation is told by kind and size."""
    kind, _, size = row["variation"].partition(" ")
    return {"signal": row["signal"], "variation": kind, "size": float(size) if size else None} | {
        key: value for key, value in row.items() if key not in ("signal", "variation")
    }


def sample(file: JetsFile, n_test: int, n_jets: int, seed: int) -> Jets:
    """At most `n_jets` of the file's `n_test` test jets, in their first view, chosen at random."""
    chosen = np.zeros(n_test, bool)
    chosen[np.random.default_rng(seed).permutation(n_test)[:n_jets]] = True
    blocks, start = [], 0
    for block in nominal_slices(file):
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
    return _Varied({**logits, BIT_FLIP: outputs.astype(np.float32)}, Flips(BIT_FLIP, bits, compiled.input.width))


def _predictor(candidate: Candidate, compiled: CompiledProject | None) -> Callable[[Jets], Logits]:
    if compiled is None:
        return candidate.network.predict

    def predict(jets: Jets) -> Logits:
        outputs = compiled.predict(_only(candidate.network.inputs(jets)))
        return outputs[:, -n_outputs(jets.classes) :].astype(np.float32)

    return predict


def _only(arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    return next(iter(arrays.values()))
