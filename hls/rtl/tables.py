"""Sigmoid and tanh as hls4ml looks them up: the contents of its tables and the index into them (nnet_activation.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from hls.rtl.casts import constant, each
from hls.rtl.refusal import fixed_type, refuse

FUNCTIONS = ("sigmoid", "tanh")
INT_BITS = 31
"""The index is an `int` in C++, and an entry is one in alkaid."""


@dataclass(frozen=True)
class Table:
    """A tabulated function: `entries` (size,) over -limit … limit, in steps of 2**-step_bits."""

    entries: NDArray[np.float64]
    limit: int

    @property
    def step_bits(self) -> int:
        """Fraction bits of an input that the index still sees."""
        return int(np.log2(len(self.entries) / (2 * self.limit)))

    def at(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The entries for inputs: index = trunc(x * size / (2 * limit)) + size / 2, clamped to the table."""
        half = len(self.entries) // 2
        index = np.trunc(values * 2.0**self.step_bits) + half
        return np.asarray(self.entries[np.clip(index, 0, len(self.entries) - 1).astype(np.int64)])


def gate_table(node: Any, function: str, value: FixedType, result: FixedType) -> Table:
    """The table that a layer looks `function` up in, for inputs of type `value` and results of type `result`.

    Raises:
        InputError: a function without a table, or a table whose index is not computed as here.
    """
    from models.students.tables import TableSigmoid, TableTanh

    if function not in FUNCTIONS:
        raise refuse(node, f"the function {function} is not traced", f"use {' or '.join(FUNCTIONS)}, which have tables")
    size = int(node.get_attr("table_size"))
    kind = TableSigmoid if function == "sigmoid" else TableTanh
    limit = int(kind.limit)
    if size & (size - 1) or size < 2 * limit:
        raise refuse(node, f"its table has {size} entries", f"use a power of two of at least {2 * limit}")
    if value.integer + int(np.log2(size)) > INT_BITS:
        raise refuse(node, f"{value} overflows the index of its table", "use fewer integer bits")
    points = (2 * kind.limit * (np.arange(size) - size / 2) / size).astype(np.float32)
    table_type = fixed_type(node, "table", node.types["table_t"].precision)
    if table_type.width > INT_BITS:
        raise refuse(node, f"its table has entries of {table_type.width} bits", f"use {INT_BITS} at most")
    return Table(result.cast(table_type.cast(kind(size).exact(points))), limit)


def look_up(values: Any, table: Table) -> Any:
    """The table's entry for each of the values."""
    return each(values, lambda value: _look_up_one(value, table))


def _look_up_one(value: Any, table: Table) -> Any:
    key = _key(value, table)
    low, high, step = (float(edge) for edge in (key.low, key.high, key.step))
    if low == high:
        return constant(float(table.at(np.array(low))), value)
    inputs = low + step * np.arange(round((high - low) / step) + 1)
    return key.lookup(table.at(inputs))


def _key(value: Any, table: Table) -> Any:
    """The value clamped to the table's range, and below its step no more than one bit: whether anything was there.

    The index truncates towards zero, so that a negative value between two steps belongs to the upper one.
    """
    limit_bits = int(np.log2(table.limit))
    # The largest key must reach the last entry, whatever the value's own step.
    fraction_bits = max(int(value.kif[2]), table.step_bits)
    clamped = value.quantize(1, limit_bits, fraction_bits, "SAT", "TRN")
    if clamped.kif[2] <= table.step_bits:
        return clamped
    floor = clamped.quantize(1, limit_bits, table.step_bits)
    if clamped.low >= 0:
        return floor
    rest = clamped.quantize(0, -table.step_bits, clamped.kif[2])
    return floor + rest.unary_bit_op("any") * 2.0 ** -(table.step_bits + 1)
