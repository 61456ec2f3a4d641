"""What it brings to ask the teacher again and again about augmented jets, where there are few of them.

    python benchmarks/augmented_jets.py --teacher TAGGER_FOLDER --folder OUT --page docs/distillation.md

trains the QKeras GRU on a few of the training jets of top_qcd, a fifth as many choosing the epoch, from the teacher's
stored outputs, and from a teacher that is asked in every epoch about the jets mirrored, turned and smeared. Both have
the same jets, first weights and epochs; the test split is the whole one. Printed, and written to `augmented_jets.json`
in the folder and with --page between the markers of a page. A run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from distillation_gain import NUMBERS, Scores, numbers, paired, teacher_outputs
from numpy.typing import NDArray

from compress.distil import DistilConfig, distil
from compress.online import Online
from compress.quantize.qkeras import Bits
from hls.tables import Table, replace_table
from jets.augment import Augmentation
from jets.dataset import JetsFile, JetsWriter
from jets.files import claim_folder, write_json
from jets.samples import sample_path
from models.keras_start import start_keras
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger

SEEN: Mapping[str, Augmentation | None] = {
    "stored outputs": None,
    "augmented jets": Augmentation(rotate=True, reflect=True, smear_pt=0.1, smear_angle_gev=0.1),
}
STORED = "stored outputs"


def few_jets(source: JetsFile, n_train: int, path: Path) -> JetsFile:
    """So many of the training jets and a fifth as many of the validation jets, in a file of their own."""
    if not path.is_file():
        with JetsWriter(path) as writer:
            for split, n_jets in (("train", n_train), ("validation", n_train // 5)):
                jets = source.read(split)
                writer.append(jets[np.sort(np.random.default_rng(1).permutation(len(jets))[:n_jets])])
    return JetsFile(path)


def students(options: argparse.Namespace, few: JetsFile) -> dict[str, list[Path]]:
    """The folders of the quantized students of every way, seed by seed."""
    teacher = Tagger.load(options.teacher)
    outputs = teacher_outputs(options.teacher, few, options.folder)
    float_epochs, quantized_epochs = options.epochs
    config = DistilConfig(
        float_epochs=float_epochs, quantized_epochs=quantized_epochs, batch_size=128, patience=float_epochs
    )
    folders: dict[str, list[Path]] = {way: [] for way in SEEN}
    for seed in options.seeds:
        for number, (way, seen) in enumerate(SEEN.items()):
            online = None if seen is None else Online(seen, teacher)
            out = options.folder / f"seed_{seed}" / f"{number}"
            distil(RecurrentSpec(), Bits(), few, outputs, dataclasses.replace(config, seed=seed), out, online=online)
            folders[way].append(out / "quantized")
    return folders


def table(scores: Mapping[str, list[Scores]], labels: NDArray[np.int16]) -> Table:
    """AUC and 1/eps_B of every way, averaged over the seeds, and what each has above the stored outputs, paired."""
    rows = []
    for way, values in scores.items():
        area, *logarithms = np.mean([numbers(one, labels) for one in values], axis=0)
        row = [way, f"{area:.4f}", *(f"{np.exp(value):.0f}" for value in logarithms)]
        gains = paired(list(zip(values, scores[STORED], strict=True)), labels)
        rows.append((*row, *(_gain(name, gains[name]) if way != STORED else "" for name in NUMBERS)))
    points = ("1/ε_B at 0.3", "at 0.5")
    return Table(("the student learns from", "AUC", *points, "AUC gained", *(f"{p}, %" for p in points)), tuple(rows))


def _gain(name: str, gain: Mapping[str, float]) -> str:
    scale, digits = (1, 4) if name == "AUC" else (100, 0)
    return f"{scale * gain['mean']:+.{digits}f} ± {scale * gain['error']:.{digits}f}".replace("-", "−")


def run(options: argparse.Namespace) -> None:
    """Train what is missing, measure everything, print and write it."""
    start_keras()
    claim_folder(options.folder)
    source = JetsFile(sample_path("top_qcd"))
    few = few_jets(source, options.n_train, options.folder / "few.h5")
    folders = students(options, few)
    jets = source.read("test")
    scores = {way: [Tagger.load(one).predict(jets)[:, 0] for one in found] for way, found in folders.items()}
    teacher = numbers(Tagger.load(options.teacher).predict(jets)[:, 0], jets.labels)
    text = (
        f"{options.n_train:,} training jets, {len(jets):,} test jets, seeds {', '.join(map(str, options.seeds))}. The "
        f"teacher: AUC {teacher[0]:.4f}, 1/ε_B {np.exp(teacher[1]):.0f} and {np.exp(teacher[2]):.0f}.\n\n"
        f"{table(scores, jets.labels).markdown()}\n"
    )
    print(text)
    found = {way: [dict(zip(NUMBERS, numbers(one, jets.labels), strict=True)) for one in scores[way]] for way in SEEN}
    gains = {way: paired(list(zip(scores[way], scores[STORED], strict=True)), jets.labels) for way in SEEN}
    write_json(options.folder / "augmented_jets.json", {"jets": few.checksum, "students": found, "gains": gains})
    if options.page:
        replace_table(options.page, text)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True, help="the teacher's Tagger folder")
    parser.add_argument("--folder", type=Path, required=True, help="where jets, students and results go")
    parser.add_argument("--n-train", type=int, default=2000, help="training jets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, nargs=2, default=[40, 10], metavar=("FLOAT", "QUANTIZED"))
    parser.add_argument("--page", type=Path, help="a page with report markers that gets the table")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
