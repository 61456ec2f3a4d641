"""The distillation losses against values computed by hand and against finite differences of their definition."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from compress.losses import (
    correlation,
    cross_entropy,
    decoupled,
    divergence,
    hint,
    relational,
    soft_targets,
    standardized,
)
from jets.errors import DataError

LN2 = np.log(2.0)
LOGITS = st.floats(-30, 30, width=32)


def number(tensor: object) -> float:
    return float(keras.ops.convert_to_numpy(tensor)[0])


def one(*logits: float) -> object:
    return ops.convert_to_tensor(np.array([logits], np.float32))


def jets(*rows: tuple[float, ...]) -> object:
    return ops.convert_to_tensor(np.array(rows, np.float32))


def label(*values: float) -> object:
    return ops.convert_to_tensor(np.array(values, np.float32))


def test_cross_entropy_of_an_undecided_student_is_ln_2() -> None:
    assert number(cross_entropy(label(1.0), one(0.0))) == pytest.approx(LN2)


@pytest.mark.parametrize(("truth", "expected"), [(1.0, -np.log(0.75)), (0.0, -np.log(0.25))])
def test_cross_entropy_of_one_logit_is_that_of_its_sigmoid(truth: float, expected: float) -> None:
    assert number(cross_entropy(label(truth), one(np.log(3.0)))) == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_of_three_logits_is_that_of_their_softmax() -> None:
    logits = one(np.log(1.0), np.log(2.0), np.log(5.0))
    assert number(cross_entropy(label(2.0), logits)) == pytest.approx(-np.log(5 / 8), rel=1e-6)


def test_label_smoothing_spreads_a_share_of_the_label_over_all_classes() -> None:
    logits = one(np.log(1.0), np.log(2.0), np.log(5.0))
    expected = -(0.1 / 3 * np.log(1 / 8) + 0.1 / 3 * np.log(2 / 8) + (0.9 + 0.1 / 3) * np.log(5 / 8))
    assert number(cross_entropy(label(2.0), logits, smoothing=0.1)) == pytest.approx(expected, rel=1e-6)


def test_divergence_of_one_logit_is_that_of_two_coins() -> None:
    teacher, student = 0.75, 0.5
    expected = teacher * np.log(teacher / student) + (1 - teacher) * np.log((1 - teacher) / (1 - student))
    assert number(divergence(one(np.log(3.0)), one(0.0))) == pytest.approx(expected, rel=1e-6)


def test_divergence_softens_both_sides_by_the_temperature() -> None:
    expected = number(divergence(one(np.log(3.0)), one(0.0)))
    assert number(divergence(one(4 * np.log(3.0)), one(0.0), temperature=4.0)) == pytest.approx(expected, rel=1e-5)


def test_divergence_of_three_classes_is_the_sum_over_them() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.25, 0.25])
    value = number(divergence(one(*np.log(p)), one(*np.log(q))))
    assert value == pytest.approx(float((p * np.log(p / q)).sum()), rel=1e-5)


@given(logit=LOGITS, other=LOGITS)
def test_divergence_is_never_negative_and_zero_for_the_teacher_itself(logit: float, other: float) -> None:
    assert number(divergence(one(logit), one(logit))) == pytest.approx(0.0, abs=1e-6)
    assert number(divergence(one(logit), one(other))) >= -1e-5


@given(logit=LOGITS, teacher=LOGITS, temperature=st.floats(0.5, 10))
def test_one_logit_and_two_logits_of_the_same_difference_have_the_same_losses(
    logit: float, teacher: float, temperature: float
) -> None:
    near = {"rel": 1e-4, "abs": 1e-4 * temperature**2}
    binary = number(soft_targets(one(teacher), one(logit), temperature))
    two = number(soft_targets(one(0.0, teacher), one(0.0, logit), temperature))
    assert binary == pytest.approx(two, **near)
    apart = number(decoupled(label(1.0), one(0.0, teacher), one(0.0, logit), temperature))
    assert number(decoupled(label(1.0), one(teacher), one(logit), temperature)) == pytest.approx(apart, **near)


def test_soft_targets_are_scaled_by_the_squared_temperature() -> None:
    kl = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    value = number(soft_targets(one(2 * np.log(3.0)), one(0.0), temperature=2.0))
    assert value == pytest.approx(2.0**2 * kl, rel=1e-6)


def test_decoupled_parts_are_the_target_against_the_rest_and_the_rest_among_themselves() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.25, 0.25])
    target = 0.2 * np.log(0.2 / 0.5) + 0.8 * np.log(0.8 / 0.5)
    others = 0.375 * np.log(0.375 / 0.5) + 0.625 * np.log(0.625 / 0.5)
    for beta in (0.0, 2.0):
        value = number(decoupled(label(0.0), one(*np.log(p)), one(*np.log(q)), 1.0, beta))
        assert value == pytest.approx(target + beta * others, rel=1e-4)


def test_decoupled_with_the_teachers_doubt_as_beta_is_plain_distillation() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.25, 0.25])
    plain = number(divergence(one(*np.log(p)), one(*np.log(q))))
    value = number(decoupled(label(2.0), one(*np.log(p)), one(*np.log(q)), 1.0, beta=1 - p[2]))
    assert value == pytest.approx(plain, rel=1e-4)


def test_decoupled_of_two_classes_has_nothing_to_tell_among_the_others() -> None:
    plain = number(divergence(one(1.3), one(-0.4)))
    assert number(decoupled(label(0.0), one(1.3), one(-0.4), 1.0, beta=7.0)) == pytest.approx(plain, rel=1e-5)


def test_standardized_logits_forget_size_and_offset() -> None:
    assert number(standardized(one(1.0, 2.0, 4.0), one(13.0, 16.0, 22.0))) == pytest.approx(0.0, abs=1e-6)


def test_standardized_logits_have_mean_0_and_deviation_1() -> None:
    root = np.sqrt(1.5)  # 1, 0, -1 have deviation sqrt(2/3)
    expected = number(soft_targets(one(root, 0.0, -root), one(0.0, root, -root), 2.0))
    assert number(standardized(one(5.0, 3.0, 1.0), one(0.0, 7.0, -7.0), 2.0)) == pytest.approx(expected, rel=1e-5)


def test_standardized_logits_of_two_classes_are_refused() -> None:
    with pytest.raises(DataError, match="two classes"):
        standardized(one(1.0), one(2.0))


def test_correlation_is_zero_for_the_teacher_itself_and_takes_both_directions() -> None:
    teacher = jets((0.0, 1.0, 2.0), (2.0, 0.0, 1.0), (1.0, 2.0, 0.0))
    np.testing.assert_allclose(ops.convert_to_numpy(correlation(teacher, teacher)), 0.0, atol=1e-6)
    student = jets((2.0, 1.0, 0.0), (1.0, 0.0, 2.0), (0.0, 2.0, 1.0))
    p, q = (np.exp(ops.convert_to_numpy(x)) for x in (teacher, student))
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    per_jet = np.array([1 - np.corrcoef(p[i], q[i])[0, 1] for i in range(3)])
    per_class = np.mean([1 - np.corrcoef(p[:, k], q[:, k])[0, 1] for k in range(3)])
    found = ops.convert_to_numpy(correlation(teacher, student))
    np.testing.assert_allclose(found, per_jet + per_class, rtol=1e-5)


def test_correlation_of_two_classes_is_that_of_the_jets() -> None:
    teacher, student = jets((0.3,), (-1.0,), (2.0,)), jets((1.0,), (0.0,), (0.5,))
    p, q = (1 / (1 + np.exp(-ops.convert_to_numpy(x)[:, 0])) for x in (teacher, student))
    found = ops.convert_to_numpy(correlation(teacher, student))
    np.testing.assert_allclose(found, 1 - np.corrcoef(p, q)[0, 1], rtol=1e-5)


def test_relational_ignores_scale_rotation_and_width() -> None:
    triangle = jets((0.0, 0.0), (3.0, 0.0), (0.0, 4.0))
    turned = jets((1.0, 1.0, 5.0), (1.0, 7.0, 5.0), (-7.0, 1.0, 5.0))
    np.testing.assert_allclose(ops.convert_to_numpy(relational(triangle, turned)), 0.0, atol=1e-6)


def test_relational_compares_distances_and_angles() -> None:
    """Right angle against a straight line: distances 3, 4, 5 against 3, 4, 7."""
    triangle, line = jets((0.0, 0.0), (3.0, 0.0), (0.0, 4.0)), jets((0.0,), (3.0,), (-4.0,))
    theirs, ours = np.array([3, 4, 5]) / 4.0, np.array([3, 4, 7]) * 3 / 14
    distances = 2 * np.sum(0.5 * (theirs - ours) ** 2) / 9
    cosines = np.array([[0.0, 0.6, 0.8], [-1.0, 1.0, 1.0]])  # at the three corners
    angles = 2 * np.sum(0.5 * (cosines[0] - cosines[1]) ** 2) / 27
    assert number(relational(triangle, line)) == pytest.approx(distances + 2 * angles, rel=1e-4)


def test_hint_is_half_the_mean_squared_difference() -> None:
    assert number(hint(one(1.0, 2.0, 3.0), one(1.0, 0.0, 0.0))) == pytest.approx(0.5 * (4 + 9) / 3)


def test_extreme_logits_give_finite_losses() -> None:
    for teacher, student in ((one(-1e4), one(1e4)), (one(1e4, -1e4, 0.0), one(-1e4, 1e4, 0.0))):
        for loss in (soft_targets, correlation):
            assert np.isfinite(number(loss(teacher, student)))
        assert np.isfinite(number(decoupled(label(0.0), teacher, student)))


def test_losses_of_equal_embeddings_have_finite_gradients() -> None:
    import tensorflow as tf

    embedding = tf.Variable(np.zeros((4, 3), np.float32))
    with tf.GradientTape() as tape:
        loss = ops.sum(relational(jets((0.0, 1.0), (1.0, 0.0), (2.0, 2.0), (0.0, 0.0)), embedding))
    assert np.isfinite(tape.gradient(loss, embedding).numpy()).all()


def test_teacher_values_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"the teacher's values have shape \(1, 2\), the student's \(1, 3\)"):
        soft_targets(one(0.0, 1.0), one(0.0, 1.0, 2.0), 4.0)
    for loss in (divergence, correlation, hint):
        with pytest.raises(DataError, match="the teacher's values have shape"):
            loss(one(0.0), one(0.0, 1.0))
