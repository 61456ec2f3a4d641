"""What a QKeras quantizer means in fixed point, and the values it gives a layer's weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType, narrowest
from jets.errors import InputError

SNAP_STEPS = 1e-3
"""A quantized weight may be this fraction of a step off the grid: QKeras returns x + (q - x) in float32."""


MAX_WEIGHT_BITS = 20
"""Quantized weights that need more are those of a scale that is no power of two, spelt out in float32."""


def refuse(layer: Any, what: str, remedy: str) -> InputError:
    """The error for a layer that cannot become firmware, naming it and its class."""
    return InputError(what, f"layer {layer.name!r} ({type(layer).__name__})", remedy)


def activation_type(layer: Any, quantizer: Any) -> FixedType:
    """The fixed-point type whose cast equals an activation quantizer (`quantized_bits` or `quantized_relu`).

    QKeras counts integer bits without the sign and rounds half to even (`keras.ops.round`), so
    `quantized_bits(b, i)` is `fixed<b, i + 1, RND_CONV, SAT>`; `symmetric` is saturation at minus the maximum.

    Raises:
        InputError: another quantizer, or options that fixed point does not have.
    """
    kind = _kind(quantizer)
    if kind == "quantized_relu":
        return _relu_type(layer, quantizer)
    if kind != "quantized_bits":
        raise refuse(layer, f"the quantizer {_name(quantizer)} has no fixed-point type", "use quantized_bits")
    if quantizer.alpha is not None and not _is_one(quantizer.alpha):
        raise refuse(layer, f"alpha={quantizer.alpha!r} scales an activation by its data", "give alpha=1")
    _check_rounding(layer, quantizer)
    bits, signed = int(quantizer.bits), bool(quantizer.keep_negative)
    if bits - signed < 1:
        raise refuse(layer, f"{bits} bit is a binary network in QKeras", "use at least 2 bits")
    overflow = "SAT_SYM" if quantizer.symmetric and signed else "SAT"
    return FixedType(bits, int(quantizer.integer) + signed, signed, "RND_CONV", overflow)


def quantized_weights(layer: Any, role: str, values: Any, quantizer: Any) -> tuple[NDArray[np.float64], FixedType]:
    """The weights as the quantizer gives them, snapped to its grid, and the type that holds them exactly.

    Raises:
        InputError: no quantizer, or values that are not fixed point (a scale that is no power of two).
    """
    if quantizer is None:
        raise refuse(
            layer, f"the {role} has no quantizer", f"give it one, e.g. quantized_bits(8, 0, alpha=1) for {role}"
        )
    import keras

    raw = np.asarray(keras.ops.convert_to_numpy(quantizer(values)), np.float64)
    declared = _declared_type(quantizer)
    if declared is not None:
        snapped = declared.cast(np.rint(raw / declared.step) * declared.step)
        if np.abs(snapped - raw).max(initial=0.0) <= SNAP_STEPS * declared.step:
            return snapped, declared
    own = narrowest(raw)
    if own is None or own.width > MAX_WEIGHT_BITS:
        raise refuse(
            layer, f"the {role} is not fixed point after {_name(quantizer)}", "use quantized_bits with alpha=1"
        )
    return raw, own


def _declared_type(quantizer: Any) -> FixedType | None:
    if _kind(quantizer) != "quantized_bits" or not (quantizer.alpha is None or _is_one(quantizer.alpha)):
        return None
    signed = bool(quantizer.keep_negative)
    return FixedType(int(quantizer.bits), int(quantizer.integer) + signed, signed)


def _relu_type(layer: Any, quantizer: Any) -> FixedType:
    for option, plain in (("use_sigmoid", 0), ("negative_slope", 0.0), ("is_quantized_clip", True)):
        if getattr(quantizer, option) != plain:
            raise refuse(layer, f"quantized_relu with {option}={getattr(quantizer, option)!r}", f"use {option}={plain}")
    _check_rounding(layer, quantizer)
    return FixedType(int(quantizer.bits), int(quantizer.integer), False, "RND_CONV", "SAT")


def _check_rounding(layer: Any, quantizer: Any) -> None:
    if quantizer.use_stochastic_rounding:
        raise refuse(layer, f"{_name(quantizer)} rounds at random", "use use_stochastic_rounding=False")


def _is_one(alpha: Any) -> bool:
    return not isinstance(alpha, str) and bool(np.all(np.asarray(alpha) == 1))


def _kind(quantizer: Any) -> str:
    """The QKeras class that a quantizer is or derives from."""
    names = [base.__name__ for base in type(quantizer).__mro__]
    return next((name for name in ("quantized_relu", "quantized_bits") if name in names), type(quantizer).__name__)


def _name(quantizer: Any) -> str:
    return str(getattr(quantizer, "__name__", quantizer))
