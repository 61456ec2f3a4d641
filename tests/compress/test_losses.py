"""The distillation losses against values computed by hand and against finite differences of their definition."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from compress.losses import cross_entropy, divergence, pack, packed_cross_entropy, packed_soft_targets, soft_targets
from jets.errors import DataError

LN2 = np.log(2.0)
LOGITS = st.floats(-30, 30, width=32)


def number(tensor: object) -> float:
    return float(keras.ops.convert_to_numpy(tensor)[0])


def one(*logits: float) -> object:
    return ops.convert_to_tensor(np.array([logits], np.float32))


def test_cross_entropy_of_an_undecided_student_is_ln_2() -> None:
    assert number(cross_entropy(ops.convert_to_tensor([1.0]), one(0.0))) == pytest.approx(LN2)


@pytest.mark.parametrize(("label", "expected"), [(1.0, -np.log(0.75)), (0.0, -np.log(0.25))])
def test_cross_entropy_of_one_logit_is_that_of_its_sigmoid(label: float, expected: float) -> None:
    assert number(cross_entropy(ops.convert_to_tensor([label]), one(np.log(3.0)))) == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_of_three_logits_is_that_of_their_softmax() -> None:
    logits = one(np.log(1.0), np.log(2.0), np.log(5.0))
    assert number(cross_entropy(ops.convert_to_tensor([2.0]), logits)) == pytest.approx(-np.log(5 / 8), rel=1e-6)


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
def test_one_logit_and_two_logits_of_the_same_difference_have_the_same_loss(
    logit: float, teacher: float, temperature: float
) -> None:
    label = ops.convert_to_tensor([1.0])
    binary = number(soft_targets(label, one(teacher), one(logit), temperature, 0.5))
    two = number(soft_targets(label, one(0.0, teacher), one(0.0, logit), temperature, 0.5))
    assert binary == pytest.approx(two, rel=1e-4, abs=1e-4 * temperature**2)


def test_soft_targets_weigh_labels_and_teacher_with_the_squared_temperature() -> None:
    label, teacher, student = ops.convert_to_tensor([1.0]), one(2 * np.log(3.0)), one(0.0)
    kl = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    expected = 0.3 * LN2 + 0.7 * 2.0**2 * kl
    assert number(soft_targets(label, teacher, student, temperature=2.0, alpha=0.3)) == pytest.approx(
        expected, rel=1e-6
    )


def test_soft_targets_with_alpha_one_are_the_control() -> None:
    targets = pack(np.array([1, 0]), np.ones(2), np.array([[9.0], [-9.0]]))
    logits = ops.convert_to_tensor(np.array([[0.3], [1.2]], np.float32))
    packed = ops.convert_to_tensor(targets)
    soft = keras.ops.convert_to_numpy(packed_soft_targets(4.0, 1.0)(packed, logits))
    np.testing.assert_allclose(soft, keras.ops.convert_to_numpy(packed_cross_entropy()(packed, logits)), rtol=1e-6)


def test_packed_weights_scale_each_jet_and_keep_the_mean() -> None:
    targets = pack(np.array([1, 1]), np.array([1.0, 3.0]))
    loss = keras.ops.convert_to_numpy(packed_cross_entropy()(ops.convert_to_tensor(targets), ops.zeros((2, 1))))
    np.testing.assert_allclose(loss, [0.5 * LN2, 1.5 * LN2], rtol=1e-6)


def test_extreme_logits_give_finite_losses() -> None:
    value = number(soft_targets(ops.convert_to_tensor([0.0]), one(-1e4), one(1e4), 1.0, 0.5))
    assert np.isfinite(value)


def test_teacher_logits_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"the teacher's logits have shape \(1, 2\), the student's \(1, 3\)"):
        soft_targets(ops.convert_to_tensor([1.0]), one(0.0, 1.0), one(0.0, 1.0, 2.0), 4.0, 0.5)
    with pytest.raises(DataError, match="the teacher's logits have shape"):
        divergence(one(0.0), one(0.0, 1.0))


def test_targets_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match=r"differ in length \(2, 2, 3\)"):
        pack(np.array([0, 1]), np.ones(2), np.zeros((3, 1)))
