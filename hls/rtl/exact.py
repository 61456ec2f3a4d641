"""One step of the exact GRU and LSTM (docs/recurrent.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from hls.rtl.casts import array, cast, each
from hls.rtl.products import times
from hls.rtl.refusal import fixed_type, offsets, result_type, weights
from hls.rtl.tables import function_of

ONE_TREE = 48
"""Units up to which the sums of a step are one product: alkaid's solver takes six times as long for it."""


def exact_gru(node: Any, data: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
    """The new state (n_units,) of an ExactGRU for the data (n_in,) and its state; gates are ordered z, r, g."""
    (hidden,) = states
    n = len(hidden)
    projected = _projection(node, data, ("update", "reset", "candidate"))
    kernel = weights(node, "recurrent_weight")
    reset_after = bool(node.get_attr("reset_after"))
    bias = np.zeros(2 * n)
    if reset_after:
        bias = np.concatenate([bias, offsets(node, "recurrent_bias").ravel() + _half(_type(node, "recurrent_sum"))])
    sums = _joined(projected[: 2 * n], hidden, kernel[:, : len(bias)]) + bias
    update, reset = _gate(node, "update", sums[:n]), _gate(node, "reset", sums[n : 2 * n])
    if reset_after:
        argument = projected[2 * n :] + reset * _floored(sums[2 * n :], _type(node, "recurrent_sum"))
    else:
        remembered = cast(reset * hidden, _type(node, "reset_state"))
        argument = _joined(projected[2 * n :], remembered, kernel[:, 2 * n :])
    candidate = _gate(node, "candidate", argument)
    kind = result_type(node)
    raised = _gate(node, "candidate", argument, _half(kind))  # the entries hold the half step of the last cast
    state = _floored(raised + update * (hidden - candidate), kind)
    return _unless_padding(node, data, (state,), states)


def exact_lstm(node: Any, data: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
    """The new hidden and cell state of an ExactLSTM; gates are ordered enter, forget, candidate, leave."""
    hidden, cell = states
    n = len(hidden)
    roles = ("enter", "forget", "candidate", "leave")
    sums = _joined(_projection(node, data, roles), hidden, weights(node, "recurrent_weight"))
    enter, forget, candidate, leave = (
        _gate(node, role, sums[place * n : (place + 1) * n]) for place, role in enumerate(roles)
    )
    kept = forget * cell + enter * candidate
    squashed = _gate(node, "squashed", kept + _half(_type(node, "squashed_sum")))
    state = cast(leave * squashed, result_type(node))
    return _unless_padding(node, data, (state, cast(kept, _type(node, "cell_state"))), states)


def exact_state_types(node: Any) -> tuple[FixedType, ...]:
    """The types of the state vectors, the hidden one first."""
    return (result_type(node), *([_type(node, "cell_state")] if node.class_name == "ExactLSTM" else []))


def _type(node: Any, role: str) -> FixedType:
    return fixed_type(node, role, node.types[f"{role}_t"].precision)


def _half(kind: FixedType) -> float:
    """What a cast to a type adds before it rounds down."""
    return kind.step / 2 if kind.rounding == "RND" else 0.0


def _floored(values: Any, kind: FixedType) -> Any:
    """The cast of values that hold its `_half` already."""
    return cast(values, replace(kind, rounding="TRN") if kind.rounding == "RND" else kind)


def _projection(node: Any, data: Any, gates: Sequence[str]) -> Any:
    """W x + b of all gates, and the half step that the cast of each gate's sum adds, which then costs no adder."""
    bias = offsets(node, "bias").ravel()
    halves = np.repeat([_half(_type(node, f"{gate}_sum")) for gate in gates], len(bias) // len(gates))
    return times(data, weights(node, "weight")) + (bias + halves)


def _joined(projected: Any, values: Any, matrix: Any) -> Any:
    """What was projected, plus values (n_in,) times constants (n_in, n_out) where it is shorter.

    As one product it is one tree of adders, in which what was projected is a leaf.
    """
    if len(values) > ONE_TREE:
        sums, n = times(values, matrix), len(projected)
        return np.concatenate([projected + sums[:n], sums[n:]])
    leaves = np.eye(len(projected), matrix.shape[1])
    return times(np.concatenate([projected, values]), np.concatenate([leaves, matrix]))


def _gate(node: Any, role: str, sums: Any, offset: float = 0.0) -> Any:
    """The table of a gate plus an offset, read at the bits of its argument's codes; sums hold the half step."""
    kind, entries = _type(node, f"{role}_sum"), weights(node, role).ravel() + offset

    def entry(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(entries[np.rint(values / kind.step).astype(np.int64) % len(entries)])

    return each(_floored(sums, kind), lambda value: function_of(value, entry))


def _unless_padding(node: Any, data: Any, new: tuple[Any, ...], old: tuple[Any, ...]) -> tuple[Any, ...]:
    """The new states, or where padding is skipped and every input code is zero the old ones."""
    if not node.get_attr("skip_padding"):
        return new
    occupied = data[0].unary_bit_op("any")
    for value in data[1:]:
        occupied = occupied | value.unary_bit_op("any")
    return tuple(
        array([occupied.msb_mux(after, before) for after, before in zip(*pair, strict=True)], pair[0])
        for pair in zip(new, old, strict=True)
    )
