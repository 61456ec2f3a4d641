"""The recurrent identifiers of arXiv:2207.00559 as exact students: how far each gets, and what that takes.

    python benchmarks/recurrent_shapes.py FOLDER 15x6 --cell gru --epochs 4 --zeros 0.9 --until synth

trains on the packaged jets (QCD, top), padding skipped: an epoch in four freely; then the smallest weights, ZEROS of
them all, are set to zero for good, and the bits of the others are learnt against EBOPs. The outputs of classes that
these jets lack learn that there are none. Without EPOCHS nothing is trained: weights are fresh, of the default types,
and ZEROS of the cell's are zero (the others grow by as much).

Prints one line of JSON a step: seconds, processor seconds (with those of the programs run), the largest memory of this
process and of those programs so far, and what the step found. Steps: train, csim (against Keras), trace (against csim),
emit, cosim (static RTL against csim) and synth (Yosys, UltraScale+, no DSP slices, no block RAM). Random vectors go
beside the jets of the test split.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from compress.losses import cross_entropy
from compress.quantize.exact import ExactBits, build_quantized
from compress.quantize.exact_cost import cost, ebops
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
from jets.dataset import JetsFile
from jets.features import CONSTITUENT_FEATURES, PowerOfTwoScaling, constituent_features
from jets.files import json_digest
from jets.samples import sample_path
from models.sequence import Sequence
from models.students.recurrent import RecurrentSpec

SHAPES: dict[str, tuple[int, tuple[int, ...], int]] = {
    "20x6": (20, (64,), 1),
    "15x6": (120, (50, 10), 3),
    "100x3": (128, (256, 128), 5),
}
"""Steps x features: units, dense layers, outputs."""

NARROW = ExactBits(
    weights=(6, 1),
    recurrent_weights=(6, 1),
    gate_sum=(6, 3),
    gate=(6, 0),
    candidate_sum=(6, 2),
    candidate=(6, 1),
    recurrent_sum=(6, 2),
    state=(6, 1),
    cell_state=(8, 3),
    dense_weights=(6, 1),
    activations=(6, 3),
    learn=True,
)
"""Types to begin with where bits are learnt: a table of six bits is one LUT for each bit of its entries."""

STEPS = ("train", "csim", "trace", "emit", "cosim", "synth")
JETS = 2000


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


@cache
def packaged_jets(split: str, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The inputs (n_jets, n_constituents, n_features) and labels (n_jets,) of a split, scaled as the train split is."""
    found = JetsFile(sample_path("top_qcd"))
    n_constituents, n_features = shape

    def features(name: str) -> tuple[Any, Any, Any]:
        jets = found.read(split=name)
        mask = np.pad(jets.mask, ((0, 0), (0, n_constituents)))[:, :n_constituents]
        return constituent_features(jets, n_constituents, CONSTITUENT_FEATURES[n_features]), mask, jets.labels

    scaling = PowerOfTwoScaling.fit(*features("train")[:2])
    values, mask, labels = features(split)
    return scaling.apply(values, mask), labels.astype(np.int64)


def fresh(options: argparse.Namespace) -> Any:
    """The exact student of a shape with fresh weights."""
    keras.utils.set_random_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    (units, dense, n_outputs), (n_steps, n_features) = SHAPES[options.shape], map(int, options.shape.split("x"))
    learn = options.epochs > 0
    sequence: Sequence = "momenta" if n_features == 3 else "constituents"
    spec = RecurrentSpec(options.cell, units, dense, n_steps, arithmetic="exact", skip_padding=learn, sequence=sequence)
    model = build_quantized(spec, NARROW if learn else ExactBits(), n_outputs)
    if not learn:
        weights = model.get_layer("rnn").weights_by_role
        for role in ("weight", "recurrent_weight"):
            values = np.asarray(weights[role]) / np.sqrt(1.0 - options.zeros)
            weights[role].assign(np.where(rng.random(values.shape) < options.zeros, 0.0, values))
    return model


def prune(model: Any, zeros: float) -> None:
    """Set the smallest weights of all matrices to zero, and keep them there."""
    matrices = [
        weight
        for layer in model.layers
        for role, weight in getattr(layer, "weights_by_role", {}).items()
        if role.endswith("weight")
    ]
    smallest = np.quantile(np.concatenate([np.abs(np.ravel(weight)) for weight in matrices]), zeros)
    for weight in matrices:
        kept = (np.abs(np.asarray(weight)) >= smallest).astype(np.float32)
        weight.assign(weight * kept)
        weight.constraint = partial(_kept, kept, weight.constraint)


def _kept(kept: NDArray[np.float32], constraint: Any, weight: Any) -> Any:
    return constraint(weight) * kept


def trained(model: Any, options: argparse.Namespace) -> Any:
    """The student after its training, or as an earlier run with the same options left it in the folder."""
    decisive = ("shape", "cell", "epochs", "zeros", "ebops_weight", "batch", "seed")
    digest = json_digest([getattr(options, name) for name in decisive])
    stored = options.folder / f"student-{digest[:16]}.keras"
    if not stored.is_file():
        train(model, options)
        options.folder.mkdir(parents=True, exist_ok=True)
        model.save(stored)
    return keras.models.load_model(stored, compile=False)


def train(model: Any, options: argparse.Namespace) -> None:
    """Train freely, prune, and train with EBOPs in the loss."""
    values, labels = packaged_jets("train", model.input_shape[1:])
    pressure = keras.Variable(0.0, trainable=False)

    def loss(truth: Any, logits: Any) -> Any:
        return cross_entropy(truth[:, 0], logits) + pressure * cost(model)

    free = -(-options.epochs // 4)
    for epochs, weight, zeros in ((free, 0.0, 0.0), (options.epochs - free, options.ebops_weight, options.zeros)):
        prune(model, zeros)
        pressure.assign(weight)
        decay = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (len(values) // options.batch))
        model.compile(keras.optimizers.Adam(decay), loss, jit_compile=False)
        model.fit(values, labels[:, None], options.batch, epochs, verbose=0)


def described(model: Any) -> dict[str, Any]:
    """How good a trained student is, and how small."""
    values, labels = packaged_jets("test", model.input_shape[1:])
    logits = model.predict(values, batch_size=1024, verbose=0)
    guessed = logits.argmax(axis=1) if logits.shape[1] > 1 else logits[:, 0] > 0
    cell = model.get_layer("rnn").constants()
    left = {f"{role}s": int(np.count_nonzero(cell[role])) for role in ("weight", "recurrent_weight")}
    return {"accuracy": round(float(np.mean(guessed == labels)), 4), "ebops": ebops(model, shared_cell=True), **left}


def compiled_firmware(graph: Any, folder: Path) -> CompiledProject:
    """The C simulation of a graph."""
    config, files = HlsConfig(), firmware_files(graph)
    ends = tensors(graph.get_input_variables()), tensors(graph.get_output_variables())
    records = layer_records(graph, config)
    project = Project(folder, config.name, config, "weights of a benchmark", *ends, records, digests(files))
    write_files({**files, MANIFEST: project.manifest().encode()}, folder)
    return build(project)


def simulated_rtl(design: Any, compiled: CompiledProject, options: argparse.Namespace) -> dict[str, Any]:
    """The RTL against the C simulation."""
    shape = (compiled.input.shape[0], compiled.input.shape[1])
    jets = compiled.encode(packaged_jets("test", shape)[0][:JETS])
    sent = stimuli(design.input, shape, jets, options.vectors, options.seed)
    result = cosim(design, sent, compiled.predict_codes(sent.codes), CosimConfig(), options.folder / "cosim")
    found = {"vectors": sent.sizes, "differ": result.n_mismatch, "complaints": result.complaints()}
    return {**found, "build_seconds": round(result.build_seconds, 1)}


def run(options: argparse.Namespace) -> Iterator[None]:
    """The steps, one after another."""
    model, config, folder = fresh(options), HlsConfig(), options.folder
    if options.epochs:
        with reported("train") as found:
            model = trained(model, options)
            found |= described(model)
    yield
    graph = build_graph(model, plan_layers(model, config), config, folder)
    with reported("csim") as found:
        start = time.perf_counter()
        compiled = compiled_firmware(graph, folder / "firmware")
        found["compile_seconds"] = round(time.perf_counter() - start, 1)
        random = probe_inputs(compiled.input, options.vectors, options.seed)
        inputs = np.concatenate([packaged_jets("test", model.input_shape[1:])[0][:JETS], random])
        simulated = compiled.predict(inputs)
        differing = (simulated != model.predict(inputs, batch_size=1024, verbose=0)).any(axis=1)
        found |= {"vectors": len(inputs), "differ": int(differing.sum()), "different": len(np.unique(simulated))}
    yield
    with reported("trace") as found:
        circuit = trace(graph)
        found["differ"] = int((circuit.interpret(inputs[:3000]) != simulated[:3000]).any(axis=1).sum())
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
        found |= {kind: getattr(mapped.resources, kind) for kind in ("lut", "ff", "dsp", "bram18")}
        found["fmax_mhz"] = mapped.timing and round(mapped.timing.fmax_mhz)
    yield


def main() -> None:
    """Take one student as far as asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--cell", choices=("gru", "lstm"), default="gru")
    parser.add_argument("--epochs", type=int, default=0, help="of training on the packaged jets")
    parser.add_argument("--ebops-weight", type=float, default=1e-5, help="what one EBOP adds to the loss")
    parser.add_argument("--batch", type=int, default=256, help="jets a step of the optimizer")
    parser.add_argument("--zeros", type=float, default=0.0, help="share of the weights, below 1")
    parser.add_argument("--until", choices=STEPS, default="csim")
    parser.add_argument("--vectors", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.epochs == 1:
        parser.error("training takes two epochs at least, the first without EBOPs in the loss")
    for _ in zip(STEPS[: STEPS.index(options.until) + 1], run(options), strict=False):
        pass


if __name__ == "__main__":
    main()
