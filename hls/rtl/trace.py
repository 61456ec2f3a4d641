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

LATE = 100.0
"""When states arrive, in alkaid's adders: its solver then adds what is made of the data alone before them."""
EXACT_BITS = 53
"""alkaid keeps its intervals, and gives its results, in double precision."""


def trace(graph: Any) -> Circuit:
    """The fixed-point operations of an hls4ml ModelGraph (after its flows), equal to its C++ bit for bit.

    Raises:
        InputError: a layer or an option that is not traced; names it and what would support it.
        ToolNotFound: alkaid is not installed.
    """
    find_alkaid()
    nodes = list(graph.get_layers())
    _check_graph(graph, nodes)
    (output,) = graph.outputs
    (last,) = (node for node in nodes if output in node.outputs)
    shape = tuple(int(size) for size in nodes[0].get_output_variable().shape)
    return Circuit(result_type(nodes[0]), result_type(last), shape, tuple(_blocks(nodes, output)))


def find_alkaid() -> None:
    """Raise ToolNotFound unless alkaid, which does the tracing, is installed."""
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
    groups = [list(group) for _, group in itertools.groupby(nodes[1:], key=_side_by_side)]
    entering = list(nodes[0].outputs)
    for group, following in itertools.zip_longest(groups, groups[1:]):
        _check_reach(group, entering)
        if group[0].class_name in CELLS:
            if len(group) > 1 or group[0].get_attr("direction") == "backward":
                yield _in_turn(group)
            yield _recurrence(group)
            entering = [node.outputs[0] for node in group]
        else:
            leaving = following[0].inputs[0] if following else output
            yield _feed_forward(group, entering, leaving)
            entering = [leaving]


def _side_by_side(node: Any) -> tuple[Any, ...] | None:
    """What neighbours share that are one block: recurrent layers their data and what they hand on, others nothing."""
    return (node.inputs, bool(node.get_attr("return_sequences"))) if node.class_name in CELLS else None


def _check_reach(group: Sequence[Any], entering: Sequence[str]) -> None:
    """Raise InputError unless the layers use nothing but `entering` and one another."""
    reach = set(entering)
    for node in group:
        for tensor in node.inputs:
            if tensor not in reach:
                what = f"takes {tensor!r} around a recurrent layer"
                raise refuse(node, what, "use a chain of layers there; a delay line beside it would support it")
        reach |= set(node.outputs)


def _feed_forward(nodes: Sequence[Any], entering: Sequence[str], leaving: str) -> FeedForward:
    values: dict[str, Any] = {}
    for node in nodes:
        inputs = []
        for tensor in node.inputs:
            variable = node.get_input_variable(tensor)
            if tensor in entering and tensor not in values:
                fixed = fixed_type(node, "input", variable.type.precision)
                values[tensor] = new_values(_shape(variable), fixed)
            inputs.append(values[tensor])
        outputs = LAYERS[node.class_name](node, inputs)
        values[node.outputs[0]] = outputs.reshape(_shape(node.get_output_variable()))
    layers = tuple(node.name for node in nodes)
    # Of recurrent layers side by side each step gives the states of all.
    inputs = np.concatenate([values[tensor] for tensor in entering], axis=-1)
    return FeedForward(layers, _logic(layers, inputs.ravel(), values[leaving].ravel()))


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in variable.shape)


def _in_turn(nodes: Sequence[Any]) -> FeedForward:
    """The steps in the order in which recurrent layers side by side take them: at each step the data of all."""
    layers = tuple(node.name for node in nodes)
    steps = new_values(_shape(nodes[0].get_input_variable()), input_type(nodes[0]))
    taken = [steps[::-1] if node.get_attr("direction") == "backward" else steps for node in nodes]
    return FeedForward(layers, _logic(layers, steps.ravel(), np.concatenate(taken, axis=1).ravel()))


def _recurrence(nodes: Sequence[Any]) -> Recurrence:
    """Recurrent layers side by side as one: a step is one of each, with all hidden states before the others."""
    layers = tuple(node.name for node in nodes)
    n_steps, n_in = (int(size) for size in nodes[0].get_input_variable().shape)
    data = [new_values(n_in, input_type(node)) for node in nodes]
    before, after = [], []
    for node, values in zip(nodes, data, strict=True):
        cell = CELLS[node.class_name]
        cell.check(node)
        n_units = int(node.get_attr("n_out"))
        before.append(tuple(new_values(n_units, fixed, LATE) for fixed in cell.state_types(node)))
        after.append(cell.step(node, values, before[-1]))
    old, new = (np.concatenate(_hidden_first(states)) for states in (before, after))
    n_units = sum(len(states[0]) for states in before)
    sequences = bool(nodes[0].get_attr("return_sequences"))
    return Recurrence(layers, _logic(layers, np.concatenate([*data, old]), new), n_steps, n_units, len(old), sequences)


def _hidden_first(states: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The states of several layers in a row, the hidden ones before the others."""
    return [hidden for hidden, *_ in states] + [other for _, *others in states for other in others]


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
