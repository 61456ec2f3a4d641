"""Casts: what the traced operations give for every value of narrow types, and near the edges of wide ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hls.fixed_point import FixedType
from hls.rtl.casts import cast, constant, new_values
from hls.rtl.trace import _logic
from jets.errors import InputError
from tests.hls.rtl.values import Floats, every_value, narrow_types, some_values, types

wide_types = types(20, 44, (0, 30))


def traced(source: FixedType, offset: float, target: FixedType, values: Floats) -> Floats:
    inputs = new_values(1, source)
    logic = _logic(("cast",), inputs, cast(inputs + offset, target))
    return np.asarray(logic.predict(values[:, None], n_threads=1)[:, 0])


@settings(max_examples=150, deadline=None)
@given(narrow_types, narrow_types)
def test_every_value_is_cast_as_the_type_says(source: FixedType, target: FixedType) -> None:
    values = every_value(source)
    assert np.array_equal(traced(source, 0.0, target, values), target.cast(values))


@settings(max_examples=100, deadline=None)
@given(wide_types, wide_types, st.integers(-(2**20), 2**20))
def test_wide_values_are_cast_exactly_after_a_constant_was_added(
    source: FixedType, target: FixedType, offset: int
) -> None:
    edges = np.array([target.minimum, target.maximum, 0.0])
    halves = np.concatenate([edges + step * target.step for step in (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)])
    shift = offset * source.step
    values = some_values(source, halves - shift)
    expected = target.cast(values + shift)
    if len(np.unique(expected)) > 1:
        assert np.array_equal(traced(source, shift, target, values), expected)


def test_a_constant_that_alkaid_would_make_another_one_is_refused() -> None:
    with pytest.raises(InputError, match="constant"):
        constant(1.0 + 2.0**-24, new_values(1, FixedType(4, 2))[0])


def test_halves_go_to_the_even_code_on_a_grid_that_an_offset_shifts() -> None:
    inputs = new_values(1, FixedType(6, 4))
    target = FixedType(8, 4, True, "RND_CONV", "SAT_SYM")
    values = every_value(FixedType(6, 4))
    logic = _logic(("cast",), inputs, cast((inputs + 0.125) * 0.25, target))
    assert np.array_equal(logic.predict(values[:, None], n_threads=1)[:, 0], target.cast((values + 0.125) * 0.25))
