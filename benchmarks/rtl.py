"""csim against the interpreter and the simulated RTL of full-size taggers: packaged jets, random vectors and corners.

    python benchmarks/rtl.py FOLDER [DESIGN …] --vectors 100000

A DESIGN may be a pattern, such as 'exact_*_static'. The exact cells have learnt bits: each is trained for a few epochs
on the packaged jets, with padding skipped (as in the "masked" designs), and Keras is compared, too. The other networks
have fresh weights, which use more of their codes than trained ones. VECTORS is the number of random vectors; beside
them go 72,000 jets (QCD, top) through the recurrent designs and 12,000 (five classes) through the others, and those of
the jets files after --jets (`tagware simulate`). Prints a JSON object for each design.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import filter as matching
from functools import partial
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np
import qkeras
from hls4ml.backends.backend import get_available_backends, register_backend
from hls4ml.writer import register_writer
from numpy.typing import NDArray

from compress.distil import DistilConfig, distil
from compress.fit import predict
from compress.objective import LossConfig
from compress.quantize.exact import ExactBits
from compress.quantize.exact import build_quantized as build_exact
from compress.quantize.qkeras import Bits
from compress.quantize.qkeras import build_quantized as build_qkeras
from hls.backend import NAME, register
from hls.convert import convert_student
from hls.convert.graph import build_graph
from hls.convert.plan import plan_layers
from hls.cosim import CosimConfig, cosim, stimuli
from hls.csim import build
from hls.project import HlsConfig
from hls.rtl import Circuit, trace
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit
from jets.dataset import JetsFile
from jets.features import CONSTITUENT_FEATURES, PowerOfTwoScaling, constituent_features
from jets.samples import sample_path
from models.students.feed_forward import MlpSpec
from models.students.inputs import fit_mlp_scaling, mlp_inputs
from models.students.recurrent import RecurrentSpec

Codes = NDArray[np.int64]

EXACT_CELLS = {
    "exact_gru": RecurrentSpec(arithmetic="exact", skip_padding=True),
    "exact_gru_reset_before": RecurrentSpec(arithmetic="exact", skip_padding=True, reset_after=False),
    "exact_lstm": RecurrentSpec("lstm", arithmetic="exact", skip_padding=True),
}


@dataclass(frozen=True)
class Converted:
    """A firmware.

    Attributes:
        circuit: as it was traced.
        simulated: its C simulation, from input codes (n_jets, n_inputs) to output codes.
        keras: the same of the network, where that has the firmware's every bit.
        found: what there is to say of the network.
    """

    circuit: Circuit
    simulated: Callable[[Codes], Codes]
    keras: Callable[[Codes], Codes] | None = None
    found: dict[str, Any] = field(default_factory=dict)


def qkeras_tagger(cell: str, folder: Path) -> Converted:
    """The student of `tagware distil`: 20 constituents of 6 features, 20 units, a dense layer of 64, a logit."""
    bits = Bits(state=(12, 4)) if cell == "lstm" else Bits()
    return student(build_qkeras(RecurrentSpec(cell), bits, 1), folder / "firmware")  # type: ignore[arg-type]


def exact_tagger(cell: str, masked: bool, folder: Path) -> Converted:
    """The same of an exact cell with learnt bits, trained once for all designs, in the folder `cell` beside."""
    spec, bits = EXACT_CELLS[cell], ExactBits(learn=True, ebops_weight=1e-5)
    epochs = DistilConfig(LossConfig(logits="cross_entropy"), float_epochs=3, quantized_epochs=5)
    tagger = distil(spec, bits, sample_path("top_qcd"), None, epochs, folder.parent / cell)
    network = build_exact(dataclasses.replace(spec, skip_padding=masked), bits, 1)
    network.set_weights(tagger.network.get_weights())
    converted = student(network, folder / "firmware")

    def keras_codes(codes: Codes) -> Codes:
        return codes_of(predict(network, values_of(codes, converted.circuit)), converted.circuit)

    learnt = tagger.quantization or {}
    bits_of_a_weight = learnt["tensors"]["rnn/recurrent_weight"]["mean_bits"]
    found = {"EBOPs": learnt["ebops_shared_cell"], "mean bits of a recurrent weight": round(bits_of_a_weight, 2)}
    return dataclasses.replace(converted, keras=keras_codes, found=found)


def student(model: Any, folder: Path) -> Converted:
    """A recurrent student by our converter."""
    hls = HlsConfig()
    compiled = build(convert_student(model, hls, folder, "the weights of a benchmark"))
    return Converted(trace(build_graph(model, plan_layers(model, hls), hls, folder)), compiled.predict_codes)


def classifier(softmax: bool, folder: Path) -> Converted:
    """A dense network: 16 features, 64, 32, 32, 5 classes."""
    inputs = keras.Input((16,), name="features")
    outputs = weighted(dense(quantized(inputs), 64, 32, 32), 5, "scores")
    if softmax:
        outputs = keras.layers.Activation("softmax", name="softmax")(outputs)
    return through_hls4ml(keras.Model(inputs, outputs), folder)


def deep_set(folder: Path) -> Converted:
    """Each of 8 particles through 32 and 16 units, their mean through 32, and 5 classes."""
    inputs = keras.Input((8, 3), name="particles")
    particles = dense(quantized(inputs), 32, 16, name="particle")
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(particles)
    return through_hls4ml(keras.Model(inputs, weighted(dense(mean, 32), 5, "scores")), folder)


def dense(x: Any, *widths: int, name: str = "hidden") -> Any:
    """Layers with a ReLU of 8 bits each."""
    for i, width in enumerate(widths):
        x = qkeras.QActivation(qkeras.quantized_relu(8, 3), name=f"{name}_relu_{i}")(weighted(x, width, f"{name}_{i}"))
    return x


def weighted(x: Any, width: int, name: str) -> Any:
    """A layer of 6-bit weights."""
    weights = qkeras.quantized_bits(6, 0, alpha=1)
    return qkeras.QDense(width, kernel_quantizer=weights, bias_quantizer=weights, name=name)(x)


def quantized(x: Any) -> Any:
    """Features of 10 bits."""
    return qkeras.QActivation(qkeras.quantized_bits(10, 3, alpha=1))(x)


def through_hls4ml(model: Any, folder: Path) -> Converted:
    """A model by hls4ml's own converter with our backend."""
    if NAME not in get_available_backends():  # where tagware is not installed
        register(register_backend, register_writer)
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=NAME)
    graph = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, backend=NAME, output_dir=str(folder / "firmware")
    )
    graph.compile()
    circuit: Circuit = graph.circuit

    def simulated(codes: Codes) -> Codes:
        return codes_of(graph.predict(values_of(codes, circuit), simulation="csim"), circuit)

    return Converted(circuit, simulated)


def jets_for(circuit: Circuit, more: Sequence[Path]) -> Codes:
    """The jets of the packaged sample that has what a design reads, and of more files, as its input codes."""
    samples = [
        JetsFile(path).read() for path in (sample_path("top_qcd" if circuit.shape == (20, 6) else "five_class"), *more)
    ]
    if len(circuit.shape) == 1:
        scaling = fit_mlp_scaling(samples[0], MlpSpec())
        values = np.concatenate([mlp_inputs(jets, MlpSpec(), scaling)["features"] for jets in samples])
    else:
        n_constituents, n_features = circuit.shape
        names = CONSTITUENT_FEATURES[n_features]
        features = np.concatenate([constituent_features(jets, n_constituents, names) for jets in samples])
        mask = np.concatenate([jets.mask[:, :n_constituents] for jets in samples])
        packaged = slice(len(samples[0]))
        values = PowerOfTwoScaling.fit(features[packaged], mask[packaged]).apply(features, mask)
    codes = np.floor(values.reshape(len(values), -1).astype(np.float64) / circuit.input.step)
    lowest = -1 << (circuit.input.width - 1) if circuit.input.signed else 0
    return np.asarray(np.clip(codes, lowest, lowest + (1 << circuit.input.width) - 1), np.int64)


def values_of(codes: Codes, circuit: Circuit) -> NDArray[np.float32]:
    """Input codes (n_jets, n_inputs) as the values (n_jets, …) that a network takes."""
    return np.asarray((codes * circuit.input.step).reshape(-1, *circuit.shape), np.float32)


def codes_of(outputs: NDArray[Any], circuit: Circuit) -> Codes:
    """Output values (n_jets, …) as codes (n_jets, n_outputs)."""
    return np.asarray(np.rint(outputs.reshape(len(outputs), -1) / circuit.output.step), np.int64)


SCHEDULES = {
    "static": RtlConfig(),
    "static_interleaved": RtlConfig(interleave=4),
    "unrolled": RtlConfig(cells=20),
    "unrolled_interleaved": RtlConfig(cells=20, interleave=4),
}
TAGGERS: dict[str, Callable[[Path], Converted]] = {
    **{f"qkeras_{cell}": partial(qkeras_tagger, cell) for cell in ("gru", "lstm")},
    **{cell: partial(exact_tagger, cell, False) for cell in EXACT_CELLS},
    **{f"{cell}_masked": partial(exact_tagger, cell, True) for cell in EXACT_CELLS},
}
DESIGNS: dict[str, tuple[Callable[[Path], Converted], RtlConfig]] = {
    "mlp": (partial(classifier, False), RtlConfig()),
    "softmax_classifier": (partial(classifier, True), RtlConfig()),
    "deep_set": (deep_set, RtlConfig()),
    **{
        f"{tagger}_{schedule}": (convert, config)
        for tagger, convert in TAGGERS.items()
        for schedule, config in SCHEDULES.items()
    },
}


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Convert, compile, emit, simulate, compare."""
    keras.utils.set_random_seed(options.seed)
    folder = options.folder / name
    convert, config = DESIGNS[name]
    converted = convert(folder)
    circuit = converted.circuit
    design = emit(circuit, "tagger", config)
    sent = stimuli(design.input, circuit.shape, jets_for(circuit, options.jets), options.vectors, options.seed)
    expected = converted.simulated(sent.codes)
    interpreted = codes_of(circuit.interpret(values_of(sent.codes, circuit)), circuit)
    waits = CosimConfig(gap_probability=0.05, back_pressure_probability=0.05, reset_at=len(sent) // 2)
    result = cosim(design, sent, expected, waits, folder / "cosim")
    return {
        "design": name,
        **converted.found,
        "vectors": sent.sizes,
        "Keras differs": differing(converted.keras(sent.codes), expected) if converted.keras else None,
        "interpreter differs": differing(interpreted, expected),
        "RTL differs": result.n_mismatch,
        "complaints": result.complaints(),
        "latency_cycles": result.latency_cycles,
        "interval_cycles": result.interval_cycles,
        "different outputs": len(np.unique(expected)),
        "logic cost": round(sum(unit.cost for unit in design.units)),
        "build_seconds": round(result.build_seconds, 1),
        "jets_per_second": [round(run.jets_per_second) for run in (result.stream, result.stressed) if run],
    }


def differing(codes: Codes, expected: Codes) -> int:
    """The number of jets of which any output differs."""
    return int(np.count_nonzero((codes != expected).any(axis=1)))


def main() -> None:
    """Measure the designs that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("designs", nargs="*", metavar="DESIGN", help=f"of {', '.join(DESIGNS)}; all by default")
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--jets", type=Path, nargs="+", default=[], help="jets files beside the packaged sample")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := [pattern for pattern in options.designs if not matching(DESIGNS, pattern)]:
        parser.error(f"no design {', '.join(unknown)}")
    for name in dict.fromkeys(name for pattern in options.designs or ["*"] for name in matching(DESIGNS, pattern)):
        print(json.dumps(measure(name, options), indent=1), flush=True)


if __name__ == "__main__":
    main()
