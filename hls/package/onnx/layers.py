"""The nodes of every Keras layer of a quantized student, with the numbers of its plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hls.convert.layer_plan import LayerPlan
from hls.package.onnx.graph import Graph, Value
from hls.package.onnx.recurrence import recurrent
from models.students.feed_forward import shift

Writer = Callable[[Graph, Any, LayerPlan, Sequence[Value]], Value]
"""(graph, layer, its plan, what feeds it) -> what it hands on."""


def _input(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    return Value(graph, layer.name)


def _cast(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    (value,), kind = sources, plan.types["result"]
    return graph.cast(value if kind.signed else graph.node("Relu", [value]), kind, layer.name)


def _cast_each(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    return graph.cast_each(sources[0], plan.lanes, layer.name)


def _dense(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    """x W + b over the last axis, whatever stands before it."""
    kernel, bias = (graph.weights(plan.data[it], plan.types[it], f"{layer.name}_{it}") for it in ("weight", "bias"))
    return graph.node("Add", [sources[0] @ kernel, bias], layer.name)


def _unmasked(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    return _columns(graph, sources[0], range(layer.output.shape[-1]))


def _masked(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    """The values of the particles whose mask is above zero, zero of the others."""
    values, constituents = sources
    mask = _columns(graph, constituents, [layer.input[1].shape[-1] - 1])
    zero = graph.constant(0)
    return graph.node("Where", [graph.node("Greater", [mask, zero]), values, zero])


def _columns(graph: Graph, value: Value, columns: Sequence[int]) -> Value:
    """Columns of the last axis of (n_jets, n_constituents, n_columns)."""
    return graph.node("Gather", [value, graph.constant(columns, np.int64)], axis=2)


def _masked_mean(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    """The sum over the particles that count, times a power of two."""
    counted = _masked(graph, layer, plan, sources)
    total = graph.node("ReduceSum", [counted, graph.constant([1], np.int64)], keepdims=int(layer.keepdims))
    return graph.node("Mul", [total, graph.constant(2.0 ** -shift(layer.input[0].shape[1]))], layer.name)


def _permute(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    return graph.node("Transpose", sources, layer.name, perm=[0, *layer.dims])


def _add(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    return graph.node("Add", sources, layer.name)


def _concatenate(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    return graph.node("Concat", sources, layer.name, axis=-1)


def _head_product(graph: Graph, layer: Any, plan: LayerPlan, sources: Sequence[Value]) -> Value:
    """The einsum of both inputs with their heads apart, which then stand in a row again."""

    def shaped(value: Value, *shape: int) -> Value:
        return graph.node("Reshape", [value, graph.constant([0, *shape], np.int64)])

    apart = [shaped(value, *layer.apart(part.shape[1:])) for value, part in zip(sources, layer.input, strict=True)]
    return shaped(graph.node("Einsum", apart, equation=layer.equation), *layer.output.shape[1:])


WRITERS: dict[str, Writer] = {
    "InputLayer": _input,
    "Add": _add,
    "Concatenate": _concatenate,
    "ExactCast": _cast,
    "ExactDense": _dense,
    "ExactGRU": recurrent,
    "ExactLSTM": recurrent,
    "HeadProduct": _head_product,
    "HeterogeneousCast": _cast_each,
    "HeterogeneousDense": _dense,
    "Masked": _masked,
    "MaskedMean": _masked_mean,
    "Permute": _permute,
    "QActivation": _cast,
    "QDense": _dense,
    "Unmasked": _unmasked,
}
