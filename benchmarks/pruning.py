"""What pruning takes from a student: accuracy, zeros, EBOPs and look-up tables of a pruned five-class MLP.

    python benchmarks/pruning.py OUT --weights 0 0.5 0.75 --neurons 0.5

trains the QKeras MLP of the 16 features on the packaged five-class jets, labels only, once for every share of weights
and once for every share of neurons, and prints a Markdown table; with --synthesize also what Yosys counts for
UltraScale+, which takes a minute a row. A run in the same folder goes on where it stopped.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compress.distil import DistilConfig, distil
from compress.objective import LossConfig
from compress.prune import PruneConfig
from compress.quantize.qkeras import Bits
from flow.hardware import emit_rtl, synthesize_rtl
from hls.project import HlsConfig
from hls.rtl.config import RtlConfig
from hls.synth import SynthConfig
from hls.tables import count
from jets.dataset import JetsFile
from jets.files import claim_folder
from jets.metrics import accuracy
from jets.samples import sample_path
from models.keras_start import start_keras
from models.students.feed_forward import MlpSpec
from models.tagger import Tagger

HEAD = "| pruned | zeros | EBOPs | LUT | accuracy |\n| --- | ---: | ---: | ---: | ---: |"


def prunings(options: argparse.Namespace) -> Iterator[tuple[str, PruneConfig]]:
    """What is pruned, in words and as it is asked for."""
    for share in options.weights:
        yield (f"{share:.0%} of the weights" if share else "nothing"), PruneConfig(weights=share)
    for share in options.neurons:
        yield f"{share:.0%} of the neurons", PruneConfig(neurons=share)


def look_up_tables(student: Path, folder: Path) -> int:
    """What Yosys counts for the RTL of a student."""
    emit_rtl(student, HlsConfig(name="pruned"), RtlConfig(), folder / "design")
    (row, *_) = synthesize_rtl(folder / "design", SynthConfig(), folder / "synthesis").hardware
    assert row.lut is not None
    return row.lut


def line(name: str, student: Tagger, jets: JetsFile, lut: int | None) -> str:
    """A row of the table."""
    quantization: dict[str, Any] = dict(student.quantization or {})
    weights = [tensor for tensor in quantization["tensors"].values() if "size" in tensor]
    zeros = sum(tensor["zeros"] * tensor["size"] for tensor in weights) / sum(tensor["size"] for tensor in weights)
    test = jets.read("test")
    right = accuracy(student.predict(test).argmax(axis=1), test.labels)
    return (
        f"| {name} | {zeros:.0%} | {quantization['ebops']:,} | {count(lut)} | {right.value:.4f} ± {right.error:.4f} |"
    )


def main() -> None:
    """Train, synthesise and print one row for each pruning."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=float, nargs="*", default=[0.0, 0.5, 0.75], metavar="SHARE")
    parser.add_argument("--neurons", type=float, nargs="*", default=[0.5], metavar="SHARE")
    parser.add_argument("--dense", type=int, nargs="+", default=[16, 8], metavar="WIDTH")
    parser.add_argument("--epochs", type=int, default=20, help="with quantized tensors, after as many without")
    parser.add_argument("--synthesize", action="store_true", help="count look-up tables with Yosys")
    options = parser.parse_args()
    start_keras()
    jets, spec = JetsFile(sample_path("five_class")), MlpSpec(dense=tuple(options.dense))
    loss = LossConfig(logits="cross_entropy")
    config = DistilConfig(loss, options.epochs, options.epochs, batch_size=128, quantized_learning_rate=2e-3)
    print(HEAD, flush=True)
    folders = []
    for name, prune in prunings(options):
        folders.append(folder := options.out / name.replace(" ", "_").replace("%", ""))
        if not folder.exists() and len(folders) > 1:  # one float student for all
            shutil.copytree(folders[0] / "float", claim_folder(folder) / "float")
        student = distil(spec, Bits(), jets, None, config, folder, prune)
        lut = look_up_tables(folder / "quantized", folder) if options.synthesize else None
        print(line(name, student, jets, lut), flush=True)


if __name__ == "__main__":
    main()
