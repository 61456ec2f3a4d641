"""EinsumDense and Einsum: transposed to a stack of matrix products (nnet_einsum_dense.h, nnet_einsum.h)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hls.rtl.casts import array, cast
from hls.rtl.layers.dense import check_products
from hls.rtl.products import dot_product, matrix_product
from hls.rtl.refusal import accumulator_type, check_option, offsets, result_type, weights


def einsum_dense(node: Any, inputs: list[Any]) -> Any:
    """A product with constants, of which `n_inplace` matrices (n_contract, n_free_kernel) are made."""
    check_option(node, "strategy", ("latency", "Latency"))
    check_products(node)
    n_stack, n_free, n_in, n_out = (
        int(node.get_attr(name)) for name in ("n_inplace", "n_free_data", "n_contract", "n_free_kernel")
    )
    weight = weights(node, "weight").reshape(n_stack, n_in, n_out)
    bias = offsets(node, "bias").reshape(n_stack, n_free, n_out)
    data = inputs[0].transpose(node.get_attr("inp_tpose_idxs")).reshape(n_stack, n_free, n_in)
    accumulator = accumulator_type(node)
    sums = [
        matrix_product(data[stack, row], weight[stack], bias[stack, row], accumulator)
        for stack, row in np.ndindex(n_stack, n_free)
    ]
    return _unfolded(node, cast(np.concatenate(sums), result_type(node)))


def einsum(node: Any, inputs: list[Any]) -> Any:
    """A product of two inputs, of each of which `n_inplace` matrices are made."""
    check_option(node, "strategy", ("latency", "Latency"))
    n_stack, n_left, n_right, n_in = (
        int(node.get_attr(name)) for name in ("n_inplace", "n_free0", "n_free1", "n_contract")
    )
    left, right = (
        values.reshape(node.get_attr(f"inp{k}_shape")).transpose(node.get_attr(f"inp{k}_tpose_idxs"))
        for k, values in enumerate(inputs)
    )
    left, right = left.reshape(n_stack, n_left, n_in), right.reshape(n_stack, n_right, n_in)
    accumulator = accumulator_type(node)
    sums = [
        dot_product(left[stack, row], right[stack, column], accumulator, fused=True)
        for stack, row, column in np.ndindex(n_stack, n_left, n_right)
    ]
    return _unfolded(node, cast(array(sums, left), result_type(node)))


def _unfolded(node: Any, values: Any) -> Any:
    return values.reshape(node.get_attr("out_interpert_shape")).transpose(node.get_attr("out_tpose_idxs"))
