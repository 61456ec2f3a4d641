"""Functions as hls4ml's C++ computes the entries of its tables: in the C library's single precision."""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]


def exponential(x: Singles) -> Singles:
    """e**x, `std::exp(float)`."""
    return _each(_library().expf, x)


def sigmoid(x: Singles) -> Singles:
    """1 / (1 + exp(-x)), the quotient in double precision."""
    return (1.0 / (np.float32(1) + exponential(-x)).astype(np.float64)).astype(np.float32)


def tanh(x: Singles) -> Singles:
    """Hyperbolic tangent, `std::tanh(float)`."""
    return _each(_library().tanhf, x)


def softplus(x: Singles) -> Singles:
    """log(exp(x) + 1), the logarithm in double precision."""
    return _each(lambda power: math.log(power + 1.0), exponential(x))


def softsign(x: Singles) -> Singles:
    """x / (abs(x) + 1), the quotient in double precision."""
    return (x / (np.abs(x).astype(np.float64) + 1.0)).astype(np.float32)


def elu(x: Singles) -> Singles:
    """exp(x) - 1."""
    return (exponential(x).astype(np.float64) - 1.0).astype(np.float32)


def selu(x: Singles) -> Singles:
    """lambda * alpha * (exp(x) - 1) (arXiv:1706.02515, eq. 2)."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return (scale * (alpha * (exponential(x).astype(np.float64) - 1.0))).astype(np.float32)


def inverse(x: Singles) -> Singles:
    """1 / x, infinite at zero."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.float32(1) / x, np.float32)


def _each(function: Callable[[float], float], x: Singles) -> Singles:
    return np.array([function(float(value)) for value in x.ravel()], np.float32).reshape(x.shape)


@functools.cache
def _library() -> Any:
    library = ctypes.CDLL(None)
    for name in ("expf", "tanhf"):
        getattr(library, name).argtypes = [ctypes.c_float]
        getattr(library, name).restype = ctypes.c_float
    return library
