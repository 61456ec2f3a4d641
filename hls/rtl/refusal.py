"""What a layer of the graph says of itself, and how a layer that cannot be traced is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from jets.errors import InputError

ROUNDINGS = ("TRN", "RND", "RND_CONV")
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")
WEIGHT_BITS = 24
"""alkaid's matrix solver takes its constants in single precision."""


def refuse(node: Any, what: str, remedy: str) -> InputError:
    """The error for a layer that cannot be traced, with what would support it."""
    return InputError(what, f"layer {node.name!r} ({node.class_name})", remedy)


def fixed_type(node: Any, role: str, precision: Any) -> FixedType:
    """A precision of hls4ml's as a type.

    Raises:
        InputError: not a fixed-point type, or a rounding or overflow mode that is not traced.
    """
    try:
        fixed = FixedType.parse(str(precision))
    except ValueError:
        remedy = "give it a fixed<…> precision; a cast in hls/rtl/casts.py would add others"
        raise refuse(node, f"its {role} type {precision} is not traced", remedy) from None
    for mode, known in ((fixed.rounding, ROUNDINGS), (fixed.overflow, OVERFLOWS)):
        if mode not in known:
            remedy = f"use one of {', '.join(known)}; a cast in hls/rtl/casts.py would add it"
            raise refuse(node, f"the mode {mode} of its {role} type is not traced", remedy)
    return fixed


def result_type(node: Any) -> FixedType:
    """The type of a layer's output."""
    return fixed_type(node, "result", node.get_output_variable().type.precision)


def input_type(node: Any) -> FixedType:
    """The type of a layer's input."""
    return fixed_type(node, "input", node.get_input_variable().type.precision)


def accumulator_type(node: Any) -> FixedType:
    """The type of a layer's sums.

    Raises:
        InputError: it saturates, so that a sum depends on the order of its terms.
    """
    fixed = fixed_type(node, "accum", node.types["accum_t"].precision)
    if fixed.overflow != "WRAP":
        raise refuse(node, f"its accumulator {fixed} saturates", "let it wrap; an ordered sum would support it")
    return fixed


def weights(node: Any, name: str) -> tuple[NDArray[np.float64], FixedType]:
    """The constants of a layer as its C++ has them (decimal literals, cast to the type), and their type.

    Raises:
        InputError: the type is too wide.
    """
    variable = node.weights[name]
    fixed = fixed_type(node, name, variable.type.precision)
    literals = [float(text) for text in variable]
    values = fixed.cast(np.array(literals).reshape(variable.data.shape))
    if fixed.width > WEIGHT_BITS:
        raise refuse(
            node, f"its {name} has {fixed.width} bits", f"use {WEIGHT_BITS} at most, which alkaid solves exactly"
        )
    return values, fixed


def check_strategy(node: Any) -> None:
    """Raise InputError unless the layer's products are those of hls4ml's latency strategy."""
    strategy = str(node.get_attr("strategy")).lower()
    if strategy != "latency":
        remedy = "use strategy Latency; a file of hls/rtl for that kernel would add it"
        raise refuse(node, f"the strategy {strategy} is not traced", remedy)


def check_option(node: Any, name: str, known: tuple[Any, ...]) -> None:
    """Raise InputError unless the layer's attribute `name` is one of `known`."""
    value = node.get_attr(name)
    if value not in known:
        remedy = f"use {' or '.join(map(str, known))}; the layer's file in hls/rtl would have to compute it"
        raise refuse(node, f"{name}={value!r} is not traced", remedy)
