"""The numbers of an exact student: a grid, one way to round to it, and functions tabulated over its codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.config import check_keys
from jets.errors import ConfigError, TagwareError

MAX_BITS = 24
"""Integers of up to 24 bits are exact in single precision."""

MAX_TABLE_BITS = 16


@dataclass(frozen=True)
class FixedPoint:
    """Multiples of 2**(integer - total) that `total` bits hold, the sign being one of the `integer` bits.

    A number becomes one of them by adding half a step, rounding down and saturating: `ap_fixed<total, integer, AP_RND,
    AP_SAT>` (AMD UG1399), `ap_ufixed` where unsigned.

    Raises:
        ConfigError: a width that is not between 1 and 24 (signed 2), integer bits outside 0 to that width.
    """

    total: int
    integer: int
    signed: bool = True

    def __post_init__(self) -> None:
        least = 2 if self.signed else 1
        if not least <= self.total <= MAX_BITS:
            what = f"total bits must be between {least} and {MAX_BITS}, not {self.total}"
            raise ConfigError(what, None, "write [total, integer], e.g. [8, 1]")
        if not 0 <= self.integer <= self.total:
            what = f"integer bits must be between 0 and the {self.total} of the total, not {self.integer}"
            raise ConfigError(what, None, "write [total, integer], e.g. [8, 1]")

    @property
    def fraction(self) -> int:
        """Bits right of the binary point."""
        return self.total - self.integer

    @property
    def step(self) -> float:
        """The distance of two neighbours."""
        return 2.0**-self.fraction

    @property
    def low(self) -> float:
        """The smallest number."""
        return -(2.0 ** (self.integer - 1)) if self.signed else 0.0

    @property
    def high(self) -> float:
        """The largest number."""
        return 2.0 ** (self.integer - self.signed) - self.step

    def cast(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """`values` of any shape, rounded half up and saturated."""
        codes = np.floor(np.asarray(values, np.float64) / self.step + 0.5)
        return np.asarray(np.clip(codes * self.step, self.low, self.high), np.float64)

    def numbers(self) -> NDArray[np.float64]:
        """Every number, (2**total,), in the order of its two's complement bits read as an unsigned integer."""
        codes = np.arange(2.0**self.total)
        if self.signed:
            codes[len(codes) // 2 :] -= len(codes)
        return np.asarray(codes * self.step, np.float64)


FUNCTIONS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "tanh": np.tanh,
}


def table(function: str, codes: FixedPoint, entries: FixedPoint) -> NDArray[np.float64]:
    """A function of `FUNCTIONS` over every code, (2**codes.total,): the address of an entry is the code's bits.

    The function is rounded to single precision and then cast to the type of the entries.
    """
    return entries.cast(FUNCTIONS[function](codes.numbers()).astype(np.float32))


def types_by_role(types: Mapping[str, Any], roles: Sequence[str], where: str) -> dict[str, FixedPoint]:
    """The type of every role, each given as one or in its stored form, [total, integer, signed].

    Raises:
        ConfigError: a role that is missing or unknown, a width out of range; names `where`.
    """
    check_keys(types, roles, where)
    found = {}
    for role in roles:
        if role not in types:
            raise ConfigError(f"the type of {role!r} is missing", where, "add it")
        try:
            found[role] = types[role] if isinstance(types[role], FixedPoint) else FixedPoint(*types[role])
        except TagwareError as error:
            raise error.at(f"{where}: {role}") from None
    return found


def check_tables(types: Mapping[str, FixedPoint], gates: Iterable[str], where: str) -> None:
    """Raise ConfigError when the codes of a gate's sum, the role "<gate>_sum", are too many for a table."""
    for role in (f"{gate}_sum" for gate in gates):
        if (width := types[role].total) > MAX_TABLE_BITS:
            remedy = f"use {MAX_TABLE_BITS} at most, 8 are enough"
            raise ConfigError(f"a table over {width} bits has too many entries", f"{where}: {role}", remedy)
