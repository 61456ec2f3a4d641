"""The front door of the room: candidates and jets in, one Comparison and its page out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hls.comparison.calibration import Calibration
from hls.comparison.candidates import Candidate, Scored, score
from hls.comparison.comparison import Comparison
from hls.comparison.config import CompareConfig
from hls.comparison.cuts import cuts
from hls.comparison.decisions import Decisions
from hls.comparison.hardware import hardware
from hls.comparison.layers import layers
from hls.comparison.performance import Merit, Performance, Tables
from hls.comparison.render import render_comparison
from hls.comparison.replicas import bootstrap
from hls.comparison.robustness import robustness
from hls.comparison.shifts import shifts
from hls.report import installed_versions
from jets.dataset import JetsFile
from jets.files import OWNER_MARK, claim_folder, replacing

PACKAGES = ("tagware", "numpy", "scipy", "torch", "keras", "hls4ml", "matplotlib", "mplhep", "hist")


def compare(candidates: Sequence[Candidate], jets: Path, config: CompareConfig, out: Path) -> Comparison:
    """Measure all candidates on the test jets of a file; write comparison.json, its page, tables and plots to `out`.

    The first candidate is the reference of every difference.

    Raises:
        ConfigError: no candidates, two of one name, or a background that is no class.
        DataError: a tagger of other classes, stored scores of other jets, or a class without jets or weight.
        InputError, LayoutError: a tagger, the jets or a report is missing or damaged.
        StorageError: `out` holds files that tagware did not write, or cannot be written.
        ToolNotFound, ToolFailed: a firmware project cannot be compiled here.
    """
    claim_folder(out)
    comparison = compared(candidates, jets, config, out)
    with replacing(out) as temporary:
        temporary.mkdir(parents=True)
        (temporary / OWNER_MARK).touch()
        comparison.save(temporary)
        render_comparison(temporary)
    return comparison


def compared(candidates: Sequence[Candidate], jets: Path, config: CompareConfig, beside: Path) -> Comparison:
    """All that `compare` measures, nothing written; it names the candidates' files relative to the folder `beside`.

    Raises:
        ConfigError, DataError, InputError, LayoutError, ToolNotFound, ToolFailed: as `compare`.
    """
    file = JetsFile(jets)
    in_all_views = score(candidates, file, config.background)
    scored = in_all_views.nominal
    tables, merit = measure(scored, config)
    return Comparison.build(
        versions=installed_versions(PACKAGES),
        jets=_jets_section(file, scored),
        taggers=[_tagger_section(candidate, beside) for candidate in candidates],
        config=dataclasses.asdict(config),
        tables={
            **tables,
            **layers(candidates, file, len(scored), config),
            **robustness(candidates, file, len(scored), config),
            **shifts(in_all_views, file, config),
            **hardware(candidates, merit, config.budget),
        },
    )


def measure(scored: Scored, config: CompareConfig) -> tuple[Tables, Merit]:
    """All tables that need nothing but scores, and the figure of merit, from one set of replicas."""
    performance = Performance(scored, config)
    decisions = Decisions(scored, config, list(cuts(scored, config)))
    calibration = Calibration(scored)
    cells = performance.cells() | decisions.cells() | calibration.cells()
    sums = bootstrap(cells, scored.weights, config.n_replicas, np.random.default_rng(config.seed))
    tables = performance.tables(sums) | decisions.tables(sums) | calibration.tables(sums)
    merit = performance.merit(sums)
    return {"merit": merit.table(), **tables}, merit


def _tagger_section(candidate: Candidate, beside: Path) -> dict[str, Any]:
    fields = dataclasses.asdict(candidate)
    return {
        name: os.path.relpath(value, beside) if isinstance(value, Path) else value for name, value in fields.items()
    }


def _jets_section(file: JetsFile, scored: Scored) -> dict[str, Any]:
    labels, weights = scored.scores.labels, scored.weights.astype(np.float64)
    counts = {
        name: {"n_test": int((labels == label).sum()), "weight": float(weights[labels == label].sum())}
        for label, name in enumerate(file.classes)
    }
    return {
        "file": file.path.name,
        "checksum": file.checksum,
        "provenance": file.provenance,
        "classes": counts,
        "n_test": len(scored),
        "weighted": bool(weights.min() != weights.max()),
    }
