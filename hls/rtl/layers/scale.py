"""Batch normalization and ApplyAlpha: a product and a sum with constants, cast once (nnet_batchnorm.h)."""

from __future__ import annotations

from typing import Any

from hls.rtl.casts import array, cast
from hls.rtl.layers.dense import check_products
from hls.rtl.products import times_one
from hls.rtl.refusal import offsets, refuse, result_type, weights


def scale(node: Any, inputs: list[Any]) -> Any:
    """The values times the layer's scale plus its bias, which repeat along the channels."""
    (values,) = inputs
    check_products(node, "scale")
    factors, shifts = weights(node, "scale").ravel(), offsets(node, "bias").ravel()
    n_filters = int(node.get_attr("n_filt", -1))
    n = values.size if n_filters == -1 else n_filters
    if len(factors) != n or len(shifts) != n:
        raise refuse(node, f"it has {len(factors)} scales for {n} channels", "give it one a channel")
    scaled = [times_one(value, factors[k % n]) + float(shifts[k % n]) for k, value in enumerate(values.ravel())]
    return cast(array(scaled, values), result_type(node))
