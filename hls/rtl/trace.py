"""The walk over an hls4ml graph that makes a circuit of it, or names the layer that cannot be traced."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hls.rtl.activation import activation
from hls.rtl.casts import new_values
from hls.rtl.circuit import Circuit, FeedForward, Recurrence
from hls.rtl.dense import dense
from hls.rtl.recurrent import STATES, check_recurrent, step
from hls.rtl.refusal import input_type, refuse, result_type
from jets.errors import InputError, ToolNotFound

FEED_FORWARD = {"Activation": activation, "Dense": dense}
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
    _check_chain(graph, nodes)
    blocks: list[FeedForward | Recurrence] = []
    for recurrent, group in itertools.groupby(nodes[1:], key=lambda node: node.class_name in STATES):
        if recurrent:
            blocks += [_recurrence(node) for node in group]
        else:
            blocks.append(_feed_forward(list(group)))
    shape = tuple(int(size) for size in nodes[0].get_output_variable().shape)
    return Circuit(result_type(nodes[0]), result_type(nodes[-1]), shape, tuple(blocks))


def _require_alkaid() -> None:
    try:
        import alkaid  # noqa: F401
    except ImportError:
        remedy = "install it with `pip install 'tagware[rtl]'`"
        raise ToolNotFound("the Python package alkaid is not installed", None, remedy) from None


def _check_chain(graph: Any, nodes: Sequence[Any]) -> None:
    io_type = graph.config.get_config_value("IOType")
    if io_type != "io_parallel":
        raise InputError(f"io_type {io_type} is not traced", "hls4ml graph", "use io_parallel; FIFOs would support it")
    for node in nodes:
        if node.class_name not in {"Input", *FEED_FORWARD, *STATES}:
            known = ", ".join(sorted({*FEED_FORWARD, *STATES}))
            raise refuse(node, "is not traced", f"traced are {known}; a file for it in hls/rtl would add it")
    for before, node in itertools.pairwise(nodes):
        if node.class_name == "Input" or list(node.inputs) != list(before.outputs):
            what = f"is fed by {', '.join(node.inputs) or 'the outside'}, not by {before.name!r} alone"
            raise refuse(node, what, "use a chain of layers; merging layers would support it")
    if nodes[0].class_name != "Input" or len(nodes) < 2 or list(graph.outputs) != list(nodes[-1].outputs):
        raise InputError("is not a chain from an input to one output", "hls4ml graph", "use a chain of layers")


def _feed_forward(nodes: Sequence[Any]) -> FeedForward:
    inputs = new_values(math.prod(nodes[0].get_input_variable().shape), input_type(nodes[0]))
    values = inputs
    for node in nodes:
        values = FEED_FORWARD[node.class_name](node, values)
    layers = tuple(node.name for node in nodes)
    return FeedForward(layers, _logic(layers, inputs, values))


def _recurrence(node: Any) -> Recurrence:
    check_recurrent(node)
    n_steps, n_in = (int(size) for size in node.get_input_variable().shape)
    n_units = int(node.get_attr("n_out"))
    data = new_values(n_in, input_type(node))
    states = tuple(new_values(n_units, result_type(node)) for _ in range(STATES[node.class_name]))
    logic = _logic((node.name,), np.concatenate([data, *states]), np.concatenate(step(node, data, states)))
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
