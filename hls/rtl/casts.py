"""Values of a type, and the cast of a value to another type as `ap_fixed` does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hls.fixed_point import FixedType


def new_values(shape: int | tuple[int, ...], fixed: FixedType) -> Any:
    """Independent values of a type: the inputs of a trace."""
    from alkaid.trace import FVArray

    return FVArray.from_kif(*(np.full(shape, bits) for bits in _sign_integer_fraction(fixed)))


def cast(values: Any, fixed: FixedType) -> Any:
    """`values` (any shape) cast to a type: rounded first, then wrapped or saturated (UG1399, ap_fixed)."""
    return each(values, lambda value: cast_one(value, fixed))


def cast_one(value: Any, fixed: FixedType) -> Any:
    """One value cast to a type."""
    return value.quantize(*_sign_integer_fraction(fixed), fixed.overflow, fixed.rounding)


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

    return FVariable.from_const(value, hwconf=like.hwconf)


def _sign_integer_fraction(fixed: FixedType) -> tuple[int, int, int]:
    return int(fixed.signed), fixed.integer - fixed.signed, fixed.fraction_bits
