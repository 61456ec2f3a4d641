"""The recurrent identifiers of arXiv:2207.00559 as exact students: how far each gets, and what that takes.

    python benchmarks/recurrent_shapes.py FOLDER 15x6 --cell gru --zeros 0.9 --until cosim

trains nothing: weights are fresh, a share of the cell's is set to zero (the others grow by as much), as pruning and
learnt bits leave it. Prints one line of JSON a step: seconds, processor seconds (with those of the programs run), the
largest memory of this process and of those programs so far, and what the step found. Steps: csim (against Keras),
trace (against csim), emit, cosim (static RTL against csim) and synth (Yosys, UltraScale+, no DSP slices, no block RAM).
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from compress.quantize.exact import ExactBits, build_quantized
from hls.convert.graph import build_graph, layer_records, tensors
from hls.convert.plan import plan_layers
from hls.convert.write import firmware_files
from hls.cosim import CosimConfig, cosim, stimuli
from hls.csim import CompiledProject, build, probe_inputs
from hls.project import MANIFEST, HlsConfig, Project, digests, write_files
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit
from hls.synth import SynthConfig, synthesize
from models.students.recurrent import RecurrentSpec

SHAPES: dict[str, tuple[int, tuple[int, ...], int]] = {
    "20x6": (20, (64,), 1),
    "15x6": (120, (50, 10), 3),
    "100x3": (128, (256, 128), 5),
}
"""Steps x features: units, dense layers, outputs."""

STEPS = ("csim", "trace", "emit", "cosim", "synth")


@contextmanager
def reported(step: str) -> Iterator[dict[str, Any]]:
    """What the step puts into the dictionary, printed with its time and memory."""
    found: dict[str, Any] = {}
    wall, before = time.perf_counter(), _processor_seconds()
    yield found
    spent = {"seconds": time.perf_counter() - wall, "processor_seconds": _processor_seconds() - before}
    memory = [resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    spent |= dict(zip(("gigabytes", "gigabytes_of_programs"), memory, strict=True))
    print(json.dumps({"step": step, **{key: round(value, 1) for key, value in spent.items()}, **found}), flush=True)


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def student(options: argparse.Namespace) -> Any:
    """The exact student of a shape."""
    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    (units, dense, n_outputs), (n_steps, n_features) = SHAPES[options.shape], map(int, options.shape.split("x"))
    spec = RecurrentSpec(options.cell, units, dense, n_steps, arithmetic="exact")
    model = build_quantized(spec, ExactBits(), n_outputs, n_features)
    weights = model.get_layer("rnn").weights_by_role
    for role in ("weight", "recurrent_weight"):
        values = np.asarray(weights[role]) / np.sqrt(1.0 - options.zeros)
        weights[role].assign(np.where(rng.random(values.shape) < options.zeros, 0.0, values))
    return model


def compiled_firmware(graph: Any, folder: Path) -> CompiledProject:
    """The C simulation of a graph."""
    config, files = HlsConfig(), firmware_files(graph)
    ends = tensors(graph.get_input_variables()), tensors(graph.get_output_variables())
    records = layer_records(graph, config)
    project = Project(folder, config.name, config, "fresh weights", *ends, records, digests(files))
    write_files({**files, MANIFEST: project.manifest().encode()}, folder)
    return build(project)


def simulated_rtl(design: Any, compiled: CompiledProject, options: argparse.Namespace) -> dict[str, Any]:
    """The RTL against the C simulation."""
    shape = (compiled.input.shape[0], compiled.input.shape[1])
    no_jets = np.zeros((0, int(np.prod(shape))), np.int64)
    sent = stimuli(design.input, shape, no_jets, options.vectors, options.seed)
    result = cosim(design, sent, compiled.predict_codes(sent.codes), CosimConfig(), options.folder / "cosim")
    found = {"vectors": len(sent), "differ": result.n_mismatch, "complaints": result.complaints()}
    return {**found, "build_seconds": round(result.build_seconds, 1)}


def run(options: argparse.Namespace) -> Iterator[None]:
    """The steps, one after another."""
    model, config, folder = student(options), HlsConfig(), options.folder
    graph = build_graph(model, plan_layers(model, config), config, folder)
    with reported("csim") as found:
        start = time.perf_counter()
        compiled = compiled_firmware(graph, folder / "firmware")
        found["compile_seconds"] = round(time.perf_counter() - start, 1)
        inputs = probe_inputs(compiled.input, options.vectors, options.seed)
        simulated = compiled.predict(inputs)
        differing = (simulated != model.predict(inputs, batch_size=1024, verbose=0)).any(axis=1)
        found |= {"vectors": len(inputs), "differ": int(differing.sum()), "different": len(np.unique(simulated))}
        found["nonzero"] = int(np.count_nonzero(model.get_layer("rnn").constants()["recurrent_weight"]))
    yield
    with reported("trace") as found:
        circuit = trace(graph)
        found["differ"] = int((circuit.interpret(inputs[:1000]) != simulated[:1000]).any(axis=1).sum())
        found["cost"] = [round(block.logic.cost) for block in circuit.blocks]
    yield
    with reported("emit") as found:
        design = emit(circuit, config.name, RtlConfig())
        found |= {"latency_cycles": design.latency_cycles, "interval_cycles": design.interval_cycles}
    yield
    with reported("cosim") as found:
        found |= simulated_rtl(design, compiled, options)
    yield
    with reported("synth") as found:
        (mapped,) = synthesize(design, SynthConfig(), folder / "synthesis").mapped
        found["lut"], found["ff"] = mapped.resources.lut, mapped.resources.ff
        found["fmax_mhz"] = mapped.timing and round(mapped.timing.fmax_mhz)
    yield


def main() -> None:
    """Take one student as far as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--cell", choices=("gru", "lstm"), default="gru")
    parser.add_argument("--zeros", type=float, default=0.0, help="share of the cell's weights, below 1")
    parser.add_argument("--until", choices=STEPS, default="csim")
    parser.add_argument("--vectors", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for _ in zip(STEPS[: STEPS.index(options.until) + 1], run(options), strict=False):
        pass


if __name__ == "__main__":
    main()
