"""Seconds and memory of a comparison of invented taggers: all tables and replicas from scores, then the page.

    python benchmarks/compare.py [--jets N] [--taggers N] [--classes N] [--json FILE]

The wall clock is what a user waits for; "core" is the processor time that was really had, whatever else the machine was
doing. Memory is the peak of the process less what it holds before the scores are made.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hls.compare import Scores
from hls.comparison import CompareConfig, Comparison, render_comparison
from hls.comparison.candidates import VARIABLES, Scored
from hls.comparison.compare import measure
from hls.report import installed_versions
from jets.files import write_json

NO_TABLES = ("layers", "robustness", "bit_flips", "views", "shifts", "hardware", "budget")


def invented(n_jets: int, n_taggers: int, n_classes: int, seed: int = 1) -> Scored:
    """Gaussian logits, one tagger noisier than the other, with weights that fall with pT."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_jets).astype(np.int16)
    columns = np.array([1]) if n_classes == 2 else np.arange(n_classes)
    truth = np.where(labels[:, None] == columns, 1.5, -1.5) + rng.normal(size=(n_jets, len(columns)))
    outputs = {
        f"tagger {place}": (truth + 0.3 * place * rng.normal(size=truth.shape)).astype(np.float32)
        for place in range(n_taggers)
    }
    classes = tuple(f"class {label}" for label in range(n_classes))
    pt = 500 + rng.exponential(100, n_jets)
    kinematics = dict(
        zip(VARIABLES, (pt, rng.normal(size=n_jets), rng.poisson(50, n_jets), rng.gamma(3, 40, n_jets)), strict=True)
    )
    kinematics = {name: values.astype(np.float32) for name, values in kinematics.items()}
    scores = Scores(labels, np.arange(n_jets, dtype=np.uint64), classes, outputs)
    return Scored(scores, (500 / pt).astype(np.float32), kinematics)


def timed(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What a call returns, with its wall clock and processor time."""
    wall, core = time.perf_counter(), time.process_time()
    result = run()
    return result, {"seconds": time.perf_counter() - wall, "core_seconds": time.process_time() - core}


def peak_megabytes() -> float:
    """The peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def benchmark(n_jets: int, n_taggers: int, n_classes: int) -> dict[str, Any]:
    """The time and the memory of one comparison."""
    config = CompareConfig()
    before = peak_megabytes()
    scored = invented(n_jets, n_taggers, n_classes)
    (tables, _), measuring = timed(lambda: measure(scored, config))
    comparison = Comparison.build(
        versions=installed_versions(("numpy", "scipy")),
        jets={
            "file": "invented",
            "checksum": "",
            "provenance": {},
            "classes": {name: {"n_test": 1, "weight": 1.0} for name in scored.scores.classes},
            "n_test": n_jets,
            "weighted": True,
        },
        taggers=[{"name": name} for name in scored.taggers],
        config=dataclasses.asdict(config),
        tables=tables | {name: [] for name in NO_TABLES},
    )
    with tempfile.TemporaryDirectory() as folder:
        comparison.save(Path(folder))
        page, rendering = timed(lambda: render_comparison(Path(folder)))
        page_megabytes = page.stat().st_size / 1e6
    return {
        "jets": n_jets,
        "taggers": n_taggers,
        "classes": n_classes,
        "measure": measuring,
        "page": {**rendering, "megabytes": page_megabytes},
        "megabytes": peak_megabytes() - before,
        "machine": {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]},
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jets", type=int, default=400_000)
    parser.add_argument("--taggers", type=int, default=5)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    result = benchmark(options.jets, options.taggers, options.classes)
    print(json.dumps(result, indent=2))
    if options.json:
        write_json(options.json, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
