"""Rounding to a grid with straight-through gradients, and grids whose fraction bits are learnt.

Bits are learnt as in HGQ (Sun et al., arXiv:2405.00645, section III): the number of fraction bits f is a real variable,
rounded in the forward pass, and the rounding error d = x - q(x) changes with it by -ln 2 * d. Unlike there the range is
declared, so that learning can only take bits away from the declared type.

Importing this module imports Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from models.students.exact.fixed_point import MAX_BITS, FixedPoint

LN2 = math.log(2.0)
POWERS_OF_TWO = 2.0 ** np.arange(-MAX_BITS, MAX_BITS + 1, dtype=np.float32)
"""Exact, which a power function need not be."""

Learnt = Literal["each", "one"] | None
BITS_PER_UNIT = 10.0
"""An optimizer such as Adam moves a variable by about the learning rate: at 1e-3 a bit may go in a hundred steps."""


def same_value(value: Any, through: Any) -> Any:
    """`value` in the forward pass, bit for bit, with the gradient of `through`."""
    return ops.stop_gradient(value) + (through - ops.stop_gradient(through))


def with_gradient(function: Callable[[Any], tuple[Any, Callable[[Any], Any]]], x: Any) -> Any:
    """The value that `function` gives for x, with the gradient that it gives beside it, d/dvalue -> d/dx."""

    def pair(x: Any) -> tuple[Any, Callable[..., Any]]:
        value, gradient = function(x)
        # TensorFlow hands the gradient over by position, other backends by name, after x.
        return value, lambda first, upstream=None: gradient(first if upstream is None else upstream)

    return ops.custom_gradient(pair)(x)


@dataclass(frozen=True)
class Grid:
    """A grid as tensors, so that several can be joined: numbers between `low` and `high`, in steps of 1 / `scale`.

    `fraction` is the differentiable number of fraction bits, None where it is not learnt.
    """

    scale: Any
    low: Any
    high: Any
    fraction: Any = None

    def snap(self, x: Any) -> Any:
        """x rounded half up and saturated; its gradient is one inside the range and zero outside."""
        return self._snap(x) if self.fraction is None else self._snap_learnt(x)

    def _snap(self, x: Any) -> Any:
        """The same with a gradient of its own: half the time of the operations of `same_value`."""
        step = 1.0 / self.scale

        def snap(x: Any) -> Any:
            inside = ops.clip(x, self.low, self.high)
            return ops.floor(inside * self.scale + 0.5) * step, lambda above: ops.where(x == inside, above, 0.0)

        return with_gradient(snap, x)

    def _snap_learnt(self, x: Any) -> Any:
        inside = ops.clip(x, self.low, self.high)
        codes = ops.floor(inside * self.scale + 0.5)
        codes = ops.clip(codes, ops.ceil(self.low * self.scale), ops.floor(self.high * self.scale))
        snapped = ops.stop_gradient(codes / self.scale)
        error = ops.stop_gradient(LN2 * (inside - snapped))
        return same_value(snapped, inside) + error * (self.fraction - ops.stop_gradient(self.fraction))


def side_by_side(values: Sequence[Any], width: int) -> Any:
    """The vector that repeats each of the values `width` times; a number, which is faster, where all are the same."""
    if all(isinstance(value, float) for value in values) and len(set(values)) == 1:
        return values[0]
    parts = [ops.broadcast_to(ops.cast(value, "float32"), (width,)) for value in values]
    return ops.concatenate(parts)


def join(grids: Sequence[Grid], width: int) -> Grid:
    """The grid of vectors in which each of the grids has `width` neighbours."""
    names = ["scale", "low", "high"] if grids[0].fraction is None else ["scale", "low", "high", "fraction"]
    return Grid(*(side_by_side([getattr(grid, name) for grid in grids], width) for name in names))


class Quantizer(keras.layers.Layer):  # type: ignore[misc]
    """Rounds to a declared type, or to a coarser grid in its range with fraction bits that are learnt.

    Attributes:
        declared: the type.
        learnt: None, "one" number of fraction bits for the whole tensor, or "each" number its own.
        taken: the variable: fraction bits less than declared, in units of `BITS_PER_UNIT`.
    """

    def __init__(self, declared: FixedPoint, learnt: Learnt = None, **options: Any) -> None:
        super().__init__(**options)
        self.declared, self.learnt = declared, learnt
        self.taken: Any = None

    def build(self, shape: tuple[int, ...]) -> None:
        """Create the learnt fraction bits of a tensor of this shape; they start at the declared ones."""
        if self.learnt:
            size = shape if self.learnt == "each" else ()
            self.taken = self.add_weight(shape=size, initializer="zeros", name="taken")
        self.built = True

    def call(self, x: Any) -> Any:
        """x on the grid, same shape."""
        # The sum makes a tensor of a variable, for which TensorFlow would ask another gradient.
        return self.grid().snap(x + 0.0)

    def grid(self) -> Grid:
        """The grid as it is now."""
        low, high = self.declared.low, self.declared.high
        if self.taken is None:
            return Grid(2.0**self.declared.fraction, low, high)
        left = self.declared.fraction - BITS_PER_UNIT * self.taken
        clipped = ops.clip(left, self._fewest(), self.declared.fraction)
        fraction = same_value(ops.round(clipped), clipped)
        place = ops.cast(ops.stop_gradient(fraction), "int32") + MAX_BITS
        return Grid(ops.take(ops.convert_to_tensor(POWERS_OF_TWO), place), low, high, fraction)

    def _fewest(self) -> int:
        """Fraction bits of the coarsest grid: a single number's may leave zero alone, a tensor's is still a type."""
        if self.learnt == "each":
            return -self.declared.integer
        return max(0, 1 + self.declared.signed - self.declared.integer)

    def current(self) -> FixedPoint:
        """The type of the grid as it is now; numbers with fraction bits of their own keep the declared one."""
        if self.learnt != "one":
            return self.declared
        fraction = int(ops.convert_to_numpy(self.grid().fraction))
        return FixedPoint(self.declared.integer + fraction, self.declared.integer, self.declared.signed)
