"""A quantized MLP as a QONNX file: Quant nodes with power-of-two scales around MatMul, Add and Relu."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"


def save_mlp(path: Path, widths: tuple[int, ...] = (6, 10, 4)) -> Path:
    """Write the file: 8-bit inputs and activations, 6-bit weights, 10-bit outputs."""
    rng = np.random.default_rng(1)
    constants: list[Any] = []
    nodes: list[Any] = []

    def constant(name: str, values: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def quant(source: str, name: str, bits: int, fraction_bits: int, signed: bool = True) -> str:
        options = (2.0**-fraction_bits, 0.0, float(bits))
        inputs = [
            constant(f"{name}_{key}", value) for key, value in zip(("scale", "zero", "bits"), options, strict=True)
        ]
        attributes = {"signed": int(signed), "narrow": 0, "rounding_mode": "ROUND"}
        nodes.append(helper.make_node("Quant", [source, *inputs], [name], domain=DOMAIN, **attributes))
        return name

    def node(kind: str, inputs: list[str], name: str) -> str:
        nodes.append(helper.make_node(kind, inputs, [name]))
        return name

    value = quant("features", "features_q", 8, 5)
    for place, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
        weight = quant(constant(f"weight_{place}", rng.normal(size=(n_in, n_out)) * 0.5), f"weight_q{place}", 6, 4)
        bias = quant(constant(f"bias_{place}", rng.normal(size=n_out) * 0.3), f"bias_q{place}", 6, 4)
        value = node("Add", [node("MatMul", [value, weight], f"product_{place}"), bias], f"sum_{place}")
        if place < len(widths) - 2:
            value = quant(node("Relu", [value], f"relu_{place}"), f"relu_q{place}", 8, 5, signed=False)
    quant(value, "scores", 10, 5)
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, widths[0]])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, widths[-1]])
    graph = helper.make_graph(nodes, "mlp", [features], [scores], constants)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path
