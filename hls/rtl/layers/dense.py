"""Dense, and what it shares with convolutions: a matrix of constants for each group of inputs (nnet_dense*.h)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.rtl.casts import cast
from hls.rtl.layers.adder_graph import adder_graph
from hls.rtl.products import matrix_product
from hls.rtl.refusal import accumulator_type, offsets, refuse, result_type, weights

STRATEGIES = ("latency", "resource", "resource_unrolled", "distributed_arithmetic")
PRODUCTS = ("mult", "weight_ternary")
"""hls4ml's products that are a multiplication; its ternary weights are -1, 0 and 1."""


def dense(node: Any, inputs: list[Any]) -> Any:
    """A Dense layer of the values (n_in,): (n_out,)."""
    return matrix_layer(node, inputs[0].reshape(1, -1), int(node.get_attr("n_out")))


def matrix_layer(node: Any, rows: Any, n_out: int) -> Any:
    """The layer's matrix and bias applied to each of the rows (n_rows, n_in): (n_rows, n_out)."""
    strategy = _strategy(node)
    if strategy == "distributed_arithmetic":
        return cast(np.stack([adder_graph(node, row) for row in rows]), result_type(node))
    check_products(node)
    weight = weights(node, "weight")
    bias = offsets(node, "bias")
    matrix = weight.reshape(-1, n_out)
    if node.get_attr("_weights_transposed"):
        matrix = weight.reshape(n_out, -1).T
    order = _order(node, strategy, len(matrix))
    sums = matrix_product(rows[:, order], matrix[order], bias.ravel(), accumulator_type(node))
    return cast(sums, result_type(node))


def check_products(node: Any, name: str = "weight") -> None:
    """Raise InputError unless the layer's products of data and the constants `name` are multiplications."""
    backend = node.model.config.backend
    product = backend.product_type(node.get_input_variable().type.precision, node.weights[name].type.precision)
    if product not in PRODUCTS:
        remedy = "give its constants a fixed<…> type; hls/rtl/layers/dense.py would have to compute it"
        raise refuse(node, f"its products are {product}", remedy)


def _strategy(node: Any) -> str:
    strategy = str(node.get_attr("strategy")).lower()
    if strategy not in STRATEGIES:
        remedy = "use strategy Latency or Resource; a file of hls/rtl/layers for that kernel would add it"
        raise refuse(node, f"the strategy {strategy} is not traced", remedy)
    return strategy


def _order(node: Any, strategy: str, n_in: int) -> NDArray[np.int64]:
    """The inputs in the order in which the strategy adds their products to the sum."""
    inputs = np.arange(n_in)
    reuse_factor = int(node.get_attr("reuse_factor"))
    if strategy == "latency" or reuse_factor >= n_in:
        return inputs
    if n_in % reuse_factor:
        raise refuse(node, f"its reuse factor {reuse_factor} does not divide {n_in}", "use one that does")
    return inputs.reshape(-1, reuse_factor).T.ravel()
