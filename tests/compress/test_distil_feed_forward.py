"""Feed-forward students distilled from stored teacher outputs: float, then quantized, saved and loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compress.distil import DistilConfig, distil
from compress.objective import LossConfig
from compress.quantize.cost import bits_per_tensor, ebops
from compress.quantize.qkeras import Bits, build_quantized, warm_start
from compress.teach import TeacherOutputs
from jets.config import fill
from jets.dataset import JetsFile
from jets.errors import ConfigError, DataError
from jets.high_level import HIGH_LEVEL_FEATURES
from jets.metrics import auc
from models.students.feed_forward import FeedForwardSpec, MlpSpec, ParticleSpec
from models.students.feed_forward_network import build_float
from models.tagger import Tagger
from tests.compress.conftest import MakeFile, wide_and_narrow
from tests.feed_forward_students import SPECS

FAST = DistilConfig(
    loss=LossConfig(embedding="hint"), float_epochs=10, quantized_epochs=3, batch_size=64, learning_rate=2e-2
)


@pytest.fixture(scope="module")
def with_features(make_file: MakeFile) -> JetsFile:
    """Jets with 16 high-level features, of which the first knows the class."""
    jets = wide_and_narrow(900)
    features = np.random.default_rng(2).normal(3.0, 2.0, (len(jets), 16)).astype(np.float32)
    features[:, 0] += 3.0 * jets.labels
    return make_file("with_features", replace(jets, high_level=features, high_level_features=HIGH_LEVEL_FEATURES))


@pytest.fixture(scope="module")
def outputs(with_features: JetsFile) -> TeacherOutputs:
    jets = with_features.read()
    logits = (4.0 * (jets.labels - 0.5))[:, None].astype(np.float32)
    embedding = np.concatenate([logits, -logits], axis=1)
    checksum = with_features.checksum
    return TeacherOutputs(logits, jets.ids, jets.classes, checksum, embedding, provenance={"architecture": "oracle"})


@pytest.mark.parametrize(
    "kind",
    [pytest.param("mlp", marks=pytest.mark.long), pytest.param("deep_sets", marks=pytest.mark.long), "jedi_linear"],
)
def test_a_student_learns_from_stored_outputs_and_keeps_it_quantized(
    kind: str, with_features: JetsFile, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    spec: FeedForwardSpec = SPECS[kind]
    if isinstance(spec, ParticleSpec):
        spec = replace(spec, features=6)
    trained = distil(spec, Bits(), with_features, outputs, FAST, tmp_path / "out")
    jets = with_features.read("test")
    found = {name: Tagger.load(tmp_path / "out" / name) for name in ("float", "quantized")}
    areas = {name: auc(tagger.predict(jets)[:, 0], jets.labels).value for name, tagger in found.items()}
    assert areas["float"] > 0.75 and areas["quantized"] > areas["float"] - 0.05
    quantized = found["quantized"]
    assert quantized.config == spec
    assert np.array_equal(quantized.predict(jets), trained.predict(jets))
    assert np.array_equal(quantized.predict(jets) * 2**10 % 1, np.zeros((len(jets), 1)))
    assert quantized.quantization is not None and quantized.quantization["ebops"] > 0
    again = distil(spec, Bits(), with_features, outputs, FAST, tmp_path / "out")
    assert again.provenance["digest"] == trained.provenance["digest"]
    assert again.provenance["seconds"] == trained.provenance["seconds"]


def test_ebops_count_every_particle_once() -> None:
    spec = ParticleSpec("jedi_linear", n_constituents=5, features=3, particle=(4, 3), dense=())
    model = build_quantized(spec, Bits(), 1)
    for layer in model.layers:
        layer.set_weights([np.full(weight.shape, 0.75, np.float32) for weight in layer.get_weights()])  # 2 bits
    particle_0, particle_1 = 5 * 3 * 4 * 2 * 10, 5 * 4 * 3 * 2 * 8  # inputs of 10 bits, activations of 8
    exchange_1, logit = 4 * 3 * 2 * 10, 3 * 1 * 2 * 10  # means of 10 bits
    assert ebops(model) == ebops(model, shared_cell=True) == particle_0 + particle_1 + exchange_1 + logit


def test_a_product_of_what_was_never_cast_is_named() -> None:
    import keras

    model = build_quantized(MlpSpec(dense=(4,)), Bits(), 1)
    raw = keras.Model(model.get_layer("dense_0").output, model.output)
    with pytest.raises(DataError, match="layer logit") as caught:
        ebops(keras.Model(raw.inputs, model.get_layer("logit")(raw.inputs[0])))
    assert "not quantized" in str(caught.value)


def test_the_tensors_of_particles_are_listed() -> None:
    found = bits_per_tensor(build_quantized(SPECS["jedi_linear"], Bits(mean=(9, 2)), 1))
    assert found["mean_1_q/output"] == found["pool_q/output"] == {"total": 9, "integer": 2, "signed": False}
    assert "exchange_1/bias" not in found and "particle_1/bias" in found


def test_a_width_of_the_mean_out_of_range_is_named() -> None:
    with pytest.raises(ConfigError, match="mean: total bits"):
        fill(Bits, {"mean": [33, 3]}, "project.yaml: compress: bits")


def test_a_warm_start_copies_every_weight() -> None:
    spec = ParticleSpec("jedi_linear", n_constituents=5, features=3, particle=(4, 3), dense=())
    quantized, start = build_quantized(spec, Bits(), 2), build_float(spec, 2)
    warm_start(quantized, start)
    weights = {layer.name: layer.get_weights() for layer in start.layers if layer.get_weights()}
    assert len(weights) == 4
    for name, values in weights.items():
        for ours, theirs in zip(quantized.get_layer(name).get_weights(), values, strict=True):
            assert np.array_equal(ours, theirs)
    with pytest.raises(DataError, match="layer particle_0"):
        warm_start(quantized, build_float(replace(spec, features=6), 2))
