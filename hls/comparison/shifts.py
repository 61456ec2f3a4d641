"""How far scores move between the views of re-simulated test jets."""

from __future__ import annotations

import numpy as np

from hls.comparison.candidates import SLICE, Scored
from hls.comparison.config import CompareConfig
from hls.comparison.performance import Tables
from jets.dataset import JetsFile, concatenate
from jets.shifts import score_shifts


def shifts(scored: Scored, file: JetsFile, config: CompareConfig) -> Tables:
    """The table `shifts` of all candidates, by the probability of each signal; empty where jets have one view."""
    if not file.view_names:
        return {"shifts": []}
    jets = concatenate([block.resized(1) for block in file.slices(SLICE, "test")])
    rows = []
    for name in scored.taggers:
        for signal in scored.signals:
            probability = 1 / (1 + np.exp(-scored.discriminant(name, signal)))
            found = score_shifts(probability, jets, np.random.default_rng(config.seed), config.n_replicas)
            key = {"tagger": name, "signal": file.classes[signal]}
            for shift in found:
                distance = {"value": shift.distance.value, "error": shift.distance.error}
                rows.append({**key, "class": shift.jet_class, "view": shift.view, "distance": distance})
    return {"shifts": rows}
