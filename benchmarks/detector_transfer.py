"""How many jets of a new detector a tagger of another detector saves: the learning curve from both starts.

python benchmarks/detector_transfer.py --out build/transfer [--before none] [--after cms] [--n-per-class 5000] \
    [--architecture gru] [--seeds 3]

Simulates top and QCD jets with two detector cards, trains on the first, then on 1, 3, 10, 30 and 100 % of the training
jets of the second, from scratch and from there, and prints the AUC on its test jets (mean and standard error over
seeds, which draw weights and jets) and how many times the jets a training from scratch would have needed. What is in
OUT already is not made again.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from jets.dataset import JetsFile
from jets.learning_curve import saving_factor
from jets.metrics import Measure, auc
from jets.simulate import SimulateConfig, simulate
from models.registry import architecture
from models.tagger import Tagger
from models.training import TrainConfig, train

PERCENT = (1, 3, 10, 30, 100)


@dataclass(frozen=True)
class Transfer:
    """Where taggers and jets go, what is trained, and how often."""

    out: Path
    architecture: str
    n_per_class: int
    seeds: int
    backbone_rate: float
    steps: int

    def jets(self, card: str, seed: int) -> JetsFile:
        """The jets of a detector card, simulated unless they are there."""
        path = self.out / f"{Path(card).stem}.h5"
        config = SimulateConfig(n_per_class=self.n_per_class, n_constituents=20, detector=card, seed=seed)
        return JetsFile(path if path.exists() else simulate(config, path))

    def train(self, file: JetsFile, labels: int, seed: int, start: Tagger | None, name: str) -> Tagger:
        """A tagger from so many labels."""
        batch = max(16, min(256, labels // 8))
        epochs = max(5, self.steps * batch // labels)
        how = TrainConfig(
            epochs=epochs, patience=max(5, epochs // 4), max_jets=labels, batch_size=batch, seed=seed,
            backbone_rate=1.0 if start is None else self.backbone_rate,
        )  # fmt: skip
        folder = self.out / f"{name}_{labels}_{seed}"
        if (folder / "tagger.json").is_file():
            return Tagger.load(folder)
        return train(self.architecture, architecture(self.architecture).config_class(), file.path, how, folder, start)

    def curves(self, before: JetsFile, after: JetsFile) -> tuple[list[int], list[Measure], list[Measure]]:
        """Labels, and the AUC from scratch and from the first detector."""
        n_before, n_after = (len(file.read("train")) for file in (before, after))
        test = after.read("test")
        labels = sorted({max(16, n_after * percent // 100) for percent in PERCENT})
        areas = np.zeros((2, len(labels), self.seeds))
        for seed in range(self.seeds):
            start = self.train(before, n_before, 1 + seed, None, "before")
            for place, count in enumerate(labels):
                for which, (name, given) in enumerate((("scratch", None), ("tuned", start))):
                    tagger = self.train(after, count, 1 + seed, given, name)
                    areas[which, place, seed] = auc(tagger.predict(test)[:, 0], test.labels).value
        scratch, tuned = ([_mean(values) for values in curve] for curve in areas)
        return labels, scratch, tuned


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Measure:
    return Measure(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def main() -> None:
    """Print the curves and what is saved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/transfer"))
    parser.add_argument("--before", default="none")
    parser.add_argument("--after", default="cms")
    parser.add_argument("--architecture", default="gru")
    parser.add_argument("--n-per-class", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backbone-rate", type=float, default=0.3)
    parser.add_argument("--steps", type=int, default=300, help="of a training, in five epochs at least")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    how = (options.architecture, options.n_per_class, options.seeds, options.backbone_rate, options.steps)
    transfer = Transfer(options.out, *how)
    files = transfer.jets(options.before, 1), transfer.jets(options.after, 2)
    labels, scratch, tuned = transfer.curves(*files)
    print("jets | from scratch | fine-tuned | jets saved, a factor", flush=True)
    for count, alone, helped in zip(labels, scratch, tuned, strict=True):
        saving = saving_factor(labels, scratch, helped, count)
        factor = f"> {saving.value:.1f}" if saving.is_lower_bound else f"{saving.value:.1f} ± {saving.error:.1f}"
        areas = [f"{area.value:.4f} ± {area.error:.4f}" for area in (alone, helped)]
        print(" | ".join([f"{count}", *areas, factor]), flush=True)


if __name__ == "__main__":
    main()
