"""The precision of every tensor of the firmware, derived from the student's quantizers before hls4ml is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hls.convert.exact_plan import exact_cast, exact_dense, exact_gru, exact_lstm
from hls.convert.gates import GateTables, gate_tables
from hls.convert.heterogeneous_plan import heterogeneous_cast, heterogeneous_dense, heterogeneous_input
from hls.convert.layer_plan import LayerPlan, Weights, bound, cast_plan, dense_plan
from hls.convert.particle_plan import (
    MASKING,
    add,
    carried,
    check_particles,
    check_shares_nothing,
    head_product,
    masked_mean,
    unmasked,
)
from hls.convert.quantizers import activation_type, quantized_weights, refuse
from hls.fixed_point import FixedType, exact_sum, holding, significant_bits
from hls.project import HlsConfig
from jets.errors import ConfigError, InputError
from models.keras_graph import sources_of
from models.students.exact.cells import EXACT_CELLS

STREAMED = ("Input", "Activation", "Dense", "Concatenate", "GRU", *EXACT_CELLS)
"""The kinds of layers that have a kernel for streams."""


def plan_layers(model: Any, config: HlsConfig) -> tuple[LayerPlan, ...]:
    """The plan of every layer of a chain of QKeras, HGQ2 or exact layers, from the input to the output.

    In the place of one exact recurrent layer there may be two side by side and the concatenation of their last states;
    behind the cast of its input a student of particles may branch (docs/students.md).

    Raises:
        InputError: a layer that the firmware cannot compute exactly as Keras does; names the layer and its class.
        ConfigError: `config.layers` names a layer that is not there.
    """
    layers = _chain(model)
    plans: dict[str, LayerPlan] = {}
    for place, layer in enumerate(layers):
        after = layers[place + 1] if place + 1 < len(layers) else None
        sources = [plans[name].types["result"] for name in sources_of(layer)]
        if type(layer).__name__ in MASKING:
            sources = sources[:1]
        value = holding(sources) if len(sources) > 1 else next(iter(sources), None)
        plan = _PLANS.get(type(layer).__name__, _unsupported)(layer, value, after, config)
        if config.io_type == "io_stream" and plan.kind not in STREAMED:
            raise refuse(layer, "has no kernel for io_stream", "use io_type: io_parallel")
        plans[layer.name] = plan
    unknown = sorted(set(config.layers) - set(plans))
    if unknown:
        known = ", ".join(plans)
        raise ConfigError(f"no layer {unknown[0]!r} in the student", "hls: layers", f"its layers are {known}")
    return tuple(plans.values())


def _chain(model: Any) -> list[Any]:
    layers = list(getattr(model, "layers", []))
    if len(getattr(model, "inputs", [])) != 1 or len(model.outputs) != 1:
        raise InputError(
            "the student must have one input and one output", f"model {model.name!r}", "use a chain of layers"
        )
    if any(type(layer).__name__ == "MaskedMean" for layer in layers):
        check_particles(layers[0], layers[1:])
        return layers
    for place, layer in enumerate(layers[1:], start=1):
        *_, before = pair = layers[max(place - 2, 0) : place]
        joins = type(layer).__name__ == "Concatenate" and _are_side_by_side(pair)
        feeding = {source.name for source in (pair if joins else [before])}
        if set(sources_of(layer)) != feeding and not _are_side_by_side([before, layer]):
            what = f"is not fed by the layer before it alone, but by {sources_of(layer)}"
            raise refuse(layer, what, "use a chain of layers")
    return layers


def _are_side_by_side(layers: Sequence[Any]) -> bool:
    """Whether these are two exact cells that read the same steps and hand on a last state each."""
    cells = [layer for layer in layers if type(layer).__name__ in EXACT_CELLS and not layer.return_sequences]
    return len(cells) == 2 and sources_of(cells[0]) == sources_of(cells[1])


def _input(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    if type(after).__name__ == "HeterogeneousCast":
        return LayerPlan(layer.name, "Input", {"result": heterogeneous_input(after)}, compare_with=after.name)
    if type(after).__name__ not in ("QActivation", "ExactCast"):
        raise refuse(layer, "the input is not quantized", "put a QActivation(quantized_bits(…)) right after it")
    plan = _PLANS[type(after).__name__](after, None, None, config)
    return LayerPlan(layer.name, "Input", {"result": plan.types["result"]}, compare_with=after.name)


def _concatenate(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    assert value is not None
    return LayerPlan(layer.name, "Concatenate", {"result": value}, compare_with=layer.name)


def _activation(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    return cast_plan(layer.name, activation_type(layer, layer.activation))


def _dense(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    assert value is not None
    if getattr(layer.activation, "__name__", "linear") != "linear":
        raise refuse(layer, "has an activation of its own", "put it into a QActivation layer after it")
    check_shares_nothing(layer, config)
    kernel, kernel_type = quantized_weights(layer, "kernel", layer.kernel, layer.kernel_quantizer_internal)
    bias, bias_type = _bias(layer, layer, (kernel.shape[1],))
    return dense_plan(layer.name, Weights(kernel, bias, kernel_type, bias_type), value)


def _gru(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    if not layer.cell.reset_after:
        raise refuse(layer, "has reset_after=False, which hls4ml computes wrongly", "build it with reset_after=True")
    return _recurrent(layer, value, after, config, "GRU")


def _lstm(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    return _recurrent(layer, value, after, config, "LSTM")


def _recurrent(layer: Any, value: FixedType | None, after: Any, config: HlsConfig, kind: str) -> LayerPlan:
    assert value is not None
    cell = layer.cell
    _check_recurrent_options(layer)
    state = _state_type(layer, after)
    data, types = _recurrent_weights(layer, kind)
    tables = gate_tables(layer, config)
    products = max(
        value.fraction_bits + types["weight"].fraction_bits,
        state.fraction_bits + types["recurrent_weight"].fraction_bits,
    )
    biases = max(types["bias"].fraction_bits, types["recurrent_bias"].fraction_bits)
    bounds = (
        bound(data["weight"], value, data["bias"]),
        bound(data["recurrent_weight"], state, data["recurrent_bias"]),
    )
    gated = tables.type.fraction_bits + _gated_fraction(kind, state, tables, types)
    held = max(sum(bounds), state.magnitude + 1.0, 1.0)
    product = _gated_bound(kind, state, data)
    types |= {"result": state, "table": tables.type, "accum": exact_sum(max(products, biases, gated), held)}
    return LayerPlan(
        layer.name,
        kind,
        types,
        data,
        compare_with=after.name,
        table_size=tables.size,
        activation="tanh",
        recurrent_activation="sigmoid",
        float_bits=max(significant_bits(sum(bounds), max(products, biases)), significant_bits(product, gated)),
        exact=tables.exact and cell.state_quantizer_internal is not None,
    )


def _gated_fraction(kind: str, state: FixedType, tables: GateTables, types: dict[str, FixedType]) -> int:
    """Fraction bits of what a gate multiplies: U h + b in a GRU, the state or a gate in an LSTM."""
    if kind == "GRU":
        recurrent = state.fraction_bits + types["recurrent_weight"].fraction_bits
        return max(recurrent, types["recurrent_bias"].fraction_bits)
    return max(state.fraction_bits, tables.type.fraction_bits)


def _gated_bound(kind: str, state: FixedType, data: dict[str, np.ndarray[Any, Any]]) -> float:
    """The largest value that must be exact among the products of a gate and the sums that a table does not clamp.

    A GRU's r (U h + b) may be larger than the sum with W x that enters the tanh table, which clamps at 4; an LSTM's
    cell state is f c + i g.
    """
    if kind == "GRU":
        units = data["recurrent_weight"].shape[0]
        candidate = slice(2 * units, None)
        return max(4.0, bound(data["recurrent_weight"][:, candidate], state, data["recurrent_bias"][candidate]))
    return max(4.0, state.magnitude + 1.0)


def _recurrent_weights(layer: Any, kind: str) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, FixedType]]:
    cell = layer.cell
    kernel, kernel_type = quantized_weights(layer, "kernel", cell.kernel, cell.kernel_quantizer_internal)
    recurrent, recurrent_type = quantized_weights(
        layer, "recurrent kernel", cell.recurrent_kernel, cell.recurrent_quantizer_internal
    )
    shape = (2, kernel.shape[1]) if kind == "GRU" else (kernel.shape[1],)
    bias, bias_type = _bias(layer, cell, shape)
    biases = (bias[0], bias[1]) if kind == "GRU" else (bias, np.zeros_like(bias))
    names = ("weight", "recurrent_weight", "bias", "recurrent_bias")
    data = dict(zip(names, (kernel, recurrent, *biases), strict=True))
    return data, dict(zip(names, (kernel_type, recurrent_type, bias_type, bias_type), strict=True))


def _bias(layer: Any, holder: Any, shape: tuple[int, ...]) -> tuple[np.ndarray[Any, Any], FixedType]:
    if not holder.use_bias:
        return np.zeros(shape), FixedType(2, 2)
    return quantized_weights(layer, "bias", holder.bias, holder.bias_quantizer_internal)


def _state_type(layer: Any, after: Any) -> FixedType:
    quantizer = layer.cell.state_quantizer_internal
    if quantizer is None:
        raise refuse(layer, "the state has no quantizer", "give state_quantizer, e.g. quantized_bits(8, 0, alpha=1)")
    state = activation_type(layer, quantizer)
    same = type(after).__name__ == "QActivation" and activation_type(after, after.activation) == state
    if not same:
        remedy = f"put a QActivation of the state quantizer {quantizer} right after it"
        raise refuse(layer, "QKeras leaves the last state unquantized, the firmware cannot", remedy)
    return state


def _check_recurrent_options(layer: Any) -> None:
    for option in ("go_backwards", "stateful", "return_state", "time_major"):
        if getattr(layer, option, False):
            raise refuse(layer, f"has {option}=True, which the firmware does not compute", f"use {option}=False")


def _unsupported(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    name = type(layer).__name__
    own = {
        "Dense": "QDense",
        "GRU": "QGRU(reset_after=True)",
        "LSTM": "QLSTM",
        "ReLU": "QActivation(quantized_relu(…))",
    }
    if name in own:
        raise refuse(layer, "is not quantized", f"use {own[name]} of qkeras")
    known = ", ".join(sorted(set(_PLANS) - {"InputLayer"}))
    raise refuse(layer, "is not supported", f"supported are {known}; a plan and a handler in hls/convert would add it")


_PLANS = {
    "Add": add,
    "InputLayer": _input,
    "Concatenate": _concatenate,
    "Masked": carried,
    "MaskedMean": masked_mean,
    "Permute": carried,
    "QActivation": _activation,
    "Unmasked": unmasked,
    "QDense": _dense,
    "QGRU": _gru,
    "QLSTM": _lstm,
    "ExactCast": exact_cast,
    "ExactDense": exact_dense,
    "ExactGRU": exact_gru,
    "ExactLSTM": exact_lstm,
    "HeadProduct": head_product,
    "HeterogeneousCast": heterogeneous_cast,
    "HeterogeneousDense": heterogeneous_dense,
}
