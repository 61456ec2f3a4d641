"""Jets per second of `tagware import jetclass`, and the memory of its processes.

    python benchmarks/import_jets.py [--files 4] [--jets 50000] [--processes 2] [--json FILE]

Files in the layout of JetClass are written first: ZLIB level 1, as ROOT writes; 42 constituents a jet on average, all
the branches that are read; from the third on they are links to the first two. Then they are imported. The rate is the
wall time of the whole import, joining included; memory is the highest sum of the resident memory of the command and its
workers, every 50 ms. On a busy machine the rate a CPU second, start of the workers included, says more than the rate.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from jets.files import write_json
from jets.readers import ImportConfig, import_jets
from jets.readers.jetclass import CLASSES, KINDS, LABELS, MOMENTA, TREE

BATCH = 10_000


def batch(label: int, n_jets: int, seed: int) -> dict[str, Any]:
    """Branches of jets of one class: exponential pT around an axis, half of the constituents charged."""
    import awkward

    rng = np.random.default_rng(seed)
    count = np.clip(rng.normal(42, 14, n_jets), 2, 128).astype(int)
    total = int(count.sum())
    pt = rng.exponential(12.0, total) + 0.5
    eta = np.repeat(rng.normal(0, 0.8, n_jets), count) + rng.normal(0, 0.2, total)
    phi = np.repeat(rng.uniform(-3, 3, n_jets), count) + rng.normal(0, 0.2, total)
    momenta = (pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta))
    charged = rng.random(total) < 0.5
    lists = dict(zip(MOMENTA, (values.astype(np.float32) for values in momenta), strict=True))
    lists["part_charge"] = np.where(charged, rng.choice([-1, 1], total), 0).astype(np.float32)
    kind = np.where(charged, 0, rng.integers(1, 3, total))
    lists |= {name: (kind == place).astype(np.int32) for place, name in enumerate(KINDS)}
    for name, width in (("d0val", 0.1), ("dzval", 0.1), ("d0err", 0.05), ("dzerr", 0.05)):
        lists[f"part_{name}"] = np.where(charged, np.abs(rng.normal(0, width, total)), 0).astype(np.float32)
    branches = {name: awkward.unflatten(values, count) for name, values in lists.items()}
    flags = {name: np.full(n_jets, place == label) for place, name in enumerate(LABELS)}
    return branches | flags


def write(path: Path, label: int, n_jets: int) -> None:
    """One file of one class."""
    import uproot

    with uproot.recreate(path, compression=uproot.ZLIB(1)) as file:
        for start in range(0, n_jets, BATCH):
            branches = batch(label, min(BATCH, n_jets - start), start)
            if start == 0:
                file.mktree(
                    TREE, {name: values.type if values.ndim == 2 else values.dtype for name, values in branches.items()}
                )
            file[TREE].extend(branches)


def resident_mb() -> float:
    """Resident memory of this process and its descendants, pages shared among them counted once a process."""
    parents: dict[int, int] = {}
    memory: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            memory[int(entry.name)] = int((entry / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            continue
    total = 0
    for process in parents:
        above = process
        while above not in (os.getpid(), 0, 1):
            above = parents.get(above, 0)
        total += memory.get(process, 0) if above == os.getpid() else 0
    return total / 1e6


def measure(folder: Path, processes: int) -> dict[str, float]:
    """Rate and memory of importing the files of a folder."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], resident_mb())

    classes = tuple(sorted({path.name.partition("_")[0] for path in folder.glob("*.root")}, key=CLASSES.index))
    watcher = threading.Thread(target=watch)
    watcher.start()
    begin, used = time.perf_counter(), os.times()
    import_jets("jetclass", [folder], folder / "jets.h5", ImportConfig(classes=classes, processes=processes))
    seconds, after = time.perf_counter() - begin, os.times()
    done.set()
    watcher.join()
    cpu = sum(after[:4]) - sum(used[:4])
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_memory_mb": peak[0], "load": os.getloadavg()[0]}


def main() -> None:
    """Print the rate and the memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--jets", type=int, default=50_000, help="in a file")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for place in range(options.files):
            label = place % 2
            path = Path(name) / f"{CLASSES[label]}_{place:03d}.root"
            if place < 2:
                write(path, label, options.jets)
            else:
                path.hardlink_to(Path(name) / f"{CLASSES[label]}_{label:03d}.root")
        n_jets = options.files * options.jets
        result = measure(Path(name), options.processes)
        size = (Path(name) / "jets.h5").stat().st_size / n_jets
    rates = {"jets_per_second": n_jets / result["seconds"], "jets_per_cpu_second": n_jets / result["cpu_seconds"]}
    result |= {"n_jets": n_jets, "bytes_per_jet": size} | rates
    print(
        f"{n_jets} jets in {result['seconds']:.1f} s: {result['jets_per_second']:.0f} jets/s with {options.processes} "
        f"processes, {result['jets_per_cpu_second']:.0f} a CPU second, {result['peak_memory_mb']:.0f} MB at most, "
        f"{size:.0f} bytes a jet (load {result['load']:.1f})"
    )
    if options.json:
        write_json(options.json, result)


if __name__ == "__main__":
    main()
