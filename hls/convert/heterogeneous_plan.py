"""The precisions of HGQ2 students (docs/students.md): a type for every feature, and sums that keep every bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hls.convert.layer_plan import LayerPlan, Weights, dense_plan
from hls.convert.particle_plan import check_shares_nothing
from hls.convert.quantizers import refuse
from hls.fixed_point import FixedType, holding, narrowest
from hls.project import HlsConfig

NOTHING = FixedType(1, 1, False)
"""The type of values that are all zero."""


def heterogeneous_input(cast: Any) -> FixedType:
    """The type of the input before such a cast: with one bit more, cut off, rounding half up stays what it was."""
    value = holding(_kept(_lanes(cast)))
    return FixedType(value.width + 1, value.integer, value.signed, "TRN", "SAT")


def heterogeneous_cast(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of a HeterogeneousCast."""
    lanes = _lanes(layer)
    types = {"result": holding(_kept(lanes))}
    return LayerPlan(layer.name, "FixedPointQuantizer", types, compare_with=layer.name, lanes=lanes)


def heterogeneous_dense(layer: Any, value: FixedType | None, after: Any, config: HlsConfig) -> LayerPlan:
    """The plan of a HeterogeneousDense."""
    assert value is not None
    check_shares_nothing(layer, config)
    constants = layer.constants()
    types = {role: _type_of(layer, role, values) for role, values in constants.items()}
    weights = Weights(constants["weight"], constants["bias"], types["weight"], types["bias"])
    return dense_plan(layer.name, weights, value)


def _type_of(layer: Any, role: str, values: np.ndarray[Any, Any]) -> FixedType:
    fixed = narrowest(values)
    if fixed is None:
        raise refuse(layer, f"the {role} is not fixed point", "train it before it is converted")
    return fixed


def _lanes(layer: Any) -> tuple[FixedType, ...]:
    return tuple(FixedType(total, integer, signed, "RND", "SAT") for total, integer, signed in layer.lanes())


def _kept(lanes: Sequence[FixedType]) -> list[FixedType]:
    return [lane for lane in lanes if lane.width] or [NOTHING]
