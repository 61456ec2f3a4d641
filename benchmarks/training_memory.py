"""Peak memory of a training by the number of jets in its file.

python benchmarks/training_memory.py --out build/memory [--jets 10000 100000] [--architecture gru]

Repeats the packaged top/QCD jets under new ids until there are so many, and trains for one epoch, each in a process of
its own. Prints the peak resident memory of the process, and what a training jet adds from one number to the next.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jets.dataset import SPLIT_FRACTIONS, JetsFile, JetsWriter
from jets.samples import sample_path


def repeated(path: Path, n_jets: int) -> Path:
    """A file of so many jets."""
    if path.exists():
        return path
    with JetsWriter(path, compression=1) as writer:
        while writer.n_jets < n_jets:
            for block in JetsFile(sample_path("top_qcd")).slices():
                block = block[: n_jets - writer.n_jets]
                if len(block):
                    ids = np.arange(writer.n_jets, writer.n_jets + len(block), dtype=np.uint64)
                    writer.append(replace(block, ids=ids))
    return path


def peak_mb(architecture: str, path: Path, out: Path, answer: Any) -> None:
    """Train for an epoch and send this process's peak memory, MB."""
    from models.registry import architecture as find
    from models.training import TrainConfig, train

    train(architecture, find(architecture).config_class(), path, TrainConfig(epochs=1), out)
    answer.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Print a row for each number of jets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/memory"))
    parser.add_argument("--jets", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--architecture", default="gru")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    before: tuple[int, float] | None = None
    print("jets in the file | peak MB | kB a training jet more", flush=True)
    for n_jets in options.jets:
        path, answer = repeated(options.out / f"{n_jets}.h5", n_jets), context.Queue()
        given = (options.architecture, path, options.out / f"{options.architecture}_{n_jets}", answer)
        process = context.Process(target=peak_mb, args=given)
        process.start()
        peak = answer.get()
        process.join()
        more = (
            "" if before is None else f"{1024 * (peak - before[1]) / (SPLIT_FRACTIONS[0] * (n_jets - before[0])):.1f}"
        )
        before = n_jets, peak
        print(f"{n_jets:,} | {peak:.0f} | {more}", flush=True)


if __name__ == "__main__":
    main()
