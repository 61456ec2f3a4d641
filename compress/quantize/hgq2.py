"""The HGQ2 front end: every weight, and every feature of an activation, learns how many bits it is worth.

HGQ (Sun et al., arXiv:2405.00645) makes the number of fraction bits a trainable variable, with a gradient from the
rounding error and one from what a bit costs: EBOPs times a weight, which `compress.quantize.budget` leads to a target.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.quantize.cost import enclosed_bits
from compress.quantize.qkeras import UNSIGNED, FixedPoint, check_width
from jets.errors import ConfigError, DataError
from models.keras_graph import sources_of
from models.students.feed_forward import FeedForwardSpec, Parts
from models.students.recurrent import RecurrentSpec
from models.students.student import StudentSpec

FINEST = 32
"""More fraction bits than any weight has."""


@dataclass(frozen=True)
class HgqBits:
    """The widest type of every tensor as (total, integer), where training starts; it only takes bits away.

    The sign is one of the integer bits, as in ap_fixed. Only the fraction bits of weights and biases matter: their
    range follows their values.

    Attributes:
        input: the scaled features, and the mask.
        weights: kernels of the dense layers.
        bias: their biases.
        activations: what the ReLU layers hand on (unsigned).
        mean: of particles (unsigned).
        attention: queries, keys, values, and what particles gather of them.
        output: the logits, whose type is not learnt.
        ebops: the most effective bit operations that the student may have; None keeps `ebops_weight` as it is.
        ebops_weight: loss of one effective bit operation, where the way to `ebops` starts.

    Raises:
        ConfigError: a width that is not between 1 and 24 (signed types need 2), integer bits outside 0 to that width, a
            target below 1, a weight below zero.
    """

    input: FixedPoint = (10, 4)
    weights: FixedPoint = (8, 1)
    bias: FixedPoint = (8, 1)
    activations: FixedPoint = (8, 3)
    mean: FixedPoint = (10, 3)
    attention: FixedPoint = (10, 4)
    output: FixedPoint = (16, 6)
    ebops: int | None = None
    ebops_weight: float = 1e-7

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self)[:-2]:
            check_width(field.name, getattr(self, field.name))
        if self.ebops is not None and self.ebops < 1:
            raise ConfigError(f"ebops must be 1 or more, not {self.ebops}", None, "e.g. 20000")
        least = "above 0 to lead to ebops" if self.ebops is not None else "0 or more"
        if not (math.isfinite(self.ebops_weight) and self.ebops_weight >= 0) or (self.ebops and not self.ebops_weight):
            raise ConfigError(f"ebops_weight must be {least}, not {self.ebops_weight}", None, "e.g. 1.0e-7")

    def check_for(self, spec: StudentSpec) -> None:
        """Raise ConfigError when a student of this shape cannot be made of these layers."""
        if isinstance(spec, RecurrentSpec):
            what = "HGQ2 has no recurrent layers that become firmware here"
            raise ConfigError(what, None, "use front_end: qkeras, or student: {arithmetic: exact}")


def build_quantized(spec: FeedForwardSpec, bits: HgqBits, n_outputs: int) -> Any:
    """The HGQ2 model of a spec, (n_jets, …) -> quantized logits (n_jets, n_outputs).

    Layers: see `models.students.feed_forward_network.network`.

    Raises:
        ConfigError: a recurrent student.
    """
    from models.students import heterogeneous
    from models.students.feed_forward_network import network

    bits.check_for(spec)

    def cast(tensor: str, name: str) -> Any:
        learn = tensor != "output"
        return heterogeneous.cast(getattr(bits, tensor), tensor not in UNSIGNED, name, learn)

    def dense(width: int, use_bias: bool, name: str) -> Any:
        return heterogeneous.dense(width, use_bias, name, bits.weights, bits.bias)

    return network(spec, n_outputs, Parts(dense, lambda name: cast("activations", name), cast))


def warm_start(quantized: Any, float_model: Any) -> None:
    """Copy the weights of the float model into the quantized one, layer by layer, by name.

    Raises:
        DataError: a layer's weights do not fit.
    """
    for layer in float_model.layers:
        if not layer.weights:
            continue
        target = quantized.get_layer(layer.name)
        for name in ("kernel", "bias") if layer.use_bias else ("kernel",):
            ours, theirs = getattr(target, name), getattr(layer, name)
            if ours.shape != theirs.shape:
                what = f"a {name} of shape {theirs.shape} does not fit {ours.shape}"
                raise DataError(what, f"layer {layer.name}", "distil again with one student spec")
            ours.assign(theirs)


def bits_per_tensor(model: Any) -> dict[str, dict[str, Any]]:
    """Widest type of every tensor, "layer/tensor" -> total, integer (sign included), signed; and its mean width.

    "mean_bits" of weights is the mean number of bits from the highest to the lowest set one, "size" their number;
    "zeros" the share of weights, or features, that are always zero and cost nothing.
    """
    found: dict[str, dict[str, Any]] = {}
    for layer in model.layers:
        if hasattr(layer, "lanes"):
            found[f"{layer.name}/output"] = _of_lanes(layer.lanes())
        elif hasattr(layer, "constants"):
            for role, values in layer.constants().items():
                if role == "weight" or layer.use_bias:
                    found[f"{layer.name}/{role.replace('weight', 'kernel')}"] = _of_constants(values)
    return found


def ebops(model: Any, shared_cell: bool = False) -> int:
    """Effective bit operations of one jet, as `compress.quantize.cost.ebops` counts them, feature by feature.

    There is no cell to share.
    """
    total = _total(
        model,
        np,
        lambda cast: np.array([lane[0] for lane in cast.lanes()]),
        lambda layer: enclosed_bits(layer.constants()["weight"], FINEST),
    )
    return int(total)


def cost(model: Any) -> Any:
    """The same as a scalar tensor that learnt bits get gradients from; a constant is as wide as its range and step."""
    from keras import ops

    return _total(model, ops, lambda cast: cast.widths(), lambda layer: layer.weight_widths())


def _total(model: Any, ops: Any, lanes: Callable[[Any], Any], constants: Callable[[Any], Any]) -> Any:
    """Sum of the products of widths of all that is multiplied; `ops` is numpy or `keras.ops`.

    That is inputs (rows, n_in) and weights (n_in, n_out), or the two inputs of a HeadProduct.
    """
    total = 0.0
    for layer in model.layers:
        if hasattr(layer, "constants"):
            (widths,) = _incoming(model, layer, ops, lanes)
            total = total + ops.sum(widths * ops.sum(constants(layer), axis=1))
        elif hasattr(layer, "equation"):
            pair = _incoming(model, layer, ops, lanes)
            apart = (ops.reshape(widths, (1, *layer.apart(widths.shape))) for widths in pair)
            total = total + ops.sum(ops.einsum(layer.equation, *apart))
    return total


def _incoming(model: Any, layer: Any, ops: Any, lanes: Callable[[Any], Any]) -> list[Any]:
    """The widths of each input of a layer, in its shape."""
    return [_carried(model, model.get_layer(name), ops, lanes) for name in sources_of(layer)]


def _carried(model: Any, layer: Any, ops: Any, lanes: Callable[[Any], Any]) -> Any:
    """The width of every number that a layer gives, in the shape of its output, from the cast that made them."""
    if hasattr(layer, "lanes"):
        return ops.broadcast_to(lanes(layer), layer.output.shape[1:])
    widths = _incoming(model, layer, ops, lanes)[0]
    kind = type(layer).__name__
    return widths[..., :-1] if kind == "Unmasked" else ops.transpose(widths) if kind == "Permute" else widths


def _of_lanes(lanes: Sequence[tuple[int, int, bool]]) -> dict[str, Any]:
    kept = [lane for lane in lanes if lane[0]] or [(1, 1, False)]
    integer, signed = max(lane[1] for lane in kept), any(lane[2] for lane in kept)
    fraction = max(total - whole for total, whole, _ in kept)
    return _entry(integer, fraction, signed, np.array([total for total, _, _ in lanes]))


def _of_constants(values: NDArray[np.float64]) -> dict[str, Any]:
    whole = np.rint(np.abs(values) * 2.0**FINEST).astype(np.int64)
    unused = np.frexp(whole & -whole)[1][whole > 0].min(initial=FINEST + 1) - 1
    integer = int(np.frexp(np.abs(values).max())[1]) + 1
    return _entry(integer, FINEST - int(unused), True, enclosed_bits(values, FINEST)) | {"size": values.size}


def _entry(integer: int, fraction: int, signed: bool, widths: NDArray[Any]) -> dict[str, Any]:
    kind = {"total": integer + fraction, "integer": integer, "signed": signed}
    return kind | {"mean_bits": float(widths.mean()), "zeros": float(np.mean(widths == 0))}
