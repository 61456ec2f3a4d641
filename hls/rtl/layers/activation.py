"""Activation layers: hls4ml's functions of one value, computed or looked up (nnet_activation.h)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hls.fixed_point import FixedType
from hls.rtl import libm
from hls.rtl.casts import apart, array, at_least, cast, cast_one, choose, clamped, each, negative
from hls.rtl.products import times_one
from hls.rtl.refusal import fixed_type, input_type, refuse, result_type, weights
from hls.rtl.tables import (
    FUNCTIONS,
    NegativeTable,
    checked,
    function_of,
    gate_table,
    look_up,
    look_up_negative,
    table_size,
    table_type,
)

ONE = FixedType(1, 1, False)
SELU_SCALE = FixedType(16, 1, False)
"""The type in which the kernel multiplies positive values by SELU's lambda, 1.0507…"""
NEGATIVE_LIMIT = 8.0
"""Where the tables of ELU and SELU end."""


def activation(node: Any, inputs: list[Any]) -> Any:
    """An Activation layer of values of any shape, one by one."""
    (values,) = inputs
    name = str(node.get_attr("activation")).lower()
    if name in FUNCTIONS:
        return look_up(values, gate_table(node, name, input_type(node), result_type(node)))
    if name not in COMPUTED:
        remedy = f"use {', '.join((*COMPUTED, *FUNCTIONS))}; a function in hls/rtl/layers/activation.py would add it"
        raise refuse(node, f"the activation {name} is not traced", remedy)
    return COMPUTED[name](node, values)


def parametrized(node: Any, inputs: list[Any]) -> Any:
    """A leaky or thresholded ReLU, or an ELU, of values of any shape."""
    (values,) = inputs
    name = node._get_act_function_name()
    if name not in PARAMETRIZED:
        raise refuse(node, f"the activation {name} is not traced", f"use {', '.join(PARAMETRIZED)}")
    fixed = fixed_type(node, "param", node.types["param_t"].precision)
    if fixed.fraction_bits < 0:
        what = f"its parameter's type {fixed} has steps of {fixed.step:g}, which C++ does not compare exactly"
        raise refuse(node, what, "give its `param` a precision with fraction bits, or use relu")
    literal = float(f"{node.get_attr('activ_param', 1.0)}")
    return PARAMETRIZED[name](node, values, float(fixed.cast(np.array(literal))))


def prelu(node: Any, inputs: list[Any]) -> Any:
    """A ReLU with a slope below zero for each of the values."""
    (values,) = inputs
    slopes = weights(node, "param").ravel()
    if len(slopes) != values.size:
        what = f"it has {len(slopes)} slopes for {values.size} values"
        raise refuse(node, what, "share no axes of PReLU; hls4ml reads beyond the end of its array")
    result = result_type(node)
    pairs = zip(values.ravel(), slopes, strict=True)
    return array([_leaky(value, float(slope), result) for value, slope in pairs], values)


def hard(node: Any, inputs: list[Any]) -> Any:
    """A hard sigmoid, clip(slope * x + shift, 0, 1), or a hard tanh, 2 * that - 1."""
    (values,) = inputs
    slope, shift = (
        float(fixed_type(node, name, node.types[f"{name}_t"].precision).cast(np.array(float(node.get_attr(name)))))
        for name in ("slope", "shift")
    )
    stretched = str(node.get_attr("activation")).lower() == "hard_tanh"

    def function(value: Any) -> Any:
        product = times_one(value, slope)
        inside = clamped(apart(product, int(product.kif[2])) + shift, 0.0, 1.0)
        return inside * 2.0 - 1.0 if stretched else inside

    return cast(each(values, function), result_type(node))


def unary_table(node: Any, inputs: list[Any]) -> Any:
    """A table with an entry for every bit pattern of an input (HGQ2)."""
    (values,) = inputs
    fixed = input_type(node)
    entries = checked(node, result_type(node).cast(weights(node, "table").ravel()))
    if len(entries) < 2**fixed.width:
        raise refuse(node, f"its table has {len(entries)} entries for {fixed}", f"use {2**fixed.width}")

    def function(keys: Any) -> Any:
        return entries[np.mod(np.rint(keys / fixed.step), 2**fixed.width).astype(np.int64)]

    return each(values, lambda value: function_of(value, function))


def _linear(node: Any, values: Any) -> Any:
    return cast(values, result_type(node))


def _relu(node: Any, values: Any) -> Any:
    return cast(each(values, lambda value: value.relu()), result_type(node))


def _relu_to(limit: float) -> Callable[[Any, Any], Any]:
    return lambda node, values: cast(each(values, lambda value: clamped(value, 0.0, limit)), result_type(node))


def _binary_tanh(node: Any, values: Any) -> Any:
    result = result_type(node)
    below, above = (float(result.cast(np.array(sign))) for sign in (-1.0, 1.0))
    return each(values, lambda value: choose(negative(value), below, above))


def _ternary_tanh(node: Any, values: Any) -> Any:
    """Of twice the value, which the kernel keeps in the type of its input."""
    result, kept = result_type(node), input_type(node)
    below, above = (float(result.cast(np.array(sign))) for sign in (-1.0, 1.0))

    def function(value: Any) -> Any:
        double = cast_one(value * 2.0, kept)
        return choose(at_least(double, 1.0 + kept.step), above, choose(at_least(double, kept.step - 1.0), 0.0, below))

    return each(values, function)


def _leaky(value: Any, slope: float, result: FixedType) -> Any:
    return choose(negative(value), cast_one(times_one(value, slope), result), cast_one(value, result))


def _leaky_relu(node: Any, values: Any, slope: float) -> Any:
    result = result_type(node)
    return each(values, lambda value: _leaky(value, slope, result))


def _thresholded_relu(node: Any, values: Any, threshold: float) -> Any:
    result, step = result_type(node), input_type(node).step
    first = (np.floor(threshold / step) + 1.0) * step
    return each(values, lambda value: choose(at_least(value, first), cast_one(value, result), 0.0))


def _elu(node: Any, values: Any, alpha: float = 1.0) -> Any:
    entries = table_type(node).cast(libm.elu(_negative_points(node))) * alpha
    return _with_negative_table(node, values, entries, 1.0)


def _selu(node: Any, values: Any) -> Any:
    entries = table_type(node).cast(libm.selu(_negative_points(node)))
    return _with_negative_table(node, values, entries, float(SELU_SCALE.cast(np.array(1.0507009873554805))))


def _negative_points(node: Any) -> libm.Singles:
    size = table_size(node, input_type(node))
    return (-NEGATIVE_LIMIT * np.arange(size) / size).astype(np.float32)


def _with_negative_table(node: Any, values: Any, entries: Any, slope: float) -> Any:
    """A line above zero, and a table below."""
    result, value_type = result_type(node), input_type(node)
    table = NegativeTable(checked(node, result.cast(entries)), NEGATIVE_LIMIT, max(value_type.step, 1.0))

    def function(value: Any) -> Any:
        line = cast_one(times_one(value, slope), result)
        return choose(negative(value), look_up_negative(value, table), line) if value.low < 0 else line

    return each(values, function)


COMPUTED: Mapping[str, Callable[[Any, Any], Any]] = {
    "linear": _linear,
    "relu": _relu,
    "relu1": _relu_to(1.0),
    "relu6": _relu_to(6.0),
    "binary_tanh": _binary_tanh,
    "ternary_tanh": _ternary_tanh,
    "elu": _elu,
    "selu": _selu,
}
PARAMETRIZED: Mapping[str, Callable[[Any, Any, float], Any]] = {
    "leaky_relu": _leaky_relu,
    "thresholded_relu": _thresholded_relu,
    "elu": _elu,
}
