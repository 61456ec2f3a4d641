"""The recurrent layers, and one step of a GRU (hls4ml's nnet_recurrent.h) and an LSTM (our nnet_exact_lstm.h)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hls.convert.kernels import REPLACED_CALLS
from hls.fixed_point import FixedType
from hls.rtl.casts import cast
from hls.rtl.exact import exact_gru, exact_lstm, exact_state_types
from hls.rtl.products import matrix_product
from hls.rtl.refusal import (
    accumulator_type,
    check_option,
    check_strategy,
    offsets,
    refuse,
    result_type,
    weights,
)
from hls.rtl.tables import Table, gate_table, look_up


@dataclass(frozen=True)
class Cell:
    """A recurrent layer.

    Attributes:
        check: raises InputError for an option that is not traced.
        state_types: of the vectors that a step hands to the next, the hidden state first.
        step: (node, data (n_in,), states (n_units,) each) -> the new states.
    """

    check: Callable[[Any], None]
    state_types: Callable[[Any], tuple[FixedType, ...]]
    step: Callable[[Any, Any, tuple[Any, ...]], tuple[Any, ...]]


@dataclass(frozen=True)
class Gates:
    """What the gates of a cell are made with.

    Attributes:
        from_data, from_state: W x + b and U h + b_r, in the accumulator's type.
        recurrent, plain: the tables of the recurrent activation and of the activation.
        accumulator, state: the types of the sums and of what is kept between steps.
    """

    from_data: Any
    from_state: Any
    recurrent: Table
    plain: Table
    accumulator: FixedType
    state: FixedType

    def sum(self, values: Any) -> Any:
        """Values as an accumulator holds them."""
        return cast(values, self.accumulator)


def _check(node: Any) -> None:
    check_strategy(node)
    check_option(node, "direction", ("forward",))
    check_option(node, "return_state", (False, None))
    if len(node.inputs) != 1:
        raise refuse(node, "starts from a state that another layer gives", "start from zero; an input would add it")
    if node.class_name == "GRU":
        check_option(node, "apply_reset_gate", ("after",))
        check_option(node, "pytorch", (False, None))
        return
    kernel = REPLACED_CALLS["LSTM"][1]
    if kernel not in node.get_attr("function_cpp", ""):
        raise refuse(node, f"does not call {kernel}…>", "build the graph with hls.convert.graph.build_graph")


def _gates(node: Any, data: Any, hidden: Any) -> Gates:
    accumulator, state = accumulator_type(node), result_type(node)
    products = []
    for values, weight_name, bias_name in (
        (data, "weight", "bias"),
        (hidden, "recurrent_weight", "recurrent_bias"),
    ):
        bias = offsets(node, bias_name).ravel()
        matrix = weights(node, weight_name).reshape(len(values), bias.size)
        products.append(matrix_product(values, matrix, bias, accumulator))
    recurrent, plain = (
        gate_table(node, str(node.get_attr(name)), accumulator, accumulator)
        for name in ("recurrent_activation", "activation")
    )
    return Gates(products[0], products[1], recurrent, plain, accumulator, state)


def _gru(node: Any, data: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gates are ordered z, r, h; the reset gate multiplies U h + b_r (reset_after)."""
    (hidden,) = states
    gates, n = _gates(node, data, hidden), len(hidden)
    update_reset = look_up(gates.sum(gates.from_data[: 2 * n] + gates.from_state[: 2 * n]), gates.recurrent)
    update, reset = update_reset[:n], update_reset[n:]
    kept = gates.sum(reset * gates.from_state[2 * n :])
    candidate = look_up(gates.sum(gates.from_data[2 * n :] + kept), gates.plain)
    return (cast(candidate * (1 - update) + hidden * update, gates.state),)


def _lstm(node: Any, data: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gates are ordered i, f, c, o; tanh sees the cell state before it is cast to the state's type."""
    hidden, cell = states
    gates, n = _gates(node, data, hidden), len(hidden)
    sums = gates.sum(gates.from_data + gates.from_state)
    enter, forget, leave = (look_up(sums[k * n : (k + 1) * n], gates.recurrent) for k in (0, 1, 3))
    candidate = look_up(sums[2 * n : 3 * n], gates.plain)
    new_cell = gates.sum(candidate * enter + cell * forget)
    squashed = look_up(new_cell, gates.plain)
    return cast(leave * squashed, gates.state), cast(new_cell, gates.state)


CELLS: Mapping[str, Cell] = {
    "GRU": Cell(_check, lambda node: (result_type(node),), _gru),
    "LSTM": Cell(_check, lambda node: (result_type(node),) * 2, _lstm),
    "ExactGRU": Cell(lambda node: None, exact_state_types, exact_gru),
    "ExactLSTM": Cell(lambda node: None, exact_state_types, exact_lstm),
}
"""By hls4ml's name of the layer."""
