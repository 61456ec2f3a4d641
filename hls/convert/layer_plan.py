"""What is decided about one layer of the firmware before hls4ml is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hls.fixed_point import FixedType, exact_sum, significant_bits
from models.students.exact.cells import EXACT_CELLS

FLOAT32_BITS = 24

RECURRENT = ("GRU", "LSTM", *EXACT_CELLS)
"""The kinds of layers with a state."""


@dataclass(frozen=True)
class LayerPlan:
    """One layer of the graph to be: its types by role, and what the firmware layer computes.

    Attributes:
        kind: the hls4ml layer, "Input", "Activation", "Dense", "Concatenate", "FixedPointQuantizer", "GRU" ….
        types: role ("result", "weight", "accum" …) to fixed-point type.
        data: weights on their grid, by hls4ml's name ("weight", "recurrent_weight", "bias", "recurrent_bias"), and the
            tables of an exact cell.
        compare_with: the Keras layer whose output this layer's result must equal.
        table_size: entries of the activation table; 1 where there is none.
        float_bits: the largest number of significant bits of any exact value inside the layer.
        exact: False when the firmware replaces a real function by a table.
        lanes: the type of every value of the last axis, where each has its own.
    """

    name: str
    kind: str
    types: dict[str, FixedType]
    data: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    compare_with: str = ""
    table_size: int = 1
    activation: str = "linear"
    recurrent_activation: str = ""
    float_bits: int = 0
    exact: bool = True
    lanes: tuple[FixedType, ...] = ()


def bound(weights: np.ndarray[Any, Any], value: FixedType, bias: np.ndarray[Any, Any]) -> float:
    """The largest |sum| that any order of adding products and bias can pass through."""
    return float(np.max(np.abs(weights).sum(axis=0) * value.magnitude + np.abs(bias), initial=0.0))


@dataclass(frozen=True)
class Weights:
    """The weights of a dense layer on their grids: kernel (n_in, n_out), bias (n_out,), and their types."""

    kernel: np.ndarray[Any, Any]
    bias: np.ndarray[Any, Any]
    kernel_type: FixedType
    bias_type: FixedType


def dense_plan(name: str, weights: Weights, value: FixedType) -> LayerPlan:
    """A dense layer whose accumulator keeps every bit of W x + b, for inputs of type `value`."""
    fraction = max(value.fraction_bits + weights.kernel_type.fraction_bits, weights.bias_type.fraction_bits)
    largest = bound(weights.kernel, value, weights.bias)
    accumulator = exact_sum(fraction, largest)
    return LayerPlan(
        name,
        "Dense",
        {"result": accumulator, "accum": accumulator, "weight": weights.kernel_type, "bias": weights.bias_type},
        {"weight": weights.kernel, "bias": weights.bias},
        compare_with=name,
        float_bits=significant_bits(largest, fraction),
    )


def cast_plan(name: str, result: FixedType) -> LayerPlan:
    """A cast to `result`, after a ReLU where that is unsigned."""
    activation = "linear" if result.signed else "relu"
    types = {"result": result, "table": result}
    return LayerPlan(name, "Activation", types, activation=activation, compare_with=name)
