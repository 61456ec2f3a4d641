"""Jets per second of a firmware project: our fast simulation on one and more threads, and hls4ml's own library.

    python benchmarks/csim.py FIRMWARE_PROJECT [--jets N] [--slow-jets N] [--json FILE]

Inputs are random (`hls.csim.probe_inputs`). Each number is the best of three passes after a warm-up. The wall clock is
what a user waits for; "core" counts the processor time that was really had, whatever else the machine was doing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hls.convert.library import build_library, simulate
from hls.csim import build, find_compiler, probe_inputs
from hls.project import Project
from jets.errors import TagwareError
from jets.files import write_json

PASSES = 3


def measure(run: Callable[[], Any], n_jets: int) -> dict[str, float]:
    """Jets per second by wall clock and by processor time, the best of some passes each."""
    walls, cores = [], []
    for _ in range(PASSES):
        wall, core = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    return {"jets_per_second": n_jets / min(walls), "jets_per_core_second": n_jets / min(cores)}


def benchmark(project: Project, n_jets: int, n_slow_jets: int, threads: list[int]) -> dict[str, Any]:
    """Both simulations of one project on the same inputs, and whether their outputs are equal."""
    start = time.perf_counter()
    compiled = build(project)
    build_seconds = time.perf_counter() - start
    inputs = probe_inputs(compiled.input, n_jets, seed=1)
    some = inputs[:n_slow_jets]
    rows: dict[str, Any] = {}
    for count in threads:
        compiled.predict(inputs[: min(n_jets, 8192)], count)
        rows[f"tagware, {count} thread{'s' if count > 1 else ''}"] = measure(
            lambda count=count: compiled.predict(inputs, count), len(inputs)
        )
    with tempfile.TemporaryDirectory() as place:
        folder = shutil.copytree(project.folder, Path(place) / "project")
        library = build_library(folder, project.name)
        n_outputs = int(np.prod(compiled.output.shape))
        expected = simulate(library, project.name, some, n_outputs)
        rows["hls4ml"] = measure(lambda: simulate(library, project.name, some, n_outputs), len(some))
    return {
        "project": str(project.folder),
        "machine": {"processor": processor(), "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]},
        "compiler": find_compiler().version,
        "arithmetic": compiled.arithmetic,
        "build_seconds": build_seconds,
        "n_jets": len(inputs),
        "n_compared": len(some),
        "n_different": int(np.count_nonzero((compiled.predict(some) != expected).any(axis=1))),
        "simulations": rows,
    }


def processor() -> str:
    """The processor's name."""
    path = Path("/proc/cpuinfo")
    names = [line for line in path.read_text().splitlines() if line.startswith("model name")] if path.is_file() else []
    return names[0].partition(":")[2].strip() if names else platform.processor()


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [f"{'simulation':<22}{'jets/s':>12}{'jets/core-s':>14}"]
    for name, row in result["simulations"].items():
        lines.append(f"{name:<22}{row['jets_per_second']:>12,.0f}{row['jets_per_core_second']:>14,.0f}")
    machine = result["machine"]
    lines.append(f"{result['n_different']} of {result['n_compared']} jets differ")
    lines.append(f"{machine['processor']}, {machine['cores']} cores, load {machine['load']:.1f} before")
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark of one project."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("project", type=Path, help="folder of a firmware project")
    parser.add_argument("--jets", type=int, default=60_000)
    parser.add_argument("--slow-jets", type=int, default=5_000, help="jets for hls4ml's own library")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    try:
        result = benchmark(Project.load(options.project), options.jets, options.slow_jets, options.threads)
    except TagwareError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print(table(result))
    if options.json:
        write_json(options.json, result)
    else:
        print(json.dumps(result))
    return int(result["n_different"] > 0)


if __name__ == "__main__":
    sys.exit(main())
