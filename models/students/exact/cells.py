"""The equations of the exact GRU and LSTM (docs/recurrent.md), for the tensors of any framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

EXACT_CELLS = ("ExactGRU", "ExactLSTM")
"""The classes of the Keras layers, for those that tell them by name."""

Step = Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]


class Arithmetic(Protocol):
    """How a framework rounds, by the roles of a cell."""

    def rounded(self, role: str) -> Any:
        """The weights of a role on their grid."""

    def cast(self, role: str) -> Callable[[Any], Any]:
        """What rounds values to the type of a role."""

    def look_up(self, *gates: str) -> Callable[[Any], Any]:
        """What finds the entries of gates whose sums stand side by side, (n_jets, n_gates * units)."""


@dataclass(frozen=True)
class Cell:
    """What the exact GRU and LSTM share; `units` is the width of the state.

    The role of a table's entries is the gate's name, that of the codes it is made for has "_sum" behind it.
    """

    GATES: ClassVar[Mapping[str, str]]
    """Gates in the order of their columns in the kernels, and their functions."""

    N_STATES: ClassVar[int]

    units: int

    def parameters(self) -> tuple[str, ...]:
        """The roles of the weights."""
        return ("weight", "recurrent_weight", "bias")

    def shapes(self, n_in: int) -> dict[str, tuple[int, ...]]:
        """The shape of the weights of every role, for steps of `n_in` values."""
        width = len(self.GATES) * self.units
        shapes: dict[str, tuple[int, ...]] = {"weight": (n_in, width), "recurrent_weight": (self.units, width)}
        shapes |= {"bias": (width,), "recurrent_bias": (self.units,)}
        return {role: shapes[role] for role in self.parameters()}

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

    def step(self, arithmetic: Arithmetic) -> Step:
        """One step, (W x + b, states) -> states, the hidden state first."""
        raise NotImplementedError


@dataclass(frozen=True)
class GRUCell(Cell):
    """The exact GRU.

    `reset_after` says whether the reset gate acts on U h + c (as hls4ml's and torch's) or on h (Cho et al.,
    arXiv:1406.1078, eq. 8).
    """

    GATES: ClassVar[Mapping[str, str]] = {"update": "sigmoid", "reset": "sigmoid", "candidate": "tanh"}
    N_STATES = 1

    reset_after: bool = True

    def parameters(self) -> tuple[str, ...]:
        """The roles of the weights; with `reset_after` the candidate has a second bias, c."""
        return (*super().parameters(), *(["recurrent_bias"] if self.reset_after else []))

    def casts(self) -> tuple[str, ...]:
        """The roles of what is cast and not looked up."""
        return (*super().casts(), "recurrent_sum" if self.reset_after else "reset_state")

    def step(self, arithmetic: Arithmetic) -> Step:
        """One step, (W x + b, (h,)) -> (h',)."""
        gates, candidate = arithmetic.look_up("update", "reset"), arithmetic.look_up("candidate")
        state, n = arithmetic.cast("state"), self.units
        kernel, inner = self._after(arithmetic) if self.reset_after else self._before(arithmetic)

        def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
            (hidden,) = states
            product = hidden @ kernel
            opened = gates(projected[:, : 2 * n] + product[:, : 2 * n])
            update, reset = opened[:, :n], opened[:, n:]
            proposed = candidate(projected[:, 2 * n :] + inner(reset, hidden, product[:, 2 * n :]))
            return (state(proposed + update * (hidden - proposed)),)

        return step

    def _after(self, arithmetic: Arithmetic) -> tuple[Any, Callable[[Any, Any, Any], Any]]:
        """What multiplies h at once, and what the reset gate makes of h and of the rest of that product."""
        bias, cast = arithmetic.rounded("recurrent_bias"), arithmetic.cast("recurrent_sum")
        return arithmetic.rounded("recurrent_weight"), lambda reset, hidden, product: reset * cast(product + bias)

    def _before(self, arithmetic: Arithmetic) -> tuple[Any, Callable[[Any, Any, Any], Any]]:
        recurrent, cast = arithmetic.rounded("recurrent_weight"), arithmetic.cast("reset_state")
        kernel = recurrent[:, 2 * self.units :]
        return recurrent[:, : 2 * self.units], lambda reset, hidden, _: cast(reset * hidden) @ kernel


@dataclass(frozen=True)
class LSTMCell(Cell):
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

    def step(self, arithmetic: Arithmetic) -> Step:
        """One step, (W x + b, (h, c)) -> (h', c')."""
        recurrent, n = arithmetic.rounded("recurrent_weight"), self.units
        gates, squash = arithmetic.look_up(*self.GATES), arithmetic.look_up("squashed")
        state, cell_state = arithmetic.cast("state"), arithmetic.cast("cell_state")

        def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
            hidden, cell = states
            opened = gates(projected + hidden @ recurrent)
            enter, forget, proposed, leave = (opened[:, k * n : (k + 1) * n] for k in range(4))
            total = forget * cell + enter * proposed
            return state(leave * squash(total)), cell_state(total)

        return step
