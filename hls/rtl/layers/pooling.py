"""Pooling in windows and of all pixels: the largest value, or the mean (nnet_pooling.h); the mean of particles."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from hls.fixed_point import FixedType
from hls.rtl.casts import array, at_least, cast, cast_one, choose, constant, negative
from hls.rtl.products import running_sum, times_one
from hls.rtl.refusal import accumulator_type, check_option, input_type, refuse, result_type


def global_pooling(node: Any, inputs: list[Any]) -> Any:
    """Every channel of the pixels (…, n_channels) pooled: (n_channels,)."""
    check_option(node, "data_format", ("channels_last", None))
    pixels = inputs[0].reshape(-1, inputs[0].shape[-1])
    return _cast(node, [_pooled(node, channel, 0) for channel in pixels.T], pixels)


def masked(node: Any, inputs: list[Any]) -> Any:
    """The values of particles whose mask is above zero, zero for the others (our nnet_masked_mean.h)."""
    values, constituents = inputs
    rows = [
        [choose(flag, value, 0.0) for value in row] for flag, row in zip(_counted(constituents), values, strict=True)
    ]
    return cast(array([value for row in rows for value in row], values), result_type(node)).reshape(values.shape)


def masked_mean(node: Any, inputs: list[Any]) -> Any:
    """The sum over particles whose mask is above zero, shifted to the right (our nnet_masked_mean.h)."""
    values, constituents = inputs
    counted, accumulator = _counted(constituents), accumulator_type(node)
    sums = [
        running_sum([choose(*pair, 0.0) for pair in zip(counted, column, strict=True)], accumulator, fused=True)
        for column in values.T
    ]
    return cast(array(sums, values) * 2.0 ** -int(node.get_attr("shift")), result_type(node))


def _counted(constituents: Any) -> list[Any]:
    """Whether each particle counts: the mask, its last column, is above zero."""
    return [at_least(mask, float(mask.step)) for mask in constituents[:, -1]]


def pooling(node: Any, inputs: list[Any]) -> Any:
    """Every channel of the pixels (n, n_channels) or (height, width, n_channels) pooled in windows."""
    check_option(node, "data_format", ("channels_last",))
    (pixels,) = inputs
    if pixels.ndim == 2:
        pixels = pixels[None]
        rows = [range(1)]
    else:
        rows = _windows(node, "in_height", "pool_height", "stride_height", "pad_top", "pad_bottom")
    size = "in_width" if inputs[0].ndim == 3 else "n_in"
    columns = _windows(node, size, "pool_width", "stride_width", "pad_left", "pad_right")
    n_rows, n_columns, n_channels = pixels.shape
    pooled = []
    for window_rows, window_columns, channel in itertools.product(rows, columns, range(n_channels)):
        places = [(i, j) for i in window_rows for j in window_columns if 0 <= i < n_rows and 0 <= j < n_columns]
        if not places:
            raise refuse(node, "a window covers padding only", "pad by less than the window's length")
        n_padded = len(window_rows) * len(window_columns) - len(places)
        pooled.append(_pooled(node, [pixels[i, j, channel] for i, j in places], n_padded))
    return _cast(node, pooled, pixels)


def _windows(node: Any, *names: str) -> list[range]:
    """The places that each window covers along an axis, those in the padding among them."""
    size, width, stride, before, after = (int(node.get_attr(name)) for name in names)
    starts = range(-before, size + after - width + 1, stride)
    return [range(start, start + width) for start in starts]


def _cast(node: Any, pooled: list[Any], like: Any) -> Any:
    return cast(cast(array(pooled, like), accumulator_type(node)), result_type(node))


def _pooled(node: Any, values: Sequence[Any], n_padded: int) -> Any:
    if str(node.get_attr("pool_op")) == "Max":
        return _largest(values, input_type(node), n_padded)
    total = running_sum(list(values), accumulator_type(node), fused=True)
    counted = len(values) + (n_padded if node.get_attr("count_pad") else 0)
    return _quotient(total, counted, accumulator_type(node))


def _largest(values: Sequence[Any], fixed: FixedType, n_padded: int) -> Any:
    """Padding is the code with its highest bit only, the smallest one of a signed type, and in the middle of others."""
    largest = values[0]
    for value in values[1:]:
        largest = largest.max_of(value)
    if n_padded and not fixed.signed:
        return largest.max_of(constant(2.0 ** (fixed.integer - 1), largest))
    return largest


def _quotient(total: Any, divisor: int, accumulator: FixedType) -> Any:
    """total / divisor as an integer division of codes, which truncates towards zero.

    A product with a rounded reciprocal of enough bits has the same floor (Granlund and Montgomery, PLDI 1994,
    theorem 4.2).
    """
    if divisor & (divisor - 1) == 0:
        kept = FixedType(accumulator.width, accumulator.integer, accumulator.signed, "TRN_ZERO")
        return cast_one(total * (1.0 / divisor), kept)
    width = max(int(total.kif[1]) + accumulator.fraction_bits, 1)
    shift = width + divisor.bit_length()
    product = times_one(total, math.ldexp(2**shift // divisor + 1, -shift))
    floor = product.quantize(1, max(int(product.kif[1]), 1 - accumulator.fraction_bits), accumulator.fraction_bits)
    return floor + negative(total) * accumulator.step
