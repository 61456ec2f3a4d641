"""Peak memory of a training by the number of jets in its file.

python benchmarks/training_memory.py --out build/memory [--jets 100000 1000000] [--architecture gru] [--steps 250]
python benchmarks/training_memory.py --out build/memory [--jets 100000 1000000] --student

Repeats the first packaged top/QCD jets (`--repeat` of them) until there are so many, and trains for one epoch, each in
a process of its own. Prints the peak resident memory of the process, and what a training jet adds from one number to
the next. With `--steps` an epoch has so many batches of training and of validation at most; all the file is looked
through all the same. With `--student` DeepSets of 20 constituents learn from a teacher's stored outputs, one epoch
float and one quantized.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from apart import apart

from jets.dataset import JetsFile, JetsWriter
from jets.hdf5 import HDF5Writer, open_hdf5
from jets.samples import sample_path
from jets.splits import SPLIT_FRACTIONS

CHUNK = 1000


def repeated(folder: Path, n_jets: int, repeat: int) -> Path:
    """A file of so many jets, `repeat` of them again and again, all but their ids copied as they are compressed."""
    path, pattern = folder / f"{n_jets}.h5", folder / "pattern.h5"
    if not pattern.exists():
        with JetsWriter(pattern, CHUNK) as writer:
            writer.append(JetsFile(sample_path("top_qcd")).read(limit=repeat))
    if not path.exists():
        with open_hdf5(pattern) as file, HDF5Writer(path, CHUNK) as copy:
            for number in range(n_jets // repeat):
                for name, dataset in datasets(file):
                    if name == "/ids":
                        copy.append({name: dataset[:] + np.uint64(number << 32)})
                    else:
                        copy.append_chunks(name, dataset)
            copy.attributes["tagware"] = json.dumps(json.loads(file.attrs["tagware"]) | {"n_jets": n_jets})
    return path


def datasets(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """All those in a group and in its groups."""
    for item in group.values():
        if isinstance(item, h5py.Dataset):
            yield item.name, item
        else:
            yield from datasets(item)


def train_teacher(path: Path, out: Path, architecture: str, steps: int | None) -> None:
    """One epoch of a torch architecture."""
    import lightning

    from models.registry import architecture as find
    from models.training import TrainConfig, train

    limits = {"limit_train_batches": steps, "limit_val_batches": steps}
    lightning.Trainer = partial(lightning.Trainer, **limits)
    train(architecture, find(architecture).config_class(), path, TrainConfig(epochs=1), out)


def store_outputs(path: Path, taught: Path, out: Path) -> None:
    """What a teacher that was taught with other jets says of all of them, once."""
    from compress.teach import teach
    from models.tagger import Tagger

    answers = out / f"outputs_{path.stem}.h5"
    if not answers.exists():
        train_teacher(taught, out / "teacher", "gru", None)
        teach(Tagger.load(out / "teacher"), JetsFile(path), answers)


def train_student(path: Path, out: Path) -> None:
    """One epoch of each phase of a student's training."""
    from compress.distil import DistilConfig
    from flow.project import CompressSection
    from flow.steps import distil_student
    from models.students.feed_forward import ParticleSpec

    section = CompressSection(distil=DistilConfig(float_epochs=1, quantized_epochs=1))
    spec, folder = ParticleSpec("deep_sets", n_constituents=20, particle=(8,)), out / f"student_{path.stem}"
    shutil.rmtree(folder, ignore_errors=True)  # a finished one would not be trained again
    distil_student(spec, section, path, [out / f"outputs_{path.stem}.h5"], folder)


def main() -> None:
    """Print a row for each number of jets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/memory"))
    parser.add_argument("--jets", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=50_000, metavar="JETS")
    parser.add_argument("--architecture", default="gru")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--student", action="store_true")
    options = parser.parse_args()
    if options.repeat % CHUNK:
        parser.error(f"--repeat takes a multiple of {CHUNK}")
    before: tuple[int, float] | None = None
    print("jets in the file | peak MB | kB a training jet more", flush=True)
    for n_jets in options.jets:
        path = repeated(options.out, n_jets, options.repeat)
        if options.student:
            taught = repeated(options.out, 2 * options.repeat, options.repeat)
            apart(partial(store_outputs, path, taught, options.out))
            _, peak = apart(partial(train_student, path, options.out))
        else:
            folder = options.out / f"{options.architecture}_{n_jets}"
            _, peak = apart(partial(train_teacher, path, folder, options.architecture, options.steps))
        more = (
            "" if before is None else f"{1024 * (peak - before[1]) / (SPLIT_FRACTIONS[0] * (n_jets - before[0])):.1f}"
        )
        before = n_jets, peak
        print(f"{n_jets:,} | {peak:.0f} | {more}", flush=True)


if __name__ == "__main__":
    main()
