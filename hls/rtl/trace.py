"""The walk over an hls4ml graph that makes a circuit of it, or names the layer that cannot be traced."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hls.rtl.casts import new_values
from hls.rtl.circuit import Circuit, FeedForward, Recurrence
from hls.rtl.layers import LAYERS
from hls.rtl.recurrent import CELLS
from hls.rtl.refusal import fixed_type, input_type, refuse, result_type
from jets.errors import InputError, ToolNotFound

EXACT_BITS = 53
"""alkaid keeps its intervals, and gives its results, in double precision."""


def trace(graph: Any) -> Circuit:
    """The fixed-point operations of an hls4ml ModelGraph (after its flows), equal to its C++ bit for bit.

    Raises:
        InputError: a layer or an option that is not traced; names it and what would support it.
        ToolNotFound: alkaid is not installed.
    """
    _require_alkaid()
    nodes = list(graph.get_layers())
    _check_graph(graph, nodes)
    (output,) = graph.outputs
    (last,) = (node for node in nodes if output in node.outputs)
    shape = tuple(int(size) for size in nodes[0].get_output_variable().shape)
    return Circuit(result_type(nodes[0]), result_type(last), shape, tuple(_blocks(nodes, output)))


def _require_alkaid() -> None:
    try:
        import alkaid  # noqa: F401
    except ImportError:
        remedy = "install it with `pip install 'tagware[rtl]'`"
        raise ToolNotFound("the Python package alkaid is not installed", None, remedy) from None


def _check_graph(graph: Any, nodes: Sequence[Any]) -> None:
    io_type = graph.config.get_config_value("IOType")
    if io_type != "io_parallel":
        raise InputError(f"io_type {io_type} is not traced", "hls4ml graph", "use io_parallel; FIFOs would support it")
    for node in nodes:
        if node.class_name not in {"Input", *LAYERS, *CELLS}:
            known = ", ".join(sorted({*LAYERS, *CELLS}))
            raise refuse(node, "is not traced", f"traced are {known}; a file for it in hls/rtl/layers would add it")
    for end, tensors in (("input", graph.inputs), ("output", graph.outputs)):
        if len(tensors) != 1:
            what = f"has {len(tensors)} {end}s: {', '.join(tensors)}"
            raise InputError(what, "hls4ml graph", "concatenate them; a port for each would support more than one")
    if list(graph.inputs) == list(graph.outputs):
        raise InputError("has no layer between its input and its output", "hls4ml graph", "give it one")


def _blocks(nodes: Sequence[Any], output: str) -> Iterator[FeedForward | Recurrence]:
    """The blocks in order, each fed by one tensor, that of the block before it."""
    groups = [
        list(group)
        for _, group in itertools.groupby(nodes[1:], key=lambda node: node.name if node.class_name in CELLS else None)
    ]
    entering = nodes[0].outputs[0]
    for group, following in itertools.zip_longest(groups, groups[1:]):
        _check_reach(group, entering)
        if group[0].class_name in CELLS:
            if group[0].get_attr("direction") == "backward":
                yield _turned(group[0])
            yield _recurrence(group[0])
            entering = group[0].outputs[0]
        else:
            leaving = following[0].inputs[0] if following else output
            yield _feed_forward(group, entering, leaving)
            entering = leaving


def _check_reach(group: Sequence[Any], entering: str) -> None:
    """Raise InputError unless the layers use nothing but `entering` and one another."""
    reach = {entering}
    for node in group:
        for tensor in node.inputs:
            if tensor not in reach:
                what = f"takes {tensor!r} around a recurrent layer"
                raise refuse(node, what, "use a chain of layers there; a delay line beside it would support it")
        reach |= set(node.outputs)


def _feed_forward(nodes: Sequence[Any], entering: str, leaving: str) -> FeedForward:
    values: dict[str, Any] = {}
    for node in nodes:
        inputs = []
        for tensor in node.inputs:
            variable = node.get_input_variable(tensor)
            if tensor == entering and entering not in values:
                fixed = fixed_type(node, "input", variable.type.precision)
                values[entering] = new_values(_shape(variable), fixed)
            inputs.append(values[tensor])
        outputs = LAYERS[node.class_name](node, inputs)
        values[node.outputs[0]] = outputs.reshape(_shape(node.get_output_variable()))
    layers = tuple(node.name for node in nodes)
    return FeedForward(layers, _logic(layers, values[entering].ravel(), values[leaving].ravel()))


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in variable.shape)


def _turned(node: Any) -> FeedForward:
    """The steps of a layer that runs backwards, the last one first."""
    steps = new_values(_shape(node.get_input_variable()), input_type(node))
    return FeedForward((node.name,), _logic((node.name,), steps.ravel(), steps[::-1].ravel()))


def _recurrence(node: Any) -> Recurrence:
    cell = CELLS[node.class_name]
    cell.check(node)
    n_steps, n_in = (int(size) for size in node.get_input_variable().shape)
    n_units = int(node.get_attr("n_out"))
    data = new_values(n_in, input_type(node))
    states = tuple(new_values(n_units, fixed) for fixed in cell.state_types(node))
    logic = _logic((node.name,), np.concatenate([data, *states]), np.concatenate(cell.step(node, data, states)))
    sequences = bool(node.get_attr("return_sequences"))
    return Recurrence((node.name,), logic, n_steps, n_units, n_units * len(states), sequences)


def _logic(layers: tuple[str, ...], inputs: Any, outputs: Any) -> Any:
    from alkaid.trace import trace as trace_operations
    from alkaid.trace.passes import optimize

    # alkaid 0.8.2: its retrace pass can widen an interval and then rejects its own table.
    logic = optimize(trace_operations(inputs, outputs, optimize=False), keep_dead_inputs=True, retrace=False)
    widest = max(math.log2((op.qint.max - op.qint.min) / op.qint.step + 1) for op in logic.ops)
    if widest > EXACT_BITS:
        what = f"needs {math.ceil(widest)} bits in one operation, of which {EXACT_BITS} are exact"
        raise InputError(what, f"layers {', '.join(layers)}", "use narrower types")
    return logic
