"""The exact GRU and LSTM in integers, written from the equations of docs/recurrent.md and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Codes = np.ndarray[Any, Any]
Type = tuple[int, int, bool]
"""Total bits, integer bits, signed."""


@dataclass(frozen=True)
class IntegerCell:
    """A cell: its kind, the types by role, the weights as real numbers, and what the layer may be asked for."""

    kind: str
    units: int
    types: Mapping[str, Type]
    weights: Mapping[str, Codes]
    reset_after: bool = True
    skip_padding: bool = False
    go_backwards: bool = False
    return_sequences: bool = False

    @classmethod
    def of(cls, layer: Any) -> IntegerCell:
        types = {role: (t.total, t.integer, t.signed) for role, t in layer.current_types().items()}
        options = {name: getattr(layer, name) for name in ("skip_padding", "go_backwards", "return_sequences")}
        kind = {"ExactGRU": "gru", "ExactLSTM": "lstm"}[type(layer).__name__]
        return cls(kind, layer.units, types, layer.constants(), getattr(layer, "reset_after", True), **options)

    def fraction(self, role: str) -> int:
        total, integer, _ = self.types[role]
        return total - integer

    def weight(self, role: str) -> Codes:
        values = self.weights[role] * 2.0 ** self.fraction(role)
        codes = values.astype(np.int64)
        assert np.array_equal(codes, values)
        return codes

    def rounded(self, codes: Codes, fraction: int, role: str) -> Codes:
        """Codes with `fraction` fraction bits as codes of a role's type: half up, then saturated."""
        total, _, signed = self.types[role]
        shift = fraction - self.fraction(role)
        codes = (codes + (1 << (shift - 1))) >> shift if shift > 0 else codes << -shift
        low, high = (-(2 ** (total - 1)), 2 ** (total - 1) - 1) if signed else (0, 2**total - 1)
        return np.clip(codes, low, high)

    def gate(self, name: str, codes: Codes, fraction: int) -> Codes:
        function = math.tanh if name in ("candidate", "squashed") else lambda v: 1 / (1 + math.exp(-v))
        step = 2.0 ** -self.fraction(f"{name}_sum")
        total = self.types[f"{name}_sum"][0]
        scale = 2.0 ** self.fraction(name)
        entries = [float(np.float32(function(code * step))) for code in range(-(2 ** (total - 1)), 2 ** (total - 1))]
        limits = self.rounded(np.array([-(2**40), 2**40]), self.fraction(name), name)
        table = np.clip([math.floor(entry * scale + 0.5) for entry in entries], *limits)
        return table[self.rounded(codes, fraction, f"{name}_sum") + 2 ** (total - 1)]

    def run(self, x: Codes, input_fraction: int) -> Codes:
        """Codes of the states for codes x (n_jets, n_steps, n_in)."""
        step = {"gru": self._gru, "lstm": self._lstm}[self.kind]
        states = tuple(np.zeros((len(x), self.units), np.int64) for _ in range(1 if self.kind == "gru" else 2))
        order = range(x.shape[1])[:: -1 if self.go_backwards else 1]
        hidden = []
        for place in order:
            new = step(x[:, place], input_fraction, states)
            if self.skip_padding:
                padded = ~x[:, place].any(axis=1, keepdims=True)
                new = tuple(np.where(padded, old, value) for old, value in zip(states, new, strict=True))
            states = new
            hidden.append(states[0])
        return np.stack(hidden, axis=1) if self.return_sequences else hidden[-1]

    def _sum(self, *terms: tuple[Codes, int]) -> tuple[Codes, int]:
        fraction = max(place for _, place in terms)
        return sum(codes << (fraction - place) for codes, place in terms), fraction

    def _gate_sums(self, x: Codes, input_fraction: int) -> tuple[Codes, int]:
        product = (x @ self.weight("weight"), input_fraction + self.fraction("weight"))
        return self._sum(product, (self.weight("bias"), self.fraction("bias")))

    def _gru(self, x: Codes, input_fraction: int, states: tuple[Codes, ...]) -> tuple[Codes, ...]:
        (h,), n = states, self.units
        a, fa = self._gate_sums(x, input_fraction)
        U, fu = self.weight("recurrent_weight"), self.fraction("recurrent_weight")
        fh = self.fraction("state")
        gates, fg = self._sum((a[:, : 2 * n], fa), (h @ U[:, : 2 * n], fh + fu))
        z, r = self.gate("update", gates[:, :n], fg), self.gate("reset", gates[:, n:], fg)
        if self.reset_after:
            bias = (self.weight("recurrent_bias"), self.fraction("recurrent_bias"))
            q = self.rounded(*self._sum((h @ U[:, 2 * n :], fh + fu), bias), "recurrent_sum")
            inner = (r * q, self.fraction("reset") + self.fraction("recurrent_sum"))
        else:
            s = self.rounded(r * h, self.fraction("reset") + fh, "reset_state")
            inner = (s @ U[:, 2 * n :], self.fraction("reset_state") + fu)
        g = self.gate("candidate", *self._sum((a[:, 2 * n :], fa), inner))
        difference, fd = self._sum((h, fh), (-g, self.fraction("candidate")))
        mixed = self._sum((g, self.fraction("candidate")), (z * difference, self.fraction("update") + fd))
        return (self.rounded(*mixed, "state"),)

    def _lstm(self, x: Codes, input_fraction: int, states: tuple[Codes, ...]) -> tuple[Codes, ...]:
        (h, c), n = states, self.units
        product = (h @ self.weight("recurrent_weight"), self.fraction("state") + self.fraction("recurrent_weight"))
        gates, fg = self._sum(self._gate_sums(x, input_fraction), product)
        names = ("enter", "forget", "candidate", "leave")
        i, f, g, o = (self.gate(name, gates[:, k * n : (k + 1) * n], fg) for k, name in enumerate(names))
        kept = (f * c, self.fraction("forget") + self.fraction("cell_state"))
        total, ft = self._sum(kept, (i * g, self.fraction("enter") + self.fraction("candidate")))
        squashed = self.gate("squashed", total, ft)
        hidden = self.rounded(o * squashed, self.fraction("leave") + self.fraction("squashed"), "state")
        return hidden, self.rounded(total, ft, "cell_state")
