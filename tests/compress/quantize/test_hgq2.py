"""The HGQ2 front end: what bits cost, a number of EBOPs that training is led to, and what is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models.students
from compress.distil import DistilConfig, distil
from compress.objective import LossConfig
from compress.quantize import hgq2
from compress.quantize.budget import Budget
from compress.quantize.front_end import front_end_of
from compress.quantize.hgq2 import HgqBits
from jets.config import fill
from jets.errors import ConfigError, DataError, ToolNotFound
from models.curves import read_curves
from models.students.feed_forward import AttentionSpec, FeedForwardSpec, MlpSpec, ParticleSpec
from models.students.feed_forward_network import build_float
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from tests.compress.conftest import MakeFile, wide_and_narrow

JEDI = ParticleSpec("jedi_linear", n_constituents=5, features=3, particle=(4, 3), dense=())


def small() -> Any:
    """A student with weights of two bits, 0.75, and input features of 10, 8 and 0 bits."""
    model = hgq2.build_quantized(JEDI, HgqBits(), 1)
    for layer in model.layers:
        if hasattr(layer, "constants"):
            layer.kernel.assign(np.full(layer.kernel.shape, 0.75))
    quantizer = model.layers[1].quantizer
    quantizer._f.assign(np.array([6.0, 4.0, -9.0, 6.0]).reshape(quantizer.k.shape))
    return model


def test_ebops_count_every_feature_with_its_own_bits() -> None:
    particle_0, particle_1 = 5 * (10 + 8 + 0) * 4 * 2, 5 * 4 * 3 * 2 * 8  # activations of 8 bits
    exchange_1, logit = 4 * 3 * 2 * 10, 3 * 1 * 2 * 10  # means of 10 bits
    model = small()
    assert hgq2.ebops(model) == particle_0 + particle_1 + exchange_1 + logit
    model.get_layer("logit").kernel.assign([[0.0], [0.5], [0.75]])
    assert hgq2.ebops(model) == particle_0 + particle_1 + exchange_1 + (0 + 1 + 2) * 10


def test_ebops_count_the_products_of_attention_head_by_head() -> None:
    spec = AttentionSpec(n_constituents=5, width=4, projections=3, hidden=1, dense=())
    model = hgq2.build_quantized(spec, HgqBits(), 1)
    for layer in model.layers:
        if hasattr(layer, "constants"):
            layer.kernel.assign(np.zeros(layer.kernel.shape))
    scores, attend = 5 * 3 * 4 * 10 * 10, 5 * 3 * 4 * 8 * 10  # scores of 8 bits, all else of 10
    assert hgq2.ebops(model) == scores + attend
    quantizer = model.get_layer("query_0_q").quantizer
    quantizer._f.assign(np.array([6.0, 5.0, 4.0, -9.0]).reshape(quantizer.k.shape))
    assert hgq2.ebops(model) == 5 * 3 * (10 + 9 + 8 + 0) * 10 + attend


@pytest.mark.parametrize("spec", [MlpSpec(dense=(4,)), AttentionSpec(n_constituents=3, width=2, hidden=2, dense=())])
def test_the_cost_that_is_learnt_from_bounds_the_ebops_and_has_a_gradient(spec: FeedForwardSpec) -> None:
    import tensorflow as tf

    model = hgq2.build_quantized(spec, HgqBits(), 1)
    jets = np.zeros((1, *spec.input_shape), np.float32)
    model(jets, training=True)  # HGQ2 looks at the range of weights while it trains
    with tf.GradientTape() as tape:
        cost = hgq2.cost(model)
    assert float(cost) >= hgq2.ebops(model) > 0
    bits = [weight for weight in model.trainable_weights if weight.name in ("f", "i")]
    added = ("_bq", "block_relu")  # biases, and what the mean alone reads: they enter no product
    bits = [weight for weight in bits if not any(name in weight.path for name in added)]
    for weight, gradient in zip(bits, tape.gradient(cost, [weight.value for weight in bits]), strict=True):
        assert float(tf.reduce_max(gradient)) > 0, weight.path


def test_the_tensors_are_listed_with_the_bits_that_are_left() -> None:
    found = hgq2.bits_per_tensor(small())
    assert found["constituents_q/output"] == {
        "total": 10, "integer": 4, "signed": True, "mean_bits": 7.0, "zeros": 0.25,
    }  # fmt: skip
    kernel = {"total": 3, "integer": 1, "signed": True, "mean_bits": 2.0, "zeros": 0.0, "size": 4 * 3}
    assert found["particle_1/kernel"] == kernel
    assert found["particle_1/bias"]["zeros"] == 1.0 and "exchange_1/bias" not in found
    assert "size" not in found["logit_q/output"]
    assert found["logit_q/output"]["total"] == 16


@pytest.mark.long
def test_a_student_is_led_to_its_ebops_with_its_teacher_and_loads_again(make_file: MakeFile, tmp_path: Path) -> None:
    file = make_file("jets", wide_and_narrow(900))
    spec = ParticleSpec("jedi_linear", n_constituents=5, features=6, particle=(4, 3), dense=())
    config = DistilConfig(
        loss=LossConfig(logits="cross_entropy"), float_epochs=3, quantized_epochs=30, batch_size=32, patience=30,
        learning_rate=2e-2, quantized_learning_rate=2e-3,
    )  # fmt: skip
    target = 4000
    trained = distil(spec, HgqBits(ebops=target), file, None, config, tmp_path / "out")
    assert trained.quantization is not None and trained.quantization["front_end"] == "hgq2"
    found = trained.quantization["ebops"]
    assert 0.8 * target <= found <= target
    curve = read_curves(tmp_path / "out" / "quantized" / "curves.csv")
    assert curve[0]["ebops"] > 1.5 * target and found == curve[trained.provenance["best_epoch"]]["ebops"]
    assert "hgq2" in trained.provenance["versions"]
    loaded, jets = Tagger.load(tmp_path / "out" / "quantized"), file.read("test")
    assert np.array_equal(loaded.predict(jets), trained.predict(jets))
    assert hgq2.ebops(loaded.network) == found
    assert loaded.n_parameters == Tagger.load(tmp_path / "out" / "float").n_parameters


def test_a_budget_out_of_reach_is_said_and_the_nearest_epoch_kept(
    make_file: MakeFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = make_file("few", wide_and_narrow(400))
    config = DistilConfig(loss=LossConfig(logits="cross_entropy"), float_epochs=1, quantized_epochs=2)
    spec = ParticleSpec("deep_sets", n_constituents=3, particle=(2,), dense=())
    trained = distil(spec, HgqBits(ebops=1), file, None, config, tmp_path / "out")
    curve = read_curves(tmp_path / "out" / "quantized" / "curves.csv")
    assert trained.quantization is not None
    assert trained.quantization["ebops"] == min(row["ebops"] for row in curve) > 1
    assert f"{trained.quantization['ebops']} EBOPs are left, not the 1 asked for" in caplog.text


def test_the_weight_of_an_ebop_follows_the_distance_to_the_aim() -> None:
    found = 2000
    budget = Budget(None, lambda network: 3.0, lambda network: found, 1000, 1e-6)
    budget.adapt(0.0)
    assert float(budget.weight) == pytest.approx(1e-6)
    assert float(budget()) == pytest.approx(3e-6)
    budget.adapt(1.0)
    assert float(budget.weight) > 1e-6
    above, found = float(budget.weight), 500
    budget.adapt(1.0)
    assert float(budget.weight) < above
    unled = Budget(None, lambda network: 3.0, lambda network: found, None, 1e-6)
    unled.adapt(1.0)
    assert float(unled.weight) == pytest.approx(1e-6) and unled.measured() is None


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"ebops": 0}, "ebops must be 1 or more"),
        ({"ebops": 100, "ebops_weight": 0.0}, "above 0"),
        ({"ebops_weight": -1.0}, "0 or more"),
        ({"activations": [33, 3]}, "activations: total bits"),
    ],
)
def test_bits_out_of_range_are_named(options: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        fill(HgqBits, options, "project.yaml: compress: hgq2")


def test_a_recurrent_student_is_refused() -> None:
    with pytest.raises(ConfigError, match="front_end: qkeras"):
        HgqBits().check_for(RecurrentSpec())


def test_a_warm_start_copies_every_weight_and_names_what_does_not_fit() -> None:
    quantized, start = hgq2.build_quantized(JEDI, HgqBits(), 2), build_float(JEDI, 2)
    hgq2.warm_start(quantized, start)
    for name in ("particle_0", "exchange_1", "logit"):
        ours, theirs = (np.asarray(model.get_layer(name).kernel) for model in (quantized, start))
        assert np.array_equal(ours, theirs)
    with pytest.raises(DataError, match="layer particle_0"):
        hgq2.warm_start(quantized, build_float(replace(JEDI, features=6), 2))


def test_without_hgq2_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "hgq"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "models.students.heterogeneous", raising=False)
    monkeypatch.delattr(models.students, "heterogeneous", raising=False)
    with pytest.raises(ToolNotFound, match="hgq2 is not installed") as caught:
        front_end_of(HgqBits())
    assert "make setup" in str(caught.value)
