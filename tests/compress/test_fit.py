"""One phase of training on a network of one layer, which Keras compiles in a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from compress.fit import Epoch, Phase, Split, best_epoch, fit, predict
from compress.objective import LossConfig, Objective, pack
from jets.errors import ConfigError
from jets.metrics import auc_of_logits
from models.curves import read_curves

CONTROL = LossConfig(logits="cross_entropy")
PHASE = Phase("float", epochs=4, learning_rate=0.1, batch_size=32, patience=4, seed=1)


def network() -> Any:
    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((2, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])


def split(n_jets: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n_jets, 2, 3)).astype(np.float32)
    labels = (inputs[:, 0, 0] + 0.5 * rng.normal(size=n_jets) > 0).astype(np.int16)
    return Split(inputs, pack(labels, np.ones(n_jets)), labels)


LOSSES = [(0.1, 300), (0.2, 150), (0.4, 90), (0.3, 100)]
"""Validation loss and EBOPs of epochs."""
TRAIN, VALIDATION = split(200, 1), split(100, 2)


def train(phase: Phase, curve: Path) -> tuple[Any, Any]:
    model = network()
    return model, fit(model, TRAIN, VALIDATION, Objective(CONTROL, 1), phase, curve)


def test_it_learns(tmp_path: Path) -> None:
    model, rows = train(PHASE, tmp_path / "curves.csv")
    assert len(rows) == 4
    assert rows[-1].train_loss < 0.6 * rows[0].train_loss
    assert auc_of_logits(predict(model, VALIDATION.inputs), VALIDATION.labels).value > 0.9


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    weights = [train(phase, tmp_path / "c.csv")[0].get_weights() for phase in (PHASE, PHASE, _with(PHASE, seed=2))]
    for ours, theirs in zip(weights[0], weights[1], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(weights[0][0], weights[2][0])


def test_the_learning_rate_falls_along_a_half_cosine(tmp_path: Path) -> None:
    _, rows = train(PHASE, tmp_path / "curves.csv")
    expected = [0.1, 0.05 * (1 + 2**-0.5), 0.05, 0.05 * (1 - 2**-0.5)]
    np.testing.assert_allclose([row.learning_rate for row in rows], expected)


def test_the_weights_of_the_best_epoch_are_kept_and_patience_ends_the_phase(tmp_path: Path) -> None:
    wild = _with(PHASE, learning_rate=40.0, epochs=12, patience=2)
    model, rows = train(wild, tmp_path / "curves.csv")
    best = best_epoch(rows)
    assert len(rows) == best.epoch + 3 < 12
    assert [row["epoch"] for row in read_curves(tmp_path / "curves.csv") if row["best"]] == [best.epoch]
    area = auc_of_logits(predict(model, VALIDATION.inputs), VALIDATION.labels)
    assert area.value == pytest.approx(best.validation_auc)


def test_with_a_budget_the_best_epoch_is_one_within_it() -> None:
    rows = [Epoch(epoch, 1e-3, 1.0, loss, 0.9, 0.01, 1.0, ebops) for epoch, (loss, ebops) in enumerate(LOSSES)]
    assert best_epoch(rows).epoch == 0
    assert best_epoch(rows, 100).epoch == 3
    assert best_epoch(rows[:2], 100).epoch == 1


def test_fewer_jets_than_a_batch_are_one_batch(tmp_path: Path) -> None:
    _, rows = train(_with(PHASE, batch_size=10_000, epochs=1), tmp_path / "curves.csv")
    assert np.isfinite(rows[0].train_loss)


def test_a_loss_that_is_not_finite_names_phase_epoch_and_batch(tmp_path: Path) -> None:
    inputs = TRAIN.inputs.copy()
    inputs[:] = np.nan
    broken = Split(inputs, TRAIN.targets, TRAIN.labels)
    with pytest.raises(ConfigError, match="the loss is nan in batch 0 of epoch 0") as caught:
        fit(network(), broken, VALIDATION, Objective(CONTROL, 1), PHASE, tmp_path / "curves.csv")
    assert caught.value.where == "distil: float"
    assert not (tmp_path / "curves.csv").exists()


def test_the_weights_of_the_last_good_epoch_are_kept_and_named(tmp_path: Path) -> None:
    model, weights = network(), []

    def after_step(share: float) -> float:
        weights.append(model.get_weights())
        if share > 0.5:  # in the third of four epochs, seven batches each
            model.set_weights([np.full_like(values, np.nan) for values in weights[-1]])
        return 0.0

    with pytest.raises(ConfigError, match="the loss is nan in batch 1 of epoch 2") as caught:
        fit(
            model,
            TRAIN,
            VALIDATION,
            Objective(CONTROL, 1),
            _with(PHASE, batch_size=28, after_step=after_step),
            tmp_path / "c.csv",
        )
    path = tmp_path / "last_good.weights.h5"
    assert f"the weights of epoch 1 are in {path}" in str(caught.value.remedy)
    kept = network()
    kept.load_weights(path)
    for ours, theirs, good in zip(kept.get_weights(), model.get_weights(), weights[15], strict=True):
        np.testing.assert_array_equal(ours, good)
        np.testing.assert_array_equal(theirs, good)


def test_weights_that_become_nan_in_the_last_batch_are_found_in_validation(tmp_path: Path) -> None:
    model = network()

    def after_step(share: float) -> float:
        if share == 0.5:
            model.set_weights([np.full_like(values, np.nan) for values in model.get_weights()])
        return 0.0

    with pytest.raises(
        ConfigError, match=r"the loss is nan in validation after epoch 1; .* the weights of epoch 0 are in"
    ):
        fit(model, TRAIN, VALIDATION, Objective(CONTROL, 1), _with(PHASE, after_step=after_step), tmp_path / "c.csv")


def _with(phase: Phase, **changes: Any) -> Phase:
    return Phase(**(vars(phase) | changes))
