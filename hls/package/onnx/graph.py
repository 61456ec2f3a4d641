"""An ONNX graph while it is written, and its values, with which the equations of a cell can be written, too."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from jets.errors import ToolNotFound

DOMAIN = "qonnx.custom_op.general"
OPSET, IR_VERSION = 19, 9
QUANT = Path(__file__).with_name("quant.txt")
"""What a Quant node computes, as a function in ONNX's own language: with it in the file, any runtime can run it."""
N_JETS = "n_jets"
END = 2**31 - 1
"""The end of a slice that has none."""

ROUNDING = {"RND_CONV": "ROUND", "RND": "FLOOR"}
"""A Quant node has no rounding of halves upwards; it rounds half a step more downwards."""


@dataclass(frozen=True)
class Value:
    """A tensor of the graph, by its name; its operators write nodes."""

    graph: Graph
    name: str

    def __add__(self, other: Value) -> Value:
        return self.graph.node("Add", [self, other])

    def __sub__(self, other: Value) -> Value:
        return self.graph.node("Sub", [self, other])

    def __mul__(self, other: Value) -> Value:
        return self.graph.node("Mul", [self, other])

    def __matmul__(self, other: Value) -> Value:
        return self.graph.node("MatMul", [self, other])

    def __getitem__(self, places: tuple[slice, slice]) -> Value:
        """Columns of a matrix, `value[:, start:stop]`."""
        _, columns = places
        ends = ([columns.start or 0], [END if columns.stop is None else columns.stop], [1])
        return self.graph.node("Slice", [self, *(self.graph.constant(end, np.int64) for end in ends)])


@dataclass(frozen=True)
class Graph:
    """Nodes and constants in the order in which they were written; equal constants are one.

    Raises:
        ToolNotFound: onnx is not installed.
    """

    onnx: Any = field(default_factory=lambda: import_onnx())
    nodes: list[Any] = field(default_factory=list)
    constants: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def constant(self, values: Any, kind: Any = np.float32, name: str | None = None) -> Value:
        """A constant of any shape."""
        array = np.asarray(values, kind)
        key = (array.dtype.str, array.shape, array.tobytes(), name)
        if key not in self.constants:
            made = self.onnx.numpy_helper.from_array(array, name or f"constant_{len(self.constants)}")
            self.constants[key] = made
        return Value(self, self.constants[key].name)

    def node(self, kind: str, sources: Sequence[Value], name: str | None = None, **attributes: Any) -> Value:
        """What a node of one output gives; it is called after its kind where it has no name."""
        name = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, [it.name for it in sources], [name], name, **attributes))
        return Value(self, name)

    def cast(self, value: Value, kind: FixedType, name: str | None = None) -> Value:
        """A value cast to a type that rounds as one of `ROUNDING`, and saturates or cannot overflow."""
        if kind.rounding == "RND":
            value = value + self.constant(kind.step / 2)
        return self._quant(value, kind.step, kind, name)

    def cast_each(self, value: Value, lanes: Sequence[FixedType], name: str) -> Value:
        """Every number of the last axis cast to a type of its own, rounded half up; one without bits is zero.

        A Quant node has a step for each, but one width: what is narrower saturates before it.
        """
        some = [lane if lane.width else FixedType(0, 0, signed=False) for lane in lanes]
        steps = np.array([lane.step for lane in some])
        low, high = (self.constant(ends) for ends in zip(*((it.minimum, it.maximum) for it in some), strict=True))
        inside = self.node("Min", [self.node("Max", [value, low]), high])
        signed = any(lane.signed for lane in some)
        width = max(lane.width + (signed and not lane.signed) for lane in some)
        return self._quant(inside + self.constant(steps / 2), steps, FixedType(width, 0, signed, "RND", "SAT"), name)

    def weights(self, values: NDArray[Any], kind: FixedType, name: str) -> Value:
        """Constants through a Quant node of their type."""
        saturating = dataclasses.replace(kind, rounding="RND_CONV", overflow="SAT")
        return self.cast(self.constant(values, name=f"{name}_values"), saturating, name)

    def _quant(self, value: Value, steps: Any, kind: FixedType, name: str | None) -> Value:
        options = {"signed": int(kind.signed), "narrow": int(kind.overflow == "SAT_SYM")}
        width = max(kind.width, 1 + kind.signed)  # one signed bit is -1 or 1 to Quant
        sources = [value, self.constant(steps), self.constant(0), self.constant(width)]
        return self.node("Quant", sources, name, domain=DOMAIN, rounding_mode=ROUNDING[kind.rounding], **options)

    def content(self, name: str, ends: Sequence[tuple[Value, Sequence[Any]]]) -> bytes:
        """The file of the graph from the first of two ends to the second, each with its shape behind the jets."""
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        inputs, outputs = ([helper.make_tensor_value_info(end.name, kind, [N_JETS, *shape])] for end, shape in ends)
        functions = [self.onnx.parser.parse_function(QUANT.read_text())]
        made = helper.make_graph(self.nodes, name, inputs, outputs, list(self.constants.values()))
        opsets = [helper.make_opsetid(domain, version) for domain, version in (("", OPSET), (DOMAIN, 1))]
        options = {"opset_imports": opsets, "ir_version": IR_VERSION, "producer_name": "tagware"}
        content: bytes = helper.make_model(made, functions=functions, **options).SerializeToString(deterministic=True)
        return content


def import_onnx() -> Any:
    """The package onnx; raises ToolNotFound without it."""
    try:
        import onnx
        import onnx.numpy_helper
        import onnx.parser
    except ImportError:
        raise ToolNotFound("the Python package onnx is not installed", None, "pip install onnx") from None
    return onnx
