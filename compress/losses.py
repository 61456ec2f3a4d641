"""Distillation losses, framework-neutral: `keras.ops` on the student's logits and the teacher's stored ones.

Every loss is per jet, (n_jets,). Two classes have one logit (of the second class against the first), more have one
logit each, as in `models.tagger.Tagger`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.errors import DataError

Loss = Callable[[Any, Any], Any]
LABEL, WEIGHT, TEACHER = 0, 1, 2  # columns of packed targets; the teacher's logits are the last ones


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Cross entropy in nats, (n_jets,), of labels (n_jets,) and logits (n_jets, n_outputs)."""
    from keras import ops

    if logits.shape[-1] == 1:
        logit = logits[:, 0]
        return ops.softplus(logit) - ops.cast(labels, logits.dtype) * logit
    chosen = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1])
    return -ops.sum(chosen * ops.log_softmax(logits, axis=-1), axis=-1)


def divergence(teacher_logits: Any, logits: Any, temperature: float = 1.0) -> Any:
    """KL(teacher || student) in nats, (n_jets,), both softened by `temperature`.

    Args:
        teacher_logits: (n_jets, n_outputs).
        logits: the student's, the same shape.
        temperature: divides both sets of logits (Hinton, Vinyals and Dean, arXiv:1503.02531, eq. 1).

    Raises:
        DataError: the shapes differ.
    """
    from keras import ops

    check_shapes(teacher_logits, logits)
    soft_teacher, soft_student = teacher_logits / temperature, logits / temperature
    if logits.shape[-1] == 1:
        t, s = soft_teacher[:, 0], soft_student[:, 0]
        p = ops.sigmoid(t)
        return p * (ops.softplus(-s) - ops.softplus(-t)) + (1 - p) * (ops.softplus(s) - ops.softplus(t))
    log_teacher, log_student = ops.log_softmax(soft_teacher, axis=-1), ops.log_softmax(soft_student, axis=-1)
    return ops.sum(ops.exp(log_teacher) * (log_teacher - log_student), axis=-1)


def soft_targets(labels: Any, teacher_logits: Any, logits: Any, temperature: float, alpha: float) -> Any:
    """alpha * CE(labels, student) + (1 - alpha) * T^2 * KL(teacher || student at temperature T), (n_jets,).

    Hinton, Vinyals and Dean, arXiv:1503.02531, section 2: the factor T^2 keeps the gradient of the soft part at the
    scale of the hard part's when T changes. Their cross entropy with soft targets differs from the KL divergence by
    the teacher's entropy, which has no gradient.

    Raises:
        DataError: the teacher's logits have another shape than the student's.
    """
    soft = temperature**2 * divergence(teacher_logits, logits, temperature)
    return alpha * cross_entropy(labels, logits) + (1 - alpha) * soft


def check_shapes(teacher_logits: Any, logits: Any) -> None:
    """Raise DataError when the teacher's logits do not have the student's shape (a batch of None fits any)."""
    teacher, student = tuple(teacher_logits.shape), tuple(logits.shape)
    fits = len(teacher) == len(student) and all(
        a in (b, None) or b is None for a, b in zip(teacher, student, strict=False)
    )
    if not fits:
        what = f"the teacher's logits have shape {teacher}, the student's {student}"
        raise DataError(what, None, "teach and distil on the same classes and the same jets")


def pack(
    labels: NDArray[Any], weights: NDArray[Any], teacher_logits: NDArray[Any] | None = None
) -> NDArray[np.float32]:
    """Labels, jet weights (to mean 1) and the teacher's logits as the one target array that Keras passes to a loss.

    Returns:
        (n_jets, 2 + n_outputs) float32; without a teacher (n_jets, 2).

    Raises:
        DataError: the arrays differ in length.
    """
    columns = [np.asarray(labels, np.float32)[:, None], (weights / weights.mean()).astype(np.float32)[:, None]]
    if teacher_logits is not None:
        columns.append(np.asarray(teacher_logits, np.float32))
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(str(len(column)) for column in columns)
        raise DataError(f"labels, weights and teacher logits differ in length ({lengths})", None, "teach these jets")
    return np.concatenate(columns, axis=1)


def packed_cross_entropy() -> Loss:
    """The control: a Keras loss of `pack`ed targets that ignores any teacher."""

    def loss(targets: Any, logits: Any) -> Any:
        return targets[:, WEIGHT] * cross_entropy(targets[:, LABEL], logits)

    return loss


def packed_soft_targets(temperature: float, alpha: float) -> Loss:
    """`soft_targets` as a Keras loss of `pack`ed targets."""

    def loss(targets: Any, logits: Any) -> Any:
        per_jet = soft_targets(targets[:, LABEL], targets[:, TEACHER:], logits, temperature, alpha)
        return targets[:, WEIGHT] * per_jet

    return loss
