"""The precisions of what stands between the dense layers of particles (docs/students.md): sums that keep every bit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hls.convert.layer_plan import LayerPlan, Weights, dense_plan
from hls.convert.quantizers import refuse
from hls.fixed_point import FixedType, exact_sum, significant_bits
from hls.project import HlsConfig
from models.keras_graph import sources_of
from models.students.feed_forward import shift

MASKING = ("Masked", "MaskedMean")
"""What reads values, and constituents for their mask."""

JOINS = ("Add", "HeadProduct", *MASKING)
"""What reads two layers, any other one."""

SELECTED = FixedType(2, 2)
"""The type of a 0 or 1 that chooses a column."""


def check_particles(input_: Any, layers: Sequence[Any]) -> None:
    """Raise InputError unless the first of the `layers` alone reads the input, and joins alone read two layers."""
    for layer in layers:
        sources = sources_of(layer)
        if (input_.name in sources) != (layer is layers[0]):
            raise refuse(layer, f"is fed by {sources}", "let the cast of the input, and it alone, read the input")
        if len(sources) != 1 + (type(layer).__name__ in JOINS):
            raise refuse(layer, f"is fed by {sources}", f"{' and '.join(JOINS)} read two layers, any other one")


def check_shares_nothing(layer: Any, config: HlsConfig) -> None:
    """Raise InputError where a layer of particles is asked to share its multipliers."""
    strategy, reuse_factor = config.of_layer(layer.name)
    if len(layer.output.shape) > 2 and (strategy, reuse_factor) != ("Latency", 1):
        what = f"shares multipliers (strategy {strategy}, reuse_factor {reuse_factor}), which particles do not"
        remedy = f"give hls: layers: {layer.name}: {{strategy: Latency, reuse_factor: 1}}"
        raise refuse(layer, what, remedy)


def unmasked(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of an Unmasked: a matrix that chooses all columns but the last."""
    assert value is not None
    n_columns = int(layer.input.shape[-1])
    chosen = Weights(np.eye(n_columns, n_columns - 1), np.zeros(n_columns - 1), SELECTED, SELECTED)
    plan = dense_plan(layer.name, chosen, value)
    return replace(plan, types={**plan.types, "result": FixedType(value.width, value.integer, value.signed)})


def carried(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of a layer that hands on what it gets: a Permute, or a Masked."""
    assert value is not None
    kind = {"Permute": "Transpose"}.get(type(layer).__name__, type(layer).__name__)
    return LayerPlan(layer.name, kind, {"result": value}, compare_with=layer.name)


def masked_mean(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of a MaskedMean of values of the type `value`."""
    assert value is not None
    n_particles = int(layer.input[0].shape[1])
    bits, largest = shift(n_particles), n_particles * value.magnitude
    return LayerPlan(
        layer.name,
        "MaskedMean",
        {
            "accum": exact_sum(value.fraction_bits + bits, largest),
            "result": exact_sum(value.fraction_bits + bits, largest * 2.0**-bits),
        },
        compare_with=layer.name,
        float_bits=significant_bits(largest, value.fraction_bits),
    )


def add(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of an Add of two tensors whose types `value` holds."""
    assert value is not None
    first, second = (tuple(part.shape[1:]) for part in layer.input)
    if first[-1] != second[-1] or (first != second and 1 not in (first[0], second[0])):
        raise refuse(layer, f"adds {first} and {second}", "add one row to every row, or equal shapes")
    total = exact_sum(value.fraction_bits, 2 * value.magnitude)
    bits = significant_bits(2 * value.magnitude, value.fraction_bits)
    return LayerPlan(layer.name, "Merge", {"result": total}, compare_with=layer.name, float_bits=bits)


def head_product(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of a HeadProduct of two tensors whose types `value` holds."""
    assert value is not None
    check_shares_nothing(layer, config)
    sizes = layer.sizes([part.shape for part in layer.input])
    summed = set(sizes) - set(layer.equation.split("->")[1])
    largest = math.prod(sizes[axis] for axis in summed) * value.magnitude**2
    total = exact_sum(2 * value.fraction_bits, largest)
    bits = significant_bits(largest, 2 * value.fraction_bits)
    return LayerPlan(layer.name, "Einsum", {"accum": total, "result": total}, compare_with=layer.name, float_bits=bits)
