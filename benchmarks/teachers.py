"""AUC, accuracy and background rejection of the torch taggers on a packaged sample, by the labels they had.

python benchmarks/teachers.py --out build/teachers [--sample top_qcd] [--labels 1000 10000 0] [--threads 2] [names]

Each is trained from scratch and, where it has a pre-training, fine-tuned from its own (made once, from all training
jets); 0 labels means all. What is done already in --out is not done again.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from jets.dataset import Jets, JetsFile
from jets.metrics import Measure, accuracy, auc, background_rejection
from jets.samples import sample_path
from models.registry import architecture
from models.tagger import Tagger
from models.training import PretrainConfig, TrainConfig, pretrain, train

NAMES = (
    "gru", "lstm", "particle_transformer", "particle_net", "pet", "omnilearned", "masked_particle", "omnijet"
)  # fmt: skip
HEAD = "tagger | start | labels | parameters | AUC | accuracy | 1/eps_B at 0.3 | at 0.5 | epochs | s"


@dataclass(frozen=True)
class Bench:
    """The jets file, its test jets, where taggers go, and how long each is trained."""

    jets_file: Path
    test: Jets
    out: Path
    epochs: int
    pretrain_epochs: int
    backbone_rate: float

    def run(self, name: str, labels: list[int]) -> None:
        """Train one architecture in every way and print its rows."""
        design = architecture(name)
        config = design.config_class()
        starts: dict[str, Tagger | None] = {"scratch": None}
        if design.pretraining is not None and self.pretrain_epochs > 0:
            begun = time.perf_counter()
            how = PretrainConfig(epochs=self.pretrain_epochs, patience=self.pretrain_epochs)
            starts["pre-trained"] = pretrain(name, config, self.jets_file, how, self.out / name / "pretrained")
            print(f"{name} | pre-training | | | | | | | {how.epochs} | {time.perf_counter() - begun:.0f}", flush=True)
        for start, tagger in starts.items():
            for count in labels:
                begun = time.perf_counter()
                folder = self.out / name / f"{start}_{count}"
                trained = train(name, config, self.jets_file, self._how(count, tagger), folder, tagger)
                cells = [name, start, f"{count or trained.provenance['jets_per_split']['train']:,}"]
                print(self._row(cells, trained, time.perf_counter() - begun), flush=True)

    def _how(self, labels: int, start: Tagger | None) -> TrainConfig:
        """Few labels are seen more often, in smaller batches; a backbone that knows something learns more slowly."""
        passes = self.epochs if labels == 0 else min(10 * self.epochs, self.epochs * max(1, 20_000 // labels))
        return TrainConfig(
            epochs=passes,
            patience=max(5, passes // 4),
            max_jets=labels or None,
            batch_size=256 if labels == 0 else max(32, min(256, labels // 16)),
            learning_rate=3e-3 if start is None else 1e-3,
            backbone_rate=1.0 if start is None else self.backbone_rate,
        )

    def _row(self, cells: list[str], tagger: Tagger, seconds: float) -> str:
        """One line of the table, measured on the test jets."""
        scores, truth = tagger.predict(self.test)[:, 0], self.test.labels
        measures = [auc(scores, truth), accuracy(scores > 0, truth == 1)]
        measures += [background_rejection(scores, truth, at) for at in (0.3, 0.5)]
        epochs = tagger.provenance["epochs"]
        return " | ".join([*cells, f"{tagger.n_parameters:,}", *map(_text, measures), f"{epochs}", f"{seconds:.0f}"])


def _text(measure: Measure) -> str:
    digits = 4 if measure.value < 1 else 0
    return f"{measure.value:.{digits}f} ± {measure.error:.{digits}f}"


def main() -> None:
    """Train each tagger with the default sizes and print its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sample", default="top_qcd")
    parser.add_argument("--labels", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=TrainConfig.epochs)
    parser.add_argument("--pretrain-epochs", type=int, default=10)
    parser.add_argument("--backbone-rate", type=float, default=0.3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    path = sample_path(options.sample)
    how = (options.epochs, options.pretrain_epochs, options.backbone_rate)
    bench = Bench(path, JetsFile(path).read("test"), options.out, *how)
    print(HEAD, flush=True)
    for name in options.names:
        bench.run(name, options.labels)


if __name__ == "__main__":
    main()
