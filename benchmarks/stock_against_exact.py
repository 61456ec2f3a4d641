"""hls4ml's own recurrent layer and the exact cell, from one trained float network, on the same jets.

    python benchmarks/stock_against_exact.py FOLDER --cell gru --epochs 10 --synth

trains a float 20x6 Keras tagger with the packaged top/QCD jets, and from it: hls4ml's firmware with fixed<16,6>
everywhere; the exact import of the same weights (wide types, not trained any further); the exact student with its
default types, trained on. Prints one line of JSON each: area under the ROC of what was trained (the float network, for
the first two) and of its C simulation (hls4ml's `predict`, or ours), on how many jets they differ and by how much at
most, jets a second, alkaid's cost of the logic; with --synth (a quarter of an hour each) LUT and DSP by Yosys, which
may use DSP slices.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np
from numpy.typing import NDArray

from compress.exact_import import bits_of_float
from compress.fit import Phase, Split, fit, predict
from compress.objective import LossConfig, Objective, pack
from compress.quantize.exact import ExactBits, build_quantized, warm_start
from hls.convert import convert_student
from hls.convert.graph import build_graph, quiet
from hls.convert.plan import plan_layers
from hls.csim import build
from hls.project import HlsConfig
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit
from hls.synth import SynthConfig, synthesize
from jets.dataset import JetsFile
from jets.metrics import auc
from jets.samples import sample_path
from models.sequence import fit_sequence_scaling, sequence_inputs
from models.students.recurrent import RecurrentSpec, build_float

Scores = NDArray[np.floating[Any]]
ROWS = ("hls4ml", "exact_import", "exact_trained")
STOCK = "fixed<16,6>"


def splits(spec: RecurrentSpec) -> dict[str, Split]:
    """The packaged jets as the taggers see them."""
    file = JetsFile(sample_path("top_qcd"))
    parts = {name: file.read(name) for name in ("train", "validation", "test")}
    scaling = fit_sequence_scaling(parts["train"], spec.n_constituents)

    def split(part: Any) -> Split:
        inputs = sequence_inputs(part, spec.n_constituents, scaling)["constituents"]
        return Split(inputs, pack(part.labels, np.ones(len(part.labels))), part.labels)

    return {name: split(part) for name, part in parts.items()}


def train(model: Any, data: dict[str, Split], options: argparse.Namespace) -> Any:
    """The model, trained with the labels alone."""
    phase = Phase(model.name, options.epochs, 5e-3, 512, options.epochs, options.seed)
    objective = Objective(LossConfig(logits="cross_entropy"), 1)
    fit(model, data["train"], data["validation"], objective, phase, options.folder / f"{model.name}.csv")
    return model


def stock(model: Any, folder: Path) -> tuple[Any, Callable[[NDArray[np.float32]], Scores]]:
    """hls4ml's graph of a float model, and its own C simulation."""
    with quiet():
        config = hls4ml.utils.config_from_keras_model(
            model, granularity="name", backend="Vitis", default_precision=STOCK
        )
        config["Model"]["Strategy"] = "Latency"
        graph = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, output_dir=str(folder), project_name="stock", backend="Vitis"
        )
        graph.compile()
    return graph, lambda inputs: np.asarray(graph.predict(np.ascontiguousarray(inputs))).reshape(len(inputs), -1)


def exact(model: Any, folder: Path) -> tuple[Any, Callable[[NDArray[np.float32]], Scores]]:
    """Our graph of an exact model, and our C simulation."""
    config = HlsConfig(name=model.name)
    compiled = build(convert_student(model, config, folder, "benchmark"))
    graph = build_graph(model, plan_layers(model, config), config, folder)
    return graph, lambda inputs: compiled.predict(inputs)


def row(
    name: str, model: Any, made: tuple[Any, Callable[[NDArray[np.float32]], Scores]], options: argparse.Namespace
) -> None:
    """Print what one firmware is worth and takes, against the model that was trained."""
    (graph, simulate), test = made, options.test
    trained = predict(model, test.inputs)
    start = time.perf_counter()
    simulated = simulate(test.inputs)
    seconds = time.perf_counter() - start
    is_signal = test.labels == 1
    areas = {"trained": auc(trained[:, 0], is_signal), "csim": auc(simulated[:, 0], is_signal)}
    found: dict[str, Any] = {"firmware": name, "jets": len(test)}
    found |= {f"auc_{key}": [round(area.value, 5), round(area.error, 5)] for key, area in areas.items()}
    found["jets_that_differ"] = int((simulated != trained).any(axis=1).sum())
    found["largest_difference"] = float(np.abs(simulated - trained).max())
    found["csim_jets_per_second"] = round(len(test) / seconds)
    design = emit(trace(graph), "tagger", RtlConfig())
    found |= {"logic_cost": round(sum(unit.cost for unit in design.units)), "latency_cycles": design.latency_cycles}
    if options.synth:
        (mapped,) = synthesize(design, SynthConfig(dsp=True), options.folder / f"{name}_synthesis").mapped
        found |= {"lut": mapped.resources.lut, "dsp": mapped.resources.dsp}
    print(json.dumps(found), flush=True)


def main() -> None:
    """Train, convert, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cell", choices=("gru", "lstm"), default="gru")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--jets", type=int, help="of each split; all of them by default")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--synth", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    options.folder.mkdir(parents=True, exist_ok=True)
    spec = RecurrentSpec(cell=options.cell, arithmetic="exact")
    data = splits(spec)
    if options.jets:
        cut = slice(options.jets)
        data = {name: Split(part.inputs[cut], part.targets[cut], part.labels[cut]) for name, part in data.items()}
    options.test = data["test"]
    reference = train(build_float(spec, 1), data, options)
    for name in options.rows:
        if name == "hls4ml":
            row(name, reference, stock(reference, options.folder / name), options)
            continue
        model = build_quantized(spec, bits_of_float(reference) if name == "exact_import" else ExactBits(), 1)
        warm_start(model, reference)
        if name == "exact_trained":
            train(model, data, options)
        row(name, reference if name == "exact_import" else model, exact(model, options.folder / name), options)


if __name__ == "__main__":
    main()
