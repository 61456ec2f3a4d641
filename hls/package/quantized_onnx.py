"""A feed-forward student as ONNX with Quant nodes (QONNX, arXiv:2206.07527), which other compilers read and qonnx runs.

There is none of a recurrent student: the GRU and LSTM of ONNX have no types inside, and a Scan whose body holds Quant
nodes runs neither in onnxruntime, which has no Quant, nor in qonnx, which leaves the body of a Scan to onnxruntime.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.convert.quantizers import activation_type, quantized_weights
from hls.fixed_point import FixedType
from jets.errors import LayoutError, ToolNotFound
from models.keras_graph import sources_of
from models.tagger import Tagger

ARCHITECTURES = ("mlp_student", "particle_student")
FRONT_ENDS = ("qkeras", "brevitas")
"""Those whose students are made of the layers of QKeras."""
DOMAIN = "qonnx.custom_op.general"
OPSET, IR_VERSION = 13, 8
N_JETS = "n_jets"


@dataclass
class _Graph:
    """An ONNX graph while it is written; a value goes by its name."""

    onnx: Any
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, values: Any, kind: Any = np.float32) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, kind: str, sources: Sequence[str], name: str, **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, [*sources], [name], name, **attributes))
        return name

    def quant(self, source: str, kind: FixedType, name: str) -> str:
        """A value cast to a type that rounds half to even and saturates."""
        scale = self.constant(f"{name}_scale", kind.step)
        zero, width = self.constant(f"{name}_zero", 0), self.constant(f"{name}_width", kind.width)
        options = {"signed": int(kind.signed), "narrow": int(kind.overflow == "SAT_SYM"), "rounding_mode": "ROUND"}
        return self.node("Quant", [source, scale, zero, width], name, domain=DOMAIN, **options)

    def take(self, source: str, columns: Sequence[int], name: str) -> str:
        """Columns of the last axis of (n_jets, n_constituents, n_columns)."""
        return self.node("Gather", [source, self.constant(f"{name}_columns", columns, np.int64)], name, axis=2)


def is_expressible(header: dict[str, Any]) -> bool:
    """Whether a tagger of this tagger.json can be written."""
    quantization = header["quantization"] or {}
    return header["architecture"] in ARCHITECTURES and quantization.get("front_end") in FRONT_ENDS


def quantized_onnx(tagger: Tagger) -> bytes:
    """The ONNX file of a student of `ARCHITECTURES` and `FRONT_ENDS`: inputs (n_jets, …) to logits (n_jets, n_outputs).

    Every weight and activation goes through a Quant node of its fixed-point type, with a step that is a power of two.

    Raises:
        InputError: a quantizer that is not fixed point.
        ToolNotFound: onnx is not installed.
    """
    graph, network = _Graph(_onnx()), tagger.network
    values: dict[str, str] = {}
    for layer in network.layers:
        values[layer.name] = _WRITERS[type(layer).__name__](graph, layer, [values[name] for name in sources_of(layer)])
    ends = []
    for tensor, name in ((network.inputs[0], network.layers[0].name), (network.outputs[0], network.layers[-1].name)):
        shape = [N_JETS, *tensor.shape[1:]]
        ends.append(graph.onnx.helper.make_tensor_value_info(values[name], graph.onnx.TensorProto.FLOAT, shape))
    made = graph.onnx.helper.make_graph(graph.nodes, network.name, ends[:1], ends[1:], graph.constants)
    opsets = [graph.onnx.helper.make_opsetid(domain, version) for domain, version in (("", OPSET), (DOMAIN, 1))]
    options = {"opset_imports": opsets, "ir_version": IR_VERSION, "producer_name": "tagware"}
    content: bytes = graph.onnx.helper.make_model(made, **options).SerializeToString(deterministic=True)
    return content


def run_onnx(path: Path, inputs: NDArray[Any]) -> NDArray[np.float32]:
    """What qonnx makes of inputs (n_jets, …): logits (n_jets, n_outputs).

    Raises:
        ToolNotFound: qonnx is not installed.
        LayoutError: the file is none that it can run on such inputs.
    """
    onnx = _onnx()
    try:
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.transformation.infer_shapes import InferShapes
    except ImportError:
        raise ToolNotFound("the Python package qonnx is not installed", None, "pip install qonnx") from None
    try:
        model = onnx.load(path)
        for end in (*model.graph.input, *model.graph.output):
            end.type.tensor_type.shape.dim[0].dim_value = len(inputs)
        (name,) = (end.name for end in model.graph.input)
        prepared = ModelWrapper(model).transform(InferShapes())
        (logits,) = execute_onnx(prepared, {name: np.asarray(inputs, np.float32)}).values()
    except Exception as error:  # onnx, qonnx and onnxruntime raise many kinds
        raise LayoutError(f"cannot be run ({error})", path, "package the project again") from None
    return np.asarray(logits, np.float32)


def _onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise ToolNotFound("the Python package onnx is not installed", None, "pip install onnx") from None
    return onnx


def _input(graph: _Graph, layer: Any, sources: list[str]) -> str:
    return str(layer.name)


def _cast(graph: _Graph, layer: Any, sources: list[str]) -> str:
    kind = activation_type(layer, layer.activation)
    value = sources[0] if kind.signed else graph.node("Relu", sources, f"{layer.name}_relu")
    return graph.quant(value, kind, layer.name)


def _dense(graph: _Graph, layer: Any, sources: list[str]) -> str:
    """x W + b over the last axis, whatever stands before it."""
    kernel = _weight(graph, layer, "kernel")
    if not layer.use_bias:
        return graph.node("MatMul", [*sources, kernel], layer.name)
    product = graph.node("MatMul", [*sources, kernel], f"{layer.name}_product")
    return graph.node("Add", [product, _weight(graph, layer, "bias")], layer.name)


def _weight(graph: _Graph, layer: Any, role: str) -> str:
    quantizer = getattr(layer, f"{role}_quantizer_internal")
    values, kind = quantized_weights(layer, role, getattr(layer, role), quantizer)
    name = f"{layer.name}_{role}"
    saturating = dataclasses.replace(kind, rounding="RND_CONV", overflow="SAT")
    return graph.quant(graph.constant(f"{name}_values", values), saturating, name)


def _unmasked(graph: _Graph, layer: Any, sources: list[str]) -> str:
    return graph.take(sources[0], range(layer.output.shape[-1]), layer.name)


def _masked(graph: _Graph, layer: Any, sources: list[str], name: str = "") -> str:
    """The values of the particles whose mask is above zero, zero of the others."""
    mask = graph.take(sources[1], [layer.input[1].shape[-1] - 1], f"{layer.name}_mask")
    zero = graph.constant(f"{layer.name}_zero", 0)
    present = graph.node("Greater", [mask, zero], f"{layer.name}_present")
    return graph.node("Where", [present, sources[0], zero], name or layer.name)


def _masked_mean(graph: _Graph, layer: Any, sources: list[str]) -> str:
    """The sum over the particles that count, times a power of two."""
    from models.students.feed_forward import shift

    counted = _masked(graph, layer, sources, f"{layer.name}_counted")
    axis = graph.constant(f"{layer.name}_axis", [1], np.int64)
    total = graph.node("ReduceSum", [counted, axis], f"{layer.name}_sum", keepdims=int(layer.keepdims))
    share = graph.constant(f"{layer.name}_share", 2.0 ** -shift(layer.input[0].shape[1]))
    return graph.node("Mul", [total, share], layer.name)


def _permute(graph: _Graph, layer: Any, sources: list[str]) -> str:
    return graph.node("Transpose", sources, layer.name, perm=[0, *layer.dims])


def _add(graph: _Graph, layer: Any, sources: list[str]) -> str:
    return graph.node("Add", sources, layer.name)


_WRITERS: dict[str, Callable[[_Graph, Any, list[str]], str]] = {
    "InputLayer": _input,
    "QActivation": _cast,
    "QDense": _dense,
    "Unmasked": _unmasked,
    "Masked": _masked,
    "MaskedMean": _masked_mean,
    "Permute": _permute,
    "Add": _add,
}
