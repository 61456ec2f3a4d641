"""An exact GRU or LSTM as nodes, its steps one after another.

The GRU and LSTM of ONNX have no types inside, and qonnx cannot run a Scan whose body holds Quant nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hls.convert.layer_plan import LayerPlan
from hls.package.onnx.graph import Graph, Value


@dataclass(frozen=True)
class _Arithmetic:
    """How a layer rounds, for the equations of `models.students.exact.cells`."""

    graph: Graph
    layer: Any
    plan: LayerPlan

    def rounded(self, role: str) -> Value:
        """The weights of a role."""
        return self.graph.weights(self.plan.data[role], self.plan.types[role], f"{self.layer.name}_{role}")

    def cast(self, role: str) -> Callable[[Value], Value]:
        """What rounds values to the type of a role."""
        kind = self.plan.types["result" if role == "state" else role]
        return lambda value: self.graph.cast(value, kind)

    def look_up(self, *gates: str) -> Callable[[Value], Value]:
        """What finds the entries of gates whose sums stand side by side."""

        def entries(sums: Value) -> Value:
            n = self.layer.units
            found = [self._entry(gate, sums[:, k * n : (k + 1) * n]) for k, gate in enumerate(gates)]
            return self.graph.node("Concat", found, axis=1)

        return entries

    def _entry(self, gate: str, sums: Value) -> Value:
        """The code of a sum is the place in the table, a negative one counted from the end."""
        graph, kind = self.graph, self.plan.types[f"{gate}_sum"]
        code = graph.cast(sums, kind) * graph.constant(1 / kind.step)
        place = graph.node("Cast", [code], to=graph.onnx.TensorProto.INT64)
        return graph.node("Gather", [graph.constant(self.plan.data[gate]), place])


def recurrent(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    """The last state (n_jets, units) of (n_jets, n_steps, n_in), or all of them, in the order of the steps."""
    (x,), arithmetic = sources, _Arithmetic(graph, layer, plan)
    projected = x @ arithmetic.rounded("weight") + arithmetic.rounded("bias")
    padded = _is_padded(graph, x) if layer.skip_padding else None
    step = layer.cell.step(arithmetic)
    states = (graph.constant(np.zeros((1, layer.units))),) * layer.cell.N_STATES
    hidden: list[Value] = []
    n_steps = layer.input.shape[1]
    for place in reversed(range(n_steps)) if layer.go_backwards else range(n_steps):
        new = step(_at(graph, projected, place), states)
        if padded is not None:
            is_padded = _at(graph, padded, place)
            new = tuple(graph.node("Where", [is_padded, *pair]) for pair in zip(states, new, strict=True))
        states = new
        hidden.append(states[0])
    if not layer.return_sequences:
        return hidden[-1]
    axis = graph.constant([1], np.int64)
    return graph.node("Concat", [graph.node("Unsqueeze", [state, axis]) for state in hidden], axis=1)


def _is_padded(graph: Graph, x: Value) -> Value:
    """Whether every input of a step is zero, (n_jets, n_steps, 1)."""
    largest = graph.node("ReduceMax", [graph.node("Abs", [x]), graph.constant([2], np.int64)])
    return graph.node("Equal", [largest, graph.constant(0)])


def _at(graph: Graph, values: Value, place: int) -> Value:
    """One step of (n_jets, n_steps, n), (n_jets, n)."""
    return graph.node("Gather", [values, graph.constant(place, np.int64)], axis=1)
