"""The precisions of exact students (docs/recurrent.md): their own types, and sums that keep every bit."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from hls.convert.layer_plan import LayerPlan, Weights, bound, cast_plan, dense_plan
from hls.convert.quantizers import refuse
from hls.fixed_point import FixedType, exact_sum, significant_bits
from hls.project import HlsConfig
from models.students.exact.fixed_point import FixedPoint, table

GATE_BOUND = 1.0
"""No entry of a table is larger."""


def exact_cast(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of an ExactCast."""
    return cast_plan(layer.name, _rounding(layer.current_types()["result"]))


def exact_dense(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of an ExactDense."""
    assert value is not None
    constants, types = layer.constants(), layer.current_types()
    weights = Weights(constants["weight"], constants["bias"], _plain(types["weight"]), _plain(types["bias"]))
    return dense_plan(layer.name, weights, value)


def exact_gru(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of an ExactGRU."""
    assert value is not None
    cell = _Cell(layer, value, config)
    candidate, state, update, reset = (cell.fixed[role] for role in ("candidate", "state", "update", "reset"))
    projected, recurrent = cell.projected(), cell.recurrent(state)
    if layer.reset_after:
        inner = cell.product(reset, cell.fixed["recurrent_sum"])
        casts = {"recurrent_sum": cell.fixed["recurrent_sum"]}
    else:
        recurrent = inner = cell.recurrent(state, cell.fixed["reset_state"])
        casts = {"reset_state": _between(cell.fixed["reset_state"], state)}
    sums = [_sum(projected, recurrent), _sum(projected, inner)]
    difference = _sum((state.magnitude, state.fraction_bits), (candidate.magnitude, candidate.fraction_bits))
    mixed = (GATE_BOUND * difference[0], update.fraction_bits + difference[1])
    sums.append(_sum(mixed, (candidate.magnitude, candidate.fraction_bits)))
    return cell.plan("ExactGRU", projected, recurrent, sums, casts | {"result": _between(state, candidate)})


def exact_lstm(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of an ExactLSTM."""
    assert value is not None
    cell = _Cell(layer, value, config)
    fixed = cell.fixed
    projected, recurrent = cell.projected(), cell.recurrent(fixed["state"])
    kept = cell.product(fixed["forget"], fixed["cell_state"])
    total = _sum(kept, cell.product(fixed["enter"], fixed["candidate"]))
    sums = [_sum(projected, recurrent), total, cell.product(fixed["leave"], fixed["squashed"])]
    casts = {"cell_state": fixed["cell_state"], "result": _between(fixed["state"], fixed["squashed"])}
    return cell.plan("ExactLSTM", projected, recurrent, sums, casts)


Sum = tuple[float, int]
"""The largest |value| of an exact sum, and its fraction bits."""


class _Cell:
    """The constants and types of an exact recurrent layer, and the exact sums of its step."""

    def __init__(self, layer: Any, value: FixedType, config: HlsConfig) -> None:
        strategy, reuse_factor = config.of_layer(layer.name)
        if strategy != "Latency" or reuse_factor != 1:
            what = f"shares multipliers (strategy {strategy}, reuse_factor {reuse_factor}), which its kernel cannot"
            remedy = f"give hls: layers: {layer.name}: {{strategy: Latency, reuse_factor: 1}}"
            raise refuse(layer, what, remedy)
        self.layer, self.value = layer, value
        self.constants: dict[str, np.ndarray[Any, Any]] = layer.constants()
        self.types: dict[str, FixedPoint] = layer.current_types()
        self.fixed = {role: _rounding(fixed) for role, fixed in self.types.items()}

    def projected(self) -> Sum:
        """W x + b."""
        fraction = self.value.fraction_bits + self.fixed["weight"].fraction_bits
        largest = bound(self.constants["weight"], self.value, self.constants["bias"])
        return largest, max(fraction, self.fixed["bias"].fraction_bits)

    def recurrent(self, *factors: FixedType) -> Sum:
        """The products of U with any of the factors, and c."""
        kernel = self.constants["recurrent_weight"]
        bias = np.zeros(kernel.shape[1])
        fractions = [factor.fraction_bits + self.fixed["recurrent_weight"].fraction_bits for factor in factors]
        if "recurrent_bias" in self.constants:
            bias[-self.layer.units :] = self.constants["recurrent_bias"]
            fractions.append(self.fixed["recurrent_bias"].fraction_bits)
        return max(bound(kernel, factor, bias) for factor in factors), max(fractions)

    def product(self, gate: FixedType, value: FixedType) -> Sum:
        """A gate's entry times a value."""
        return GATE_BOUND * value.magnitude, gate.fraction_bits + value.fraction_bits

    def plan(
        self, kind: str, projected: Sum, recurrent: Sum, sums: list[Sum], casts: dict[str, FixedType]
    ) -> LayerPlan:
        """The plan of the layer; `sums` are all exact sums of a step, `casts` the types of what is not a gate."""
        tables = self.layer.tables()
        gates = {role: self.fixed[role] for gate in tables for role in (gate, f"{gate}_sum")}
        weights = {role: _plain(self.types[role]) for role in self.constants}
        exact = {"projection": _exact(projected), "recurrence": _exact(recurrent)}
        entries = {
            gate: table(function, self.types[f"{gate}_sum"], self.types[gate]) for gate, function in tables.items()
        }
        return LayerPlan(
            self.layer.name,
            kind,
            {**weights, **gates, **exact, **casts},
            {**self.constants, **entries},
            compare_with=self.layer.name,
            float_bits=max(itertools.starmap(significant_bits, [projected, recurrent, *sums])),
        )


def _sum(first: Sum, second: Sum) -> Sum:
    return first[0] + second[0], max(first[1], second[1])


def _exact(value: Sum) -> FixedType:
    return exact_sum(value[1], value[0])


def _plain(fixed: FixedPoint) -> FixedType:
    """The type of constants, which are on its grid already."""
    return FixedType(fixed.total, fixed.integer, fixed.signed)


def _rounding(fixed: FixedPoint) -> FixedType:
    """The type of a cast."""
    return FixedType(fixed.total, fixed.integer, fixed.signed, "RND", "SAT")


def _between(result: FixedType, *ends: FixedType) -> FixedType:
    """The type of a cast of values that lie between numbers of the types `ends`: it wraps where none can overflow."""
    safe = all(result.minimum <= end.minimum and end.maximum <= result.maximum for end in ends)
    return dataclasses.replace(result, overflow="WRAP") if safe else result
