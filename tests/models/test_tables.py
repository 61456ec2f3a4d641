"""The gates' tables: hls4ml's own entries and indices forward, the smooth function backward."""

from __future__ import annotations

from typing import Any

import models  # noqa: F401  (chooses Keras's backend before Keras is imported)

import keras  # isort: skip
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jets.errors import ConfigError
from models.students.tables import TableSigmoid, TableTanh

SMOOTH = {TableSigmoid: lambda x: 1 / (1 + np.exp(-x)), TableTanh: np.tanh}


def apply(table: Any, *values: float) -> np.ndarray:
    return keras.ops.convert_to_numpy(table(keras.ops.convert_to_tensor(np.array(values, np.float32))))


@given(value=st.floats(-20, 20, width=32), size=st.sampled_from([64, 1024]), bits=st.integers(4, 18))
@pytest.mark.parametrize("kind", [TableSigmoid, TableTanh])
def test_an_entry_is_the_truncated_function_at_the_truncated_place(
    kind: Any, value: float, size: int, bits: int
) -> None:
    table = kind(size, bits, 1)
    step = 2 * kind.limit / size
    place = np.clip(np.trunc(np.float64(value) / step), -size // 2, size // 2 - 1) * step
    entry = float(apply(table, value)[0])
    assert entry * 2.0 ** (bits - 1) == round(entry * 2.0 ** (bits - 1))
    assert 0 <= SMOOTH[kind](place) - entry + 1e-7 < 2.0 ** (1 - bits) + 2e-7


def test_both_sides_of_zero_share_an_entry() -> None:
    step = 16 / 1024
    np.testing.assert_array_equal(apply(TableSigmoid(), -0.99 * step, 0.0, 0.99 * step), [0.5, 0.5, 0.5])
    assert apply(TableSigmoid(), -step)[0] < 0.5 <= apply(TableSigmoid(), step)[0]


def test_far_values_take_the_last_entries() -> None:
    np.testing.assert_array_equal(apply(TableTanh(1024, 9, 1), -100.0, 100.0), [-1.0, 1 - 2**-8])
    np.testing.assert_array_equal(apply(TableSigmoid(1024, 9, 1), -100.0, 100.0), [0.0, 1 - 2**-8])


@pytest.mark.parametrize("kind", [TableSigmoid, TableTanh])
def test_the_gradient_is_that_of_the_smooth_function(kind: Any) -> None:
    import tensorflow as tf

    x = tf.constant(np.linspace(-3, 3, 13, dtype=np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        rough, smooth = kind()(x), kind().smooth(x)
    np.testing.assert_allclose(tape.gradient(rough, x), tape.gradient(smooth, x), rtol=1e-6)


def test_a_table_survives_its_config() -> None:
    table = TableTanh(256, 7, 1)
    copy = TableTanh.from_config(table.get_config())
    np.testing.assert_array_equal(copy.table, table.table)
    assert str(copy) == "TableTanh(256,7,1)"


@pytest.mark.parametrize("size", [0, 7])
def test_an_odd_table_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=f"not {size}"):
        TableSigmoid(size)
