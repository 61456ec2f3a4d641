"""Fixed-point types as HLS has them: which values they hold and how a number is cast to them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_FRACTION_BITS = 40
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM", "SAT_ZERO")
ROUNDINGS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "TRN": np.floor,
    "TRN_ZERO": np.trunc,
    "RND": lambda codes: np.floor(codes + 0.5),
    "RND_ZERO": lambda codes: np.sign(codes) * np.ceil(np.abs(codes) - 0.5),
    "RND_INF": lambda codes: np.sign(codes) * np.floor(np.abs(codes) + 0.5),
    "RND_MIN_INF": lambda codes: np.ceil(codes - 0.5),
    "RND_CONV": np.rint,
}
"""How each mode makes an integer of a number: towards minus infinity, towards zero, or to the nearest one, with a half
up, towards zero, away from zero, down, or to the even one."""

_PATTERN = re.compile(r"(?:ap_)?(u?)fixed<(\d+),\s*(-?\d+)(?:,\s*(?:AP_)?(\w+))?(?:,\s*(?:AP_)?(\w+))?(?:,\s*\d+)?>")


@dataclass(frozen=True)
class FixedType:
    """`ap_[u]fixed<width, integer, rounding, overflow>`: multiples of 2**-fraction_bits (UG1399, arbitrary precision).

    `integer` counts the sign bit of a signed type. Rounding: one of `ROUNDINGS`. Overflow: WRAP, SAT, SAT_SYM
    (saturates at minus the maximum) or SAT_ZERO (becomes zero).
    """

    width: int
    integer: int
    signed: bool = True
    rounding: str = "TRN"
    overflow: str = "WRAP"

    @property
    def fraction_bits(self) -> int:
        """Bits to the right of the binary point."""
        return self.width - self.integer

    @property
    def step(self) -> float:
        """The distance of two neighbouring values."""
        return 2.0**-self.fraction_bits

    @property
    def maximum(self) -> float:
        """The largest value."""
        return (2.0 ** (self.width - self.signed) - 1) * self.step

    @property
    def minimum(self) -> float:
        """The smallest value."""
        if not self.signed:
            return 0.0
        return -self.maximum if self.overflow == "SAT_SYM" and self.width > 1 else -(2.0 ** (self.integer - 1))

    @property
    def magnitude(self) -> float:
        """The largest absolute value."""
        return max(self.maximum, -self.minimum)

    @classmethod
    def parse(cls, text: str) -> FixedType:
        """Read `ap_fixed<16,6,AP_RND_CONV,AP_SAT>` or hls4ml's `fixed<16,6,RND_CONV,SAT>`; ValueError otherwise."""
        match = _PATTERN.fullmatch(text.replace(" ", ""))
        if match is None:
            raise ValueError(f"not a fixed-point type: {text!r}")
        unsigned, width, integer, rounding, overflow = match.groups()
        return cls(int(width), int(integer), not unsigned, rounding or "TRN", overflow or "WRAP")

    def __str__(self) -> str:
        """The type as hls4ml writes it, e.g. `fixed<16,6,RND_CONV,SAT>`."""
        modes = "" if (self.rounding, self.overflow) == ("TRN", "WRAP") else f",{self.rounding},{self.overflow}"
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{modes}>"

    def cpp(self) -> str:
        """The type as C++ code writes it, e.g. `ap_fixed<16,6,AP_RND_CONV,AP_SAT>`."""
        modes = "" if (self.rounding, self.overflow) == ("TRN", "WRAP") else f",AP_{self.rounding},AP_{self.overflow},0"
        return f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{modes}>"

    def cast(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """`values` as this type holds them (any shape); exact for inputs of up to 53 significant bits."""
        codes = ROUNDINGS[self.rounding](np.asarray(values, np.float64) / self.step)
        low, high = self.minimum / self.step, self.maximum / self.step
        if self.overflow == "WRAP":
            codes = np.mod(codes - low, 2.0**self.width) + low
        elif self.overflow == "SAT_ZERO":
            codes = np.where((codes < low) | (codes > high), 0.0, codes)
        else:
            codes = np.clip(codes, low, high)
        return np.asarray(codes * self.step, np.float64)

    def holds(self, values: NDArray[Any]) -> bool:
        """Whether every value is one of this type's."""
        return bool(np.array_equal(self.cast(values), np.asarray(values, np.float64)))


def narrowest(values: NDArray[Any]) -> FixedType | None:
    """The narrowest signed type that holds every value exactly; None when one needs over 40 fraction bits."""
    values = np.asarray(values, np.float64)
    for fraction_bits in range(MAX_FRACTION_BITS + 1):
        if np.array_equal(np.rint(values * 2.0**fraction_bits), values * 2.0**fraction_bits):
            return exact_sum(fraction_bits, float(np.max(np.abs(values), initial=0.0)))
    return None


def exact_sum(fraction_bits: int, bound: float) -> FixedType:
    """The narrowest signed type with `fraction_bits` whose range holds -bound … bound."""
    integer = 1
    while bound > 2.0 ** (integer - 1) - 2.0**-fraction_bits:
        integer += 1
    return FixedType(max(integer + fraction_bits, 2), max(integer, 2 - fraction_bits))


def holding(types: Sequence[FixedType]) -> FixedType:
    """The narrowest type that has every number of each of the types."""
    signed = any(fixed.signed for fixed in types)
    integer = max(fixed.integer + (signed and not fixed.signed) for fixed in types)
    return FixedType(integer + max(fixed.fraction_bits for fixed in types), integer, signed)


def significant_bits(bound: float, fraction_bits: int) -> int:
    """Bits of the largest integer among multiples of 2**-fraction_bits up to `bound` (float32 holds 24)."""
    return max(0, math.ceil(math.log2(max(bound, 2.0**-fraction_bits)))) + fraction_bits
