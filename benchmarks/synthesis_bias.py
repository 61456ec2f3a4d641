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

import jets
from compress.fit import Phase, Split, fit
from compress.objective import LossConfig, Objective, pack
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
from models.keras_start import start_keras
from models.students.exact.fixed_point import FixedPoint

SAMPLE = Path(jets.__file__).with_name("samples") / "five_class.h5"
WIDTHS = (16, 64, 32, 32, 5)
INPUT, WEIGHT, BIAS = FixedPoint(5, 3), FixedPoint(4, 1), FixedPoint(6, 2)
ACTIVATION, OUTPUT = FixedPoint(4, 2, False), FixedPoint(12, 6)
PHASE = Phase("learnt bits", epochs=50, learning_rate=5e-3, batch_size=256, patience=50, seed=1)


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


def network() -> Any:
    """The student with learnt bits, features (n_jets, 16) -> logits (n_jets, 5)."""
    import keras

    from models.students.exact.layers import ExactCast, ExactDense

    keras.utils.set_random_seed(PHASE.seed)
    inputs = keras.Input((WIDTHS[0],), name="features")
    x = ExactCast({"result": INPUT}, learn_bits=True, name="features_q")(inputs)
    for place, width in enumerate(WIDTHS[1:]):
        x = ExactDense(width, {"weight": WEIGHT, "bias": BIAS}, learn_bits=True, name=f"dense_{place}")(x)
        last = place == len(WIDTHS) - 2
        x = ExactCast({"result": OUTPUT if last else ACTIVATION}, learn_bits=not last, name=f"cast_{place}")(x)
    return keras.Model(inputs, x, name="jet_mlp")


def splits() -> dict[str, Split]:
    """Standardised features and labels of the packaged jets."""
    parts = {name: JetsFile(SAMPLE).read(name) for name in ("train", "validation", "test")}
    start = parts["train"].high_level
    assert start is not None
    mean, deviation = start.mean(axis=0), start.std(axis=0)

    def split(part: Any) -> Split:
        features = ((part.high_level - mean) / deviation).astype(np.float32)
        return Split(features, pack(part.labels, np.ones(len(part.labels))), part.labels)

    return {name: split(part) for name, part in parts.items()}


def measure(data: dict[str, Split], ebops_weight: float, folder: Path) -> Row:
    """Train, check against C simulation, emit, map."""
    from compress.quantize.exact_cost import cost

    model, config = network(), HlsConfig(name="jet_mlp")
    objective = Objective(LossConfig(logits="cross_entropy"), WIDTHS[-1], lambda: ebops_weight * cost(model))
    fit(model, data["train"], data["validation"], objective, PHASE, folder / "curve.csv")
    test = data["test"]
    accuracy = float(np.mean(np.argmax(model.predict(test.inputs, verbose=0), axis=1) == test.labels))
    convert_student(model, config, folder / "firmware", "benchmark", test.inputs)
    graph = build_graph(model, plan_layers(model, config), config, folder / "unused")
    design = emit(trace(graph), config.name, RtlConfig())
    (mapped,) = synthesize(design, SynthConfig(), folder / "synthesis").mapped
    assert mapped.timing is not None
    weights = weights_of(model)
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


def weights_of(model: Any) -> NDArray[np.float64]:
    """Every weight of the firmware but the biases."""
    layers = [layer for layer in model.layers if "weight" in getattr(layer, "quantizers", {})]
    assert [layer.constants()["weight"].shape for layer in layers] == list(pairwise(WIDTHS))
    return np.concatenate([layer.constants()["weight"].ravel() for layer in layers])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ebops-weight", type=float, nargs="+", default=(5e-5,))
    options = parser.parse_args(arguments)
    start_keras()
    data = splits()
    columns = "accuracy | zeros | EBOPs | cost | LUT | sites | FF | stages | LUT/EBOPs | sites/EBOPs | LUT/cost"
    print(f"| {columns} | sites/cost | MHz |\n|{'---|' * 13}")
    for weight in options.ebops_weight:
        print(measure(data, weight, options.folder / f"{weight:g}").line(), flush=True)


if __name__ == "__main__":
    main()
