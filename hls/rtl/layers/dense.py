"""Dense, as `dense_latency` of hls4ml computes it (nnet_dense_latency.h)."""

from __future__ import annotations

from typing import Any

from hls.rtl.casts import cast
from hls.rtl.products import matrix_product
from hls.rtl.refusal import accumulator_type, check_strategy, input_type, refuse, result_type, weights


def dense(node: Any, inputs: list[Any]) -> Any:
    """A Dense layer of the values (n_in,): (n_out,)."""
    (values,) = inputs
    check_strategy(node)
    weight, weight_type = weights(node, "weight")
    bias, _ = weights(node, "bias")
    weight = weight.reshape(-1, bias.size)
    if values.shape != (len(weight),):
        what = f"it sees {len(weight)} of {values.size} inputs at a time"
        raise refuse(node, what, "flatten its input; a pointwise convolution in hls/rtl/layers would add it")
    fraction_bits = input_type(node).fraction_bits + weight_type.fraction_bits
    sums = matrix_product(values, weight, bias.ravel(), fraction_bits, accumulator_type(node))
    return cast(sums, result_type(node))
