"""Tagging of b, c and light jets by their tracks: the flavour identifiers of arXiv:2207.00559 on our simulation.

python benchmarks/flavour.py --out build/flavour [--n-per-class 8000] [--epochs 20] [--detector light] [gru lstm]

Jets of 100 to 200 GeV, R = 0.4, with impact parameters; 15 tracks of six features, 120 units. Prints accuracy and AUC
on the test jets, and those of the same network on the hardest 15 constituents without impact parameters. What is in
OUT already is not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch

from jets.dataset import JetsFile
from jets.metrics import accuracy, auc, auc_of_logits
from jets.simulate import SimulateConfig, simulate
from models.registry import architecture
from models.tagger import Tagger
from models.training import TrainConfig, train

CLASSES = ("b", "c", "light")


def jets_file(path: Path, n_per_class: int, detector: str) -> JetsFile:
    """Flavoured jets, simulated unless they are there."""
    config = SimulateConfig(
        CLASSES, n_per_class, (100.0, 200.0), jet_radius=0.4, n_constituents=40, detector=detector,
        impact_parameters=True,
    )  # fmt: skip
    return JetsFile(path if path.exists() else simulate(config, path))


def main() -> None:
    """Print a row for each cell and input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", nargs="*", default=["gru", "lstm"])
    parser.add_argument("--out", type=Path, default=Path("build/flavour"))
    parser.add_argument("--n-per-class", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--detector", default="light")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    file = jets_file(options.out / "jets.h5", options.n_per_class, options.detector)
    test = file.read("test")
    print("cell | input | parameters | accuracy | AUC, mean of classes | b against light | b against c", flush=True)
    for cell in options.cells:
        published = architecture(cell).preset("flavour")
        for sequence in ("tracks", "constituents"):
            config = dataclasses.replace(published, sequence=sequence)
            folder = options.out / f"{cell}_{sequence}"
            done = (folder / "tagger.json").is_file()
            how = TrainConfig(epochs=options.epochs)
            tagger = Tagger.load(folder) if done else train(cell, config, file.path, how, folder)
            logits = tagger.predict(test)
            measures = [accuracy(logits.argmax(axis=1), test.labels), auc_of_logits(logits, test.labels)]
            for other in (2, 1):
                pair = (test.labels == 0) | (test.labels == other)
                measures.append(auc((logits[:, 0] - logits[:, other])[pair], test.labels[pair] == 0))
            numbers = [f"{measure.value:.4f} ± {measure.error:.4f}" for measure in measures]
            print(" | ".join([cell, sequence, f"{tagger.n_parameters:,}", *numbers]), flush=True)


if __name__ == "__main__":
    main()
