"""Which neurons a student can do without, and how those of an earlier one are kept from a second task."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from compress.fit import Phase, Split, fit
from compress.neurons import free_neurons, hold_earlier, least_active, mean_activations
from compress.objective import LossConfig, Objective, pack
from compress.prune import PruneConfig, Restraint
from compress.quantize.qkeras import Bits, build_quantized
from jets.errors import ConfigError
from models.students.feed_forward import AttentionSpec, MlpSpec, ParticleSpec
from models.students.feed_forward_network import build_float
from models.students.neurons import neurons_of
from models.students.recurrent import RecurrentSpec
from tests.feed_forward_students import SPECS, build_feed_forward

MLP = MlpSpec(dense=(4, 3))


def features(n_jets: int, seed: int = 1) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(n_jets, 16)).astype(np.float32)


def ranked() -> Any:
    """A float MLP whose neuron j of each layer gives j times as much as its first, on the mean of any jets."""
    network = build_float(MLP, 1)
    for name, kernel, bias in (
        ("dense_0", np.zeros((16, 4)), [4, 1, 3, 2]),
        ("dense_1", np.zeros((4, 3)), [20, 30, 10]),
    ):
        network.get_layer(name).set_weights([kernel, np.array(bias, float)])
    return network


def test_every_kind_of_student_has_its_neurons() -> None:
    deep_sets, jedi = (ParticleSpec(kind, particle=(5, 6), dense=(7,)) for kind in ("deep_sets", "jedi_linear"))
    ends = [(n.relu, n.width, n.into, n.out_of) for n in neurons_of(jedi)]
    assert ends == [
        ("particle_relu_0", 5, ("particle_0",), ("particle_1", "exchange_1")),
        ("particle_relu_1", 6, ("particle_1", "exchange_1"), ("dense_0",)),
        ("relu_0", 7, ("dense_0",), ("logit",)),
    ]
    assert neurons_of(deep_sets)[1].into == ("particle_1",)
    assert neurons_of(SPECS["jedi_linear"])[-1].out_of == ("logit",)
    assert [n.relu for n in neurons_of(RecurrentSpec(dense=(3, 2)))] == ["relu_0", "relu_1"]


def test_the_least_active_neurons_go_first_but_never_all() -> None:
    network = ranked()
    activations = mean_activations(network, MLP, features(10))
    assert activations["relu_0"].tolist() == [4, 1, 3, 2] and activations["relu_1"].tolist() == [20, 30, 10]
    half = least_active(network, MLP, features(10), lambda: math.nan, PruneConfig(neurons=0.5))
    assert half["relu_0"].tolist() == [False, True, False, True] and half["relu_1"].tolist() == [False, False, True]
    most = least_active(network, MLP, features(10), lambda: math.nan, PruneConfig(neurons=0.999))
    assert [int(mask.sum()) for mask in most.values()] == [3, 2]
    may_go = {"relu_0": np.array([True, False, False, False]), "relu_1": np.zeros(3, bool)}
    some = least_active(network, MLP, features(10), lambda: math.nan, PruneConfig(neurons=0.999), may_go)
    assert [int(mask.sum()) for mask in some.values()] == [0, 0]  # the most active one of its layer stays


@pytest.mark.parametrize(("margin", "expected"), [(0.0, 0), (1.0, 1), (2.9, 2), (3.0, 3), (99.0, 5)])
def test_as_many_neurons_go_as_the_margin_allows(margin: float, expected: int) -> None:
    network = ranked()
    before = network.get_weights()

    def loss() -> float:
        """One more nat for every neuron that is gone."""
        return 7.0 - sum(int(np.count_nonzero(network.get_layer(f"dense_{k}").get_weights()[1])) for k in (0, 1))

    found = least_active(network, MLP, features(10), loss, PruneConfig(neurons=0.999, margin=margin))
    assert sum(int(mask.sum()) for mask in found.values()) == expected
    for ours, theirs in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_padded_particles_do_not_count_as_activity() -> None:
    spec = ParticleSpec("deep_sets", n_constituents=4, features=3, particle=(2,), dense=())
    network = build_float(spec, 1)
    network.get_layer("particle_0").set_weights([np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), np.zeros(2)])
    jets = np.zeros((1, 4, 4), np.float32)
    jets[0, :, 0] = [3.0, 1.0, 100.0, 100.0]
    jets[0, :2, -1] = 1.0
    assert mean_activations(network, spec, jets)["particle_relu_0"].tolist() == [2.0, 0.0]


def test_a_second_task_is_learnt_without_a_bit_of_the_first_changing(tmp_path: Path) -> None:
    earlier = build_feed_forward(SPECS["mlp"], n_outputs=1)
    layers, spec = neurons_of(SPECS["mlp"]), SPECS["mlp"]
    restraint = Restraint(earlier, PruneConfig())
    restraint.hold_out(earlier, layers, {"relu_0": np.arange(6) < 3, "relu_1": np.arange(4) < 2})
    restraint.apply()
    network = build_quantized(spec, Bits(), 2)
    restraint = Restraint(network, PruneConfig())
    hold_earlier(restraint, network, earlier, spec)
    inputs = features(256)
    labels = (inputs[:, 3] + inputs[:, 5] > 0).astype(np.int16)
    jets = Split(inputs, pack(labels, np.ones(256)), labels)
    second = keras.Model(network.inputs, network.outputs[0][:, 1:])
    phase = Phase("quantized", 6, 2e-2, 32, patience=9, seed=1, after_step=restraint.apply)
    rows = fit(second, jets, jets, Objective(LossConfig(logits="cross_entropy"), 1), phase, tmp_path / "curves.csv")
    assert rows[-1].validation_auc > 0.7
    outputs = network.predict_on_batch(features(2000, seed=2))
    np.testing.assert_array_equal(outputs[:, :1], earlier.predict_on_batch(features(2000, seed=2)))
    assert {name: int(mask.sum()) for name, mask in free_neurons(network, spec).items()} == {"relu_0": 0, "relu_1": 0}


def test_a_kind_whose_neurons_are_not_known_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be pruned; prune its weights"):
        neurons_of(AttentionSpec())
