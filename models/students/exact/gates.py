"""Gates of a recurrent cell: a sum rounded once to a few bits, and a table over exactly those codes.

Importing this module imports Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from models.students.exact.fixed_point import FUNCTIONS
from models.students.exact.quantizers import Grid, Quantizer, join, side_by_side, with_gradient


@dataclass(frozen=True)
class Gate:
    """One gate: sums are rounded by `sums`, looked up in the table of `function`, whose entries `entries` rounds."""

    function: str
    sums: Quantizer
    entries: Quantizer


@dataclass(frozen=True)
class GateTables:
    """Several gates side by side, `units` of each, ready to be looked up for the steps of a sequence.

    Attributes:
        sums: the grid of the sums.
        fine: codes of the declared types in one unit of the sums.
        start: the place in `table` of the code zero of each gate.
        table: the tables of the gates, in the order of their codes, one after another.
        slope: 1 where the derivative of an entry y is 1 - y^2 (tanh), 0 where it is y - y^2 (sigmoid).
        entries: the grid of the entries where their bits are learnt; otherwise the table is rounded already.
    """

    sums: Grid
    fine: Any
    start: Any
    table: Any
    slope: Any
    entries: Grid | None

    def __call__(self, sums: Any) -> Any:
        """The entries (n_jets, n_gates * units) for sums of the same shape, with the functions' own derivatives."""
        found = with_gradient(self._at_once if self.sums.fraction is None else self._entries, self._codes(sums))
        return found if self.entries is None else self.entries.snap(found)

    def _codes(self, sums: Any) -> Any:
        """Sums on their grid where its bits are learnt; otherwise they are rounded while they are looked up."""
        return sums if self.sums.fraction is None else self.sums.snap(sums)

    def _at_once(self, sums: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Rounds and looks up in half the operations: the cast cuts the fraction off a place, which is not negative."""
        inside = ops.clip(sums, self.sums.low, self.sums.high)
        found = _at(self.table, ops.cast(inside * self.fine + (self.start + 0.5), "int32"))
        return found, lambda above: ops.where(sums == inside, above * self._slope(found), 0.0)

    def _entries(self, codes: Any) -> tuple[Any, Callable[[Any], Any]]:
        found = _at(self.table, ops.cast(codes * self.fine + self.start, "int32"))
        return found, lambda above: above * self._slope(found)

    def _slope(self, found: Any) -> Any:
        return self.slope + (1.0 - self.slope - found) * found


def gate_tables(gates: Sequence[Gate], units: int) -> GateTables:
    """The tables of gates that stand side by side in a vector of `units` each."""
    tables: dict[Any, NDArray[Any]] = {}
    starts, filled = {}, 0
    for gate in gates:
        key = _table_key(gate)
        if key not in tables:
            codes = gate.sums.declared
            values = FUNCTIONS[gate.function](np.sort(codes.numbers())).astype(np.float32)
            tables[key] = values if gate.entries.learnt else gate.entries.declared.cast(values)
            starts[key] = filled - codes.low / codes.step
            filled += len(values)
    learnt = any(gate.entries.learnt for gate in gates)
    return GateTables(
        sums=join([gate.sums.grid() for gate in gates], units),
        fine=side_by_side([2.0**gate.sums.declared.fraction for gate in gates], units),
        start=side_by_side([starts[_table_key(gate)] for gate in gates], units),
        table=ops.convert_to_tensor(np.concatenate(list(tables.values())).astype(np.float32)),
        slope=side_by_side([float(gate.function == "tanh") for gate in gates], units),
        entries=join([gate.entries.grid() for gate in gates], units) if learnt else None,
    )


def _table_key(gate: Gate) -> tuple[Any, ...]:
    """Equal for gates that share a table."""
    return gate.function, gate.sums.declared, gate.entries.declared


def _at(table: Any, places: Any) -> Any:
    if keras.backend.backend() != "tensorflow":
        return ops.take(table, places)
    import tensorflow as tf

    # Keras first looks for negative places, which takes twice as long as the look-up itself.
    return tf.gather(table, places)
