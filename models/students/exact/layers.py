"""What every layer of an exact student is made of, the cast (or ReLU) and the dense layer.

Importing this module imports Keras.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from models.students.exact.fixed_point import FixedPoint, types_by_role
from models.students.exact.quantizers import Learnt, Quantizer


class ExactLayer(keras.layers.Layer):  # type: ignore[misc]
    """A layer with a fixed-point type for each of its `roles()`.

    Attributes:
        types: role -> `FixedPoint`, given as one or as [total, integer, signed].
        learn_bits: learn how many of the declared fraction bits are needed: each weight its own number, any other role
            one.
        quantizers: role -> what rounds to its type.
        weights_by_role: role -> float weights, once built.

    Raises:
        ConfigError: a role that is missing or unknown, a width out of range.
    """

    def __init__(self, types: Mapping[str, Any], *, learn_bits: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.types = types_by_role(types, self.roles(), f"layer {self.name!r}: types")
        self.learn_bits = learn_bits
        self.weights_by_role: dict[str, Any] = {}
        self.quantizers = {}
        for role in self.roles():
            learnt: Learnt = None if not learn_bits else "each" if role in self.parameters() else "one"
            self.quantizers[role] = Quantizer(self.types[role], learnt, name=f"{role}_quantizer")

    def parameters(self) -> tuple[str, ...]:
        """The roles of the weights."""
        return ()

    def roles(self) -> tuple[str, ...]:
        """Every role that needs a type."""
        return self.parameters()

    def add_weights(self, shapes: Mapping[str, tuple[int, ...]], starts: Mapping[str, str]) -> None:
        """Create the weights of every parameter, zeros where `starts` names no initializer, and the learnt bits."""
        for role in self.parameters():
            # A weight beyond its range would have no gradient to come back with.
            self.weights_by_role[role] = self.add_weight(
                shape=shapes[role],
                initializer=starts.get(role, "zeros"),
                constraint=functools.partial(ops.clip, x_min=self.types[role].low, x_max=self.types[role].high),
                name=role,
            )
        for role, quantizer in self.quantizers.items():
            quantizer.build(shapes[role] if role in self.parameters() else ())
        self.built = True

    def rounded(self, role: str) -> Any:
        """The weights of a role on their grid."""
        return self.quantizers[role](self.weights_by_role[role])

    def constants(self) -> dict[str, NDArray[np.float64]]:
        """The weights by role as the firmware has them."""
        return {role: np.asarray(ops.convert_to_numpy(self.rounded(role)), np.float64) for role in self.parameters()}

    def current_types(self) -> dict[str, FixedPoint]:
        """The type of every role with the bits learnt so far."""
        return {role: quantizer.current() for role, quantizer in self.quantizers.items()}

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of it."""
        types = {role: [fixed.total, fixed.integer, fixed.signed] for role, fixed in self.types.items()}
        return {**super().get_config(), "types": types, "learn_bits": self.learn_bits}


@keras.saving.register_keras_serializable(package="tagware")
class ExactCast(ExactLayer):
    """A tensor of any shape cast to the type of the role "result"; an unsigned type makes it a ReLU."""

    def roles(self) -> tuple[str, ...]:
        """Every role that needs a type."""
        return ("result",)

    def build(self, shape: tuple[int, ...]) -> None:
        """Create the learnt bits."""
        self.add_weights({}, {})

    def call(self, x: Any) -> Any:
        """x on the grid, same shape."""
        return self.quantizers["result"](x)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return shape


@keras.saving.register_keras_serializable(package="tagware")
class ExactDense(ExactLayer):
    """x W + b, (n_jets, n_in) -> (n_jets, units), exact."""

    def __init__(self, units: int, types: Mapping[str, Any], **options: Any) -> None:
        super().__init__(types, **options)
        self.units = units

    def parameters(self) -> tuple[str, ...]:
        """The roles of the weights."""
        return ("weight", "bias")

    def build(self, shape: tuple[int, ...]) -> None:
        """Create the weights for inputs (n_jets, n_in)."""
        shapes = {"weight": (int(shape[-1]), self.units), "bias": (self.units,)}
        self.add_weights(shapes, {"weight": "glorot_uniform"})

    def call(self, x: Any) -> Any:
        """The sums (n_jets, units)."""
        return ops.matmul(x, self.rounded("weight")) + self.rounded("bias")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(n_jets, units)."""
        return (*shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of it."""
        return {**super().get_config(), "units": self.units}
