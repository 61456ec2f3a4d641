"""Values of a type, and the cast of a value to another type as `ap_fixed` does it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hls.fixed_point import FixedType
from jets.errors import InputError

ALKAID_ROUNDINGS = ("TRN", "RND")
"""The modes that are alkaid's own; its RND_CONV (0.8.2) is wrong where adding a half coarsens the grid of a value."""

LOST_BITS = 62
"""alkaid's interpreter shifts 64-bit integers."""
CONSTANT_BITS = 24
"""alkaid (0.8.2) takes constants in single precision, and makes others of them without a word."""


def new_values(shape: int | tuple[int, ...], fixed: FixedType, latency: float = 0.0) -> Any:
    """Independent values of a type: the inputs of a trace, which arrive after so many of alkaid's adders."""
    from alkaid.trace import FVArray

    return FVArray.from_kif(*(np.full(shape, bits) for bits in _sign_integer_fraction(fixed)), latency=latency)


def cast(values: Any, fixed: FixedType) -> Any:
    """`values` (any shape) cast to a type: rounded first, then wrapped or saturated (UG1399, ap_fixed)."""
    return each(values, lambda value: cast_one(value, fixed))


def cast_one(value: Any, fixed: FixedType) -> Any:
    """One value cast to a type; a signed type of one bit saturates to -1, symmetric or not, as that of the vendor."""
    if fixed.overflow == "SAT_SYM" and fixed.width == 1:
        fixed = replace(fixed, overflow="SAT")
    if value.low == value.high:
        return constant(float(fixed.cast(np.array(value.low))), value)
    bits = _sign_integer_fraction(fixed)
    if int(value.kif[2]) - fixed.fraction_bits > LOST_BITS:
        raise InputError(f"a cast to {fixed} that loses more than {LOST_BITS} bits", "hls4ml graph", "use closer types")
    rounded = _rounded(apart(value, fixed.fraction_bits + 1), fixed)
    if fixed.minimum <= rounded.low and rounded.high <= fixed.maximum:
        return rounded
    return rounded.quantize(*bits) if fixed.overflow == "WRAP" else _saturated(rounded, fixed)


def apart(value: Any, fraction_bits: int) -> Any:
    """The same value, for a constant to be added exactly: alkaid joins it to one that was added before."""
    sign, integer, finest = (int(bits) for bits in value.kif)
    if value.opr != "cadd" or integer + max(finest, fraction_bits) < CONSTANT_BITS:
        return value
    return value.quantize(0, integer - 1, finest) + value.quantize(sign, integer, 1 - integer)


def _rounded(value: Any, fixed: FixedType) -> Any:
    """`value` at the type's fraction bits, in any range: its floor, and one step more where the mode rounds up."""
    _, integer, finest = (int(bits) for bits in value.kif)
    bits = fixed.fraction_bits
    wide = (1, max(integer, -bits) + 1, bits)
    if finest <= bits:
        return value
    if fixed.rounding in ALKAID_ROUNDINGS:
        return value.quantize(*wide, "WRAP", fixed.rounding)
    return value.quantize(*wide) + _rounds_up(value, fixed.rounding, bits, finest) * fixed.step


def _rounds_up(value: Any, rounding: str, bits: int, finest: int) -> Any:
    """1 where rounding to `bits` fraction bits adds a step to the floor, from the sign and the bits that are lost."""
    negative = value.is_negative()
    if rounding == "TRN_ZERO":
        return negative & value.quantize(0, -bits, finest).unary_bit_op("any")
    half = value.quantize(0, -bits, bits + 1) * 2.0 ** (bits + 1)
    rest = value.quantize(0, -bits - 1, finest).unary_bit_op("any")
    if rounding == "RND_ZERO":
        rest = rest | negative
    elif rounding == "RND_INF":
        rest = rest | (negative ^ 1.0)
    elif rounding == "RND_CONV":
        rest = rest | value.quantize(0, 1 - bits, bits) * 2.0**bits
    return half & rest


def _saturated(rounded: Any, fixed: FixedType) -> Any:
    """A value on the type's grid, saturated or set to zero where it leaves the type's range.

    Without a comparison: it is in range where the bits above those of the type are all like its sign.
    """
    sign, integer, bits = _sign_integer_fraction(fixed)
    above = rounded.quantize(1, max(int(rounded.kif[1]), integer) + 1, -integer)
    below_zero, inside = negative(above), above.unary_bit_op("any") ^ 1.0
    if sign and above.low < 0 and above.step == 2.0**integer:
        inside = inside | above.unary_bit_op("all")
    kept = rounded.quantize(sign, integer, bits)
    if fixed.overflow == "SAT_ZERO":
        return choose(inside, kept, 0.0)
    if inside.high == below_zero.high == 0.0:
        return constant(fixed.maximum, rounded)
    ones = ((inside ^ 1.0) * -fixed.step).quantize(0, integer, bits)
    saturated = choose(inside, kept, choose(below_zero, -(2.0**integer) * sign, ones))
    if fixed.overflow == "SAT" or not sign:
        return saturated
    above_lowest = saturated.quantize(0, integer, bits).unary_bit_op("any") | (saturated.is_negative() ^ 1.0)
    return saturated + (above_lowest ^ 1.0) * fixed.step


def at_least(value: Any, limit: float) -> Any:
    """1 where a value is a limit or more, 0 elsewhere."""
    if value.low >= limit or value.high < limit:
        return constant(float(value.low >= limit), value)
    lowest = math.ceil(limit / value.step) * value.step
    if lowest == 0.0:
        return negative(value) ^ 1.0
    return (apart(value, int(value.kif[2])) - lowest).is_negative() ^ 1.0


def negative(value: Any) -> Any:
    """1 where a value is below zero, 0 elsewhere."""
    if value.opr == "wrap" and value._factor < 0 and value.low < 0 < value.high:
        # alkaid (0.8.2) takes the sign of a wrapped value for that of its negative, where it steers a choice.
        return at_least(-value, value.step)
    return value.is_negative()


def clamped(value: Any, low: float, high: float) -> Any:
    """A value where it is within limits, and the next of them elsewhere."""
    if value.low >= low and value.high <= high:
        return value
    return apart(value, int(value.kif[2])).max_of(low).min_of(high)


def choose(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where a condition is 1, `no` where it is 0; each of them a value or a number."""
    yes, no = (choice if hasattr(choice, "kif") else constant(choice, condition) for choice in (yes, no))
    if condition.low == condition.high:
        return yes if condition.low else no
    return condition.msb_mux(yes, no)


def each(values: Any, function: Any) -> Any:
    """`function` of every value, in the same shape."""
    return array([function(value) for value in values.ravel()], values).reshape(values.shape)


def array(values: Sequence[Any], like: Any) -> Any:
    """A vector of traced values with the options of another one."""
    from alkaid.trace import FVArray

    return FVArray(np.array(values, dtype=object), like.solver_options, hwconf=like.hwconf)


def constant(value: float, like: Any) -> Any:
    """A traced value that never changes."""
    from alkaid.trace import FVariable

    if float(np.float32(value)) != value:
        raise InputError(
            f"the constant {value!r} is not exact in alkaid",
            "hls4ml graph",
            f"use types of {CONSTANT_BITS} bits at most",
        )
    return FVariable.from_const(value, hwconf=like.hwconf)


def _sign_integer_fraction(fixed: FixedType) -> tuple[int, int, int]:
    return int(fixed.signed), fixed.integer - fixed.signed, fixed.fraction_bits
