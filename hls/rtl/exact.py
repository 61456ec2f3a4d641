"""One step of the exact GRU and LSTM (docs/recurrent.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from hls.rtl.casts import array, cast, each
from hls.rtl.products import matrix_product
from hls.rtl.refusal import fixed_type, offsets, result_type, weights
from hls.rtl.tables import function_of


def exact_gru(node: Any, data: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
    """The new state (n_units,) of an ExactGRU for the data (n_in,) and its state; gates are ordered z, r, g."""
    (hidden,) = states
    n = len(hidden)
    projected = _projection(node, data)
    matrix = weights(node, "recurrent_weight")
    gates = projected[: 2 * n] + _recurrence(node, hidden, matrix[:, : 2 * n])
    update, reset = _gate(node, "update", gates[:n]), _gate(node, "reset", gates[n:])
    if node.get_attr("reset_after"):
        recurrent = _recurrence(node, hidden, matrix[:, 2 * n :], offsets(node, "recurrent_bias").ravel())
        remembered = reset * _cast(node, "recurrent_sum", recurrent)
    else:
        remembered = _recurrence(node, _cast(node, "reset_state", reset * hidden), matrix[:, 2 * n :])
    candidate = _gate(node, "candidate", projected[2 * n :] + remembered)
    state = cast(candidate + update * (hidden - candidate), result_type(node))
    return _unless_padding(node, data, (state,), states)


def exact_lstm(node: Any, data: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
    """The new hidden and cell state of an ExactLSTM; gates are ordered enter, forget, candidate, leave."""
    hidden, cell = states
    n = len(hidden)
    sums = _projection(node, data) + _recurrence(node, hidden, weights(node, "recurrent_weight"))
    enter, forget, candidate, leave = (
        _gate(node, role, sums[place * n : (place + 1) * n])
        for place, role in enumerate(("enter", "forget", "candidate", "leave"))
    )
    kept = forget * cell + enter * candidate
    state = cast(leave * _gate(node, "squashed", kept), result_type(node))
    return _unless_padding(node, data, (state, _cast(node, "cell_state", kept)), states)


def exact_state_types(node: Any) -> tuple[FixedType, ...]:
    """The types of the state vectors, the hidden one first."""
    return (result_type(node), *([_type(node, "cell_state")] if node.class_name == "ExactLSTM" else []))


def _type(node: Any, role: str) -> FixedType:
    return fixed_type(node, role, node.types[f"{role}_t"].precision)


def _cast(node: Any, role: str, values: Any) -> Any:
    return cast(values, _type(node, role))


def _projection(node: Any, data: Any) -> Any:
    """W x + b of all gates; its type holds every bit, so that the cast to it is none."""
    return matrix_product(data, weights(node, "weight"), offsets(node, "bias").ravel(), _type(node, "projection"))


def _recurrence(node: Any, hidden: Any, matrix: Any, bias: Any | None = None) -> Any:
    start = np.zeros(matrix.shape[1]) if bias is None else bias
    return matrix_product(hidden, matrix, start, _type(node, "recurrence"))


def _gate(node: Any, role: str, sums: Any) -> Any:
    """The table of a gate, read at the bits of its argument's codes."""
    kind, entries = _type(node, f"{role}_sum"), weights(node, role).ravel()

    def entry(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(entries[np.rint(values / kind.step).astype(np.int64) % len(entries)])

    return each(cast(sums, kind), lambda value: function_of(value, entry))


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
