"""Simulated jets per core-second and where the time goes.

    python benchmarks/simulate.py --jets 2000 q t g QCD W Z

One chunk of each class at 0.8-1.2 TeV with the default detector and a flat pT spectrum, in CPU time of this process
(so other programs disturb it little), with the start of Pythia in it. The shares are from a second run of the same
chunk under cProfile: Pythia (initialisation and events), FastJet (clustering, with its conversion from and to
awkward arrays), and ours (detector, matching, quota, arrays).
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import time

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


def main() -> None:
    """Print one line a class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classes", nargs="*", default=["q", "t", "g", "QCD", "W", "Z"])
    parser.add_argument("--jets", type=int, default=2000)
    options = parser.parse_args()
    simulate_chunk(SimulateConfig(classes=("q",)), "q", 1, 20)  # imports are not timed
    for name in options.classes:
        config = SimulateConfig(classes=(name,))
        begin = time.process_time()
        simulate_chunk(config, name, 0, options.jets)
        rate = options.jets / (time.process_time() - begin)
        parts = "  ".join(f"{tool} {share:4.0%}" for tool, share in shares(config, name, options.jets).items())
        print(f"{name:4s} {rate:6.0f} jets per core-second  {parts}  (load {os.getloadavg()[0]:.1f})", flush=True)


if __name__ == "__main__":
    main()
