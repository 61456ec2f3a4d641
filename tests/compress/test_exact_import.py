"""Taggers of other frameworks made exact: what they compute stays, and what changed is said."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch

from compress.exact_import import bits_of_float, bits_of_qkeras, effect, import_exact
from compress.quantize.exact import ExactBits
from compress.quantize.qkeras import Bits, build_quantized
from jets.dataset import Jets
from jets.errors import InputError
from jets.features import PowerOfTwoScaling
from models.registry import architecture
from models.sequence import SEQUENCES
from models.students.recurrent import RecurrentSpec, build_float
from models.tagger import Tagger
from models.teachers.recurrent import RecurrentConfig
from tests.compress.conftest import wide_and_narrow

SIZES: dict[str, Any] = {"units": 6, "dense": (8,), "n_constituents": 6}
QKERAS_BITS = {"gru": Bits(), "lstm": Bits(state=(12, 4))}


@pytest.fixture(scope="module")
def jets() -> Jets:
    return wide_and_narrow(600)


def tagger_of(name: str, network: Any, config: Any, jets: Jets, **changes: Any) -> Tagger:
    scaling = architecture(name).fit_scaling(jets, config)
    framework: Any = architecture(name).framework
    return Tagger(name, config, ("QCD", "top"), scaling, network, framework, **changes)


def randomize(model: Any) -> Any:
    rng = np.random.default_rng(3)
    model.set_weights([np.clip(rng.normal(0, 0.4, weight.shape), -0.9, 0.9) for weight in model.get_weights()])
    return model


def keras_student(cell: Any, jets: Jets, **options: Any) -> Tagger:
    spec = RecurrentSpec(cell=cell, **SIZES, **options)
    return tagger_of("recurrent_student", randomize(build_float(spec, 1)), spec, jets)


def qkeras_student(cell: Any, jets: Jets, bits: Bits | None = None) -> Tagger:
    spec, bits = RecurrentSpec(cell=cell, **SIZES), bits or QKERAS_BITS[cell]
    network = randomize(build_quantized(spec, bits, 1))
    return tagger_of("recurrent_student", network, spec, jets, quantization={"front_end": "qkeras"})


def reference(cell: Any, jets: Jets) -> Tagger:
    torch.manual_seed(1)
    config = RecurrentConfig(**SIZES)
    network = architecture(cell).build(config, 1).eval()
    return tagger_of(cell, network, config, jets)


@pytest.mark.parametrize("sequence", ["tracks", "momenta"])
def test_a_network_stays_with_the_sequence_that_it_reads(sequence: Any) -> None:
    torch.manual_seed(1)
    config = RecurrentConfig(**SIZES, sequence=sequence)
    n_features = len(SEQUENCES[sequence])
    scaling = PowerOfTwoScaling((0.0,) * n_features, (0,) * n_features)
    network = architecture("gru").build(config, 3).eval()
    exact = import_exact(Tagger("gru", config, ("b", "c", "light"), scaling, network, "torch"))
    assert exact.config.sequence == sequence and exact.scaling == scaling
    assert exact.network.input_shape == (None, SIZES["n_constituents"], n_features)


@pytest.mark.parametrize(
    ("make", "cell"),
    [
        (keras_student, "lstm"),
        (reference, "gru"),
        pytest.param(keras_student, "gru", marks=pytest.mark.long),
        pytest.param(reference, "lstm", marks=pytest.mark.long),
    ],
)
def test_a_float_network_keeps_its_decisions(make: Any, cell: str, jets: Jets, tmp_path: Path) -> None:
    before = make(cell, jets)
    after = import_exact(before)
    changed = effect(before, after, jets)
    assert changed.agreement.value > 0.98
    assert changed.max_abs_difference < 0.2 * before.predict(jets).std()
    assert changed.before.value == pytest.approx(changed.after.value, abs=0.005)
    assert after.provenance["imported"] == {"architecture": before.architecture, "framework": before.framework}
    np.testing.assert_array_equal(Tagger.load(after.save(tmp_path / "exact")).predict(jets), after.predict(jets))


def test_a_bidirectional_network_keeps_its_decisions_in_types_that_hold_the_weights_of_both_layers(jets: Jets) -> None:
    before = keras_student("gru", jets, arithmetic="exact", bidirectional=True)
    layer = before.network.get_layer("rnn").backward_layer
    kernel, *others = layer.get_weights()
    kernel[0, 0] = 3.0
    layer.set_weights([kernel, *others])
    assert bits_of_float(before.network).weights == (12, 3)
    assert effect(before, import_exact(before), jets).agreement.value > 0.98


def test_a_gru_whose_reset_gate_comes_first_is_imported_as_such(jets: Jets) -> None:
    before = keras_student("gru", jets, arithmetic="exact", reset_after=False, skip_padding=True)
    after = import_exact(before)
    assert not after.config.reset_after and after.config.skip_padding
    assert effect(before, after, jets).agreement.value > 0.98


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_qkeras_student_keeps_its_quantizers_and_nearly_every_decision(cell: str, jets: Jets) -> None:
    before = qkeras_student(cell, jets)
    after = import_exact(before)
    assert after.quantization is not None
    bits, original = after.quantization["bits"], QKERAS_BITS[cell]
    for name in ("input", "weights", "recurrent_weights", "bias", "state", "dense_weights", "activations", "output"):
        assert bits[name] == getattr(original, name)
    assert (bits["gate"], bits["gate_sum"], bits["candidate_sum"]) == ((8, 0), (10, 4), (10, 3))
    changed = effect(before, after, jets)
    assert changed.agreement.value > 0.95 and changed.n_equal < changed.n_jets == len(jets)


def test_an_import_with_bits_of_ones_own_has_them(jets: Jets) -> None:
    bits = ExactBits(state=(6, 1))
    after = import_exact(qkeras_student("gru", jets), bits)
    assert after.quantization is not None and after.quantization["bits"] == dataclasses.asdict(bits)


def test_wide_weights_get_the_integer_bits_they_need() -> None:
    model = build_float(RecurrentSpec(**SIZES), 1)
    weights = model.get_layer("rnn").get_weights()
    weights[0][0, 0], weights[2][:, 0] = -5.0, 3.0
    model.get_layer("rnn").set_weights(weights)
    bits = bits_of_float(model)
    assert (bits.weights, bits.bias) == ((12, 4), (12, 4))


def test_other_networks_are_refused_by_name(jets: Jets) -> None:
    after = import_exact(keras_student("gru", jets))
    with pytest.raises(InputError, match="recurrent_student': is exact already"):
        import_exact(after)
    with pytest.raises(InputError, match="tagger 'particle_transformer': is no GRU or LSTM"):
        import_exact(dataclasses.replace(after, architecture="particle_transformer"))


def test_a_quantizer_without_a_type_names_its_layer(jets: Jets) -> None:
    import qkeras

    before = qkeras_student("gru", jets)
    before.network.get_layer("rnn").cell.kernel_quantizer_internal = qkeras.ternary()
    with pytest.raises(InputError, match=r"layer 'rnn': the quantizer .* has no fixed-point type"):
        import_exact(before)
    inputs = keras.Input((4, 6))
    bare = keras.Model(
        inputs, qkeras.QGRU(3, state_quantizer=qkeras.quantized_bits(8, 0, alpha=1))(inputs), name="bare"
    )
    with pytest.raises(InputError, match=r"model 'bare': its input or its output is not quantized"):
        bits_of_qkeras(bare, RecurrentSpec())
