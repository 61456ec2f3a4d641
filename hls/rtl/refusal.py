"""What a layer of the graph says of itself, and how a layer that cannot be traced is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import OVERFLOWS, ROUNDINGS, FixedType
from jets.errors import InputError

OFFSET_BITS = 24
"""alkaid adds constants in single precision."""
_INTEGER = re.compile(r"(u?)int<(\d+)>")


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
    return check_modes(node, role, fixed)


def check_modes(node: Any, role: str, fixed: FixedType) -> FixedType:
    """A type with modes that are traced.

    Raises:
        InputError: its rounding or overflow mode is another one.
    """
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
    """The type of a layer's sums."""
    return fixed_type(node, "accum", node.types["accum_t"].precision)


def weights(node: Any, name: str) -> NDArray[np.float64]:
    """The constants of a layer as its C++ has them: decimal literals, cast to their type.

    Raises:
        InputError: they are of a type that is not traced.
    """
    variable = node.weights[name]
    precision = variable.type.precision
    integer = _INTEGER.fullmatch(str(precision))
    if integer:
        fixed = FixedType(int(integer[2]), int(integer[2]), not integer[1])
    else:
        fixed = fixed_type(node, name, precision)
    return fixed.cast(np.array([float(text) for text in variable]).reshape(variable.data.shape))


def offsets(node: Any, name: str) -> NDArray[np.float64]:
    """The constants of a layer that are added to values.

    Raises:
        InputError: as of `weights`, or one needs more bits than alkaid adds exactly.
    """
    values = weights(node, name)
    if not np.array_equal(values, values.astype(np.float32)):
        remedy = f"use a type of {OFFSET_BITS} bits; adding them in two parts would support it"
        raise refuse(node, f"its {name} has a value of over {OFFSET_BITS} significant bits", remedy)
    return values


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
