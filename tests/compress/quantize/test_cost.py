"""Costs against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.quantize.cost import Width, bits_per_tensor, constants, ebops, enclosed_bits, width_of
from compress.quantize.qkeras import Bits, build_quantized
from jets.errors import DataError
from models.students.recurrent import RecurrentSpec

SPEC = RecurrentSpec(units=2, dense=(3,), n_constituents=4)


def fill_with(model: object, value: float) -> None:
    for layer in model.layers:  # type: ignore[attr-defined]
        layer.set_weights([np.full(weight.shape, value, np.float32) for weight in layer.get_weights()])


@pytest.mark.parametrize(("value", "bits"), [(0, 0), (1, 1), (0.5, 1), (0.75, 2), (-0.625, 3), (5, 3), (8.125, 7)])
def test_a_constant_is_as_wide_as_its_set_bits_are_apart(value: float, bits: int) -> None:
    assert enclosed_bits(np.array([value]), 5)[0] == bits


@given(st.integers(-(2**20), 2**20))
def test_widths_of_integers_agree_with_their_binary_text(whole: int) -> None:
    assert enclosed_bits(np.array([float(whole)]), 0)[0] == len(f"{abs(whole):b}".strip("0"))


def test_ebops_of_a_gru_are_the_sum_over_its_products() -> None:
    model = build_quantized(SPEC, Bits(), 1)
    fill_with(model, 0.75)  # two bits enclosed in every weight
    per_step = 6 * 6 * 2 * 10 + 2 * 6 * 2 * 8  # inputs of 10 bits, state of 8 bits
    elementwise = 2 * (9 * (8 + 7 + 1) + 9 * 9 + 9 * 8)  # r * (U h), (1 - z) * g, z * h with tables of 9 bits
    dense = 2 * 3 * 2 * 8 + 3 * 1 * 2 * 8
    assert ebops(model) == 4 * (per_step + elementwise) + dense
    assert ebops(model, shared_cell=True) == per_step + elementwise + dense


def test_ebops_of_an_lstm_are_the_sum_over_its_products() -> None:
    model = build_quantized(RecurrentSpec("lstm", units=2, dense=(), n_constituents=4), Bits(state=(12, 4)), 1)
    fill_with(model, 0.75)
    per_step = 6 * 8 * 2 * 10 + 2 * 8 * 2 * 12 + 2 * (9 * 9 + 12 * 9 + 9 * 9)
    assert ebops(model) == 4 * per_step + 2 * 1 * 2 * 12


def test_zero_weights_cost_nothing_but_the_gates() -> None:
    model = build_quantized(SPEC, Bits(), 1)
    fill_with(model, 0.0)
    assert ebops(model) == 4 * 2 * (9 * 16 + 81 + 72)


def test_every_tensor_is_listed_in_the_convention_of_ap_fixed() -> None:
    network = build_quantized(SPEC, Bits(weights=(6, 2), activations=(7, 3)), 1)
    found, kernel = bits_per_tensor(network), constants(network)["rnn"]["kernel"]
    of_weights = {"size": kernel.size, "zeros": float(np.mean(kernel == 0))}
    assert found["rnn/kernel"] == {"total": 6, "integer": 2, "signed": True, **of_weights}
    assert found["relu_0/output"] == {"total": 7, "integer": 3, "signed": False}
    assert found["rnn/table"] == {"total": 9, "integer": 1, "signed": True}
    assert len(found) == 13


def test_a_quantizer_without_a_fixed_type_is_refused() -> None:
    import qkeras

    assert width_of(qkeras.quantized_bits(8, 2, alpha=1)) == Width(8, 3, True)
    with pytest.raises(DataError, match="has no fixed-point type"):
        width_of(qkeras.ternary())
