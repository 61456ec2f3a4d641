"""Specs, networks and inputs of the feed-forward students."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models.students
from jets.config import fill
from jets.errors import ConfigError
from jets.features import SIXTEEN_FEATURES, PowerOfTwoScaling, constituent_features, six_features
from jets.high_level import HIGH_LEVEL_FEATURES
from models.registry import architecture
from models.students import inputs
from models.students.feed_forward import (
    AttentionSpec,
    FeedForwardSpec,
    MlpSpec,
    ParticleSpec,
    layer_names,
    shift,
)
from models.students.feed_forward_network import build_float
from models.students.recurrent import RecurrentSpec
from models.students.student import architecture_name, fill_student
from models.tagger import Tagger
from tests.synthetic import synthetic_jets

JEDI = ParticleSpec("jedi_linear", n_constituents=6, features=3, particle=(5, 4), dense=(3,))
MIXER = replace(JEDI, kind="mlp_mixer")
ATTENTION = AttentionSpec(n_constituents=6, width=4, projections=3, hidden=5, dense=(3,))


@pytest.mark.parametrize(
    ("mapping", "spec"),
    [
        (None, RecurrentSpec()),
        ({"cell": "gru", "units": 8}, RecurrentSpec(units=8)),
        ({"kind": "gru", "units": 8}, RecurrentSpec(units=8)),
        ({"kind": "lstm"}, RecurrentSpec(cell="lstm")),
        ({"kind": "mlp", "dense": [4]}, MlpSpec(dense=(4,))),
        ({"kind": "deep_sets", "features": 16}, ParticleSpec(features=16)),
        ({"kind": "mlp_mixer", "n_constituents": 8}, ParticleSpec("mlp_mixer", n_constituents=8)),
        ({"kind": "jedi_linear", "n_constituents": 128}, ParticleSpec("jedi_linear", n_constituents=128)),
        ({"kind": "linear_attention", "width": 8}, AttentionSpec(width=8)),
    ],
)
def test_the_kind_of_a_student_chooses_its_spec(mapping: Any, spec: Any) -> None:
    assert fill_student(mapping, "project.yaml: student") == spec
    assert architecture(architecture_name(spec)).config_class is type(spec)


@pytest.mark.parametrize(
    ("mapping", "names"),
    [
        ({"kind": "deepsets"}, ["'deepsets'", "did you mean 'deep_sets'"]),
        ({"kind": ["mlp"]}, ["unknown kind"]),
        ({"kind": "mlp", "units": 8}, ["'units'", "dense"]),
        ({"kind": "mlp", "n_constituents": 8}, ["'n_constituents'"]),
        ({"kind": "jedi_linear", "arithmetic": "exact"}, ["'arithmetic'"]),
        ({"kind": "gru", "particle": [8]}, ["'particle'"]),
        ({"kind": "lstm", "cell": "gru"}, ["'lstm'", "'gru'"]),
        ({"kind": "deep_sets", "features": 4}, ["features", "3, 6, 16"]),
        ({"kind": "deep_sets", "n_constituents": 129}, ["n_constituents", "128"]),
        ({"kind": "deep_sets", "n_constituents": 0}, ["n_constituents", "not 0"]),
        ({"kind": "deep_sets", "particle": []}, ["particle", "at least 1"]),
        ({"kind": "jedi_linear", "particle": [8]}, ["particle", "at least 2"]),
        ({"kind": "mlp", "dense": []}, ["dense", "at least 1"]),
        ({"kind": "mlp", "dense": [8, 0]}, ["dense[1]", "not 0"]),
        ({"kind": "linear_attention", "width": 0}, ["width", "not 0"]),
        ({"kind": "linear_attention", "heads": 3}, ["heads must divide the width of 16"]),
        ({"kind": "linear_attention", "heads": 0}, ["heads", "0 do not"]),
        ({"kind": "linear_attention", "blocks": 9}, ["blocks", "not 9"]),
        ({"kind": "linear_attention", "projections": 0}, ["projections", "not 0"]),
        ({"kind": "linear_attention", "features": 4}, ["features", "3, 6, 16"]),
        ({"kind": "linear_attention", "particle": [8]}, ["'particle'"]),
        (["mlp"], ["must be a mapping"]),
    ],
)
def test_a_wrong_option_of_a_student_is_named(mapping: Any, names: list[str]) -> None:
    for name in ["project.yaml: student", *names]:
        with pytest.raises(ConfigError, match=re.escape(name)):
            fill_student(mapping, "project.yaml: student")


@pytest.mark.parametrize("kind", ["deep_set", "mlp", "linear_attention"])
def test_a_spec_of_particles_has_no_other_kind(kind: str) -> None:
    with pytest.raises(ConfigError, match=kind):
        fill(ParticleSpec, {"kind": kind}, "tagger.json")


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (MlpSpec(dense=(4, 3)), ["dense_0", "dense_1", "logit"]),
        (replace(JEDI, kind="deep_sets"), ["particle_0", "particle_1", "dense_0", "logit"]),
        (JEDI, ["particle_0", "particle_1", "exchange_1", "dense_0", "logit"]),
        (MIXER, ["particle_0", "particle_1", "mix_1", "exchange_1", "dense_0", "logit"]),
        (
            ATTENTION,
            ["embed", "project_0", "query_0", "key_0", "value_0", "scores_0", "attend_0", "join_0", "hidden_0",
             "feed_forward_0", "dense_0", "logit"],
        ),
    ],
)  # fmt: skip
def test_the_layers_that_multiply_are_named(spec: FeedForwardSpec, names: list[str]) -> None:
    model = build_float(spec, 3)
    assert layer_names(spec) == names
    multiply = {layer.name for layer in model.layers if layer.get_weights() or hasattr(layer, "equation")}
    assert multiply == set(names)
    assert model.input_shape == (None, *spec.input_shape) and model.output_shape == (None, 3)


@pytest.mark.parametrize(("n_particles", "bits"), [(1, 0), (2, 1), (5, 3), (8, 3), (9, 4), (128, 7)])
def test_a_sum_is_shifted_by_the_bits_of_its_places(n_particles: int, bits: int) -> None:
    assert shift(n_particles) == bits


@pytest.mark.parametrize("spec", [JEDI, MIXER])
def test_particles_that_meet_compute_their_equations(spec: ParticleSpec) -> None:
    model = build_float(spec, 2)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 6, 4)).astype(np.float32)
    mask = (np.arange(6)[:, None] < np.array([6, 1, 0, 4])[:, None, None]).astype(np.float32)
    x[..., 3:] = mask
    weights = {layer.name: layer.get_weights() for layer in model.layers}

    def dense(name: str, values: Any) -> Any:
        kernel, *bias = weights[name]
        return values @ kernel + (bias[0] if bias else 0.0)

    h = np.maximum(dense("particle_0", x[..., :3]), 0)
    if spec is JEDI:
        others = (mask * h).sum(axis=1, keepdims=True) / 8
    else:
        others = np.maximum(dense("mix_1", (mask * h).swapaxes(1, 2)), 0).swapaxes(1, 2)
    h = np.maximum(dense("particle_1", h) + dense("exchange_1", others), 0)
    pooled = (mask * h).sum(axis=1) / 8
    expected = dense("logit", np.maximum(dense("dense_0", pooled), 0))
    assert len(weights["exchange_1"]) == 1
    np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-5, atol=1e-6)


def test_particles_that_attend_compute_their_equations() -> None:
    model = build_float(replace(ATTENTION, blocks=2), 2)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        layer.set_weights([rng.normal(0.0, 0.5, values.shape) for values in layer.get_weights()])
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    x = rng.normal(size=(4, 6, 4)).astype(np.float32)
    x[..., 3] = np.arange(6) < np.array([6, 1, 0, 4])[:, None]

    def dense(name: str, values: Any) -> Any:
        kernel, *bias = weights[name]
        return values @ kernel + (bias[0] if bias else 0.0)

    def jet(particles: Any, mask: Any) -> Any:
        h = np.maximum(dense("embed", particles), 0)
        for block in range(2):
            projected = weights[f"project_{block}"][0].T @ (mask[:, None] * h)
            query = dense(f"query_{block}", h)
            key, value = (dense(f"{name}_{block}", projected) for name in ("key", "value"))
            heads = [slice(0, 2), slice(2, 4)]
            found = [np.maximum(query[:, head] @ key[:, head].T, 0) @ value[:, head] for head in heads]
            h = np.maximum(h + dense(f"join_{block}", np.concatenate(found, axis=1)), 0)
            h = np.maximum(h + dense(f"feed_forward_{block}", np.maximum(dense(f"hidden_{block}", h), 0)), 0)
        return dense("logit", np.maximum(dense("dense_0", (mask[:, None] * h).sum(axis=0) / 8), 0))

    expected = [jet(particles[:, :3], particles[:, 3]) for particles in x]
    assert len(weights["project_0"]) == 1
    np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("spec", [JEDI, MIXER, ATTENTION])
def test_features_of_masked_places_are_void_in_float(spec: ParticleSpec) -> None:
    model = build_float(spec, 2)
    x = np.random.default_rng(1).normal(size=(20, 6, 4)).astype(np.float32)
    x[..., 3] = np.arange(6) < 4
    other = x.copy()
    other[:, 4:, :3] = 1e30
    assert np.array_equal(model.predict_on_batch(x), model.predict_on_batch(other))


@pytest.mark.parametrize("features", [3, 6, 16])
def test_the_last_column_of_particles_is_their_mask(features: int) -> None:
    jets = synthetic_jets(50)
    spec = ParticleSpec(n_constituents=30, features=features)
    scaling = inputs.fit_particle_scaling(jets, spec)
    found = inputs.particle_inputs(jets, spec, scaling)["constituents"]
    assert found.shape == (50, *spec.input_shape) and found.dtype == np.float32
    assert np.array_equal(found[:, :24, -1], jets.mask.astype(np.float32))
    assert not found[:, 24:].any() and not found[:, :24][~jets.mask].any()
    assert 0.3 < found[:, :24][jets.mask][:, :-1].std() < 3.0
    raw = inputs.particle_inputs(jets, spec, None)["constituents"]
    if features == 6:
        assert np.array_equal(raw[..., :-1], six_features(jets, 30))


def test_the_sixteen_features_are_those_of_momenta() -> None:
    jets = synthetic_jets(20)
    found = dict(
        zip(SIXTEEN_FEATURES, np.moveaxis(constituent_features(jets, 24, SIXTEEN_FEATURES), -1, 0), strict=True)
    )
    momentum = np.sqrt(found["px"] ** 2 + found["py"] ** 2 + found["pz"] ** 2)
    full = jets.mask
    np.testing.assert_allclose(np.hypot(found["px"], found["py"])[full], found["pt"][full], rtol=1e-5)
    np.testing.assert_allclose((found["pz"] / np.where(full, momentum, 1))[full], found["cos_theta"][full], atol=1e-5)
    np.testing.assert_allclose(np.arctan2(found["py"], found["px"])[full], found["phi"][full], atol=1e-4)
    assert (found["energy"] >= momentum * (1 - 1e-5)).all()
    np.testing.assert_allclose(
        (found["energy"] ** 2)[full], (momentum**2 + jets.feature("mass_gev") ** 2)[full], rtol=1e-4
    )
    np.testing.assert_allclose(np.hypot(found["eta_rot"], found["phi_rot"])[full], found["delta_r"][full], rtol=1e-4)
    assert len(found) == 16 and not any(values[~full].any() for values in found.values())


def test_an_mlp_takes_the_features_that_the_jetscarry_in_its_own_order() -> None:
    jets = synthetic_jets(40)
    values = np.random.default_rng(0).normal(5.0, 3.0, (40, 16)).astype(np.float32)
    turned = replace(jets, high_level=values[:, ::-1], high_level_features=HIGH_LEVEL_FEATURES[::-1])
    assert np.array_equal(inputs.mlp_inputs(turned, MlpSpec(), None)["features"], values)
    scaling = inputs.fit_mlp_scaling(turned, MlpSpec())
    found = inputs.mlp_inputs(turned, MlpSpec(), scaling)["features"]
    assert np.array_equal(
        found, np.ldexp(values - np.array(scaling.offset), np.array(scaling.exponent)).astype(np.float32)
    )


def test_an_mlp_computes_the_features_that_jetsdo_not_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    jets = synthetic_jets(3)
    assert jets.high_level is None
    monkeypatch.setattr(inputs, "high_level_features", lambda given: np.full((len(given), 16), 2.0, np.float32))
    assert (inputs.mlp_inputs(jets, MlpSpec(), None)["features"] == 2.0).all()


@pytest.mark.parametrize("spec", [MlpSpec(dense=(4,)), JEDI, ATTENTION])
def test_a_float_student_is_saved_and_loaded(spec: FeedForwardSpec, tmp_path: Path) -> None:
    n_features = 16 if isinstance(spec, MlpSpec) else spec.features
    scaling = PowerOfTwoScaling((0.0,) * n_features, (0,) * n_features)
    tagger = Tagger(architecture_name(spec), spec, ("QCD", "top"), scaling, build_float(spec, 1), "keras")
    tagger.save(tmp_path / "tagger")
    found = Tagger.load(tmp_path / "tagger")
    jets = synthetic_jets(30)
    values = np.random.default_rng(0).normal(size=(30, 16)).astype(np.float32)
    jets = replace(jets, high_level=values, high_level_features=HIGH_LEVEL_FEATURES)
    assert found.config == spec
    assert np.array_equal(found.predict(jets), tagger.predict(jets))


def test_a_student_of_attention_is_loaded_by_who_never_built_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from models.students import attention

    scaling = PowerOfTwoScaling((0.0,) * 3, (0,) * 3)
    Tagger("attention_student", ATTENTION, ("QCD", "top"), scaling, build_float(ATTENTION, 1), "keras").save(tmp_path)
    monkeypatch.delitem(keras.saving.get_custom_objects(), "tagware>HeadProduct")
    monkeypatch.delitem(sys.modules, attention.__name__)
    monkeypatch.delattr(models.students, "attention")
    assert Tagger.load(tmp_path).config == ATTENTION
