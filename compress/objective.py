"""What a student's training minimises: losses, their weights and their schedules, as a Keras loss of packed targets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compress import losses
from compress.quantize.budget import Budget
from jets.config import check_above_zero, check_at_least, check_choice
from jets.errors import ConfigError, DataError

LOGITS_LOSSES = ("soft_targets", "decoupled", "standardized", "correlation", "cross_entropy")
EMBEDDING_LOSSES = ("relational", "hint")
LABEL, WEIGHT, TEACHER = 0, 1, 2
"""Columns of packed targets; the teacher's logits and then its embedding are the last ones."""


@dataclass(frozen=True)
class LossConfig:
    """The loss of a jet: alpha times the labels', 1 - alpha times the teacher's, and the embedding's with its weight.

    The defaults suit a student too small to learn all that its teacher knows, and a teacher much better than it: the
    teacher's probabilities alone, unsoftened. On the validation split of the packaged top/QCD jets the float 20x6 GRU
    had AUC .9555 with them, .9551 with alpha = 0.5, .9547 at temperature 4 and .9541 with the labels alone (one seed,
    25 epochs at 5e-3). Give the labels a weight when the teacher is in doubt.

    Attributes:
        logits: how the student's logits follow the teacher's, a function of `compress.losses`; "cross_entropy" is the
            control that has the labels alone.
        temperature: softens teacher and student alike.
        alpha: weight of the labels; the teacher has 1 - alpha.
        temperature_end, alpha_end: reached in a straight line by the last epoch of a phase; None stays. Validation uses
            these final values, so that epochs can be compared.
        beta: of "decoupled", the weight of the classes that the label is not.
        label_smoothing: share of the labels that is spread over all classes.
        embedding: how what the student's last layer sees follows the teacher's embedding, "relational" or "hint"
            (through a linear projection that is trained along and dropped); None leaves it free.
        embedding_weight: of that loss.

    Raises:
        ConfigError: a value out of range.
    """

    logits: Literal["soft_targets", "decoupled", "standardized", "correlation", "cross_entropy"] = "soft_targets"
    temperature: float = 1.0
    alpha: float = 0.0
    temperature_end: float | None = None
    alpha_end: float | None = None
    beta: float = 2.0
    label_smoothing: float = 0.0
    embedding: Literal["relational", "hint"] | None = None
    embedding_weight: float = 1.0

    def __post_init__(self) -> None:
        check_choice(self, logits=LOGITS_LOSSES, embedding=EMBEDDING_LOSSES)
        check_above_zero(self, "temperature", "temperature_end", "embedding_weight")
        for name in ("alpha", "alpha_end", "label_smoothing"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{name} must be between 0 and 1, not {value}", None, "correct it")
        check_at_least(self, beta=0)

    @property
    def needs_teacher(self) -> bool:
        """Whether anything but the labels is learnt from."""
        return self.logits != "cross_entropy" or self.embedding is not None

    def without_teacher(self) -> LossConfig:
        """The control: the labels alone, smoothed as they are here."""
        return LossConfig(logits="cross_entropy", label_smoothing=self.label_smoothing)

    def at(self, share: float) -> tuple[float, float]:
        """alpha and the temperature after this share (0 to 1) of a phase."""
        alpha_end = self.alpha if self.alpha_end is None else self.alpha_end
        temperature_end = self.temperature if self.temperature_end is None else self.temperature_end
        return (
            self.alpha + share * (alpha_end - self.alpha),
            self.temperature + share * (temperature_end - self.temperature),
        )

    def record(self) -> dict[str, Any]:
        """What the weights of a student depend on (JSON-serialisable)."""
        if not self.needs_teacher:
            return {"logits": self.logits, "label_smoothing": self.label_smoothing}
        return dataclasses.asdict(self)


class Objective:
    """A `LossConfig` as a Keras loss of `pack`ed targets (n_jets, …) and a student's outputs.

    `penalty` gives what is added to the loss of every jet, a scalar tensor, where the student itself costs something.
    The outputs are the logits (n_jets, n_outputs), followed by the student's embedding where its loss asks for one.
    """

    def __init__(self, config: LossConfig, n_outputs: int, penalty: Budget | None = None) -> None:
        import keras

        self.config, self.n_outputs, self.penalty = config, n_outputs, penalty
        alpha, temperature = config.at(0.0)
        self._alpha = keras.Variable(alpha, trainable=False, dtype="float32")
        self._temperature = keras.Variable(temperature, trainable=False, dtype="float32")

    def begin(self, share: float) -> None:
        """Set alpha and the temperature for this share (0 to 1) of the phase."""
        for variable, value in zip((self._alpha, self._temperature), self.config.at(share), strict=True):
            variable.assign(value)

    def logits(self, outputs: Any) -> Any:
        """The logits among a student's outputs."""
        return outputs[:, : self.n_outputs]

    def __call__(self, targets: Any, outputs: Any) -> Any:
        """The loss of each jet, (n_jets,), with its weight and the penalty."""
        loss = self.of_jets(targets, outputs)
        return loss if self.penalty is None else loss + self.penalty()

    def of_jets(self, targets: Any, outputs: Any) -> Any:
        """The loss of each jet, (n_jets,), with its weight."""
        logits = self.logits(outputs)
        loss = losses.cross_entropy(targets[:, LABEL], logits, self.config.label_smoothing)
        if self.config.logits != "cross_entropy":
            loss = self._alpha * loss + (1 - self._alpha) * self._of_teacher(targets, logits)
        if self.config.embedding is not None:
            compare = losses.relational if self.config.embedding == "relational" else losses.hint
            theirs, ours = targets[:, TEACHER + self.n_outputs :], outputs[:, self.n_outputs :]
            loss = loss + self.config.embedding_weight * compare(theirs, ours)
        return targets[:, WEIGHT] * loss

    def _of_teacher(self, targets: Any, logits: Any) -> Any:
        theirs = targets[:, TEACHER : TEACHER + self.n_outputs]
        if self.config.logits == "decoupled":
            return losses.decoupled(targets[:, LABEL], theirs, logits, self._temperature, self.config.beta)
        return getattr(losses, self.config.logits)(theirs, logits, self._temperature)


def pack(
    labels: NDArray[Any], weights: NDArray[Any], *teacher: NDArray[Any] | None, mean_weight: float | None = None
) -> NDArray[np.float32]:
    """Labels, jet weights (to mean 1) and what the teacher says as the one target array that Keras passes to a loss.

    Args:
        labels, weights: (n_jets,).
        teacher: its logits (n_jets, n_outputs) and its embedding (n_jets, n_embedding); None is left out.
        mean_weight: of all jets that these are some of; None where these are all.

    Returns:
        (n_jets, 2 + n_outputs + n_embedding) float32.

    Raises:
        DataError: the arrays differ in length.
    """
    relative = weights / (weights.mean() if mean_weight is None else mean_weight)
    columns = [np.asarray(labels, np.float32)[:, None], relative.astype(np.float32)[:, None]]
    columns += [np.asarray(values, np.float32) for values in teacher if values is not None]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(str(len(column)) for column in columns)
        raise DataError(f"labels, weights and teacher outputs differ in length ({lengths})", None, "teach these jets")
    return np.concatenate(columns, axis=1)
