"""The exact cells in Keras against the same equations in integers, and their gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from jets.errors import ConfigError
from models.students.exact import recurrent
from models.students.exact.fixed_point import FixedPoint, table
from models.students.exact.recurrent import ExactGRU, ExactLSTM
from tests.exact_students import INPUT, build_exact, recurrent_layer, types_of, widen
from tests.integer_cell import IntegerCell

KINDS = [("gru", {}), ("gru", {"reset_after": False}), ("lstm", {})]
OPTIONS = [{}, {"skip_padding": True}, {"go_backwards": True, "return_sequences": True, "skip_padding": True}]


def input_codes(n_jets: int = 1500, seed: int = 0) -> np.ndarray[Any, Any]:
    """All codes, small codes, the extremes, and padding from a random constituent on."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(-256, 256, (n_jets, 5, 6))
    codes[: n_jets // 3] //= 16
    codes[0], codes[1], codes[2] = -256, 255, 0
    codes[3:][np.arange(5)[None, :] >= rng.integers(0, 6, n_jets - 3)[:, None]] = 0
    return codes


def wide_layer(cell: str, seed: int = 1, **options: Any) -> Any:
    keras.utils.set_random_seed(seed)
    layer = recurrent_layer(cell, **options)
    layer.build((None, 5, 6))
    rng = np.random.default_rng(seed)
    for weight in layer.weights_by_role.values():
        weight.assign(1.5 * np.asarray(weight) + rng.normal(0.0, 0.25, weight.shape))
    if layer.learn_bits:
        for quantizer in layer.quantizers.values():
            quantizer.taken.assign(rng.uniform(0.0, 0.25, quantizer.taken.shape))
    return layer


def states(layer: Any, codes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(layer((codes * INPUT.step).astype(np.float32)), np.float64)


@pytest.mark.parametrize("learn_bits", [False, True])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("cell", "kind"), KINDS)
def test_keras_computes_the_integers_of_the_definition(
    cell: str, kind: dict[str, Any], options: dict[str, Any], learn_bits: bool
) -> None:
    layer, codes = wide_layer(cell, learn_bits=learn_bits, **kind, **options), input_codes()
    integer = IntegerCell.of(layer)
    expected = integer.run(codes, INPUT.fraction) * 2.0 ** -integer.fraction("state")
    np.testing.assert_array_equal(states(layer, codes), expected)
    assert len(np.unique(expected)) > 30


@pytest.mark.parametrize(
    ("cell", "options"),
    [("gru", {"skip_padding": True, "go_backwards": True, "return_sequences": True}), ("lstm", {"learn_bits": True})],
)
def test_a_loop_over_the_steps_has_the_states_and_gradients_of_copies(
    cell: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    layer, x = wide_layer(cell, **options), (input_codes(200) * INPUT.step).astype(np.float32)
    found = []
    for steps in (5, 4):
        monkeypatch.setattr(recurrent, "UNROLLED_STEPS", steps)

        @tf.function(autograph=False)
        def run(x: Any) -> Any:
            with tf.GradientTape() as tape:
                states = layer(x)
                loss = ops.mean(ops.square(states + 0.3))
            return states, tape.gradient(loss, [weight.value for weight in layer.trainable_variables])

        has_loop = any("While" in operation.type for operation in run.get_concrete_function(x).graph.get_operations())
        assert has_loop == (steps == 4)
        found.append([np.asarray(part) for part in tf.nest.flatten(run(x))])
    np.testing.assert_array_equal(found[0][0], found[1][0])
    for unrolled, looped in zip(*(gradients[1:] for gradients in found), strict=True):
        np.testing.assert_allclose(looped, unrolled, rtol=1e-4, atol=1e-6 * np.abs(unrolled).max())


def test_a_graph_as_in_training_computes_the_same() -> None:
    layer, codes = wide_layer("gru", learn_bits=True), input_codes(300)
    inputs = keras.Input(codes.shape[1:])
    in_graph = keras.Model(inputs, layer(inputs)).predict_on_batch((codes * INPUT.step).astype(np.float32))
    np.testing.assert_array_equal(in_graph, states(layer, codes))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_one_other_weight_or_type_is_seen(cell: str) -> None:
    layer, codes = wide_layer(cell), input_codes(300)
    expected = states(layer, codes)
    kernel = layer.weights_by_role["recurrent_weight"]
    values = np.array(kernel)
    values[0, 0] += 2 * layer.types["recurrent_weight"].step
    kernel.assign(values)
    assert np.any(states(layer, codes) != expected)
    role = "recurrent_sum" if cell == "gru" else "cell_state"
    other = wide_layer(cell, types=types_of(cell, **{role: FixedPoint(7, 3)}))
    assert np.any(states(other, codes) != expected)


def test_padding_leaves_the_state_and_an_unmasked_cell_does_not() -> None:
    codes = input_codes(50)
    codes[:, 2:] = 0
    skipping, running = (wide_layer("gru", skip_padding=skip, return_sequences=True) for skip in (True, False))
    after = states(skipping, codes)
    np.testing.assert_array_equal(after[:, 1], after[:, 4])
    assert np.any(states(running, codes)[:, 1] != states(running, codes)[:, 4])


def test_backwards_is_forwards_on_reversed_steps() -> None:
    codes = input_codes(100)
    np.testing.assert_array_equal(
        states(wide_layer("lstm", go_backwards=True), codes), states(wide_layer("lstm"), codes[:, ::-1])
    )


def test_a_saturated_table_has_the_extreme_codes_at_the_addresses_of_its_bits() -> None:
    entries = table("tanh", FixedPoint(8, 4), FixedPoint(8, 1))
    assert entries[0b01111111] == 1 - 2**-7 and entries[0b10000000] == -1.0 and entries[0] == 0.0
    assert table("sigmoid", FixedPoint(8, 4), FixedPoint(8, 0, signed=False)).max() == 1 - 2**-8


@pytest.mark.parametrize("entries", [FixedPoint(b, 1) for b in range(3, 15)])
def test_entries_rounded_in_training_are_those_of_the_firmware(entries: FixedPoint) -> None:
    from models.students.exact.gates import Gate, gate_tables
    from models.students.exact.quantizers import BITS_PER_UNIT, Quantizer

    codes = FixedPoint(10, 4)
    sums, finer = Quantizer(codes), Quantizer(FixedPoint(15, 1), "one")
    finer.build(())
    finer.taken.assign((14 - entries.fraction) / BITS_PER_UNIT)
    looked_up = gate_tables([Gate("tanh", sums, finer)], 1)(ops.convert_to_tensor(codes.numbers()[:, None], "float32"))
    np.testing.assert_array_equal(np.asarray(looked_up)[:, 0], table("tanh", codes, entries))


def test_gradients_reach_every_weight_and_every_learnt_bit() -> None:
    import tensorflow as tf

    for cell, kind in KINDS:
        layer = wide_layer(cell, learn_bits=True, **kind)
        x = (input_codes(200) * INPUT.step).astype(np.float32)
        with tf.GradientTape() as tape:
            loss = ops.mean(layer(x) * np.linspace(-1, 1, 4, dtype=np.float32))
        for weight, gradient in zip(
            layer.trainable_variables, tape.gradient(loss, [w.value for w in layer.trainable_variables]), strict=True
        ):
            assert gradient is not None and np.any(np.asarray(gradient) != 0.0), weight.path


def test_the_gradient_is_that_of_the_float_cell_where_rounding_is_fine() -> None:
    """With 16-bit codes a kernel's gradient is that of Keras' own GRU to a few per mille."""
    import tensorflow as tf

    fine = {role: FixedPoint(16, t.integer, t.signed) for role, t in types_of("gru").items()}
    layer, exact = keras.layers.GRU(4, reset_after=True), ExactGRU(4, fine)
    x = np.random.default_rng(3).normal(0, 0.5, (100, 5, 6)).astype(np.float32)
    layer(x)
    exact(x)
    kernel, recurrent, bias = layer.get_weights()
    for role, values in zip(exact.parameters(), (kernel, recurrent, bias.sum(0), bias[1, 8:]), strict=True):
        exact.weights_by_role[role].assign(values)
    gradients = []
    for one, weight in ((layer, layer.cell.kernel), (exact, exact.weights_by_role["weight"])):
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(one(x)))
        gradients.append(np.asarray(tape.gradient(loss, weight.value)))
    assert np.abs(gradients[0] - gradients[1]).max() < 0.005 * np.abs(gradients[0]).max()


def test_a_learnt_bit_costs_the_error_it_makes() -> None:
    """d q / d f = ln 2 (x - q), HGQ's equation."""
    import tensorflow as tf

    from models.students.exact.quantizers import BITS_PER_UNIT, Quantizer

    quantizer = Quantizer(FixedPoint(8, 1), "one")
    quantizer.build(())
    quantizer.taken.assign((7 - 2.3) / BITS_PER_UNIT)
    x = tf.constant([0.3, -0.6])
    with tf.GradientTape() as tape:
        rounded = quantizer(x)
        loss = tf.reduce_sum(rounded * [1.0, 3.0])
    assert np.asarray(rounded).tolist() == [0.25, -0.5]
    expected = np.log(2) * ((0.3 - 0.25) + 3 * (-0.6 + 0.5))
    by_fraction = float(tape.gradient(loss, quantizer.taken.value)) / -BITS_PER_UNIT
    assert by_fraction == pytest.approx(expected, rel=1e-5)
    assert quantizer.current() == FixedPoint(3, 1)


@pytest.mark.parametrize(("cell", "learn_bits"), [("gru", True), ("lstm", False)])
def test_a_saved_student_is_the_same_function_when_loaded(cell: str, learn_bits: bool, tmp_path: Path) -> None:
    model = build_exact(cell, learn_bits=learn_bits, skip_padding=True)
    for weight in model.trainable_variables:
        if weight.name == "taken":
            weight.assign(np.asarray(weight) + 0.13)
    model.save(tmp_path / "student.keras")
    loaded = keras.models.load_model(tmp_path / "student.keras", compile=False, safe_mode=True)
    x = (input_codes(200) * INPUT.step).astype(np.float32)
    np.testing.assert_array_equal(model(x), loaded(x))
    assert loaded.get_layer("rnn").current_types() == model.get_layer("rnn").current_types()


def test_a_missing_an_unknown_and_a_wide_role_are_named() -> None:
    types = types_of("lstm")
    with pytest.raises(ConfigError, match=r"layer 'rnn': types: unknown key 'forgot'; did you mean 'forget'\?"):
        ExactLSTM(4, {**types, "forgot": FixedPoint(8, 1)}, name="rnn")
    del types["forget"]
    with pytest.raises(ConfigError, match=r"layer 'rnn': types: the type of 'forget' is missing"):
        ExactLSTM(4, types, name="rnn")
    with pytest.raises(ConfigError, match=r"rnn': types: update_sum: a table over 18 bits has too many entries"):
        ExactGRU(4, types_of("gru", update_sum=FixedPoint(18, 4)), name="rnn")
    with pytest.raises(ConfigError, match=r"layer 'rnn': types: state: total bits must be between 2 and 24, not 1"):
        ExactGRU(4, {**types_of("gru"), "state": [1, 1, True]}, name="rnn")


@pytest.mark.parametrize(("total", "integer"), [(0, 0), (25, 1), (8, -1), (8, 9)])
def test_a_type_that_cannot_be_is_refused(total: int, integer: int) -> None:
    with pytest.raises(ConfigError, match=rf"bits must be between .* not {total if total not in (8,) else integer}"):
        FixedPoint(total, integer)


def test_wide_weights_saturate_every_gate() -> None:
    model = build_exact("gru")
    widen(model, 5)
    layer = model.get_layer("rnn")
    sums = np.abs(layer.constants()["weight"]).sum(axis=0) * INPUT.high
    assert sums.min() > layer.types["update_sum"].high
