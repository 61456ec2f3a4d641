"""The layers of particles in hls4ml: nodes of its graph, the calls of our kernels, and handlers of the Keras layers.

Importing this module registers the handlers; `register` tells hls4ml's backends about the nodes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import jinja2
from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler
from hls4ml.model.attributes import Attribute
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.types import NamedType

from hls.convert.particle_plan import MASKING
from hls.convert.qkeras import planned, weights_of
from hls.project import BACKENDS
from models.students.feed_forward import shift

CONFIG = Path(__file__).parent / "kernels" / "masked_mean_config.h.j2"
KERNELS = {"Masked": "masked", "MaskedMean": "masked_mean"}
SIZES = ("n_particles", "n_in", "n_columns", "shift")


class MaskedMean(Layer):  # type: ignore[misc]
    """The node of `models.students.particles.MaskedMean`: values, constituents -> (n_in,) or (1, n_in)."""

    _expected_attributes: ClassVar[list[Attribute]] = [
        *(Attribute(name) for name in SIZES),
        Attribute("keepdims", value_type=bool),
    ]

    def initialize(self) -> None:
        """Declare the output and the type of the sums."""
        self.add_output_variable([1] * self.get_attr("keepdims") + [self.get_attr("n_in")])
        precision, name = self.model.config.get_precision(self, "accum")
        self.set_attr("accum_t", NamedType(name, precision))


class Masked(Layer):  # type: ignore[misc]
    """The node of `models.students.particles.Masked`: values, constituents -> (n_particles, n_in)."""

    _expected_attributes: ClassVar[list[Attribute]] = [Attribute(name) for name in SIZES]

    def initialize(self) -> None:
        """Declare the output."""
        self.add_output_variable([self.get_attr("n_particles"), self.get_attr("n_in")])


class MaskedConfig(LayerConfigTemplate):  # type: ignore[misc]
    """The configuration that the kernels take their sizes, and the mean its accumulator, from."""

    def __init__(self) -> None:
        super().__init__((Masked, MaskedMean))

    def format(self, node: Any) -> str:
        """The C++ of a node's configuration."""
        sizes = {name: node.get_attr(name) for name in SIZES}
        template = jinja2.Template(CONFIG.read_text(), keep_trailing_newline=True)
        accumulator = node.types["accum_t"].name if node.class_name == "MaskedMean" else None
        text: str = template.render(index=node.index, accum_t=accumulator, **sizes)
        return text


class MaskedCall(FunctionCallTemplate):  # type: ignore[misc]
    """The call of our kernel."""

    def __init__(self) -> None:
        super().__init__((Masked, MaskedMean), include_header=["nnet_utils/nnet_masked_mean.h"])

    def format(self, node: Any) -> str:
        """The C++ of a node's call."""
        values, constituents = (node.get_input_variable(name) for name in node.inputs)
        output = node.get_output_variable()
        types = f"{values.type.name}, {constituents.type.name}, {output.type.name}, config{node.index}"
        kernel = KERNELS[node.class_name]
        return f"nnet::{kernel}<{types}>({values.name}, {constituents.name}, {output.name});"


@functools.cache
def register() -> None:
    """Tell hls4ml's backends about the nodes, once."""
    for node in (Masked, MaskedMean):
        register_layer(node.__name__, node)
    for name in BACKENDS:
        backend = get_backend(name)
        backend.register_template(MaskedConfig)
        backend.register_template(MaskedCall)


class MaskedHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Masked and MaskedMean become the nodes of the same names."""

    handles = MASKING

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One node."""
        n_particles, n_in = (int(size) for size in in_tensors[0].shape[1:])
        sizes = dict(zip(SIZES, (n_particles, n_in, int(in_tensors[1].shape[2]), shift(n_particles)), strict=True))
        rows = {"keepdims": layer.keepdims} if planned(layer).kind == "MaskedMean" else {}
        return ({**self.default_config, "class_name": planned(layer).kind, **sizes, **rows},)


class UnmaskedHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """Unmasked becomes Dense."""

    handles = ("Unmasked",)

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One Dense layer of a matrix that chooses columns."""
        n_in = int(in_tensors[0].shape[-1])
        shape = {"n_in": n_in, "n_out": n_in - 1, "data_format": "channels_last"}
        return ({**self.default_config, "class_name": "Dense", **shape, **weights_of(planned(layer))},)


class HeadProductHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """HeadProduct becomes Einsum, for which a row of heads is an axis of heads and one of their widths."""

    handles = ("HeadProduct",)

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One Einsum of a jet."""
        shapes = {f"inp{k}_shape": layer.apart(tensor.shape[1:]) for k, tensor in enumerate(in_tensors)}
        shapes["out_shape"] = out_tensors[0].shape[1:]
        equation = layer.equation.replace("n", "")
        return ({**self.default_config, "class_name": planned(layer).kind, "equation": equation, **shapes},)
