"""What contrastive pre-training on re-simulated views gives: AUC by labels, and the shift of scores by view.

python benchmarks/resimulation.py --out build/resimulation [--views FILE] [--partons 4000] [--labels 1000] [--epochs 40]

Simulates top and QCD jets in five views (or takes those of a jets file with views), pre-trains RS3L on their training
split, and trains it on the packaged sample from scratch, fine-tuned, and with its body kept as it was pre-trained. AUC
is on the sample's test jets, shifts (arXiv:2403.07066) on the test split of the views, of the probability of top.
What is in OUT already is not made again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from jets.dataset import JetsFile
from jets.metrics import Measure, auc
from jets.samples import sample_path
from jets.shifts import score_shifts
from jets.simulate import SimulateConfig, simulate
from jets.simulate.views import SHOWERS
from models.registry import architecture
from models.tagger import Tagger
from models.training import PretrainConfig, TrainConfig, pretrain, train

NAME = "rs3l"


def views_file(path: Path, partons: int) -> Path:
    """Top and QCD jets in every view, simulated unless they are there."""
    config = SimulateConfig(n_per_class=partons // 2, n_constituents=20, views=tuple(SHOWERS), seed=5)
    return path if path.exists() else simulate(config, path)


def row(name: str, labels: int, tagger: Tagger, views: Path) -> str:
    """One line of the table."""
    test = JetsFile(sample_path("top_qcd")).read("test")
    cells = [name, str(labels), text(auc(tagger.predict(test)[:, 0], test.labels))]
    jets = JetsFile(views).read("test")
    probability = 1 / (1 + np.exp(-tagger.predict(jets)[:, 0].astype(float)))
    shifts = score_shifts(probability, jets, np.random.default_rng(1))
    return " | ".join(cells + [f"{shift.jet_class} {shift.view} {text(shift.distance)}" for shift in shifts])


def text(measure: Measure) -> str:
    """Value and error."""
    return f"{measure.value:.4f} ± {measure.error:.4f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/resimulation"))
    parser.add_argument("--views", type=Path)
    parser.add_argument("--partons", type=int, default=4000)
    parser.add_argument("--labels", type=int, nargs="+", default=[1000])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--pretrain-epochs", type=int, default=20)
    parser.add_argument("--backbone-rate", type=float, default=1.0, help="of the fine-tuned one")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    views = options.views or views_file(options.out / "views.h5", options.partons)
    config, begun = architecture(NAME).config_class(), time.perf_counter()
    how = PretrainConfig(epochs=options.pretrain_epochs, patience=options.pretrain_epochs)
    start = pretrain(NAME, config, views, how, options.out / "pretrained")
    print(f"pre-training: {start.provenance['epochs']} epochs, {time.perf_counter() - begun:.0f} s", flush=True)
    for labels in options.labels:
        for name, rate in (("scratch", None), ("fine-tuned", options.backbone_rate), ("frozen body", 0.0)):
            how_tuned = TrainConfig(
                epochs=options.epochs,
                patience=10,
                max_jets=labels,
                batch_size=64,
                backbone_rate=1.0 if rate is None else rate,
            )
            folder = options.out / f"{name}_{labels}".replace(" ", "_")
            done, begins = (folder / "tagger.json").is_file(), None if rate is None else start
            tagger = (
                Tagger.load(folder) if done else train(NAME, config, sample_path("top_qcd"), how_tuned, folder, begins)
            )
            print(row(name, labels, tagger, views), flush=True)


if __name__ == "__main__":
    main()
