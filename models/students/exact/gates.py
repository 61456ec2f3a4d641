"""Gates of a recurrent cell: a sum rounded once to a few bits, and a table over exactly those codes.

Importing this module imports Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from models.students.exact.fixed_point import FUNCTIONS
from models.students.exact.quantizers import Grid, Quantizer, join, with_gradient


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

        def look_up(codes: Any) -> Any:
            found = _at(self.table, ops.cast(codes * self.fine + self.start, "int32"))
            return found, lambda above: above * (self.slope + (1.0 - self.slope - found) * found)

        found = with_gradient(look_up, self.sums.snap(sums))
        return found if self.entries is None else self.entries.snap(found)


def gate_tables(gates: Sequence[Gate], units: int) -> GateTables:
    """The tables of gates that stand side by side in a vector of `units` each."""
    tables, starts, fine, slopes, filled = [], [], [], [], 0
    for gate in gates:
        codes = gate.sums.declared
        values = FUNCTIONS[gate.function](np.sort(codes.numbers())).astype(np.float32)
        tables.append(values if gate.entries.learnt else gate.entries.declared.cast(values))
        starts.append(filled - codes.low / codes.step)
        fine.append(2.0**codes.fraction)
        slopes.append(float(gate.function == "tanh"))
        filled += len(values)
    learnt = any(gate.entries.learnt for gate in gates)
    return GateTables(
        sums=join([gate.sums.grid() for gate in gates], units),
        fine=_vector(fine, units),
        start=_vector(starts, units),
        table=ops.convert_to_tensor(np.concatenate(tables).astype(np.float32)),
        slope=_vector(slopes, units),
        entries=join([gate.entries.grid() for gate in gates], units) if learnt else None,
    )


def _vector(values: Sequence[float], units: int) -> Any:
    return ops.convert_to_tensor(np.repeat(np.asarray(values, np.float32), units))


def _at(table: Any, places: Any) -> Any:
    if keras.backend.backend() != "tensorflow":
        return ops.take(table, places)
    import tensorflow as tf

    # Keras first looks for negative places, which takes twice as long as the look-up itself.
    return tf.gather(table, places)
