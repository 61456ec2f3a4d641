"""AUC, accuracy and background rejection of the torch taggers on a packaged sample, by the labels they had.

python benchmarks/teachers.py --out build/teachers [--sample top_qcd] [--labels 1000 10000 0] [--threads 2] [names]

Each is trained from scratch and, where it has a pre-training, fine-tuned from its own (made once, from
--pretrain-jets or all training jets); 0 labels means all.

python benchmarks/teachers.py --throughput [--threads 1] [--batch 64]

measures training steps of our PET and of the omnilearned package's network at the package's small size, in turn, with
the peak memory of a process that does nothing else.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

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
    pretrain_jets: int | None
    backbone_rate: float

    def run(self, name: str, labels: list[int]) -> None:
        """Train one architecture in every way and print its rows."""
        design = architecture(name)
        config = design.config_class()
        starts: dict[str, Tagger | None] = {"scratch": None}
        if design.pretraining is not None and self.pretrain_epochs > 0:
            begun = time.perf_counter()
            how = PretrainConfig(
                epochs=self.pretrain_epochs, patience=self.pretrain_epochs, max_jets=self.pretrain_jets
            )
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


SMALL = {"n_constituents": 32, "neighbours": 10, "width": 128, "heads": 8, "blocks": 8}
THROUGHPUT = {"pet": SMALL, "omnilearned": SMALL | {"tokens": 4, "head_blocks": 2}}
WARM_UP_STEPS, STEPS, ROUNDS = 2, 6, 3


def steps(name: str, batch: int, threads: int, answer: Any) -> None:
    """Train on random jets of 32 constituents; sends parameters, jets a second and the peak memory in MB."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    design = architecture(name)
    network = design.build(design.config_class(**THROUGHPUT[name]), 1).train()
    features = torch.randn(batch, 32, 13)
    given = {"features": features, "jet": torch.randn(batch, 4), "mask": torch.ones(batch, 32, dtype=torch.bool)}
    if name == "omnilearned":
        given = {"data": features[..., :4], "pid": torch.randint(1, 9, (batch, 32))}
    learning = [weights for weights in network.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(learning, 1e-4)
    begun = 0.0
    for step in range(WARM_UP_STEPS + STEPS):
        if step == WARM_UP_STEPS:
            begun = time.perf_counter()
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(network(**given)[:, 0], torch.arange(batch) % 2.0).backward()
        optimizer.step()
    rate = STEPS * batch / (time.perf_counter() - begun)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.put((sum(weights.numel() for weights in learning), rate, memory))


def throughput(batch: int, threads: int) -> None:
    """Print the median of some rounds, each network in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answers: dict[str, list[tuple[int, float, float]]] = {name: [] for name in THROUGHPUT}
    for _ in range(ROUNDS):
        for name, found in answers.items():
            answer = context.Queue()
            process = context.Process(target=steps, args=(name, batch, threads, answer))
            process.start()
            found.append(answer.get())
            process.join()
    print("network | parameters | jets/s | of each round | peak MB", flush=True)
    for name, found in answers.items():
        parameters, rates, memory = zip(*found, strict=True)
        each = ", ".join(f"{rate:.0f}" for rate in rates)
        print(f"{name} | {parameters[0]:,} | {statistics.median(rates):.0f} | {each} | {max(memory):.0f}", flush=True)


def main() -> None:
    """Train each tagger with the default sizes and print its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--out", type=Path, default=Path("build/teachers"))
    parser.add_argument("--throughput", action="store_true")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--sample", default="top_qcd")
    parser.add_argument("--labels", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=TrainConfig.epochs)
    parser.add_argument("--pretrain-epochs", type=int, default=10)
    parser.add_argument("--pretrain-jets", type=int, default=None)
    parser.add_argument("--backbone-rate", type=float, default=0.3)
    options = parser.parse_args()
    if options.throughput:
        throughput(options.batch, options.threads)
        return
    torch.set_num_threads(options.threads)
    path = sample_path(options.sample)
    how = (options.epochs, options.pretrain_epochs, options.pretrain_jets, options.backbone_rate)
    bench = Bench(path, JetsFile(path).read("test"), options.out, *how)
    print(HEAD, flush=True)
    for name in options.names:
        bench.run(name, options.labels)


if __name__ == "__main__":
    main()
