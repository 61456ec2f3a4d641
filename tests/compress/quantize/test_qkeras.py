"""The quantized student: every tensor on its own grid, the same function when loaded, named errors for wrong widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from compress.quantize.qkeras import Bits, build_quantized, warm_start
from jets.config import fill
from jets.errors import ConfigError, DataError
from models.students.recurrent import RecurrentSpec, build_float
from models.tagger import Tagger

SMALL = RecurrentSpec(units=4, dense=(8,), n_constituents=5)
LSTM = RecurrentSpec(cell="lstm", units=4, dense=(8,), n_constituents=5)
WIDE_STATE = Bits(state=(12, 4))


@pytest.fixture(scope="module")
def gru() -> Any:
    keras.utils.set_random_seed(5)
    network = build_quantized(SMALL, Bits(), 1)
    warm_start(network, build_float(SMALL, 1))
    return network


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 3, (50, 5, 6)).astype(np.float32)


def layer_output(model: Any, name: str, features: np.ndarray) -> np.ndarray:
    part = keras.Model(model.inputs, model.get_layer(name).output)
    return np.asarray(part.predict_on_batch(features), np.float64)


def test_the_default_student_has_3089_parameters_of_eight_bits() -> None:
    network = build_quantized(RecurrentSpec(), Bits(), 1)
    assert network.count_params() == 3089
    bits = Bits()
    assert max(w[0] for w in (bits.weights, bits.recurrent_weights, bits.bias, bits.dense_weights)) == 8


def test_the_layers_have_the_names_that_the_converter_expects(gru: Any) -> None:
    names = ["constituents", "constituents_q", "rnn", "rnn_q", "dense_0", "relu_0", "logit", "logit_q"]
    assert [layer.name for layer in gru.layers] == names
    assert gru.get_layer("rnn").cell.reset_after


@pytest.mark.parametrize(
    ("layer", "fraction", "low", "high"),
    [
        ("constituents_q", 6, -8.0, 8.0 - 2**-6),
        ("rnn_q", 7, -1.0, 1.0 - 2**-7),
        ("relu_0", 5, 0.0, 8.0 - 2**-5),
        ("logit_q", 10, -32.0, 32.0 - 2**-10),
    ],
)
def test_outputs_lie_on_their_grid_and_saturate(
    gru: Any, features: np.ndarray, layer: str, fraction: int, low: float, high: float
) -> None:
    values = layer_output(gru, layer, np.concatenate([features, 100 * features]))
    np.testing.assert_array_equal(values * 2**fraction, np.round(values * 2**fraction))
    assert low <= values.min() and values.max() <= high
    if layer == "constituents_q":
        assert (values.min(), values.max()) == (low, high)


def test_inputs_are_rounded_half_to_even(gru: Any) -> None:
    step = 2.0**-6
    features = np.zeros((1, 5, 6), np.float32)
    features[0, 0, :4] = np.array([0.5, 1.5, -0.5, 2.5]) * step
    np.testing.assert_array_equal(layer_output(gru, "constituents_q", features)[0, 0, :4] / step, [0, 2, 0, 2])


def numpy_gru(model: Any, features: np.ndarray, bits: Bits) -> np.ndarray:
    """The recurrence in exact integer-valued double precision, written from hls4ml's nnet_recurrent.h."""
    cell = model.get_layer("rnn").cell

    def grid(values: np.ndarray, width: tuple[int, int]) -> np.ndarray:
        step, largest = 2.0 ** (width[1] - width[0]), 2.0 ** (width[1] - 1)
        return np.clip(np.rint(values / step) * step, -largest, largest - step)

    def table(values: np.ndarray, limit: float, function: Any) -> np.ndarray:
        size, step = bits.table_size, 2.0 ** (bits.table[1] - bits.table[0])
        index = np.clip(np.trunc(values * size / (2 * limit)) + size // 2, 0, size - 1)
        return np.floor(function((index - size // 2) * 2 * limit / size) / step) * step

    kernel, recurrent, bias = (np.asarray(w, np.float64) for w in cell.get_weights())
    kernel, recurrent, bias = grid(kernel, bits.weights), grid(recurrent, bits.recurrent_weights), grid(bias, bits.bias)
    units = cell.units
    state = np.zeros((len(features), units))
    for step in range(features.shape[1]):
        x = grid(features[:, step].astype(np.float64), bits.input) @ kernel + bias[0]
        h = state @ recurrent + bias[1]
        gates = table(x[:, : 2 * units] + h[:, : 2 * units], 8.0, lambda v: 1 / (1 + np.exp(-v)))
        z, r = gates[:, :units], gates[:, units:]
        candidate = table(x[:, 2 * units :] + r * h[:, 2 * units :], 4.0, np.tanh)
        state = grid(candidate * (1 - z) + state * z, bits.state)
    return state


def test_the_gru_is_the_arithmetic_of_the_firmware_bit_for_bit(gru: Any, features: np.ndarray) -> None:
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    cell = gru.get_layer("rnn").cell
    cell.set_weights([rng.normal(0, 0.6, w.shape).astype(np.float32) for w in cell.get_weights()])
    expected = numpy_gru(gru, features, Bits())
    np.testing.assert_array_equal(layer_output(gru, "rnn_q", features), expected)
    assert len(np.unique(expected)) > 50


@pytest.mark.parametrize(("spec", "bits"), [(SMALL, Bits()), (LSTM, WIDE_STATE)], ids=["gru", "lstm"])
def test_a_saved_student_is_the_same_function_when_loaded(
    spec: RecurrentSpec, bits: Bits, features: np.ndarray, tmp_path: Path
) -> None:
    network = build_quantized(spec, bits, 5)
    tagger = Tagger("recurrent_student", spec, ("g", "q", "W", "Z", "t"), None, network, "keras", quantization={})
    loaded = Tagger.load(tagger.save(tmp_path / "student")).network
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in network.layers]
    before, after = (np.asarray(model.predict_on_batch(features)) for model in (network, loaded))
    np.testing.assert_array_equal(before, after)


def test_a_warm_start_copies_every_weight() -> None:
    float_model, network = build_float(SMALL, 1), build_quantized(SMALL, Bits(), 1)
    warm_start(network, float_model)
    for name in ("rnn", "dense_0", "logit"):
        for ours, theirs in zip(
            network.get_layer(name).get_weights(), float_model.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_a_warm_start_from_another_shape_names_the_layer() -> None:
    with pytest.raises(DataError, match="do not fit") as caught:
        warm_start(
            build_quantized(SMALL, Bits(), 1), build_float(RecurrentSpec(units=5, dense=(8,), n_constituents=5), 1)
        )
    assert caught.value.where == "layer rnn"


@pytest.mark.parametrize("total", [0, -3, 33])
@pytest.mark.parametrize("key", Bits.tensors())
def test_a_width_out_of_range_names_its_key(key: str, total: int) -> None:
    with pytest.raises(ConfigError, match=f"{key}: total bits must be between . and 32, not {total}"):
        fill(Bits, {key: [total, 1]}, "project.yaml: compress: bits")


def test_a_signed_type_needs_two_bits() -> None:
    with pytest.raises(ConfigError, match="weights: total bits must be between 2 and 32, not 1"):
        Bits(weights=(1, 1))
    assert Bits(activations=(1, 1)).activations == (1, 1)


@pytest.mark.parametrize("integer", [-1, 9])
def test_integer_bits_out_of_range_name_their_key(integer: int) -> None:
    with pytest.raises(
        ConfigError, match=f"state: integer bits must be between 0 and the 8 of the total, not {integer}"
    ):
        Bits(state=(8, integer))


@pytest.mark.parametrize("size", [0, 32, 1000, 131072])
def test_a_table_size_that_is_no_power_of_two_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=f"table_size must be a power of two between 64 and 65536, not {size}"):
        Bits(table_size=size)


def test_an_lstm_with_the_state_of_a_gru_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"state: an LSTM's cell state leaves \[-1, 1\)"):
        build_quantized(LSTM, Bits(), 1)
