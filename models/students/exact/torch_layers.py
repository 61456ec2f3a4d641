"""The layers of an exact student in torch: the numbers and the gradients of the Keras layers of the same types.

What is learnt are weights; bits are learnt in Keras alone. `models.students.exact.exchange` takes networks over.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.students.exact.cells import Cell
from models.students.exact.fixed_point import FixedPoint, check_tables, table, types_by_role


class _Snap(torch.autograd.Function):
    """A cast, with the gradient one inside the range and zero outside."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fixed: FixedPoint) -> Tensor:
        inside = x.clamp(fixed.low, fixed.high)
        ctx.save_for_backward(x == inside)
        return torch.floor(inside / fixed.step + 0.5) * fixed.step

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor, None]:
        (is_inside,) = ctx.saved_tensors
        return torch.where(is_inside, above[0], 0.0), None


class _LookUp(torch.autograd.Function):
    """A cast and the entry of its code, with the gradient of the function inside the range and zero outside."""

    @staticmethod
    def forward(ctx: Any, sums: Tensor, entries: Tensor, fixed: FixedPoint, function: str) -> Tensor:
        inside = sums.clamp(fixed.low, fixed.high)
        codes = torch.floor(inside / fixed.step + 0.5).to(torch.int64)
        found = entries[codes & (len(entries) - 1)]
        slope = 1.0 - found * found if function == "tanh" else found - found * found
        ctx.save_for_backward(torch.where(sums == inside, slope, 0.0))
        return found

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return above[0] * slope, None, None, None


def snap(x: Tensor, fixed: FixedPoint) -> Tensor:
    """x of any shape rounded half up to a type and saturated, with a straight-through gradient."""
    return _Snap.apply(x, fixed)  # type: ignore[no-any-return, no-untyped-call]


class ExactModule(nn.Module):
    """A module with a fixed-point type for each role, given as one or as [total, integer, signed].

    Attributes:
        types: role -> `FixedPoint`.
        weights: role -> float weights, zeros at first.

    Raises:
        ConfigError: a role that is missing or unknown, a width out of range.
    """

    def __init__(self, types: Mapping[str, Any], roles: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.types = types_by_role(types, roles, f"{type(self).__name__}: types")
        self.weights = nn.ParameterDict({role: nn.Parameter(torch.zeros(shape)) for role, shape in shapes.items()})

    def rounded(self, role: str) -> Tensor:
        """The weights of a role on their grid."""
        return snap(self.weights[role], self.types[role])

    def cast(self, role: str) -> Callable[[Tensor], Tensor]:
        """What rounds values to the type of a role."""
        return functools.partial(snap, fixed=self.types[role])

    @torch.no_grad()
    def keep_in_range(self) -> None:
        """Clip weights to their types after an optimizer's step: beyond them they would have no gradient."""
        for role, values in self.weights.items():
            values.clamp_(self.types[role].low, self.types[role].high)


class TorchCast(ExactModule):
    """A tensor of any shape cast to the type of the role "result"; an unsigned type makes it a ReLU."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        super().__init__(types, ("result",), {})

    def forward(self, x: Tensor) -> Tensor:
        """x on the grid, same shape."""
        return snap(x, self.types["result"])


class TorchDense(ExactModule):
    """x W + b, (n_jets, n_in) -> (n_jets, units), exact."""

    def __init__(self, n_in: int, units: int, types: Mapping[str, Any]) -> None:
        super().__init__(types, ("weight", "bias"), {"weight": (n_in, units), "bias": (units,)})
        nn.init.xavier_uniform_(self.weights["weight"])

    def forward(self, x: Tensor) -> Tensor:
        """The sums (n_jets, units)."""
        return x @ self.rounded("weight") + self.rounded("bias")


@dataclass(frozen=True)
class Walk:
    """How a recurrent layer goes through its steps, as in `models.students.exact.recurrent.ExactRecurrent`."""

    return_sequences: bool = False
    go_backwards: bool = False
    skip_padding: bool = False


class TorchRecurrent(ExactModule):
    """A GRU or LSTM, (n_jets, n_steps, n_in) -> the last state (n_jets, units), or all of them (`walk`)."""

    def __init__(self, cell: Cell, n_in: int, types: Mapping[str, Any], walk: Walk | None = None) -> None:
        super().__init__(types, cell.roles(), cell.shapes(n_in))
        self.cell, self.walk = cell, walk or Walk()
        check_tables(self.types, cell.tables(), "TorchRecurrent: types")
        for gate, function in cell.tables().items():
            entries = table(function, self.types[f"{gate}_sum"], self.types[gate])
            self.register_buffer(f"{gate}_table", torch.tensor(entries, dtype=torch.float32), persistent=False)
        nn.init.xavier_uniform_(self.weights["weight"])
        nn.init.orthogonal_(self.weights["recurrent_weight"])

    def forward(self, x: Tensor) -> Tensor:
        """The states, for x on the grid of the layer before."""
        x = x.flip(1) if self.walk.go_backwards else x
        projected = x @ self.rounded("weight") + self.rounded("bias")
        is_padded = (x == 0.0).all(dim=-1, keepdim=True)
        step = self.cell.step(self)
        states = (x.new_zeros(len(x), self.cell.units),) * self.cell.N_STATES
        hidden = []
        for place in range(x.shape[1]):
            new = step(projected[:, place], states)
            if self.walk.skip_padding:
                pairs = zip(states, new, strict=True)
                new = tuple(torch.where(is_padded[:, place], old, value) for old, value in pairs)
            states = new
            hidden.append(states[0])
        return torch.stack(hidden, dim=1) if self.walk.return_sequences else hidden[-1]

    def look_up(self, *gates: str) -> Callable[[Tensor], Tensor]:
        """What finds the entries of gates whose sums stand side by side."""
        functions = self.cell.tables()

        def entries(sums: Tensor) -> Tensor:
            parts = sums.chunk(len(gates), dim=1)
            found = [
                _LookUp.apply(part, self.get_buffer(f"{gate}_table"), self.types[f"{gate}_sum"], functions[gate])  # type: ignore[no-untyped-call]
                for gate, part in zip(gates, parts, strict=True)
            ]
            return torch.cat(found, dim=1)

        return entries
