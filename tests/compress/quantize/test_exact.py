"""The exact front end: types, warm starts, costs counted by hand, and bits that training takes away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch

from compress.distil import DistilConfig, distil
from compress.objective import LossConfig
from compress.quantize.exact import ExactBits, build_quantized, warm_start
from compress.quantize.exact_cost import cost, ebops, tensor_widths
from compress.quantize.front_end import front_end_of
from compress.quantize.qkeras import Bits
from jets.config import fill
from jets.dataset import JetsFile
from jets.errors import ConfigError, DataError
from jets.features import PowerOfTwoScaling
from jets.metrics import auc
from models.students.exact.fixed_point import FixedPoint
from models.students.recurrent import RecurrentSpec, build_float
from models.tagger import Tagger
from models.teachers.recurrent import RecurrentConfig, RecurrentReference

GRU = RecurrentSpec(units=2, dense=(3,), n_constituents=4, arithmetic="exact")
BEFORE = dataclasses.replace(GRU, reset_after=False)
LSTM = dataclasses.replace(GRU, cell="lstm")
BOTH_WAYS = dataclasses.replace(GRU, bidirectional=True)
SPECS = {"gru": GRU, "reset_before": BEFORE, "lstm": LSTM, "both_ways": BOTH_WAYS}
FINE = {name: (16, getattr(ExactBits(), name)[1]) for name in ExactBits.tensors()}
FINEST = ExactBits(**FINE)


def randomized(model: Any, seed: int = 3) -> Any:
    rng = np.random.default_rng(seed)
    model.set_weights([np.clip(rng.normal(0, 0.4, weight.shape), -0.9, 0.9) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def features() -> np.ndarray[Any, Any]:
    features = np.random.default_rng(1).normal(0, 1, (200, 4, 6)).astype(np.float32)
    features[:50, 2:] = 0.0
    return features


@pytest.mark.parametrize("skip_padding", [False, True])
@pytest.mark.parametrize("name", SPECS)
def test_a_warm_start_is_the_float_student_up_to_rounding(
    name: str, skip_padding: bool, features: np.ndarray[Any, Any]
) -> None:
    spec = dataclasses.replace(SPECS[name], dense=(8,), skip_padding=skip_padding)
    float_model, network = randomized(build_float(spec, 1)), build_quantized(spec, FINEST, 1)
    warm_start(network, float_model)
    expected, found = (np.asarray(model(features)) for model in (float_model, network))
    assert 0 < np.abs(found - expected).max() < 2e-3 < expected.std()


def test_the_layers_of_a_bidirectional_student_start_from_their_own_halves(features: np.ndarray[Any, Any]) -> None:
    spec = dataclasses.replace(BOTH_WAYS, cell="lstm", skip_padding=True)
    float_model, network = randomized(build_float(spec, 1)), build_quantized(spec, FINEST, 1)
    warm_start(network, float_model)
    names = [layer.name for layer in network.layers]
    assert names[1:5] == ["constituents_q", "rnn", "rnn_backward", "states"]
    states = keras.Model(network.input, network.get_layer("states").output)(features)
    expected = keras.Model(float_model.input, float_model.get_layer("rnn").output)(features)
    assert np.abs(np.asarray(states) - np.asarray(expected)).max() < 2e-3 < np.asarray(expected).std()


def test_a_bidirectional_student_is_read_back_with_both_layers(features: np.ndarray[Any, Any], tmp_path: Path) -> None:
    network = randomized(build_quantized(BOTH_WAYS, ExactBits(), 1))
    scaling = PowerOfTwoScaling((0.0,) * 6, (2, 1, 1, 2, 2, 0))
    quantization = front_end_of(ExactBits()).describe(network, ExactBits())
    classes = ("QCD", "top")
    Tagger("recurrent_student", BOTH_WAYS, classes, scaling, network, "keras", quantization).save(tmp_path / "student")
    loaded = Tagger.load(tmp_path / "student")
    assert [layer.name for layer in loaded.network.layers] == [layer.name for layer in network.layers]
    np.testing.assert_array_equal(np.asarray(loaded.network(features)), np.asarray(network(features)))
    assert loaded.config == BOTH_WAYS and "rnn_backward/state" in quantization["tensors"]


def test_a_student_of_one_direction_has_no_place_for_two() -> None:
    with pytest.raises(DataError, match="4 layers with weights do not fit 3"):
        warm_start(build_quantized(GRU, ExactBits(), 1), build_float(BOTH_WAYS, 1))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_torch_reference_starts_an_exact_student(cell: Any, features: np.ndarray[Any, Any]) -> None:
    torch.manual_seed(5)
    reference = RecurrentReference(cell, RecurrentConfig(2, (8,), 4), 1).eval()
    with torch.no_grad():
        for weights in reference.parameters():
            weights.copy_(torch.randn_like(weights) * 0.4)
        expected = reference(torch.from_numpy(features)).numpy()
    network = build_quantized(dataclasses.replace(SPECS[cell], dense=(8,)), FINEST, 1)
    warm_start(network, reference)
    assert np.abs(np.asarray(network(features)) - expected).max() < 2e-3 < expected.std()


def test_a_warm_start_from_another_shape_names_the_layer() -> None:
    with pytest.raises(DataError, match="do not fit") as caught:
        warm_start(build_quantized(GRU, ExactBits(), 1), build_float(dataclasses.replace(GRU, units=5), 1))
    assert caught.value.where == "layer rnn"


def filled_with(model: Any, value: float) -> Any:
    for layer in model.layers:
        for weight in getattr(layer, "weights_by_role", {}).values():
            weight.assign(np.full(weight.shape, value))
    return model


def test_ebops_are_the_sum_over_products() -> None:
    dense = 2 * 3 * 2 * 8 + 3 * 1 * 2 * 8
    gru = 6 * 6 * 2 * 10 + 2 * 6 * 2 * 8 + 2 * ((8 + 1) * 8 + 8 * 8)
    lstm = 6 * 8 * 2 * 10 + 2 * 8 * 2 * 8 + 2 * (11 * 8 + 8 * 8 + 8 * 8)
    for spec, cell in ((GRU, gru), (BEFORE, gru), (LSTM, lstm)):
        model = filled_with(build_quantized(spec, ExactBits(), 1), 0.75)
        assert ebops(model, shared_cell=True) == cell + dense
        assert ebops(model) == 4 * cell + dense
    assert ebops(filled_with(model, 0.0), shared_cell=True) == 2 * (11 * 8 + 8 * 8 + 8 * 8)


def test_ebops_of_a_bidirectional_student_have_both_cells_and_each_half_of_the_states_at_its_own_width() -> None:
    def cell(state: int) -> int:
        return 6 * 6 * 2 * 10 + 2 * 6 * 2 * state + 2 * ((state + 1) * 8 + 8 * 8)

    def dense(states: int) -> int:
        return 2 * 3 * 2 * states + 3 * 1 * 2 * 8

    model = filled_with(build_quantized(BOTH_WAYS, ExactBits(learn=True), 1), 0.75)
    assert ebops(model, shared_cell=True) == 2 * cell(8) + dense(8 + 8)
    assert ebops(model) == 4 * 2 * cell(8) + dense(8 + 8)
    model.get_layer("rnn_backward").quantizers["state"].taken.assign(0.2)
    assert ebops(model, shared_cell=True) == cell(8) + cell(6) + dense(8 + 6)


def test_the_cost_that_training_sees_is_ebops_where_every_weight_fills_its_bits() -> None:
    bits = ExactBits(weights=(8, 1), recurrent_weights=(8, 1), learn=True)
    model = filled_with(build_quantized(GRU, bits, 1), 1 - 2**-7)
    assert float(cost(model)) == pytest.approx(ebops(model, shared_cell=True))
    assert float(cost(build_quantized(GRU, dataclasses.replace(bits, learn=False), 1))) > 0


def test_a_layer_without_a_cast_before_it_cannot_be_counted() -> None:
    from models.students.exact.layers import ExactDense

    inputs = keras.Input((3,))
    types = {"weight": FixedPoint(8, 1), "bias": FixedPoint(8, 1)}
    with pytest.raises(DataError, match=r"not quantized"):
        ebops(keras.Model(inputs, ExactDense(2, types, name="dense")(inputs)))


FAST = DistilConfig(
    loss=LossConfig(logits="cross_entropy"),
    float_epochs=2,
    quantized_epochs=1,
    batch_size=64,
    learning_rate=2e-2,
    quantized_learning_rate=1e-2,
)
SMALL = RecurrentSpec(units=5, dense=(6,), n_constituents=4, arithmetic="exact", skip_padding=True)


@pytest.mark.long
def test_a_distilled_exact_student_learns_says_its_types_and_is_read_back_without_qkeras(
    jets_file: JetsFile, tmp_path: Path, run_python: Callable[[str], str]
) -> None:
    student = distil(SMALL, ExactBits(), jets_file, None, FAST, tmp_path / "student")
    jets = jets_file.read("test")
    assert student.quantization is not None and student.quantization["front_end"] == "exact"
    assert fill(ExactBits, student.quantization["bits"], "tagger.json") == ExactBits()
    state = {"total": 8, "integer": 1, "signed": True}
    assert student.quantization["tensors"]["rnn/state"] == state
    assert student.quantization["ebops"] > student.quantization["ebops_shared_cell"] > 0
    loaded = Tagger.load(tmp_path / "student" / "quantized")
    np.testing.assert_array_equal(loaded.predict(jets), student.predict(jets))
    code = (
        "import sys; from models.tagger import Tagger; "
        f"t = Tagger.load({str(tmp_path / 'student' / 'quantized')!r}); "
        "print(type(t.network.layers[2]).__name__, 'qkeras' in sys.modules)"
    )
    assert run_python(code) == "ExactGRU False"


@pytest.mark.long
def test_bits_that_cost_are_taken_away_until_weights_vanish(features: np.ndarray[Any, Any]) -> None:
    import tensorflow as tf

    model = randomized(build_float(GRU, 1))
    network = build_quantized(GRU, ExactBits(learn=True), 1)
    warm_start(network, model)
    before, wanted = ebops(network, shared_cell=True), np.asarray(model(features))
    optimizer = keras.optimizers.Adam(1e-2)
    for _ in range(40):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(features) - wanted)) + 1e-4 * cost(network)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
    widths = tensor_widths(network)
    assert ebops(network, shared_cell=True) < 0.7 * before
    assert 0 < widths["rnn/weight"]["zeros"] < 1
    assert widths["rnn/state"]["total"] < 8


def test_learnt_bits_are_no_parameters() -> None:
    networks = [build_quantized(GRU, ExactBits(learn=learn), 1) for learn in (False, True)]
    taggers = [Tagger("recurrent_student", GRU, ("QCD", "top"), None, network, "keras", {}) for network in networks]
    assert taggers[0].n_parameters == taggers[1].n_parameters == 6 * 6 + 2 * 6 + 6 + 2 + 2 * 3 + 3 + 3 + 1
    assert networks[1].count_params() > 2 * taggers[1].n_parameters - 10


@pytest.mark.long
@pytest.mark.parametrize("bits", [ExactBits(), ExactBits(learn=True, ebops_weight=1e-6)])
def test_an_exact_student_learns_as_the_float_one_does(bits: ExactBits, jets_file: JetsFile, tmp_path: Path) -> None:
    config = dataclasses.replace(FAST, float_epochs=6, quantized_epochs=4)
    student = distil(SMALL, bits, jets_file, None, config, tmp_path / "student")
    jets = jets_file.read("test")
    areas = [
        auc(tagger.predict(jets)[:, 0], jets.labels == 1).value
        for tagger in (student, Tagger.load(tmp_path / "student" / "float"))
    ]
    assert areas[0] > max(0.7, areas[1] - 0.03)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"state": [1, 1]}, "state: total bits must be between 2 and 24, not 1"),
        ({"gate": [8, 9]}, "gate: integer bits must be between 0 and the 8 of the total, not 9"),
        ({"gate_sum": [17, 4]}, "gate_sum: a table over 17 bits has too many entries"),
        ({"ebops_weight": -1.0}, "ebops_weight must be 0 or more"),
        ({"ebops_weight": float("inf")}, "ebops_weight must be 0 or more"),
        ({"gates": [8, 4]}, "unknown key 'gates'; did you mean 'gate'"),
    ],
)
def test_bits_out_of_range_name_their_key(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fill(ExactBits, mapping, "project.yaml: compress: exact")


def test_bits_of_the_other_arithmetic_are_refused() -> None:
    with pytest.raises(ConfigError, match="bits of arithmetic: exact; give student"):
        build_quantized(RecurrentSpec(), ExactBits(), 1)
    with pytest.raises(ConfigError, match="bits of arithmetic: qkeras"):
        Bits().check_for(GRU)
    assert (front_end_of(Bits()).name, front_end_of(ExactBits()).name) == ("qkeras", "exact")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"arithmetic": "float"}, "must be one of qkeras, exact, not 'float'"),
        ({"cell": "lstm", "arithmetic": "exact", "reset_after": False}, "reset_after is of a GRU"),
        ({"skip_padding": True}, "hls4ml's cells have no skip_padding: true; give arithmetic: exact"),
        ({"reset_after": False}, "hls4ml's cells have no reset_after: false; give arithmetic: exact"),
    ],
)
def test_an_option_that_the_arithmetic_does_not_have_is_refused(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fill(RecurrentSpec, mapping, "project.yaml: student")
