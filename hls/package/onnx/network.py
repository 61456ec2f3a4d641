"""A quantized student as an ONNX file, and what onnxruntime makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.convert.plan import plan_layers
from hls.package.onnx.graph import Graph, Value
from hls.package.onnx.layers import WRITERS
from hls.project import HlsConfig
from jets.errors import LayoutError, ToolNotFound
from models.keras_graph import sources_of


def is_expressible(network: Any) -> bool:
    """Whether every layer of a Keras model can be written; hls4ml's own GRU and LSTM compute in no stated types."""
    return all(type(layer).__name__ in WRITERS for layer in network.layers)


def quantized_onnx(network: Any, config: HlsConfig) -> bytes:
    """The ONNX file of a Keras model of quantized layers: inputs (n_jets, …) to logits (n_jets, n_outputs).

    Every weight and activation goes through a Quant node of its fixed-point type, with a step that is a power of two.

    Raises:
        InputError: a layer that firmware of this configuration cannot compute exactly as Keras does.
        ToolNotFound: onnx is not installed.
    """
    graph, values = Graph(), dict[str, Value]()
    for layer, plan in zip(network.layers, plan_layers(network, config), strict=True):
        sources = [values[name] for name in sources_of(layer)]
        values[layer.name] = WRITERS[type(layer).__name__](graph, layer, plan, sources)
    first, last = network.layers[0].name, network.layers[-1].name
    ends = ((values[first], network.inputs[0].shape[1:]), (values[last], network.outputs[0].shape[1:]))
    return graph.content(network.name, ends)


def run_onnx(path: Path, inputs: NDArray[Any]) -> NDArray[np.float32]:
    """What onnxruntime makes of inputs (n_jets, …): logits (n_jets, n_outputs).

    Raises:
        ToolNotFound: onnxruntime is not installed.
        LayoutError: the file is none that it can run on such inputs.
    """
    try:
        import onnxruntime
    except ImportError:
        what = "the Python package onnxruntime is not installed"
        raise ToolNotFound(what, None, "pip install onnxruntime") from None
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        (name,) = (end.name for end in session.get_inputs())
        (logits,) = session.run(None, {name: np.asarray(inputs, np.float32)})
    except Exception as error:  # onnxruntime raises many kinds
        raise LayoutError(f"cannot be run ({error})", path, "package the project again") from None
    return np.asarray(logits, np.float32)
