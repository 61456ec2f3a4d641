"""Sums of products with constants, every product cast to the accumulator's type before it is added."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from hls.rtl.casts import array, cast, cast_one, constant


def matrix_product(
    values: Any,
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    fraction_bits: int,
    accumulator: FixedType,
) -> Any:
    """values (n_in,) times weight (n_in, n_out) plus bias, every term cast to the accumulator before it is added.

    A product has `fraction_bits` at most. The accumulator wraps, and a sum of wrapped terms wraps to the same number
    as the exact sum: where it also keeps every fraction bit, one cast at the end is all.
    """
    start = accumulator.cast(bias)
    if fraction_bits <= accumulator.fraction_bits:
        return cast(array(list(values @ weight + start), values), accumulator)
    sums = [
        _sum_of_rounded(values, column, offset, accumulator) for column, offset in zip(weight.T, start, strict=True)
    ]
    return cast(array(sums, values), accumulator)


def _sum_of_rounded(values: Any, column: NDArray[np.float64], offset: float, accumulator: FixedType) -> Any:
    terms = [constant(float(offset), values)]
    for value, weight in zip(values, column, strict=True):
        if weight:
            terms.append(cast_one(value * float(weight), accumulator))
    while len(terms) > 1:
        pairs = [left + right for left, right in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[2 * len(pairs) :]
    return terms[0]
