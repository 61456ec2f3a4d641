"""Simulated jets per core-second and where the time goes.

    python benchmarks/simulate.py --jets 2000 q t g QCD W Z [--views seed fsr_up ...] [--json FILE]

One chunk of each class at 0.8-1.2 TeV with the default detector and a flat pT spectrum, in CPU time of this process
(so other programs disturb it little), with the start of Pythia in it. The shares are from a second run of the same
chunk under cProfile: Pythia (initialisation and events), FastJet (clustering), and ours (detector, matching, quota,
and the time spent in awkward, which both take and give arrays of). With views jets are hard partons, each of which is
simulated in all views.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import time
from pathlib import Path
from typing import Any

from jets.files import write_json
from jets.simulate import SimulateConfig
from jets.simulate.chunk import simulate_chunk


def shares(config: SimulateConfig, name: str, n_jets: int) -> dict[str, float]:
    """Fractions of the CPU time spent in Pythia, in FastJet and elsewhere."""
    profile = cProfile.Profile(time.process_time)
    profile.runcall(simulate_chunk, config, name, 0, n_jets)
    spent = {"pythia": 0.0, "fastjet": 0.0, "ours": 0.0}
    for (path, _, function), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        label = f"{path} {function}"
        tool = "pythia" if "pythia8" in label.lower() else "fastjet" if "fastjet" in label else "ours"
        spent[tool] += own
    total = sum(spent.values())
    return {tool: seconds / total for tool, seconds in spent.items()}


def measure(name: str, n_jets: int, views: tuple[str, ...]) -> dict[str, Any]:
    """Rate and shares of one class."""
    config = SimulateConfig(classes=(name,), views=views)
    begin = time.process_time()
    simulate_chunk(config, name, 0, n_jets)
    rate = n_jets / (time.process_time() - begin)
    return {"jets_per_core_second": rate, "shares": shares(config, name, n_jets), "load": os.getloadavg()[0]}


def main() -> None:
    """Print one line a class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classes", nargs="*", default=["q", "t", "g", "QCD", "W", "Z"])
    parser.add_argument("--jets", type=int, default=2000)
    parser.add_argument("--views", nargs="*", default=[])
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    simulate_chunk(SimulateConfig(classes=("q",)), "q", 1, 20)  # imports are not timed
    results = {}
    for name in options.classes:
        results[name] = result = measure(name, options.jets, tuple(options.views))
        parts = "  ".join(f"{tool} {share:4.0%}" for tool, share in result["shares"].items())
        rate, load = result["jets_per_core_second"], result["load"]
        print(f"{name:4s} {rate:6.0f} jets per core-second  {parts}  (load {load:.1f})", flush=True)
    if options.json:
        write_json(options.json, {"n_jets": options.jets, "classes": results})


if __name__ == "__main__":
    main()
