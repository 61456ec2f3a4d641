"""One training phase of a Keras student: plain batches, the best validation epoch kept, a curve on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.objective import Objective
from compress.quantize.budget import INTERVAL
from jets.batches import Arrays, Batches, Permutation
from jets.errors import ConfigError
from jets.metrics import auc_of_logits
from models.curves import write_curves
from models.keras_graph import HGQ2_BITS

PREDICT_BATCH = 4096
BITS_PER_UNIT = 10.0
"""At a learning rate of 1e-3 a bit may go in a hundred steps."""
LAST_GOOD = "last_good.weights.h5"


@dataclass(frozen=True)
class Split(Batches):
    """Jets in memory as a student sees them; the windows of other `Batches` have arrays of the same names.

    Attributes:
        inputs: (n_jets, n_constituents, n_features) or (n_jets, n_features) float32.
        targets: (n_jets, 2 + …) float32, see `compress.objective.pack`.
        labels: (n_jets,) integers.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    labels: NDArray[np.integer[Any]]

    def __len__(self) -> int:
        return len(self.labels)

    def windows(self, permutation: Permutation | None = None) -> Iterator[Arrays]:
        """All in one."""
        yield dict(vars(self))


def as_they_are(epoch: int, train: Batches) -> Batches:
    """The training jets, the same in every epoch."""
    return train


@dataclass(frozen=True)
class Phase:
    """How one phase is trained; the learning rate falls to zero along a half cosine over `epochs`.

    `after_step` is called with the share of the phase (0 to 1) before the first optimizer step and after every one; it
    may change the weights, and gives the share of them that it asks to be zero. `renewed` is called with the number of
    an epoch and the training jets, and gives the jets that the epoch learns from.
    """

    name: str
    epochs: int
    learning_rate: float
    batch_size: int
    patience: int
    seed: int
    after_step: Callable[[float], float] = lambda share: 0.0
    renewed: Callable[[int, Batches], Batches] = as_they_are


@dataclass(frozen=True)
class Epoch:
    """One row of a training curve; losses in nats a jet, EBOPs where learnt bits have a budget.

    `sparsity` is what `Phase.after_step` gave.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    validation_loss: float
    validation_auc: float
    validation_auc_error: float
    seconds: float
    ebops: int | None = None
    sparsity: float = 0.0


def fit(model: Any, train: Batches, validation: Split, objective: Objective, phase: Phase, curve: Path) -> list[Epoch]:
    """Train the model in place and give it the weights of its `best_epoch`.

    Stops after `phase.patience` epochs without a better one. `curve` is rewritten after every epoch.

    Returns:
        one `Epoch` per epoch.

    Raises:
        ConfigError: the loss is NaN or infinite; names the phase, the epoch and the batch. The model has the weights of
            the best epoch before, and `LAST_GOOD` beside `curve` holds them.
    """
    from tqdm import tqdm

    def loss(targets: Any, outputs: Any) -> Any:
        return objective(targets, outputs)  # Keras saves a model's loss by name: a function, not an object

    # XLA is off: compiling the recurrence with it made training half as fast (11,700 against 20,300 jets/s).
    model.compile(optimizer=adam(phase.learning_rate), loss=loss, jit_compile=False)
    rng = np.random.default_rng(phase.seed)
    rows: list[Epoch] = []
    phase.after_step(0.0)
    budget, best_weights = objective.penalty, model.get_weights()
    target = None if budget is None else budget.target
    with tqdm(total=phase.epochs * len(train), desc=phase.name, disable=None, unit="jets", unit_scale=True) as bar:
        for epoch in range(phase.epochs):
            start = time.perf_counter()
            rate = phase.learning_rate * 0.5 * (1 + np.cos(np.pi * epoch / phase.epochs))
            model.optimizer.learning_rate = rate
            objective.begin(epoch / max(phase.epochs - 1, 1))
            try:
                train_loss = _train_epoch(model, phase.renewed(epoch, train), objective, phase, epoch, rng)
                objective.begin(1.0)
                found = validate(model, validation, objective)
                _check_finite(found[0], f"in validation after epoch {epoch}", phase)
            except ConfigError as error:
                model.set_weights(best_weights)
                raise _keep(error, model, best_epoch(rows, target), curve) if rows else error from None
            ebops = None if budget is None else budget.measured()
            sparsity = phase.after_step((epoch + 1) / phase.epochs)
            seconds = time.perf_counter() - start
            rows.append(Epoch(epoch, float(rate), train_loss, *found, seconds, ebops, sparsity))
            best = best_epoch(rows, target)
            write_curves(curve, [_columns(row) | {"best": int(row is best)} for row in rows])
            bar.update(len(train))
            bar.set_postfix_str(f"validation AUC {rows[-1].validation_auc:.4f}")
            if best is rows[-1]:
                best_weights = model.get_weights()
            elif epoch - best.epoch >= phase.patience:
                break
    model.set_weights(best_weights)
    return rows


def _columns(row: Epoch) -> dict[str, float]:
    return {name: value for name, value in vars(row).items() if value is not None}


def adam(learning_rate: float) -> Any:
    """Adam, which moves a variable by about the learning rate a step; HGQ2's numbers of bits move ten times as far."""
    import keras

    class Adam(keras.optimizers.Adam):  # type: ignore[misc]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            name = self._trainable_variables[self._get_variable_index(variable)].name  # TensorFlow's has another
            faster = BITS_PER_UNIT if name in HGQ2_BITS else 1.0
            super().update_step(gradient, variable, faster * learning_rate)

    return Adam(learning_rate)


def _train_epoch(
    model: Any, train: Batches, objective: Objective, phase: Phase, epoch: int, rng: np.random.Generator
) -> float:
    """Mean loss of one pass; the jets left over by a whole number of batches wait for another shuffle."""
    size = min(phase.batch_size, len(train))
    n_batches = len(train) // size
    losses = []
    for batch, jets in enumerate(islice(train.batches(size, rng.permutation), n_batches)):
        if objective.penalty is not None and batch % INTERVAL == 0:
            objective.penalty.adapt((epoch + batch / n_batches) / phase.epochs)
        losses.append(float(model.train_on_batch(jets["inputs"], jets["targets"])))
        _check_finite(losses[-1], f"in batch {batch} of epoch {epoch}", phase)
        phase.after_step((epoch + (batch + 1) / n_batches) / phase.epochs)
    return float(np.mean(losses))


def _check_finite(loss: float, where: str, phase: Phase) -> None:
    if not np.isfinite(loss):
        remedy = "lower the learning rate, or look for wild inputs"
        raise ConfigError(f"the loss is {loss} {where}", f"distil: {phase.name}", remedy)


def _keep(error: ConfigError, model: Any, best: Epoch, curve: Path) -> ConfigError:
    """The same error, with the model's weights, those of `best`, in a file that its remedy names."""
    path = curve.with_name(LAST_GOOD)
    model.save_weights(path)
    remedy = f"{error.remedy}; the weights of epoch {best.epoch} are in {path}"
    return ConfigError(error.what, error.where, remedy)


def validate(model: Any, validation: Split, objective: Objective) -> tuple[float, float, float]:
    """Mean loss, area under the ROC (macro for many classes) and its error, both NaN where the loss is not finite."""
    import keras

    outputs = predict(model, validation.inputs)
    has_target = objective.penalty is not None and objective.penalty.target is not None
    of_jets = objective.of_jets if has_target else objective  # a penalty whose weight changes says nothing of an epoch
    per_jet = of_jets(keras.ops.convert_to_tensor(validation.targets), keras.ops.convert_to_tensor(outputs))
    loss = float(np.mean(keras.ops.convert_to_numpy(per_jet)))
    if not np.isfinite(loss):
        return loss, np.nan, np.nan
    area = auc_of_logits(objective.logits(outputs), validation.labels)
    return loss, area.value, area.error


def predict(model: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the model gives, (n_jets, n_outputs) float32."""
    logits: NDArray[np.float32] = model.predict(inputs, batch_size=PREDICT_BATCH, verbose=0)
    return logits


def best_epoch(rows: Sequence[Epoch], target: int | None = None) -> Epoch:
    """The epoch of the lowest validation loss among those of at most `target` EBOPs, or else that of fewest EBOPs.

    Only of epochs after which as many weights were pruned as after the last one.
    """
    rows = [row for row in rows if row.sparsity == rows[-1].sparsity]
    if target is None:
        return min(rows, key=lambda row: row.validation_loss)
    return min(rows, key=lambda row: (max(row.ebops or 0, target), row.validation_loss))
