"""Pruning (docs/pruning.md): what is asked for, and the weights that a training may not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.config import check_at_least
from jets.errors import ConfigError
from models.students.neurons import Masks, Neurons, bias_of, kernel_of

MATRICES = ("kernel", "recurrent_kernel", "weight", "recurrent_weight")
"""What Keras calls the matrices of the layers of any front end."""


@dataclass(frozen=True)
class PruneConfig:
    """What is taken from a student; nothing by default.

    Attributes:
        weights: share of the weights of every matrix that is zero at the end of the quantized phase, those that the
            pruning of neurons leaves.
        begin, end: shares of that phase between which the zeros become that many.
        neurons: the largest share of each layer's neurons that is taken from the float student, those of the smallest
            mean activation first.
        margin: graceful forgetting: by how many nats a jet that may raise the validation loss; None takes the whole
            share of neurons.

    Raises:
        ConfigError: a value out of range.
    """

    weights: float = 0.0
    begin: float = 0.0
    end: float = 0.6
    neurons: float = 0.0
    margin: float | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "neurons"):
            if not 0 <= getattr(self, name) < 1:
                what = f"{name} must be at least 0 and below 1, not {getattr(self, name)}"
                raise ConfigError(what, None, "e.g. 0.5 for one in two")
        if not 0 <= self.begin < self.end <= 1:
            what = f"begin and end must be shares of the phase, not {self.begin} and {self.end}"
            raise ConfigError(what, None, "e.g. begin: 0.0, end: 0.6")
        check_at_least(self, margin=0)
        if self.margin is not None and not self.neurons:
            raise ConfigError("a margin without neurons prunes none", None, "give neurons: 0.5, the most to take")

    def sparsity(self, share: float) -> float:
        """The share of zeros after this share (0 to 1) of the phase, w (1 - (1 - t)^3).

        Zhu and Gupta, arXiv:1710.01878, eq. 1, beginning with none.
        """
        progress = np.clip((share - self.begin) / (self.end - self.begin), 0.0, 1.0)
        return float(self.weights * (1 - (1 - progress) ** 3))


class Restraint:
    """The weights of a network that a training may not move, brought back by `apply` after every optimizer step.

    Those that are held keep the values they were given. Of the others of each matrix the smallest are zero, as many as
    `prune` says.
    """

    def __init__(self, network: Any, prune: PruneConfig) -> None:
        self._prune = prune
        self._variables = {variable.path: variable for variable in network.weights}
        self._held = {path: np.zeros(variable.shape, bool) for path, variable in self._variables.items()}
        self._values = {path: np.zeros(variable.shape, np.float32) for path, variable in self._variables.items()}

    def hold(self, variable: Any, where: NDArray[np.bool_], values: NDArray[Any] | float) -> None:
        """Hold the entries of a variable of the network that `where` marks at `values`; both are broadcast."""
        marked = np.broadcast_to(where, variable.shape)
        self._values[variable.path] = np.where(marked, values, self._values[variable.path]).astype(np.float32)
        self._held[variable.path] |= marked

    def hold_out(self, network: Any, layers: tuple[Neurons, ...], masks: Masks) -> None:
        """Hold the marked neurons out of the network: what enters and what leaves them is zero."""
        for neurons in layers:
            mask = masks[neurons.relu]
            for layer in map(network.get_layer, neurons.into):
                self.hold(kernel_of(layer), mask, 0.0)
                if (bias := bias_of(layer)) is not None:
                    self.hold(bias, mask, 0.0)
            for layer in map(network.get_layer, neurons.out_of):
                self.hold(kernel_of(layer), mask[:, None], 0.0)

    def apply(self, share: float = 1.0) -> float:
        """Bring the weights back after this share (0 to 1) of the phase; the share of zeros that was asked for."""
        import keras

        sparsity = self._prune.sparsity(share)
        for path, variable in self._variables.items():
            held = self._held[path]
            prunes = sparsity > 0 and variable.name in MATRICES
            if not prunes and not held.any():
                continue
            weights = np.where(held, self._values[path], keras.ops.convert_to_numpy(variable))
            if prunes:
                weights[_smallest(weights, ~held, sparsity)] = 0.0
            variable.assign(weights)
        return sparsity


def _smallest(weights: NDArray[Any], free: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """A mask of this share of the free weights, those of the smallest magnitude."""
    places = np.flatnonzero(free)
    order = np.argsort(np.abs(weights.flat[places]), kind="stable")
    mask = np.zeros(weights.size, bool)
    mask[places[order[: round(share * len(places))]]] = True
    return mask.reshape(weights.shape)
