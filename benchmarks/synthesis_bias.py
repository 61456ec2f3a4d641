"""LUT of the network 16-64-32-32-5 for the hls4ml LHC jets, against its EBOPs and against alkaid's estimate.

    python benchmarks/synthesis_bias.py FOLDER --ebops-weight 5e-5

trains a student with learnt bits on the packaged five-class jets (16 high-level features) for each weight of its EBOPs
in the loss, emits it, maps it with Yosys for UltraScale+ without DSP slices, and prints the table of docs/synthesis.md.
Published of such networks: EBOPs are about LUT + 55 DSP after place and route (arXiv:2405.00645).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.fit import Phase, Split, fit
from compress.objective import LossConfig, Objective, pack
from compress.quantize.budget import Budget
from hls.convert import convert_student
from hls.convert.graph import build_graph
from hls.convert.plan import plan_layers
from hls.estimate import ebops
from hls.project import HlsConfig
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit
from hls.synth import SynthConfig, synthesize
from jets.dataset import JetsFile
from jets.samples import sample_path
from models.keras_start import start_keras
from models.students.exact.fixed_point import FixedPoint

FEATURES, CLASSES = 16, 5
INPUT, WEIGHT, BIAS = FixedPoint(5, 3), FixedPoint(4, 1), FixedPoint(6, 2)
ACTIVATION, OUTPUT = FixedPoint(4, 2, False), FixedPoint(12, 6)
SEED = 1


@dataclass(frozen=True)
class Row:
    """One network: what it can do, what it should cost, and what it costs."""

    accuracy: float
    zeros: float
    ebops: float
    cost: float
    luts: int
    sites: int
    ff: int
    stages: int
    fmax_mhz: float

    def line(self) -> str:
        """The row of the table in the documentation."""
        numbers = (self.ebops, self.cost, self.luts, self.sites, self.ff, self.stages)
        ratios = (self.luts / self.ebops, self.sites / self.ebops, self.luts / self.cost, self.sites / self.cost)
        cells = [f"{self.accuracy:.3f}", f"{self.zeros:.2f}", *(f"{number:,.0f}" for number in numbers)]
        return f"| {' | '.join([*cells, *(f'{ratio:.2f}' for ratio in ratios), f'{self.fmax_mhz:.0f}'])} |"


def network(dense: Sequence[int]) -> Any:
    """The student with learnt bits, features (n_jets, 16) -> logits (n_jets, 5)."""
    import keras

    from models.students.exact.layers import ExactCast, ExactDense

    keras.utils.set_random_seed(SEED)
    inputs = keras.Input((FEATURES,), name="features")
    x = ExactCast({"result": INPUT}, learn_bits=True, name="features_q")(inputs)
    for place, width in enumerate((*dense, CLASSES)):
        x = ExactDense(width, {"weight": WEIGHT, "bias": BIAS}, learn_bits=True, name=f"dense_{place}")(x)
        last = place == len(dense)
        x = ExactCast({"result": OUTPUT if last else ACTIVATION}, learn_bits=not last, name=f"cast_{place}")(x)
    return keras.Model(inputs, x, name="jet_mlp")


def splits() -> dict[str, Split]:
    """Standardised features and labels of the packaged jets."""
    file = JetsFile(sample_path("five_class"))
    parts = {name: file.read(name) for name in ("train", "validation", "test")}
    start = parts["train"].high_level
    assert start is not None
    mean, deviation = start.mean(axis=0), start.std(axis=0)

    def split(part: Any) -> Split:
        features = ((part.high_level - mean) / deviation).astype(np.float32)
        return Split(features, pack(part.labels, np.ones(len(part.labels))), part.labels)

    return {name: split(part) for name, part in parts.items()}


def measure(data: dict[str, Split], ebops_weight: float, options: argparse.Namespace) -> Row:
    """Train, check against C simulation, emit, map."""
    from compress.quantize import exact_cost

    model, config = network(options.dense), HlsConfig(name="jet_mlp")
    budget = Budget(model, exact_cost.cost, exact_cost.ebops, None, ebops_weight)
    objective = Objective(LossConfig(logits="cross_entropy"), CLASSES, budget)
    phase = Phase("learnt bits", options.epochs, 5e-3, batch_size=256, patience=options.epochs, seed=SEED)
    folder = options.folder / f"{ebops_weight:g}"
    fit(model, data["train"], data["validation"], objective, phase, folder / "curve.csv")
    test = data["test"]
    accuracy = float(np.mean(np.argmax(model.predict(test.inputs, verbose=0), axis=1) == test.labels))
    convert_student(model, config, folder / "firmware", "benchmark", test.inputs)
    graph = build_graph(model, plan_layers(model, config), config, folder / "unused")
    design = emit(trace(graph), config.name, RtlConfig())
    (mapped,) = synthesize(design, SynthConfig(), folder / "synthesis").mapped
    assert mapped.timing is not None
    weights = weights_of(model, options.dense)
    return Row(
        accuracy=accuracy,
        zeros=float(np.mean(weights == 0)),
        ebops=ebops(graph),
        cost=sum(unit.cost for unit in mapped.units),
        luts=mapped.resources.lut,
        sites=mapped.combined_luts,
        ff=mapped.resources.ff,
        stages=design.latency_cycles,
        fmax_mhz=mapped.timing.fmax_mhz,
    )


def weights_of(model: Any, dense: Sequence[int]) -> NDArray[np.float64]:
    """Every weight of the firmware but the biases."""
    layers = [layer for layer in model.layers if "weight" in getattr(layer, "quantizers", {})]
    assert [layer.constants()["weight"].shape for layer in layers] == list(pairwise((FEATURES, *dense, CLASSES)))
    return np.concatenate([layer.constants()["weight"].ravel() for layer in layers])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ebops-weight", type=float, nargs="+", default=(5e-5,))
    parser.add_argument("--dense", type=int, nargs="+", default=(64, 32, 32), metavar="WIDTH")
    parser.add_argument("--epochs", type=int, default=50)
    options = parser.parse_args(arguments)
    start_keras()
    data = splits()
    columns = "accuracy | zeros | EBOPs | cost | LUT | sites | FF | stages | LUT/EBOPs | sites/EBOPs | LUT/cost"
    print(f"| {columns} | sites/cost | MHz |\n|{'---|' * 13}")
    for weight in options.ebops_weight:
        print(measure(data, weight, options).line(), flush=True)


if __name__ == "__main__":
    main()
