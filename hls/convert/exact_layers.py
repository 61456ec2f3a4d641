"""The exact recurrent layers in hls4ml: nodes of its graph, the call of our kernel, and handlers of the Keras layers.

Importing this module registers the handlers; `register` tells hls4ml's backends about the nodes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import jinja2
from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler
from hls4ml.model.attributes import Attribute, ChoiceAttribute, ConfigurableAttribute
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.types import NamedType, PackedType

from hls.convert.qkeras import planned, weights_of
from hls.project import BACKENDS

CONFIG = Path(__file__).parent / "kernels" / "exact_recurrent_config.h.j2"


class ExactRecurrentNode(Layer):  # type: ignore[misc]
    """What ExactGRU and ExactLSTM share; `constants` names its weights and tables, `casts` its other types."""

    _expected_attributes: ClassVar[list[Attribute]] = [
        Attribute("n_timesteps"),
        Attribute("n_in"),
        Attribute("n_out"),
        Attribute("return_sequences", value_type=bool),
        Attribute("skip_padding", value_type=bool),
        ChoiceAttribute("direction", ["forward", "backward"], configurable=False),
        ConfigurableAttribute("static", value_type=bool, default=True),
        Attribute("constants", value_type=tuple),
        Attribute("casts", value_type=tuple),
    ]

    def initialize(self) -> None:
        """Declare the output, the constants and the types."""
        steps = [self.get_attr("n_timesteps")] if self.get_attr("return_sequences") else []
        self.add_output_variable([*steps, self.get_attr("n_out")])
        for role in self.get_attr("constants"):
            self.add_weights_variable(name=role)
        for role in self.get_attr("casts"):
            precision, name = self.model.config.get_precision(self, role)
            self.set_attr(f"{role}_t", NamedType(name, precision))


class ExactGRU(ExactRecurrentNode):
    """The exact GRU; `reset_after` as in `models.students.exact.recurrent`."""

    _expected_attributes: ClassVar[list[Attribute]] = [Attribute("reset_after", value_type=bool)]


class ExactLSTM(ExactRecurrentNode):
    """The exact LSTM."""


N_GATES = {"ExactGRU": 3, "ExactLSTM": 4}


class ExactRecurrentConfig(LayerConfigTemplate):  # type: ignore[misc]
    """The configuration that the kernel takes its sizes and types from."""

    def __init__(self) -> None:
        super().__init__((ExactGRU, ExactLSTM))

    def format(self, node: Any) -> str:
        """The C++ of a node's configuration."""
        types = {role: node.types[f"{role}_t"].name for role in (*node.get_attr("constants"), *node.get_attr("casts"))}
        n_timesteps = int(node.get_attr("n_timesteps"))
        flags = {
            "backward": node.get_attr("direction") == "backward",
            "skip_padding": node.get_attr("skip_padding"),
            "use_static": node.get_attr("static"),
        }
        text: str = jinja2.Template(CONFIG.read_text(), keep_trailing_newline=True).render(
            index=node.index,
            n_in=node.get_attr("n_in"),
            n_state=node.get_attr("n_out"),
            n_gates=N_GATES[node.class_name],
            n_sequence=n_timesteps,
            n_sequence_out=n_timesteps if node.get_attr("return_sequences") else 1,
            types=[*types.items(), ("state", _state_type(node))],
            cell=_cell(node),
            **{name: str(value).lower() for name, value in flags.items()},
        )
        return text


class ExactRecurrentCall(FunctionCallTemplate):  # type: ignore[misc]
    """The call of our kernel."""

    def __init__(self) -> None:
        super().__init__((ExactGRU, ExactLSTM), include_header=["nnet_utils/nnet_exact_recurrent.h"])

    def format(self, node: Any) -> str:
        """The C++ of a node's call."""
        params = self._default_function_params(node)
        constants = ", ".join(node.weights[role].name for role in node.get_attr("constants"))
        types = f"{params['input_t']}, {params['output_t']}, {params['config']}"
        return f"nnet::exact_recurrent<{types}>({params['input']}, {params['output']}, {constants});"


@functools.cache
def register() -> None:
    """Tell hls4ml's backends about the nodes, once."""
    for node in (ExactGRU, ExactLSTM):
        register_layer(node.__name__, node)
    for name in BACKENDS:
        backend = get_backend(name)
        backend.register_template(ExactRecurrentConfig)
        backend.register_template(ExactRecurrentCall)


def _state_type(node: Any) -> str:
    """The C++ of the state's type; that of the output is a word of all units where the layer hands on a stream."""
    output = node.get_output_variable().type
    return f"{output.name}::value_type" if isinstance(output, PackedType) else str(output.name)


def _cell(node: Any) -> str:
    if node.class_name == "ExactLSTM":
        return "exact_lstm_cell"
    return "exact_gru_reset_after" if node.get_attr("reset_after") else "exact_gru_reset_before"


class ExactRecurrentHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """ExactGRU and ExactLSTM become nodes of the same names."""

    handles = ("ExactGRU", "ExactLSTM")

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One recurrent layer; its constants are those of the kernel's call, in this order: weights, then tables."""
        plan = planned(layer)
        first = ("weight", "bias", "recurrent_weight")
        others = tuple(role for role in layer.parameters() if role not in first)
        constants = (*first, *others, *layer.tables())
        structure = {
            "class_name": plan.kind,
            "n_timesteps": int(in_tensors[0].shape[1]),
            "n_in": int(in_tensors[0].shape[2]),
            "n_out": int(layer.units),
            "return_sequences": bool(layer.return_sequences),
            "skip_padding": bool(layer.skip_padding),
            "direction": "backward" if layer.go_backwards else "forward",
            "constants": constants,
            "casts": tuple(role for role in plan.types if role not in (*constants, "result")),
        }
        if plan.kind == "ExactGRU":
            structure["reset_after"] = bool(layer.reset_after)
        return ({**self.default_config, **structure, **weights_of(plan)},)


class ExactDenseHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """ExactDense becomes Dense."""

    handles = ("ExactDense",)

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One Dense layer with weights on their grid."""
        shape = {"n_in": int(in_tensors[0].shape[-1]), "n_out": int(layer.units), "data_format": "channels_last"}
        return ({**self.default_config, "class_name": "Dense", **shape, **weights_of(planned(layer))},)


class ExactCastHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """ExactCast becomes a linear Activation, or a ReLU where its type is unsigned."""

    handles = ("ExactCast",)

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One Activation layer."""
        n_in = math.prod(int(size) for size in in_tensors[0].shape[1:])
        activation = planned(layer).activation
        return ({**self.default_config, "class_name": "Activation", "activation": activation, "n_in": n_in},)
