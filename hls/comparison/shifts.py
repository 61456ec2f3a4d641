"""How far decisions, rejection and scores move between the views of re-simulated test jets."""

from __future__ import annotations

import dataclasses

import numpy as np

from hls.comparison.candidates import SLICE, Scored
from hls.comparison.config import CompareConfig
from hls.comparison.performance import Row, Tables
from hls.comparison.stability import stability
from jets.dataset import Jets, JetsFile, concatenate
from jets.shifts import score_shifts


def shifts(scored: Scored, file: JetsFile, config: CompareConfig) -> Tables:
    """The tables `views` and `shifts` of all candidates; empty where jets have one view."""
    if not file.view_names:
        return {"views": [], "shifts": []}
    jets = concatenate([block.resized(1) for block in file.slices(SLICE, "test")])
    return {
        "views": [row for name in scored.taggers for row in _view_rows(name, scored, jets, config)],
        "shifts": [row for name in scored.taggers for row in _distance_rows(name, scored, jets, config)],
    }


def _view_rows(tagger: str, scored: Scored, jets: Jets, config: CompareConfig) -> list[Row]:
    """What becomes of the decisions on the jets of the first view when the same partons are simulated otherwise."""
    rows, outputs = jets.view_rows(), scored.scores.outputs[tagger]
    by_view = {name: outputs[rows[:, view]] for view, name in enumerate(jets.view_names)}
    nominal = scored[rows[:, 0]]
    scores = dataclasses.replace(nominal.scores, outputs=by_view)
    moved, _ = stability(dataclasses.replace(nominal, scores=scores), config)
    return [{"tagger": tagger, "signal": row["signal"], "view": row.pop("variation")} | row for row in moved]


def _distance_rows(tagger: str, scored: Scored, jets: Jets, config: CompareConfig) -> list[Row]:
    """The Wasserstein distance of the probability of each signal from the first view."""
    rows = []
    for signal in scored.signals:
        probability = 1 / (1 + np.exp(-scored.discriminant(tagger, signal)))
        key = {"tagger": tagger, "signal": jets.classes[signal]}
        for shift in score_shifts(probability, jets, np.random.default_rng(config.seed), config.n_replicas):
            distance = {"value": shift.distance.value, "error": shift.distance.error}
            rows.append({**key, "class": shift.jet_class, "view": shift.view, "distance": distance})
    return rows
