"""The exact GRU and LSTM: fixed point at every point of the cell, trained in the arithmetic of the firmware.

The definition, with its equations, is in docs/recurrent.md. Single precision computes it exactly as long as no sum
needs more than 24 bits, which the converter checks for the trained weights (`hls.convert`).

Importing this module imports Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from models.students.exact.cells import Cell, GRUCell, LSTMCell
from models.students.exact.fixed_point import check_tables
from models.students.exact.gates import Gate, GateTables, gate_tables
from models.students.exact.layers import ExactLayer

UNROLLED_STEPS = 32
"""Longer sequences are a loop: it steps 8 % slower than unrolled at 100 steps of 128 units, 22 % at 20 of 20, and its
first batch comes seven times sooner (2.2 s, not 16 s, at 100)."""


def _unrolled(advance: Callable[[Any, Any], tuple[Any, Any]], states: Any, places: Sequence[Any]) -> tuple[Any, Any]:
    """`ops.scan` with operations of its own for every step."""
    every = []
    for place in zip(*(ops.unstack(values) for values in places), strict=True):
        states, new = advance(states, place)
        every.append(new)
    return states, tuple(ops.stack(values) for values in zip(*every, strict=True))


class ExactRecurrent(ExactLayer):
    """What the exact GRU and LSTM share: (n_jets, n_steps, n_in) -> the last state (n_jets, units), or all of them.

    Attributes:
        cell: the equations.
        return_sequences: hand on the state of every step, in the order in which they were computed.
        go_backwards: begin with the last step.
        skip_padding: a step whose every input is zero leaves the state as it was.
    """

    def __init__(
        self,
        cell: Cell,
        types: Mapping[str, Any],
        *,
        return_sequences: bool = False,
        go_backwards: bool = False,
        skip_padding: bool = False,
        **options: Any,
    ) -> None:
        self.cell = cell
        super().__init__(types, **options)
        self.return_sequences = return_sequences
        self.go_backwards, self.skip_padding = go_backwards, skip_padding
        check_tables(self.types, cell.tables(), f"layer {self.name!r}: types")

    @property
    def units(self) -> int:
        """Width of the state."""
        return self.cell.units

    def parameters(self) -> tuple[str, ...]:
        """The roles of the weights."""
        return self.cell.parameters()

    def tables(self) -> dict[str, str]:
        """Every table of the cell and its function."""
        return self.cell.tables()

    def roles(self) -> tuple[str, ...]:
        """Every role that needs a type."""
        return self.cell.roles()

    def build(self, shape: tuple[int, ...]) -> None:
        """Create the weights for inputs (n_jets, n_steps, n_in)."""
        starts = {"weight": "glorot_uniform", "recurrent_weight": "orthogonal"}
        self.add_weights(self.cell.shapes(int(shape[-1])), starts)

    def call(self, x: Any) -> Any:
        """The states, for x on the grid of the layer before."""
        x = ops.moveaxis(ops.flip(x, axis=1) if self.go_backwards else x, 1, 0)
        places = [ops.matmul(x, self.rounded("weight")) + self.rounded("bias")]
        if self.skip_padding:
            places.append(ops.all(ops.equal(x, 0.0), axis=-1, keepdims=True))
        step = self.cell.step(self)

        def advance(states: tuple[Any, ...], place: Sequence[Any]) -> tuple[Any, Any]:
            projected, *padded = place
            new = step(projected, states)
            if self.skip_padding:
                new = tuple(ops.where(padded[0], old, value) for old, value in zip(states, new, strict=True))
            return new, new

        start = (ops.zeros_like(places[0][0, :, : self.units]),) * self.cell.N_STATES
        walk = ops.scan if x.shape[0] > UNROLLED_STEPS else _unrolled
        last, every = walk(advance, start, places)
        return ops.moveaxis(every[0], 0, 1) if self.return_sequences else last[0]

    def cast(self, role: str) -> Callable[[Any], Any]:
        """What rounds values to the type of a role."""
        snap: Callable[[Any], Any] = self.quantizers[role].grid().snap
        return snap

    def look_up(self, *gates: str) -> GateTables:
        """The tables of gates that stand side by side."""
        tables = self.tables()
        found = [Gate(tables[gate], self.quantizers[f"{gate}_sum"], self.quantizers[gate]) for gate in gates]
        return gate_tables(found, self.units)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(n_jets, units), with the steps between them where all states are handed on."""
        return (shape[0], shape[1], self.units) if self.return_sequences else (shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of it."""
        names = ("units", "return_sequences", "go_backwards", "skip_padding")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tagware")
class ExactGRU(ExactRecurrent):
    """The exact GRU, see `models.students.exact.cells.GRUCell`."""

    def __init__(self, units: int, types: Mapping[str, Any], *, reset_after: bool = True, **options: Any) -> None:
        super().__init__(GRUCell(units, reset_after), types, **options)
        self.reset_after = reset_after

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of it."""
        return {**super().get_config(), "reset_after": self.reset_after}


@keras.saving.register_keras_serializable(package="tagware")
class ExactLSTM(ExactRecurrent):
    """The exact LSTM."""

    def __init__(self, units: int, types: Mapping[str, Any], **options: Any) -> None:
        super().__init__(LSTMCell(units), types, **options)
