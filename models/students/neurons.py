"""The neurons of a student: what a ReLU hands on, the layers that compute it and those that read it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.errors import ConfigError
from models.students.feed_forward import MlpSpec, ParticleSpec
from models.students.recurrent import RecurrentSpec
from models.students.student import StudentSpec

KERNELS = ("kernel", "weight")
BIAS = "bias"
Masks = Mapping[str, NDArray[np.bool_]]
"""Some neurons of each layer, (width,), by the name of its ReLU."""


@dataclass(frozen=True)
class Neurons:
    """The neurons of one layer: neuron j is column j of the layers `into` it and row j of those `out_of` it.

    Attributes:
        relu: the layer that hands on what they give.
        width: how many there are.
    """

    relu: str
    width: int
    into: tuple[str, ...]
    out_of: tuple[str, ...]


def neurons_of(spec: StudentSpec) -> tuple[Neurons, ...]:
    """The neurons of a student, layer by layer: those of particles and of dense layers, not those of a cell's state.

    Raises:
        ConfigError: a kind of student whose neurons are not known.
    """
    if not isinstance(spec, RecurrentSpec | MlpSpec | ParticleSpec):
        raise ConfigError("neurons of this kind of student cannot be pruned", None, "prune its weights")
    names = [*(f"dense_{place}" for place in range(len(spec.dense))), "logit"]
    found = [
        Neurons(f"relu_{place}", spec.dense[place], (name,), (after,))
        for place, (name, after) in enumerate(itertools.pairwise(names))
    ]
    return (*_of_particles(spec, names[0]), *found) if isinstance(spec, ParticleSpec) else tuple(found)


def _of_particles(spec: ParticleSpec, after_mean: str) -> tuple[Neurons, ...]:
    layers = [
        (f"particle_{place}", f"exchange_{place}") if spec.exchanges and place else (f"particle_{place}",)
        for place in range(len(spec.particle))
    ]
    return tuple(
        Neurons(f"particle_relu_{place}", spec.particle[place], into, out_of)
        for place, (into, out_of) in enumerate(zip(layers, [*layers[1:], (after_mean,)], strict=True))
    )


def kernel_of(layer: Any) -> Any:
    """The Keras variable of a dense layer's matrix, (n_in, n_out)."""
    return next(variable for variable in layer.weights if variable.name in KERNELS)


def bias_of(layer: Any) -> Any | None:
    """The Keras variable of a dense layer's bias, (n_out,); None where it has none."""
    return next((variable for variable in layer.weights if variable.name == BIAS), None)
