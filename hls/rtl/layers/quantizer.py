"""HGQ2's quantizers, a type for each value, as hls4ml writes them into its generated code."""

from __future__ import annotations

from typing import Any

import numpy as np

from hls.fixed_point import FixedType
from hls.rtl.casts import array, cast, cast_one, constant
from hls.rtl.refusal import check_modes, result_type


def quantizer(node: Any, inputs: list[Any]) -> Any:
    """A FixedPointQuantizer layer of values of any shape; a type of no bits is zero."""
    (values,) = inputs
    shape = (1, *values.shape)
    signs, widths, integers = (np.broadcast_to(bits, shape).ravel() for bits in node.mask_kbi)
    quantized = [
        _quantized(node, value, int(width), int(integer), bool(sign))
        for value, width, integer, sign in zip(values.ravel(), widths, integers, signs, strict=True)
    ]
    return cast(array(quantized, values), result_type(node))


def _quantized(node: Any, value: Any, width: int, integer: int, signed: bool) -> Any:
    if width == 0:
        return constant(0.0, value)
    return cast_one(value, check_modes(node, "quantizer", FixedType(width, integer, signed, node.RND, node.SAT)))
