"""Layers of HGQ2 (Sun et al., arXiv:2405.00645) whose bits are learnt: a dense layer, and a cast or ReLU.

Each weight has fraction bits of its own and keeps its range; each number of the last axis of an activation has a type
of its own, which is the same for all particles.

Importing this module imports Keras and HGQ2; it raises ToolNotFound without the latter.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from keras.initializers import RandomUniform
from numpy.typing import NDArray

from jets.errors import ToolNotFound

try:
    from hgq.constraints import MinMax
    from hgq.layers import QDense
    from hgq.quantizer import Quantizer, QuantizerConfig
except ImportError:
    remedy = "install it as `make setup` does: its wheel also brings a package qkeras, which must not replace QKeras"
    raise ToolNotFound("the Python package hgq2 is not installed", None, remedy) from None

FEWEST_BITS = -16
"""Integer or fraction bits of the narrowest type that learning may reach, far below any type that is left a bit."""

HALF = 0.499
"""Less than what would round to another number of bits."""

Lane = tuple[int, int, bool]
"""The type of one number: total and integer bits, the sign among both, and whether there is one; zero has no bits."""


@keras.saving.register_keras_serializable(package="tagware")
class HeterogeneousCast(Quantizer):  # type: ignore[misc]
    """Rounds half up and saturates every number of the last axis to a type of its own; unsigned, it is a ReLU too."""

    def lanes(self) -> tuple[Lane, ...]:
        """The type of every number of the last axis."""
        signed, integer, fraction = (_numpy(bits).ravel().astype(int) for bits in self.quantizer.kif)
        total = np.maximum(signed + integer + fraction, 0)
        whole = np.where(total > 0, signed + integer, 0)
        return tuple(zip(total.tolist(), whole.tolist(), (signed > 0).tolist(), strict=True))

    def widths(self) -> Any:
        """Total bits of every number of the last axis, (n,), as a tensor with a gradient."""
        signed, integer, fraction = self.quantizer.kif
        return ops.reshape(ops.relu(signed + integer + fraction), (-1,))


@keras.saving.register_keras_serializable(package="tagware")
class HeterogeneousDense(QDense):  # type: ignore[misc]
    """A matrix of the last axis; its input is quantized by the layer before it."""

    def constants(self) -> dict[str, NDArray[np.float64]]:
        """The weights by role, "weight" and "bias", as the firmware has them; zeros where there is no bias."""
        bias = np.zeros(self.units) if self.bias is None else _numpy(self.qbias)
        return {"weight": _numpy(self.qkernel).astype(np.float64), "bias": bias.astype(np.float64)}

    def weight_widths(self) -> Any:
        """Bits of every weight without its sign, of the shape of the kernel, as a tensor with a gradient."""
        return ops.relu(self.kq.quantizer.i + self.kq.quantizer.f)


def cast(width: tuple[int, int], signed: bool, name: str, learn: bool = True) -> HeterogeneousCast:
    """A cast that starts at a declared type, of so many total and integer bits, and takes bits away where it learns."""
    options = {"overflow_mode": "SAT", "heterogeneous_axis": (-1,), "trainable": learn}
    return HeterogeneousCast(QuantizerConfig("kif", "datalane", **_options(width, signed), **options), name=name)


def dense(width: int, use_bias: bool, name: str, weights: tuple[int, int], bias: tuple[int, int]) -> HeterogeneousDense:
    """A dense layer whose weights start with the fraction bits of declared types; their range follows their values."""
    kernel = QuantizerConfig("kif", "weight", overflow_mode="WRAP", **_options(weights))
    offset = QuantizerConfig("kif", "bias", is_weight=True, overflow_mode="WRAP", **_options(bias))
    options: dict[str, Any] = {"kq_conf": kernel, "bq_conf": offset, "enable_iq": False, "enable_ebops": False}
    return HeterogeneousDense(width, use_bias=use_bias, name=name, **options)


def _options(width: tuple[int, int], signed: bool = True) -> dict[str, Any]:
    """The start of a quantizer, which is also the most that it may have; HGQ2 counts integer bits without the sign.

    Numbers of bits start anywhere within what rounds to the declared ones, so that not all of them fall at once.
    """
    total, integer = width
    integer_bits, fraction_bits = integer - signed, total - integer
    return {
        "k0": signed,
        "i0": RandomUniform(integer_bits - HALF, integer_bits + HALF),
        "f0": RandomUniform(fraction_bits - HALF, fraction_bits + HALF),
        "ic": MinMax(FEWEST_BITS, integer_bits + HALF),
        "fc": MinMax(FEWEST_BITS, fraction_bits + HALF),
        "ir": None,
        "fr": None,
        "round_mode": "RND",
    }


def _numpy(tensor: Any) -> NDArray[Any]:
    return np.asarray(ops.convert_to_numpy(tensor))
