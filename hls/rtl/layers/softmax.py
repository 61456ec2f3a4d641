"""Softmax in each of hls4ml's implementations (nnet_activation.h)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hls.fixed_point import FixedType
from hls.rtl import libm
from hls.rtl.casts import array, cast, cast_one, clamped, constant
from hls.rtl.refusal import fixed_type, input_type, refuse, result_type
from hls.rtl.tables import Floats, Table, checked, function_of, look_up_one

LEGACY = FixedType(18, 8)
"""What the legacy kernel computes with, whatever a user asks for: no configuration reaches its table_t."""
LEGACY_LIMIT, LEGACY_SUM = 8.0, 64.0
"""Its exponentials are those of differences within ±8, its inverses those of sums below 64."""


@dataclass(frozen=True)
class Tables:
    """The two tables of a softmax, which the top bits of a value index, and the types between them.

    Attributes:
        exponent: of the values whose exponentials are looked up, scaled by `scale`.
        exponential, accumulator: of an exponential in the table and in the sum.
        total, inverse: of the sum that is inverted, and of its inverse.
        n_exponentials, n_inverses: entries of the tables.
    """

    exponent: FixedType
    scale: float
    exponential: FixedType
    n_exponentials: int
    accumulator: FixedType
    total: FixedType
    inverse: FixedType
    n_inverses: int


def softmax(node: Any, inputs: list[Any]) -> Any:
    """A Softmax layer along one axis of its input."""
    (values,) = inputs
    name = str(node.get_attr("implementation")).lower()
    if name not in IMPLEMENTATIONS:
        raise refuse(node, f"the implementation {name} is not traced", f"use {', '.join(IMPLEMENTATIONS)}")
    outer, inner = (int(node.get_attr(name, 1)) for name in ("n_outer", "n_inner"))
    cube = values.reshape(outer, -1, inner)
    outputs = np.empty(cube.shape, dtype=object)
    for i, k in np.ndindex(outer, inner):
        outputs[i, :, k] = IMPLEMENTATIONS[name](node, list(cube[i, :, k]))
    return cast(array(list(outputs.ravel()), values), result_type(node))


def _latency(node: Any, values: Sequence[Any]) -> list[Any]:
    return _of_exponents(node, values, input_type(node), 1.0)


def _stable(node: Any, values: Sequence[Any]) -> list[Any]:
    """The distances from the largest value are exponents, in a type without their sign."""
    fixed = input_type(node)
    if "inp_norm_t" in node.types:
        distance = fixed_type(node, "inp_norm", node.types["inp_norm_t"].precision)
    else:
        distance = FixedType(fixed.width - fixed.signed, fixed.integer - fixed.signed, False)
    largest = _tree(values, lambda left, right: left.max_of(right))
    distances = [cast_one(largest - value, distance) for value in values]
    return _of_exponents(node, distances, distance, -1.0)


def _of_exponents(node: Any, exponents: Sequence[Any], exponent: FixedType, sign: float) -> list[Any]:
    tables = _tables(node, exponent, sign)
    exponential, inverse = _entries(node, tables)
    terms = [_look_up_top(value, tables.exponent, exponential) for value in exponents]
    terms = [cast_one(term, tables.accumulator) for term in terms]
    total = _tree(terms, lambda left, right: cast_one(left + right, tables.accumulator))
    inverted = _look_up_top(cast_one(total, tables.total), tables.total, inverse)
    return [term * inverted for term in terms]


def _tables(node: Any, exponent: FixedType, sign: float) -> Tables:
    types = {name: fixed_type(node, name, node.types[f"{name}_t"].precision) for name in TYPES}
    if node.types["inv_inp_t"].name == "model_default_t":
        types["inv_inp"] = types["exp_table"]
    n_exponentials, n_inverses = (
        int(node.get_attr(f"{name}_table_size") or node.get_attr("table_size")) for name in ("exp", "inv")
    )
    if sign < 0 and "inp_norm_t" not in node.types and input_type(node).signed:
        n_exponentials = min(n_inverses, 2**exponent.width)
    return Tables(
        exponent=exponent,
        scale=sign * float(node.get_attr("exp_scale") or 1.0),
        exponential=types["exp_table"],
        n_exponentials=n_exponentials,
        accumulator=types["accum"],
        total=types["inv_inp"],
        inverse=types["inv_table"],
        n_inverses=n_inverses,
    )


TYPES = ("exp_table", "inv_table", "accum", "inv_inp")


def _entries(node: Any, tables: Tables) -> tuple[Floats, Floats]:
    """The entries of both tables, by the code of the top bits that index them."""
    scale, sign = np.float32(abs(tables.scale)), np.float32(math.copysign(1.0, tables.scale))
    exponents = sign * (_tops(node, tables.exponent, tables.n_exponentials) * scale)
    inverses = libm.inverse(_tops(node, tables.total, tables.n_inverses)).astype(np.float64)
    # An infinity wraps to zero, and saturates as any number that is too large.
    infinite = 0.0 if tables.inverse.overflow == "WRAP" else 2.0 * tables.inverse.magnitude
    inverses = np.where(np.isinf(inverses), infinite, inverses)
    exponentials = libm.exponential(exponents).astype(np.float64)
    largest = np.float64(2.0**100) if tables.exponential.overflow != "WRAP" else 0.0
    exponentials = np.where(np.isinf(exponentials), largest, exponentials)
    return checked(node, tables.exponential.cast(exponentials)), checked(node, tables.inverse.cast(inverses))


def _tops(node: Any, fixed: FixedType, size: int) -> libm.Singles:
    """The values of a type that have zeros below the bits of an index, by the code of these bits (size,)."""
    bits = _index_bits(node, fixed, size)
    codes = np.arange(size)
    signed = np.where(codes >= size // 2, codes - size, codes) if fixed.signed else codes
    return (signed * math.ldexp(fixed.step, fixed.width - bits)).astype(np.float32)


def _index_bits(node: Any, fixed: FixedType, size: int) -> int:
    bits = (size - 1).bit_length()
    if not 0 < bits <= fixed.width or size != 2**bits:
        what = f"a table of {size} entries cannot be indexed by the top bits of {fixed}"
        raise refuse(node, what, f"use a power of two up to {2**fixed.width}")
    return bits


def _look_up_top(value: Any, fixed: FixedType, entries: Floats) -> Any:
    """The entry at the top bits of a value of a type."""
    bits = (len(entries) - 1).bit_length()
    step = math.ldexp(fixed.step, fixed.width - bits)
    key = cast_one(value, FixedType(bits, fixed.integer, fixed.signed))
    return function_of(key, lambda keys: entries[np.mod(np.floor(keys / step), len(entries)).astype(np.int64)])


def _tree(terms: Sequence[Any], operation: Callable[[Any, Any], Any]) -> Any:
    """Terms joined two by two as hls4ml's `reduce` does: a power of two of them on the left, the rest on the right."""
    if len(terms) == 1:
        return terms[0]
    left = 1 << (len(terms) - 1).bit_length() - 1
    return operation(_tree(terms[:left], operation), _tree(terms[left:], operation))


def _argmax(node: Any, values: Sequence[Any]) -> list[Any]:
    """One where the largest value stands first, zero elsewhere."""
    n = len(values)
    if n == 1:
        return [constant(1.0, values[0])]
    below = {(i, k): (values[i] - values[k]).is_negative() for i in range(n) for k in range(i + 1, n)}
    return [
        _tree(
            [*(below[k, i] for k in range(i)), *(below[i, k] ^ 1.0 for k in range(i + 1, n))],
            lambda left, right: left & right,
        )
        for i in range(n)
    ]


def _legacy(node: Any, values: Sequence[Any]) -> list[Any]:
    """The inverse of the sum of the exponentials of the differences from each value, added in order."""
    sizes = [int(node.get_attr(f"{name}_table_size") or node.get_attr("table_size")) for name in ("exp", "inv")]
    grid = max(input_type(node).step, 1.0)
    points = 2 * LEGACY_LIMIT * (np.arange(sizes[0]) - sizes[0] / 2) / sizes[0]
    exponentials = Table(LEGACY.cast(libm.exponential(points.astype(np.float32))), LEGACY_LIMIT, grid)
    sums = (LEGACY_SUM * np.arange(sizes[1]) / sizes[1]).astype(np.float32).astype(np.float64)
    entries = LEGACY.cast(np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0))
    # Sums that have wrapped below zero find the first entry.
    inverses = Table(np.concatenate([np.full(len(entries), entries[0]), entries]), LEGACY_SUM)
    return [_legacy_one(values, k, exponentials, inverses) for k in range(len(values))]


def _legacy_one(values: Sequence[Any], k: int, exponentials: Table, inverses: Table) -> Any:
    total = constant(0.0, values[k])
    for j, value in enumerate(values):
        term = 1.0 if j == k else look_up_one(value - values[k], exponentials)
        total = cast_one(total + term, LEGACY)
    return look_up_one(clamped(total, 0.0, math.inf), inverses)


IMPLEMENTATIONS: Mapping[str, Callable[[Any, Sequence[Any]], list[Any]]] = {
    "latency": _latency,
    "stable": _stable,
    "argmax": _argmax,
    "legacy": _legacy,
}
