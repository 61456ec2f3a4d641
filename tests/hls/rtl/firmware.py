"""Small firmwares as their circuit and their compiled C simulation, and a chain of dense layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import qkeras

from hls.convert.graph import build_graph, layer_records, tensors
from hls.convert.layer_plan import LayerPlan
from hls.convert.plan import plan_layers
from hls.convert.write import firmware_files
from hls.csim import CompiledProject, build, probe_inputs
from hls.project import MANIFEST, HlsConfig, Project, digests, write_files
from hls.rtl import Circuit, trace
from tests.hls.students import quantized

Changes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Firmware:
    """One graph, traced and compiled."""

    graph: Any
    circuit: Circuit
    compiled: CompiledProject

    def vectors(self, n_random: int = 2000, seed: int = 7) -> np.ndarray[Any, Any]:
        return probe_inputs(self.compiled.input, n_random, seed)

    def n_mismatch(self, circuit: Circuit | None = None) -> int:
        inputs = self.vectors()
        expected = self.compiled.predict(inputs, threads=1)
        assert len(np.unique(expected)) > 20
        return int(np.count_nonzero((circuit or self.circuit).interpret(inputs) != expected))


def graph_of(model: Any, changes: Changes | None = None, config: HlsConfig | None = None) -> Any:
    """The graph of a student, with attributes of some layers' plans replaced ("types" are merged)."""
    config = config or HlsConfig()
    plans = [changed(plan, (changes or {}).get(plan.name, {})) for plan in plan_layers(model, config)]
    return build_graph(model, plans, config, Path("unused"))


def changed(plan: LayerPlan, change: Mapping[str, Any]) -> LayerPlan:
    return replace(plan, **{**change, "types": {**plan.types, **change.get("types", {})}})


def firmware_of(model: Any, folder: Path, changes: Changes | None = None, config: HlsConfig | None = None) -> Firmware:
    graph = graph_of(model, changes, config)
    circuit = trace(graph)
    files = firmware_files(graph)
    project = Project(
        folder=folder,
        name="tagger",
        config=config or HlsConfig(),
        tagger_digest="of a test",
        inputs=tensors(graph.get_input_variables()),
        outputs=tensors(graph.get_output_variables()),
        layers=layer_records(graph, config or HlsConfig()),
        files=digests(files),
    )
    write_files({**files, MANIFEST: project.manifest().encode()}, folder)
    return Firmware(graph, circuit, build(project))


def build_chain(n_inputs: int = 8, widths: Sequence[int] = (6, 3), seed: int = 0) -> Any:
    """Input, dense, ReLU, dense, output; every code of the layers is used."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((n_inputs,), name="features")
    x = qkeras.QActivation(quantized(10, 3), name="features_q")(inputs)
    x = _dense(widths[0], "dense_0")(x)
    x = qkeras.QActivation(qkeras.quantized_relu(8, 3), name="relu_0")(x)
    x = _dense(widths[1], "scores")(x)
    x = qkeras.QActivation(quantized(12, 4), name="scores_q")(x)
    model = keras.Model(inputs, x, name="chain")
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([1.2 * values + rng.normal(0.0, 0.1, values.shape) for values in layer.get_weights()])
    return model


def _dense(width: int, name: str) -> Any:
    return qkeras.QDense(width, kernel_quantizer=quantized(8, 0), bias_quantizer=quantized(8, 0), name=name)
