"""Functions as hls4ml looks them up: the contents of its tables and the index into them (nnet_activation.h)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from hls.rtl import libm
from hls.rtl.casts import CONSTANT_BITS, cast_one, clamped, constant, each
from hls.rtl.refusal import fixed_type, refuse

Floats = NDArray[np.float64]

SPANS: Mapping[str, tuple[float, Callable[[libm.Singles], libm.Singles]]] = {
    "sigmoid": (8.0, libm.sigmoid),
    "tanh": (4.0, libm.tanh),
    "softplus": (8.0, libm.softplus),
    "softsign": (8.0, libm.softsign),
}
"""Functions tabulated over -limit … limit: the limit, and the function."""

FUNCTIONS = tuple(SPANS)
INT_BITS = 31
"""The index is an `int` in C++."""
SMALL = 64
"""Entries that a look-up table cell of an FPGA holds: fewer keys cost nothing less."""


@dataclass(frozen=True)
class Table:
    """A tabulated function: `entries` (size,) at the indices trunc(x * size / (2 * limit)) + size // 2, clamped.

    The kernel truncates on the grid of its input, so that `grid`, the step of a type of tens, is that of the index too.
    """

    entries: Floats
    limit: float
    grid: float = 1.0

    @property
    def scale(self) -> float:
        """Steps of the index in a unit of the input."""
        return len(self.entries) / (2 * self.limit)

    def at(self, values: Floats) -> Floats:
        """The entries for inputs."""
        return self.at_step(np.trunc(values * self.scale / self.grid) * self.grid)

    def at_step(self, steps: Floats) -> Floats:
        """The entries for so many steps of the index from that of zero."""
        return self._clamped(steps + len(self.entries) // 2)

    def _clamped(self, index: Floats) -> Floats:
        return np.asarray(self.entries[np.clip(index, 0, len(self.entries) - 1).astype(np.int64)])


@dataclass(frozen=True)
class NegativeTable(Table):
    """A function of negative numbers: `entries` (size,) at the indices trunc(-x * size / limit), clamped."""

    @property
    def scale(self) -> float:
        """Steps of the index in a unit of the input."""
        return len(self.entries) / self.limit

    def at_step(self, steps: Floats) -> Floats:
        """The entries for so many steps of the index from that of zero."""
        return self._clamped(-steps)


def gate_table(node: Any, function: str, value: FixedType, result: FixedType) -> Table:
    """The table that a layer looks `function` up in, for inputs of type `value` and results of type `result`.

    Raises:
        InputError: a function without a table, or a table that is too large or too wide.
    """
    if function not in SPANS:
        raise refuse(node, f"the function {function} is not traced", f"use {' or '.join(FUNCTIONS)}, which have tables")
    limit, exact = SPANS[function]
    size = table_size(node, value)
    points = 2 * limit * (np.arange(size) - size / 2) / size
    entries = result.cast(table_type(node).cast(exact(points.astype(np.float32))))
    return Table(checked(node, entries), limit, max(value.step, 1.0))


def table_size(node: Any, value: FixedType) -> int:
    """The number of entries of a layer's table that is looked up with inputs of type `value`.

    Raises:
        InputError: it is none, or the index overflows.
    """
    size = int(node.get_attr("table_size"))
    if size < 2:
        raise refuse(node, f"its table has {size} entries", "use two or more")
    if value.integer + math.ceil(math.log2(size)) > INT_BITS:
        raise refuse(node, f"{value} overflows the index of its table", "use fewer integer bits")
    return size


def table_type(node: Any) -> FixedType:
    """The type of the entries of a layer's table."""
    return fixed_type(node, "table", node.types["table_t"].precision)


def checked(node: Any, entries: Floats) -> Floats:
    """Entries of a table that alkaid takes as they are.

    Raises:
        InputError: they have more bits.
    """
    step = math.ldexp(1.0, CONSTANT_BITS) / 2 ** math.ceil(math.log2(max(np.abs(entries).max(), 2.0**-99)))
    if not np.array_equal(entries * step, np.rint(entries * step)):
        raise refuse(node, f"its table has entries of over {CONSTANT_BITS} bits", "use a narrower table_t")
    return entries


def look_up(values: Any, table: Table) -> Any:
    """The table's entry for each of the values."""
    return each(values, lambda value: look_up_one(value, table))


def look_up_one(value: Any, table: Table) -> Any:
    """The table's entry for a value, looked up with what of the value reaches the index."""
    if value.low == value.high:
        return constant(float(table.at(np.array(value.low))), value)
    step, limit = float(value.step), table.limit
    ends = table.at(np.array([limit - step, limit]))
    inside = clamped(value, -limit, limit - step if ends[0] == ends[1] else limit)
    if _n_keys(inside) <= max(len(table.entries), SMALL):
        return function_of(inside, table.at)
    bits = math.ceil(math.log2(len(table.entries)))
    return function_of(cast_one(inside * table.scale, FixedType(bits, bits, True, "TRN_ZERO")), table.at_step)


def look_up_negative(value: Any, table: NegativeTable) -> Any:
    """The table's entry for a value where it is negative, and anything elsewhere."""
    step, size = float(value.step), len(table.entries)
    if min(-float(value.low), table.limit) <= step * max(size, SMALL):
        inside = clamped(value, -table.limit, math.inf)
        bits = math.ceil(math.log2(-inside.low))
        return function_of(inside.quantize(0, bits, inside.kif[2]), lambda keys: table.at(keys - 2.0**bits))
    inside = clamped(value, step - table.limit, math.inf)
    bits = math.ceil(math.log2(size))
    index = cast_one(inside * table.scale, FixedType(bits, bits, False, "TRN_ZERO"))
    return function_of(index, lambda keys: table.at_step(np.where(keys, keys - 2.0**bits, 0.0)))


def function_of(key: Any, function: Callable[[Floats], Floats]) -> Any:
    """A function of one value as a table of all that the value can be."""
    if key.low == key.high:
        return constant(float(function(np.array([key.low]))[0]), key)
    return key.lookup(function(float(key.low) + float(key.step) * np.arange(_n_keys(key))))


def _n_keys(value: Any) -> int:
    return round(float(value.high - value.low) / float(value.step)) + 1
