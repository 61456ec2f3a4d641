"""The exact GRU and LSTM: fixed point at every point of the cell, trained in the arithmetic of the firmware.

The definition, with its equations, is in docs/recurrent.md. Single precision computes it exactly as long as no sum
needs more than 24 bits, which the converter checks for the trained weights (`hls.convert`).

Importing this module imports Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from jets.errors import ConfigError
from models.students.exact.fixed_point import MAX_TABLE_BITS
from models.students.exact.gates import Gate, GateTables, gate_tables
from models.students.exact.layers import ExactLayer

Step = Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]

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

    The role of a table's entries is the gate's name, that of the codes it is made for has "_sum" behind it.

    Attributes:
        units: width of the state.
        return_sequences: hand on the state of every step, in the order in which they were computed.
        go_backwards: begin with the last step.
        skip_padding: a step whose every input is zero leaves the state as it was.
    """

    GATES: ClassVar[Mapping[str, str]]
    """Gates in the order of their columns in the kernels, and their functions."""

    N_STATES: ClassVar[int]

    def __init__(
        self,
        units: int,
        types: Mapping[str, Any],
        *,
        return_sequences: bool = False,
        go_backwards: bool = False,
        skip_padding: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(types, **options)
        self.units, self.return_sequences = units, return_sequences
        self.go_backwards, self.skip_padding = go_backwards, skip_padding
        for gate in self.tables():
            if (width := self.types[f"{gate}_sum"].total) > MAX_TABLE_BITS:
                where, remedy = f"layer {self.name!r}: types: {gate}_sum", f"use {MAX_TABLE_BITS} at most, 8 are enough"
                raise ConfigError(f"a table over {width} bits has too many entries", where, remedy)

    def parameters(self) -> tuple[str, ...]:
        """The roles of the weights."""
        return ("weight", "recurrent_weight", "bias")

    def tables(self) -> dict[str, str]:
        """Every table of the cell and its function."""
        return dict(self.GATES)

    def casts(self) -> tuple[str, ...]:
        """The roles of what is cast and not looked up; "state" is what the layer hands on."""
        return ("state",)

    def roles(self) -> tuple[str, ...]:
        """Every role that needs a type."""
        gates = [role for gate in self.tables() for role in (f"{gate}_sum", gate)]
        return (*self.parameters(), *gates, *self.casts())

    def build(self, shape: tuple[int, ...]) -> None:
        """Create the weights for inputs (n_jets, n_steps, n_in)."""
        width = len(self.GATES) * self.units
        shapes = {
            "weight": (int(shape[-1]), width),
            "recurrent_weight": (self.units, width),
            "bias": (width,),
            "recurrent_bias": (self.units,),
        }
        self.add_weights(shapes, {"weight": "glorot_uniform", "recurrent_weight": "orthogonal"})

    def call(self, x: Any) -> Any:
        """The states, for x on the grid of the layer before."""
        x = ops.moveaxis(ops.flip(x, axis=1) if self.go_backwards else x, 1, 0)
        places = [ops.matmul(x, self.rounded("weight")) + self.rounded("bias")]
        if self.skip_padding:
            places.append(ops.all(ops.equal(x, 0.0), axis=-1, keepdims=True))
        step = self.step()

        def advance(states: tuple[Any, ...], place: Sequence[Any]) -> tuple[Any, Any]:
            projected, *padded = place
            new = step(projected, states)
            if self.skip_padding:
                new = tuple(ops.where(padded[0], old, value) for old, value in zip(states, new, strict=True))
            return new, new

        start = (ops.zeros_like(places[0][0, :, : self.units]),) * self.N_STATES
        walk = ops.scan if x.shape[0] > UNROLLED_STEPS else _unrolled
        last, every = walk(advance, start, places)
        return ops.moveaxis(every[0], 0, 1) if self.return_sequences else last[0]

    def step(self) -> Step:
        """One step of the cell, (W x + b, states) -> states, the hidden state first."""
        raise NotImplementedError

    def look_up(self, *names: str) -> GateTables:
        """The tables of gates that stand side by side."""
        gates = [Gate(self.tables()[name], self.quantizers[f"{name}_sum"], self.quantizers[name]) for name in names]
        return gate_tables(gates, self.units)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(n_jets, units), with the steps between them where all states are handed on."""
        return (shape[0], shape[1], self.units) if self.return_sequences else (shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of it."""
        names = ("units", "return_sequences", "go_backwards", "skip_padding")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tagware")
class ExactGRU(ExactRecurrent):
    """The exact GRU.

    `reset_after` says whether the reset gate acts on U h + c (as hls4ml's and torch's) or on h (Cho et al.,
    arXiv:1406.1078, eq. 8).
    """

    GATES: ClassVar[Mapping[str, str]] = {"update": "sigmoid", "reset": "sigmoid", "candidate": "tanh"}
    N_STATES = 1

    def __init__(self, units: int, types: Mapping[str, Any], *, reset_after: bool = True, **options: Any) -> None:
        self.reset_after = reset_after
        super().__init__(units, types, **options)

    def parameters(self) -> tuple[str, ...]:
        """The roles of the weights; with `reset_after` the candidate has a second bias, c."""
        return (*super().parameters(), *(["recurrent_bias"] if self.reset_after else []))

    def casts(self) -> tuple[str, ...]:
        """The roles of what is cast and not looked up."""
        return (*super().casts(), "recurrent_sum" if self.reset_after else "reset_state")

    def step(self) -> Step:
        """One step, (W x + b, (h,)) -> (h',)."""
        gates, candidate = self.look_up("update", "reset"), self.look_up("candidate")
        state, n = self.quantizers["state"].grid(), self.units
        kernel, inner = self._after() if self.reset_after else self._before()

        def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
            (hidden,) = states
            product = ops.matmul(hidden, kernel)
            opened = gates(projected[:, : 2 * n] + product[:, : 2 * n])
            update, reset = opened[:, :n], opened[:, n:]
            proposed = candidate(projected[:, 2 * n :] + inner(reset, hidden, product[:, 2 * n :]))
            return (state.snap(proposed + update * (hidden - proposed)),)

        return step

    def _after(self) -> tuple[Any, Callable[[Any, Any, Any], Any]]:
        """What multiplies h at once, and what the reset gate makes of h and of the rest of that product."""
        bias, grid = self.rounded("recurrent_bias"), self.quantizers["recurrent_sum"].grid()
        return self.rounded("recurrent_weight"), lambda reset, hidden, product: reset * grid.snap(product + bias)

    def _before(self) -> tuple[Any, Callable[[Any, Any, Any], Any]]:
        recurrent, grid = self.rounded("recurrent_weight"), self.quantizers["reset_state"].grid()
        kernel = recurrent[:, 2 * self.units :]
        return recurrent[:, : 2 * self.units], lambda reset, hidden, _: ops.matmul(grid.snap(reset * hidden), kernel)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of it."""
        return {**super().get_config(), "reset_after": self.reset_after}


@keras.saving.register_keras_serializable(package="tagware")
class ExactLSTM(ExactRecurrent):
    """The exact LSTM."""

    GATES: ClassVar[Mapping[str, str]] = {
        "enter": "sigmoid",
        "forget": "sigmoid",
        "candidate": "tanh",
        "leave": "sigmoid",
    }
    N_STATES = 2

    def tables(self) -> dict[str, str]:
        """The gates, and the cell state as the hidden state sees it."""
        return {**super().tables(), "squashed": "tanh"}

    def casts(self) -> tuple[str, ...]:
        """The roles of what is cast and not looked up."""
        return (*super().casts(), "cell_state")

    def step(self) -> Step:
        """One step, (W x + b, (h, c)) -> (h', c')."""
        recurrent, n = self.rounded("recurrent_weight"), self.units
        gates, squash = self.look_up(*self.GATES), self.look_up("squashed")
        state, cell_state = (self.quantizers[role].grid() for role in ("state", "cell_state"))

        def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
            hidden, cell = states
            opened = gates(projected + ops.matmul(hidden, recurrent))
            enter, forget, proposed, leave = (opened[:, k * n : (k + 1) * n] for k in range(4))
            total = forget * cell + enter * proposed
            return state.snap(leave * squash(total)), cell_state.snap(total)

        return step
