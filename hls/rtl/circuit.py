"""A traced firmware: logic blocks in a row, and the interpreter that evaluates them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from jets.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FeedForward:
    """Layers without memory: `logic` (an alkaid CombLogic) takes all values at once."""

    layers: tuple[str, ...]
    logic: Any

    def run(self, values: Floats) -> Floats:
        """Outputs (n_jets, n_outputs) for values (n_jets, n_inputs)."""
        return _evaluate(self.logic, values)


@dataclass(frozen=True)
class Recurrence:
    """A recurrent layer, or several side by side: `logic` is one step, from the data and the states to the new states.

    Attributes:
        n_units: length of the hidden states, the first of the `n_states` values that a step hands on.
        sequences: whether the hidden state of every step is the output, or that of the last one.
    """

    layers: tuple[str, ...]
    logic: Any
    n_steps: int
    n_units: int
    n_states: int
    sequences: bool

    def run(self, values: Floats) -> Floats:
        """Hidden states (n_jets, n_units), or of all steps in a row, for values (n_jets, n_steps * n_in)."""
        states = np.zeros((len(values), self.n_states))
        hidden = []
        for data in np.split(values, self.n_steps, axis=1):
            states = _evaluate(self.logic, np.concatenate([data, states], axis=1))
            hidden.append(states[:, : self.n_units])
        return np.concatenate(hidden, axis=1) if self.sequences else hidden[-1]


@dataclass(frozen=True)
class Circuit:
    """A whole firmware as fixed-point operations.

    Attributes:
        input, output: the types of the values that enter and leave.
        shape: of one jet's input.
        blocks: what is evaluated, in order.
    """

    input: FixedType
    output: FixedType
    shape: tuple[int, ...]
    blocks: tuple[FeedForward | Recurrence, ...]

    def interpret(self, inputs: NDArray[Any]) -> Floats:
        """Outputs (n_jets, n_outputs) for inputs (n_jets, …), cast to the input's type as the firmware does.

        Raises:
            DataError: the inputs have another shape, or hold NaN or infinity.
        """
        values = np.asarray(inputs, np.float32)
        n_inputs = math.prod(self.shape)
        if values.ndim < 2 or math.prod(values.shape[1:]) != n_inputs:
            wanted = ", ".join(map(str, self.shape))
            raise DataError(
                f"inputs of shape {values.shape} where (n_jets, {wanted}) is needed", "circuit", "reshape them"
            )
        if not np.isfinite(values).all():
            raise DataError("an input is NaN or infinite", "circuit", "leave such jets out")
        flowing = self.input.cast(values.reshape(len(values), n_inputs))
        for block in self.blocks:
            flowing = block.run(flowing)
        return flowing


def _evaluate(logic: Any, values: Floats) -> Floats:
    return np.asarray(logic.predict(np.ascontiguousarray(values), n_threads=1), np.float64)
