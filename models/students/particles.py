"""What sees a jet's particles and their mask: the Keras layers that stand between stock ones.

Importing this module imports Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models.students.feed_forward import shift


@keras.saving.register_keras_serializable(package="tagware")
class Unmasked(keras.layers.Layer):  # type: ignore[misc]
    """The features without the mask, which is the last column: (…, n_features + 1) -> (…, n_features)."""

    def call(self, constituents: Any) -> Any:
        """All columns but the last."""
        return constituents[..., :-1]

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """One column less."""
        return (*shape[:-1], (shape[-1] or 1) - 1)


@keras.saving.register_keras_serializable(package="tagware")
class Masked(keras.layers.Layer):  # type: ignore[misc]
    """Zero for particles whose mask is not above zero, whatever they are.

    Inputs: values (n_jets, n_particles, width), constituents (n_jets, n_particles, n_features + 1) with the mask as
    last column.
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """The values that count."""
        values, constituents = inputs
        return ops.where(constituents[..., -1:] > 0, values, ops.zeros_like(values))

    def compute_output_shape(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """That of the values."""
        return shapes[0]


@keras.saving.register_keras_serializable(package="tagware")
class MaskedMean(keras.layers.Layer):  # type: ignore[misc]
    """The sum over particles whose mask is above zero, times 2**-ceil(log2 n_particles).

    Inputs: values (n_jets, n_particles, width), constituents (n_jets, n_particles, n_features + 1) with the mask as
    last column. A shift in hardware: for a power of two of particles it is the mean over all places, empty ones zero;
    else a constant multiple of it, which the next layer's weights take up. Masked values never count, whatever they
    are.

    Attributes:
        keepdims: give (n_jets, 1, width) rather than (n_jets, width).
    """

    def __init__(self, keepdims: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.keepdims = keepdims

    def call(self, inputs: Sequence[Any]) -> Any:
        """The scaled sum."""
        values, constituents = inputs
        counted = ops.where(constituents[..., -1:] > 0, values, ops.zeros_like(values))
        return ops.sum(counted, axis=1, keepdims=self.keepdims) * 2.0 ** -shift(int(values.shape[1]))

    def compute_output_shape(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """That of the values without their particles."""
        n_jets, _, width = shapes[0]
        return (n_jets, 1, width) if self.keepdims else (n_jets, width)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of it."""
        return {**super().get_config(), "keepdims": self.keepdims}
