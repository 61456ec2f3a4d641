"""hls4ml layer handlers for the layers of qkeras-v3, which hls4ml 1.3.0 does not have.

Importing this module registers them in hls4ml's Keras 3 registry (a handler is found by the layer's class name). Each
hands over structure and weights on their grids; the precisions come from `hls.convert.plan`. Without a plan, QDense and
QActivation are handed over with their quantizers, from which hls4ml derives precisions as it does for Keras 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from hls4ml.converters.keras_v3._base import KerasV3LayerHandler

from hls.convert.layer_plan import LayerPlan
from jets.errors import InputError

_PLANS: ContextVar[Mapping[str, LayerPlan] | None] = ContextVar("plans", default=None)


@contextmanager
def handling(plans: Sequence[LayerPlan]) -> Iterator[None]:
    """Within the block, the handlers hand over the weights of these plans."""
    token = _PLANS.set({plan.name: plan for plan in plans})
    try:
        yield
    finally:
        _PLANS.reset(token)


def plan_of(layer: Any) -> LayerPlan | None:
    """The layer's plan; None outside of `handling`."""
    plans = _PLANS.get()
    return None if plans is None else plans[layer.name]


def planned(layer: Any) -> LayerPlan:
    """The plan of a layer that needs one.

    Raises:
        InputError: outside of `handling`.
    """
    plan = plan_of(layer)
    if plan is None:
        remedy = "convert it with hls.convert, which computes the types of its sums"
        raise InputError("hls4ml has no precisions for it", f"layer {layer.name!r}", remedy)
    return plan


def weights_of(plan: LayerPlan) -> dict[str, Any]:
    """The constants of a plan as hls4ml takes them from a handler."""
    return {f"{name}_data": values for name, values in plan.data.items()}


def _quantized_weights(layer: Any) -> dict[str, Any]:
    """The weights of a layer with QKeras' quantizers, which hls4ml applies to them."""
    from hls4ml.converters.keras.qkeras import get_quantizer_from_config

    config = {"class_name": type(layer).__name__, "config": layer.get_config()}
    found: dict[str, Any] = {}
    for ours, name in (("weight", "kernel"), ("bias", "bias")):
        values = getattr(layer, name, None)
        found[f"{ours}_data"] = None if values is None else np.asarray(values)
        found[f"{ours}_quantizer"] = None if values is None else get_quantizer_from_config(config, name)
    return found


class QDenseHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """QDense becomes Dense; its activation is a layer of its own."""

    handles = ("QDense",)

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One Dense layer with weights on their grid."""
        n_in, n_out = layer.kernel.shape
        shape = {"n_in": int(n_in), "n_out": int(n_out), "data_format": "channels_last"}
        plan = plan_of(layer)
        weights = _quantized_weights(layer) if plan is None else weights_of(plan)
        return ({**self.default_config, "class_name": "Dense", **shape, **weights},)


class QActivationHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """QActivation becomes a cast to its quantizer's type, after a ReLU for quantized_relu."""

    handles = ("QActivation",)

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One Activation layer, linear or relu."""
        n_in = 1
        for size in in_tensors[0].shape[1:]:
            n_in *= int(size)
        plan = plan_of(layer)
        if plan is None:
            from hls4ml.converters.keras.qkeras import get_activation_quantizer

            config = {"class_name": "QActivation", "config": {"name": layer.name, "activation": layer.activation}}
            return ({**self.default_config, **get_activation_quantizer(config, []), "n_in": n_in},)
        return ({**self.default_config, "class_name": "Activation", "activation": plan.activation, "n_in": n_in},)


class QRecurrentHandler(KerasV3LayerHandler):  # type: ignore[misc]
    """QGRU becomes GRU, QLSTM becomes LSTM; the gates are tables."""

    handles = ("QGRU", "QLSTM")

    def handle(self, layer: Any, in_tensors: Sequence[Any], out_tensors: Sequence[Any]) -> tuple[dict[str, Any], ...]:
        """One recurrent layer that runs forward over all steps."""
        plan = plan_of(layer)
        if plan is None:
            remedy = "convert it with hls.convert, which derives them, or build_graph with plans of your own"
            raise InputError("hls4ml has no precisions for its gates", f"layer {layer.name!r}", remedy)
        structure = {
            "class_name": plan.kind,
            "direction": "forward",
            "return_sequences": bool(layer.return_sequences),
            "return_state": False,
            "time_major": False,
            "n_timesteps": int(in_tensors[0].shape[1]),
            "n_in": int(in_tensors[0].shape[2]),
            "n_out": int(layer.cell.units),
            "activation": plan.activation,
            "recurrent_activation": plan.recurrent_activation,
        }
        if plan.kind == "GRU":
            structure["apply_reset_gate"] = "after"
        return ({**self.default_config, **structure, **weights_of(plan)},)
