"""Inputs that no jet has: corners of the number types, and random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


def corner_codes(shape: tuple[int, ...], low: Any, high: Any) -> dict[str, Codes]:
    """Corner cases (n, *shape) by name, of codes between `low` and `high` (numbers, or arrays of this shape).

    All minimum, all maximum, padding only (zero), all one step above and below zero, both extremes by turns in either
    order, one constituent at either extreme.
    """
    low, high = (np.broadcast_to(np.asarray(limit, np.int64), shape) for limit in (low, high))
    zero = np.zeros(shape, np.int64)
    odd = np.arange(zero.size).reshape(shape) % 2 == 1
    single = np.stack([zero, zero])
    single[0, 0], single[1, 0] = low[0], high[0]
    return {
        "minimum": low[None],
        "maximum": high[None],
        "zero": zero[None],
        "one_step": np.stack([np.clip(zero + 1, low, high), np.clip(zero - 1, low, high)]),
        "alternating": np.stack([np.where(odd, low, high), np.where(odd, high, low)]),
        "one_constituent": single,
    }


def padded_normal(rng: np.random.Generator, n_jets: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Normal values of unit width (n_jets, *shape), each jet zero from a random constituent on."""
    values = rng.normal(0.0, 1.0, (n_jets, *shape))
    length = rng.integers(1, shape[0] + 1, n_jets)
    values[np.arange(shape[0])[None, :] >= length[:, None]] = 0.0
    return values
