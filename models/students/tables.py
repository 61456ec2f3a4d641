"""Gate activations that are the look-up tables of hls4ml, trained through: student and firmware then agree bit for bit.

hls4ml's recurrent kernels (nnet_activation.h, 1.3.0) never compute a sigmoid or a tanh: they index a table of the
function with the truncated accumulator. `TableSigmoid` and `TableTanh` do the same in the forward pass and have the
gradient of the smooth function, so that a student is trained with the very numbers that its firmware will use.

Importing this module imports Keras.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from jets.errors import ConfigError


class _Table:
    """A function of one variable tabulated over [-limit, limit) in `size` steps.

    Attributes:
        size: number of entries, even.
        total_bits: width of an entry, as in ap_fixed<total_bits, integer_bits>: signed, truncated.
        integer_bits: integer bits of an entry, its sign among them.
        table: (size,) float32, the entries.
    """

    limit: float

    def __init__(self, size: int = 1024, total_bits: int = 9, integer_bits: int = 1) -> None:
        if size < 2 or size % 2:
            raise ConfigError(f"a table needs an even number of entries, not {size}", None, "use a power of two")
        self.size, self.total_bits, self.integer_bits = size, total_bits, integer_bits
        points = (2 * self.limit * (np.arange(size) - size / 2) / size).astype(np.float32)
        step = 2.0 ** (integer_bits - total_bits)
        self.table = (np.floor(self.exact(points).astype(np.float64) / step) * step).astype(np.float32)

    def exact(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The function in numpy, as the C++ computes it in single precision."""
        raise NotImplementedError

    def smooth(self, x: Any) -> Any:
        """The function in the Keras backend, which gives the gradient."""
        raise NotImplementedError

    def __call__(self, x: Any) -> Any:
        """The entry at trunc(x * size / (2 * limit)) + size / 2, clamped to the table, for a tensor of any shape."""
        half = self.size // 2
        place = ops.clip(ops.trunc(x * (half / self.limit)), -half, half - 1)
        entry = ops.take(ops.convert_to_tensor(self.table), ops.cast(place, "int32") + half)
        smooth = self.smooth(x)
        # smooth - stop_gradient(smooth) is exactly zero; QKeras' x + stop_gradient(q - x) may be off by one ulp.
        return ops.stop_gradient(entry) + (smooth - ops.stop_gradient(smooth))

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.size},{self.total_bits},{self.integer_bits})"

    def get_config(self) -> dict[str, int]:
        """What Keras stores of it."""
        return {"size": self.size, "total_bits": self.total_bits, "integer_bits": self.integer_bits}

    @classmethod
    def from_config(cls, config: dict[str, int]) -> _Table:
        """The table that `get_config` described."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="tagware")
class TableSigmoid(_Table):
    """hls4ml's sigmoid table, over [-8, 8)."""

    limit = 8.0

    def exact(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """1 / (1 + exp(-x))."""
        return (1.0 / (1.0 + np.exp(-x)).astype(np.float64)).astype(np.float32)

    def smooth(self, x: Any) -> Any:
        """1 / (1 + exp(-x)), differentiable."""
        return ops.sigmoid(x)


@keras.saving.register_keras_serializable(package="tagware")
class TableTanh(_Table):
    """hls4ml's hyperbolic tangent table, over [-4, 4)."""

    limit = 4.0

    def exact(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Hyperbolic tangent of x; the C++ computes it in double precision and keeps a float."""
        return np.tanh(x.astype(np.float64)).astype(np.float32)

    def smooth(self, x: Any) -> Any:
        """Hyperbolic tangent of x, differentiable."""
        return ops.tanh(x)
