"""Types to draw, and values of a type that show every rounding and overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from hls.fixed_point import OVERFLOWS, ROUNDINGS, FixedType

Floats = np.ndarray[Any, np.dtype[np.float64]]


def types(low: int, high: int, integer: tuple[int, int] = (-3, 9)) -> st.SearchStrategy[FixedType]:
    """Types of `low` to `high` bits in all modes."""
    return st.builds(
        FixedType,
        st.integers(low, high),
        st.integers(*integer),
        st.booleans(),
        st.sampled_from(sorted(ROUNDINGS)),
        st.sampled_from(OVERFLOWS),
    )


narrow_types = types(2, 9)


def every_value(fixed: FixedType) -> Floats:
    """All values of a narrow type (n,)."""
    return (_lowest(fixed) + np.arange(2**fixed.width)) * fixed.step


def some_values(fixed: FixedType, near: Floats, n: int = 300) -> Floats:
    """Random values of a wide type, its ends, and those next to some points (n,)."""
    lowest, highest = _lowest(fixed), _lowest(fixed) + 2**fixed.width - 1
    codes = np.random.default_rng(0).integers(lowest, highest, n, endpoint=True)
    nearby = (np.floor(near / fixed.step)[:, None] + np.arange(-2, 4)).ravel()
    return np.asarray(np.clip(np.concatenate([codes, nearby, [lowest, highest]]), lowest, highest) * fixed.step)


def _lowest(fixed: FixedType) -> int:
    return -(2 ** (fixed.width - 1)) if fixed.signed else 0
