"""Fixed-point types: what they hold and how numbers are cast to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls.fixed_point import FixedType, exact_sum, narrowest, significant_bits

types = st.builds(
    FixedType,
    st.integers(2, 20),
    st.integers(-3, 12),
    st.booleans(),
    st.sampled_from(["TRN", "RND", "RND_CONV"]),
    st.sampled_from(["WRAP", "SAT"]),
)


@given(types)
def test_a_type_is_read_back_from_what_hls4ml_and_cpp_write(fixed: FixedType) -> None:
    assert FixedType.parse(str(fixed)) == fixed
    assert FixedType.parse(fixed.cpp()) == fixed


@given(types, st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20))
def test_a_cast_value_is_in_range_on_the_grid_and_stays_when_cast_again(fixed: FixedType, values: list[float]) -> None:
    cast = fixed.cast(np.array(values))
    assert np.all((fixed.minimum <= cast) & (cast <= fixed.maximum))
    assert np.array_equal(np.rint(cast / fixed.step), cast / fixed.step)
    assert fixed.holds(cast)


def test_halves_round_to_even_or_up_and_truncation_goes_down() -> None:
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -0.25])
    assert FixedType(8, 8, rounding="RND_CONV").cast(values).tolist() == [0, 2, 2, 0, -2, 0]
    assert FixedType(8, 8, rounding="RND").cast(values).tolist() == [1, 2, 3, 0, -1, 0]
    assert FixedType(8, 8).cast(values).tolist() == [0, 1, 2, -1, -2, -1]


def test_overflow_saturates_or_wraps() -> None:
    values = np.array([127.0, 128.0, -129.0])
    assert FixedType(8, 8, overflow="SAT").cast(values).tolist() == [127, 127, -128]
    assert FixedType(8, 8, overflow="SAT_SYM").cast(values).tolist() == [127, 127, -127]
    assert FixedType(8, 8).cast(values).tolist() == [127, -128, 127]
    assert FixedType(8, 8, signed=False).cast(np.array([256.0, -1.0])).tolist() == [0, 255]


@given(st.integers(0, 12), st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=8))
def test_the_narrowest_type_holds_every_value_and_one_bit_less_does_not(fraction: int, codes: list[int]) -> None:
    values = np.array(codes) / 2.0**fraction
    found = narrowest(values)
    assert found is not None and found.holds(values)
    if found.fraction_bits:
        assert not FixedType(found.width, found.integer + 1).holds(values) or not np.any(values)


def test_values_that_are_no_binary_fractions_have_no_type() -> None:
    assert narrowest(np.array([0.5, 1 / 3])) is None


@pytest.mark.parametrize(("fraction", "bound"), [(10, 7.999), (10, 8.0), (0, 1.0), (7, 0.0), (20, 1234.5)])
def test_the_type_of_an_exact_sum_reaches_its_bound(fraction: int, bound: float) -> None:
    fixed = exact_sum(fraction, bound)
    assert fixed.fraction_bits >= fraction
    assert fixed.maximum >= np.floor(bound * 2.0**fraction) / 2.0**fraction
    assert fixed.minimum <= -bound


def test_float32_holds_24_significant_bits() -> None:
    bits = significant_bits(2.0, 23)
    assert bits == 24
    assert float(np.float32(2.0 - 2.0**-23)) == 2.0 - 2.0**-23
    assert float(np.float32(4.0 - 2.0**-23)) != 4.0 - 2.0**-23


@pytest.mark.parametrize("text", ["float", "fixed<16>", "ap_int<8>", "fixed<16,6,RND_CONV"])
def test_a_text_that_is_no_fixed_point_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a fixed-point type"):
        FixedType.parse(text)
