"""AUC and background rejection of the torch taggers on a packaged sample, and what their training costs.

python benchmarks/teachers.py --out build/teachers [--sample top_qcd] [--threads 2] [gru lstm particle_transformer]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from jets.dataset import Jets, JetsFile
from jets.metrics import Measure, auc, background_rejection
from jets.samples import sample_path
from models.registry import architecture
from models.tagger import Tagger
from models.training import TrainConfig, train

NAMES = ("gru", "lstm", "particle_transformer")


def row(tagger: Tagger, jets: Jets, seconds: float, processor_seconds: float) -> str:
    """One line of the table, measured on these jets."""
    scores = tagger.predict(jets)[:, 0]
    measures = [auc(scores, jets.labels), *(background_rejection(scores, jets.labels, at) for at in (0.3, 0.5))]
    epochs = tagger.provenance["epochs"]
    cells = [tagger.architecture, f"{tagger.n_parameters:,}", *map(_text, measures)]
    return " | ".join([*cells, f"{epochs}", f"{seconds:.0f}", f"{processor_seconds:.0f}"])


def _text(measure: Measure) -> str:
    return (
        f"{measure.value:.4f} ± {measure.error:.4f}"
        if measure.value < 1
        else f"{measure.value:.0f} ± {measure.error:.0f}"
    )


def main() -> None:
    """Train each tagger with the default settings and print its row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sample", default="top_qcd")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=TrainConfig.epochs)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    path = sample_path(options.sample)
    jets = JetsFile(path).read("test")
    print("tagger | parameters | AUC | 1/eps_B at 0.3 | at 0.5 | epochs | wall s | processor s", flush=True)
    for name in options.names:
        start, processor = time.perf_counter(), time.process_time()
        config = TrainConfig(epochs=options.epochs)
        tagger = train(name, architecture(name).config_class(), path, config, options.out / name)
        print(row(tagger, jets, time.perf_counter() - start, time.process_time() - processor), flush=True)


if __name__ == "__main__":
    main()
