"""Sums of products as hls4ml accumulates them: each product cast to the accumulator, then added one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from hls.rtl.casts import array, cast_one, constant, each

Floats = NDArray[np.float64]

PART_BITS = 20
"""alkaid's solver (0.8.2) takes constants in single precision, and with 24 bits it is sometimes off by one."""

KEEPS_A_SUM = ("TRN", "RND")
"""Roundings that round a sum with a multiple of the step as they round its other term."""


def matrix_product(values: Any, weight: Floats, bias: Floats, accumulator: FixedType) -> Any:
    """values (…, n_in) times weight (n_in, n_out) plus bias (n_out,) in an accumulator: (…, n_out)."""
    start = accumulator.cast(bias)
    rows = [_row(row, weight, start, accumulator) for row in values.reshape(-1, len(weight))]
    return array([value for row in rows for value in row], values).reshape(*values.shape[:-1], len(start))


def dot_product(left: Any, right: Any, accumulator: FixedType, fused: bool) -> Any:
    """The sum of the products of two vectors of values (n,) in an accumulator, starting from zero.

    `fused` products are not cast on their own, only with the sum that they are added to.
    """
    return running_sum([a * b for a, b in zip(left, right, strict=True)], accumulator, fused)


def running_sum(terms: Sequence[Any], accumulator: FixedType, fused: bool) -> Any:
    """The sum of values in an accumulator, starting from zero; `fused` ones are cast with the sum they are added to."""
    bound = sum(_magnitude(term) + accumulator.step for term in terms)
    finest = max(int(term.kif[2]) for term in terms)
    rounds = fused and finest > accumulator.fraction_bits and accumulator.rounding not in KEEPS_A_SUM
    ordered = _saturates(bound, accumulator) or rounds
    if not fused or not ordered:
        terms = [cast_one(term, accumulator) for term in terms]
    if ordered:
        return _in_order(constant(0.0, terms[0]), terms, accumulator)
    return cast_one(_tree(list(terms)), accumulator)


def times(values: Any, weight: Floats) -> Any:
    """values (n_in,) times constants (n_in, n_out), exactly."""
    values = each(values, independent)
    first, *others = (each(values @ part, independent) for part in _parts(weight))
    return sum(others, first)


def times_one(value: Any, factor: float) -> Any:
    """A value times a constant, exactly."""
    value = independent(value)
    first, *others = (independent(value * float(part)) for part in _parts(np.array(factor)))
    return sum(others, first)


def independent(value: Any) -> Any:
    """The same value, of which alkaid forgets what it is a sum of.

    It keeps the factors of what a value is made of, and reads the value's lowest bit from them in single precision:
    where they have more bits, as after several layers, the lowest bits would be lost.
    """
    from alkaid.trace.affine_interval import AffineInterval

    if value.low == value.high:
        return value
    return value._with(_affine=AffineInterval.new(value.qint), renew_id=False)


def _parts(weight: Floats) -> list[Floats]:
    """Addends of constants, each of them multiples of one step below 2**PART_BITS of it."""
    parts = []
    while weight.any():
        step = 2.0 ** (int(np.frexp(np.abs(weight).max())[1]) - PART_BITS)
        parts.append(np.trunc(weight / step) * step)
        weight = weight - parts[-1]
    return parts or [weight]


def _row(values: Any, weight: Floats, start: Floats, accumulator: FixedType) -> list[Any]:
    """A sum of wrapped terms wraps to the same number as the exact sum: only the products that are rounded stand apart.

    Where the accumulator saturates, and can, all of them do.
    """
    magnitude = np.array([_magnitude(value) for value in values])
    bounds = np.abs(start) + magnitude @ np.abs(weight) + len(values) * accumulator.step
    ordered = np.array([_saturates(bound, accumulator) for bound in bounds])
    lossy = values.kif[2][:, None] + _fraction_bits(weight) > accumulator.fraction_bits
    known = np.array([value.low == value.high for value in values])
    apart = lossy | known[:, None] | ordered
    exact = times(values, np.where(apart, 0.0, weight)) + start
    return [
        _in_order(total, terms, accumulator) if in_order else cast_one(_tree([total, *terms]), accumulator)
        for total, in_order, terms in zip(exact, ordered, _products(values, weight, apart, accumulator), strict=True)
    ]


def _products(values: Any, weight: Floats, apart: NDArray[np.bool_], accumulator: FixedType) -> list[list[Any]]:
    """For every output the products that are `apart`, as an accumulator holds them."""
    return [
        [cast_one(times_one(values[k], float(column[k])), accumulator) for k in np.flatnonzero(mask & (column != 0))]
        for column, mask in zip(weight.T, apart.T, strict=True)
    ]


def _in_order(total: Any, terms: Sequence[Any], accumulator: FixedType) -> Any:
    for term in terms:
        total = cast_one(total + term, accumulator)
    return total


def _tree(terms: list[Any]) -> Any:
    while len(terms) > 1:
        pairs = [left + right for left, right in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[2 * len(pairs) :]
    return terms[0]


def _saturates(bound: float, accumulator: FixedType) -> bool:
    return accumulator.overflow != "WRAP" and bound > min(accumulator.maximum, -accumulator.minimum)


def _magnitude(value: Any) -> float:
    return max(abs(float(value.low)), abs(float(value.high)))


def _fraction_bits(values: Floats) -> NDArray[np.int64]:
    """Bits to the right of the binary point that each value needs."""
    bits: NDArray[np.int64] = np.vectorize(
        lambda value: float(value).as_integer_ratio()[1].bit_length() - 1, otypes=[np.int64]
    )(values)
    return bits
