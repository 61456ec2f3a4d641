"""Merging layers: what hls4ml does to two inputs, element by element or in a row (nnet_merge.h)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hls.rtl.casts import array, cast
from hls.rtl.products import dot_product
from hls.rtl.refusal import accumulator_type, refuse, result_type

ELEMENTWISE: Mapping[str, Callable[[Any, Any], Any]] = {
    "add": lambda left, right: left + right,
    "subtract": lambda left, right: left - right,
    "multiply": lambda left, right: left * right,
    "average": lambda left, right: (left + right) * 0.5,
    "maximum": lambda left, right: left.max_of(right),
    "minimum": lambda left, right: left.min_of(right),
}


def merge(node: Any, inputs: list[Any]) -> Any:
    """The operation of each pair of elements; the shorter input starts again where it ends, as in hls4ml's loop."""
    name = str(node.get_attr("op")).lower()
    if name not in ELEMENTWISE:
        remedy = f"use {', '.join(ELEMENTWISE)}; an operation in hls/rtl/layers/merge.py would add it"
        raise refuse(node, f"the operation {name} is not traced", remedy)
    left, right = (values.ravel() for values in inputs)
    pairs = [(left[k % left.size], right[k % right.size]) for k in range(max(left.size, right.size))]
    return cast(array([ELEMENTWISE[name](*pair) for pair in pairs], left), result_type(node))


def concatenate(node: Any, inputs: list[Any]) -> Any:
    """Both inputs in a row along an axis, which counts the jets as axis 0."""
    n_axes = inputs[0].ndim
    axis = int(node.get_attr("axis"))
    along = axis - 1 if axis > 0 else n_axes + axis
    return cast(np.concatenate(inputs, axis=along), result_type(node))


def dot(node: Any, inputs: list[Any]) -> Any:
    """The product of two vectors (n,): (1,)."""
    left, right = inputs
    total = dot_product(left, right, accumulator_type(node), fused=False)
    return cast(array([total], left), result_type(node))
