"""What the student's training minimises, against the losses it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from compress import losses
from compress.objective import LossConfig, Objective, pack
from jets.config import fill
from jets.errors import ConfigError, DataError

RNG = np.random.default_rng(1)
LABELS, WEIGHTS = np.array([0, 1, 2, 1]), np.array([1.0, 3.0, 2.0, 2.0])
LOGITS, EMBEDDING = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=(4, 5)).astype(np.float16)
OUTPUTS = RNG.normal(size=(4, 8)).astype(np.float32)
TARGETS = pack(LABELS, WEIGHTS, LOGITS, EMBEDDING)
PER_JET = WEIGHTS / 2


def value(config: LossConfig, share: float = 0.0, targets: Any = TARGETS) -> Any:
    objective = Objective(config, 3)
    objective.begin(share)
    outputs = OUTPUTS if config.embedding else OUTPUTS[:, :3]
    return ops.convert_to_numpy(objective(ops.convert_to_tensor(targets), ops.convert_to_tensor(outputs)))


def of(loss: Any, *arguments: Any) -> Any:
    return ops.convert_to_numpy(loss(*(ops.convert_to_tensor(np.float32(x)) for x in arguments)))


HARD = of(losses.cross_entropy, LABELS, OUTPUTS[:, :3])
SOFT = of(losses.soft_targets, LOGITS, OUTPUTS[:, :3], 2.0)


def test_labels_and_teacher_share_the_weight_alpha() -> None:
    found = value(LossConfig(alpha=0.3, temperature=2.0))
    np.testing.assert_allclose(found, PER_JET * (0.3 * HARD + 0.7 * SOFT), rtol=1e-5)


@pytest.mark.parametrize("logits", ["standardized", "correlation"])
def test_each_way_to_follow_the_logits_is_the_loss_of_its_name(logits: Any) -> None:
    expected = of(getattr(losses, logits), LOGITS, OUTPUTS[:, :3], 2.0)
    np.testing.assert_allclose(value(LossConfig(logits=logits, temperature=2.0)), PER_JET * expected, rtol=1e-5)


def test_decoupled_is_given_labels_and_beta() -> None:
    expected = of(losses.decoupled, LABELS, LOGITS, OUTPUTS[:, :3], 2.0, 0.5)
    found = value(LossConfig(logits="decoupled", temperature=2.0, beta=0.5))
    np.testing.assert_allclose(found, PER_JET * expected, rtol=1e-5)


def test_the_control_has_the_labels_alone_smoothed_as_asked() -> None:
    expected = ops.convert_to_numpy(losses.cross_entropy(LABELS, OUTPUTS[:, :3], 0.2))
    found = value(LossConfig(logits="decoupled", label_smoothing=0.2).without_teacher(), targets=TARGETS[:, :2])
    np.testing.assert_allclose(found, PER_JET * expected, rtol=1e-5)


@pytest.mark.parametrize("embedding", ["relational", "hint"])
def test_the_embedding_is_compared_with_its_weight(embedding: Any) -> None:
    expected = of(getattr(losses, embedding), EMBEDDING, OUTPUTS[:, 3:])
    found = value(LossConfig(logits="cross_entropy", embedding=embedding, embedding_weight=0.5))
    np.testing.assert_allclose(found, PER_JET * (HARD + 0.5 * expected), rtol=1e-5)


def test_schedules_go_in_a_straight_line_from_start_to_end() -> None:
    config = LossConfig(alpha=0.0, alpha_end=1.0, temperature=4.0, temperature_end=2.0)
    assert [config.at(share) for share in (0.0, 0.5, 1.0)] == [(0.0, 4.0), (0.5, 3.0), (1.0, 2.0)]
    np.testing.assert_allclose(value(config, share=1.0), PER_JET * HARD, rtol=1e-5)


def test_weights_have_mean_one() -> None:
    np.testing.assert_allclose(TARGETS[:, 1], PER_JET)


def test_targets_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match=r"differ in length \(2, 2, 3\)"):
        pack(np.array([0, 1]), np.ones(2), np.zeros((3, 1)))


@pytest.mark.parametrize(
    ("key", "wrong", "message"),
    [
        ("temperature", 0, "temperature must be above 0"),
        ("temperature_end", -1, "temperature_end must be above 0"),
        ("alpha", 1.5, "alpha must be between 0 and 1"),
        ("label_smoothing", -0.1, "label_smoothing must be between 0 and 1"),
        ("beta", -1, "beta must be at least 0"),
        ("logits", "mse", "logits"),
        ("embedding", "mse", "embedding"),
        ("alfa", 1, "did you mean 'alpha'"),
    ],
)
def test_a_setting_out_of_range_names_its_key(key: str, wrong: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fill(LossConfig, {key: wrong}, "project.yaml: compress: distil: loss")
    assert message in str(caught.value)
