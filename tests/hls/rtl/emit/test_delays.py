"""Operations take as long as what they are mapped to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hls.fixed_point import FixedType
from hls.rtl.casts import new_values
from hls.rtl.emit.delays import ADDER, ENTRY, LEVEL, own_delays
from hls.rtl.tables import function_of
from hls.rtl.trace import _logic


def delay(widths: tuple[int, ...], operation: Callable[..., Any], integer: int = 1) -> float:
    """Of all operations on signed values of these widths after one another, without the way to the first."""
    inputs = np.concatenate([new_values(1, FixedType(width, integer)) for width in widths])
    logic = _logic(("operation",), inputs, np.atleast_1d(operation(*inputs)))
    return sum(own_delays(logic.ops)) - ENTRY * len(widths)


def test_wider_sums_take_longer_and_products_longer_than_sums() -> None:
    sums = [delay((bits, bits), lambda a, b: a + b) for bits in (4, 8, 12)]
    products = [delay((bits, bits), lambda a, b: a * b) for bits in (4, 8, 12)]
    assert ADDER < sums[0] < sums[1] < sums[2] < products[0] < products[1] < products[2]


def test_numbers_side_by_side_take_no_adder() -> None:
    low = FixedType(4, 0, False)
    inputs = np.concatenate([new_values(1, FixedType(4, 4)), new_values(1, low)])
    assert sum(own_delays(_logic(("sum",), inputs, inputs[:1] + inputs[1:]).ops)) == pytest.approx(2 * ENTRY)


@pytest.mark.parametrize(("bits", "one_level"), [(4, True), (6, True), (7, False), (9, False)])
def test_a_table_of_more_than_six_bits_takes_more_than_a_look_up_table(bits: int, one_level: bool) -> None:
    found = delay((bits,), lambda value: function_of(value, lambda x: np.round(64 * np.tanh(x)) / 64))
    assert (found == pytest.approx(LEVEL)) == one_level
    assert found >= LEVEL - 1e-9
