"""Circuits of random operations, small enough for many simulations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hls.fixed_point import FixedType
from hls.rtl.casts import cast, new_values
from hls.rtl.circuit import Circuit, FeedForward, Recurrence
from hls.rtl.tables import Table, look_up
from hls.rtl.trace import _logic

DATA, STATE, OUTPUT = FixedType(5, 2), FixedType(4, 1), FixedType(9, 4)


@dataclass(frozen=True)
class Cell:
    """The shape of a recurrent layer: what a step sees, what it keeps, and what leaves."""

    n_in: int = 2
    n_units: int = 2
    n_cell: int = 1
    n_steps: int = 3
    sequences: bool = False


def recurrent(cell: Cell = Cell(), seed: int = 0) -> Circuit:
    """A recurrent layer alone."""
    block = recurrence(cell, DATA, seed)
    return Circuit(DATA, STATE, (cell.n_steps, cell.n_in), (block,))


def tagger(cell: Cell = Cell(), seed: int = 0, between: bool = False) -> Circuit:
    """Logic around a recurrent layer, and around a second one if `between`."""
    n_data, n_out = cell.n_steps * cell.n_in, cell.n_units * (cell.n_steps if cell.sequences else 1)
    blocks: list[FeedForward | Recurrence] = [feed_forward((n_data, n_data), DATA, DATA, seed)]
    blocks.append(recurrence(cell, DATA, seed))
    if between:
        blocks.append(feed_forward((n_out, n_data), STATE, DATA, seed + 1))
        blocks.append(recurrence(cell, DATA, seed + 2))
    blocks.append(feed_forward((n_out, 2), STATE, OUTPUT, seed + 3))
    return Circuit(DATA, OUTPUT, (cell.n_steps, cell.n_in), tuple(blocks))


def wires(n: int = 3) -> Circuit:
    """Casts that cost nothing, and drop a value and some bits."""
    values = new_values(n, DATA)
    return Circuit(DATA, OUTPUT, (n,), (FeedForward(("cast",), _logic(("cast",), values, cast(values[1:], STATE))),))


def feed_forward(
    shape: tuple[int, int], entering: FixedType, leaving: FixedType, seed: int, nudge: float = 0.0
) -> FeedForward:
    """A matrix of which a part is zero, an offset and a cast; `nudge` is added to one weight."""
    values = new_values(shape[0], entering)
    matrix = _weights(shape, seed)
    matrix[-1, 0] += nudge
    results = cast(values @ matrix + 0.25, leaving)
    return FeedForward((f"dense_{seed}",), _logic(("dense",), values, results))


def recurrence(cell: Cell, entering: FixedType, seed: int) -> Recurrence:
    """A step with a table, a product of two states, and a state that is kept as it was where a sign says so."""
    data = new_values(cell.n_in, entering)
    states = new_values(cell.n_units + cell.n_cell, STATE)
    n = len(states)
    sums = cast(data @ _weights((cell.n_in, n), seed) + states @ _weights((n, n), seed + 1) + 0.125, FixedType(6, 2))
    table = Table(STATE.cast(np.tanh(np.linspace(-2, 2, 64, endpoint=False))), 2)
    kept = cast(sums * states, STATE)
    results = cast(look_up(sums, table) + kept, STATE)
    logic = _logic(("rnn",), np.concatenate([data, states]), results)
    return Recurrence((f"rnn_{seed}",), logic, cell.n_steps, cell.n_units, n, cell.sequences)


def _weights(shape: tuple[int, int], seed: int) -> Any:
    rng = np.random.default_rng(seed)
    weights = np.rint(4 * rng.normal(0, 0.7, shape)) / 4 * (rng.random(shape) < 0.7)
    weights[0, 0] = 0.75
    return weights
