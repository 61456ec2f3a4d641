"""Distillation losses, framework-neutral: `keras.ops` on what the student and the stored teacher say of the same jets.

Every loss is per jet, (n_jets,), in nats where it is an entropy. Two classes have one logit (of the second class
against the first), more have one logit each, as in `models.tagger.Tagger`. A loss that compares jets with each other
is the same for every jet of a batch.
"""

from __future__ import annotations

from typing import Any

from jets.errors import DataError

ANGLE_JETS = 64
"""Jets of a batch whose triples are compared: their number grows with the third power."""
TINY = 1e-7


def cross_entropy(labels: Any, logits: Any, smoothing: float = 0.0) -> Any:
    """Cross entropy, (n_jets,), of labels (n_jets,) and logits (n_jets, n_outputs).

    `smoothing` is the share of the label that is spread evenly over all classes (Szegedy et al., arXiv:1512.00567,
    section 7): softer targets that hold no knowledge, the control for a teacher's.
    """
    from keras import ops

    log_p = log_probabilities(logits)
    chosen = ops.one_hot(ops.cast(labels, "int32"), log_p.shape[-1])
    wanted = (1 - smoothing) * chosen + smoothing / log_p.shape[-1]
    return -ops.sum(wanted * log_p, axis=-1)


def log_probabilities(logits: Any, temperature: Any = 1.0) -> Any:
    """Logarithms of the class probabilities, (n_jets, n_classes), of logits divided by `temperature`."""
    from keras import ops

    soft = logits / temperature
    if logits.shape[-1] == 1:
        return ops.concatenate([-ops.softplus(soft), -ops.softplus(-soft)], axis=-1)
    return ops.log_softmax(soft, axis=-1)


def divergence(teacher_logits: Any, logits: Any, temperature: Any = 1.0) -> Any:
    """KL(teacher || student), (n_jets,), both logits (n_jets, n_outputs) softened by `temperature`.

    Hinton, Vinyals and Dean, arXiv:1503.02531, eq. 1.

    Raises:
        DataError: the shapes differ.
    """
    check_shapes(teacher_logits, logits)
    return _kl(log_probabilities(teacher_logits, temperature), log_probabilities(logits, temperature))


def soft_targets(teacher_logits: Any, logits: Any, temperature: Any = 1.0) -> Any:
    """T^2 KL(teacher || student at temperature T), (n_jets,).

    Hinton, Vinyals and Dean, arXiv:1503.02531, section 2: the factor T^2 keeps the gradient at the scale of the labels'
    when T changes. Their cross entropy with soft targets differs from the KL divergence by the teacher's entropy, which
    has no gradient.
    """
    return temperature**2 * divergence(teacher_logits, logits, temperature)


def decoupled(labels: Any, teacher_logits: Any, logits: Any, temperature: Any = 1.0, beta: float = 2.0) -> Any:
    """T^2 (TCKD + beta NCKD), (n_jets,): the label's class against all others, and the others among themselves.

    Zhao et al., arXiv:2203.08679, eq. 7. Plain distillation weighs the second part with the teacher's doubt in the
    label, 1 - p_label, here it is `beta`. Two classes leave nothing to tell among the others: NCKD is zero.

    Raises:
        DataError: the shapes differ.
    """
    from keras import ops

    check_shapes(teacher_logits, logits)
    log_t, log_s = (log_probabilities(values, temperature) for values in (teacher_logits, logits))
    chosen = ops.one_hot(ops.cast(labels, "int32"), log_t.shape[-1])
    target = _kl(_chosen_or_not(log_t, chosen), _chosen_or_not(log_s, chosen))
    others = _kl(*(ops.log_softmax(values - 1e4 * chosen, axis=-1) for values in (log_t, log_s)))
    return temperature**2 * (target + beta * others)


def standardized(teacher_logits: Any, logits: Any, temperature: Any = 1.0) -> Any:
    """`soft_targets` of logits brought to mean 0 and standard deviation 1 jet by jet, (n_jets,).

    Sun et al., arXiv:2403.01731, eq. 7: the student matches the order and the ratios of the teacher's logits, not their
    size, for which it may be too small.

    Raises:
        DataError: the shapes differ, or there are two classes, whose standardized logits are always 1 and -1.
    """
    if logits.shape[-1] < 3:
        raise DataError(
            "standardized logits of two classes hold no knowledge", "loss: standardized", "use soft_targets"
        )
    return soft_targets(_standardize(teacher_logits), _standardize(logits), temperature)


def correlation(teacher_logits: Any, logits: Any, temperature: Any = 1.0) -> Any:
    """T^2 (1 - Pearson correlation): of the classes of each jet, and of the jets of a batch for each class, (n_jets,).

    Huang et al. (DIST), arXiv:2205.10536, eqs. 8 to 10, both relations with weight one. The classes of a jet are left
    out when there are two, since their correlation is then always 1 or -1.

    Raises:
        DataError: the shapes differ.
    """
    from keras import ops

    check_shapes(teacher_logits, logits)
    teacher, student = (ops.exp(log_probabilities(values, temperature)) for values in (teacher_logits, logits))
    of_jets = 1 - ops.mean(_pearson(teacher, student, axis=0))
    of_classes = 1 - _pearson(teacher, student, axis=1)
    if logits.shape[-1] == 1:
        of_classes = ops.zeros_like(of_classes)
    return temperature**2 * (of_classes + of_jets)


def relational(teacher_embedding: Any, embedding: Any) -> Any:
    """How differently teacher and student place the jets of a batch: distances plus twice the angles, (n_jets,).

    Park et al. (RKD), arXiv:1904.05068, eqs. 4 to 8: Huber losses of pairwise distances, in units of their batch mean,
    and of the angles in triples, the latter of the first `ANGLE_JETS` jets only. The embeddings (n_jets, n_teacher) and
    (n_jets, n_student) may differ in width.
    """
    from keras import ops

    scaled = [_distances(values) for values in (teacher_embedding, embedding)]
    cosines = [_cosines(values[:ANGLE_JETS]) for values in (teacher_embedding, embedding)]
    loss = ops.mean(_huber(scaled[0] - scaled[1])) + 2 * ops.mean(_huber(cosines[0] - cosines[1]))
    return loss * ops.ones_like(embedding[:, 0])


def hint(teacher_embedding: Any, projected: Any) -> Any:
    """Half the mean squared difference of the teacher's embedding and the student's projection of its own, (n_jets,).

    Romero et al. (FitNets), arXiv:1412.6550, eq. 3, per component of the embedding.

    Raises:
        DataError: the shapes differ.
    """
    from keras import ops

    check_shapes(teacher_embedding, projected)
    return 0.5 * ops.mean(ops.square(teacher_embedding - projected), axis=-1)


def check_shapes(teacher_values: Any, values: Any) -> None:
    """Raise DataError when the teacher's values do not have the student's shape (a batch of None fits any)."""
    teacher, student = tuple(teacher_values.shape), tuple(values.shape)
    fits = len(teacher) == len(student) and all(
        a in (b, None) or b is None for a, b in zip(teacher, student, strict=False)
    )
    if not fits:
        what = f"the teacher's values have shape {teacher}, the student's {student}"
        raise DataError(what, None, "teach and distil on the same classes and the same jets")


def _kl(log_p: Any, log_q: Any) -> Any:
    from keras import ops

    return ops.sum(ops.exp(log_p) * (log_p - log_q), axis=-1)


def _chosen_or_not(log_p: Any, chosen: Any) -> Any:
    """Logarithms of the probabilities (n_jets, 2) of the chosen class and of all others together."""
    from keras import ops

    rest = ops.logsumexp(log_p - 1e4 * chosen, axis=-1)
    return ops.stack([ops.sum(log_p * chosen, axis=-1), rest], axis=-1)


def _standardize(logits: Any) -> Any:
    from keras import ops

    centred = logits - ops.mean(logits, axis=-1, keepdims=True)
    return centred / (ops.std(logits, axis=-1, keepdims=True) + TINY)


def _pearson(first: Any, second: Any, axis: int) -> Any:
    from keras import ops

    first, second = (values - ops.mean(values, axis=axis, keepdims=True) for values in (first, second))
    norm = ops.sqrt(ops.sum(first**2, axis=axis) * ops.sum(second**2, axis=axis) + TINY**2)
    return ops.sum(first * second, axis=axis) / norm


def _distances(embedding: Any) -> Any:
    """Euclidean distances in units of their mean over pairs of jets, (n_jets, n_jets)."""
    from keras import ops

    squares = ops.sum(embedding**2, axis=-1)
    squared = squares[:, None] + squares[None, :] - 2 * embedding @ ops.transpose(embedding)
    distances = ops.sqrt(ops.maximum(squared, TINY**2))
    n_jets = ops.sum(ops.ones_like(squares))
    return distances * n_jets * (n_jets - 1) / (ops.sum(distances) + TINY)


def _cosines(embedding: Any) -> Any:
    """Cosines of the angle at the second of three jets, (n_jets, n_jets, n_jets)."""
    from keras import ops

    towards = embedding[None, :, :] - embedding[:, None, :]
    unit = towards / ops.sqrt(ops.sum(towards**2, axis=-1, keepdims=True) + TINY)
    return ops.einsum("jid,jkd->ijk", unit, unit)


def _huber(difference: Any) -> Any:
    from keras import ops

    size = ops.abs(difference)
    return ops.where(size <= 1, 0.5 * size**2, size - 0.5)
