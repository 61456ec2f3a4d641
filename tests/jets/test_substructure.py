"""Substructure of jets that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from jets.substructure import mass_and_pt, subjettiness


def test_two_constituents_back_to_back_in_their_frame_have_the_mass_of_the_formula() -> None:
    momenta = np.array([[[100.0, 0.2, 0.0], [50.0, -0.1, 0.4], [999.0, 3.0, 3.0]]])
    mass, pt = mass_and_pt(momenta, np.array([[True, True, False]]))
    assert mass[0] == pytest.approx(np.sqrt(2 * 100 * 50 * (np.cosh(0.3) - np.cos(0.4))))
    assert pt[0] == pytest.approx(np.hypot(100 + 50 * np.cos(0.4), 50 * np.sin(0.4)))


def test_mass_does_not_depend_on_the_axis() -> None:
    rng = np.random.default_rng(2)
    momenta = np.stack([rng.uniform(1, 100, (5, 9)), *rng.normal(0, 0.3, (2, 5, 9))], axis=-1)
    mask = rng.random((5, 9)) < 0.8
    boosted = momenta + np.array([0.0, 1.3, 0.7])
    for values, others in zip(mass_and_pt(momenta, mask), mass_and_pt(boosted, mask), strict=True):
        np.testing.assert_allclose(others, values, rtol=1e-9)


def test_prongs_are_found_and_their_number_decides_what_is_left() -> None:
    rng = np.random.default_rng(3)
    centres = np.array([[0.0, 0.5], [0.4, -0.3], [-0.45, -0.2]])
    place = centres[np.arange(12) % 3] + 1e-3 * rng.normal(size=(50, 12, 2))
    momenta = np.concatenate([rng.uniform(20, 100, (50, 12, 1)), place], axis=-1)
    mask = np.ones((50, 12), bool)
    one, two, three = (subjettiness(momenta, mask, n) for n in (1, 2, 3))
    assert (three < 5e-3).all() and (two > 0.05).all() and (one > two).all()


def test_tau_one_of_two_constituents_is_the_distance_to_their_weighted_mean() -> None:
    momenta = np.array([[[30.0, 0.0, 0.0], [10.0, 0.4, 0.0]]])
    tau = subjettiness(momenta, np.ones((1, 2), bool), 1, radius=0.8)
    assert tau[0] == pytest.approx((30 * 0.1 + 10 * 0.3) / (40 * 0.8))


def test_as_many_axes_as_constituents_leave_nothing() -> None:
    momenta = np.random.default_rng(4).uniform(0.1, 1, (6, 3, 3))
    assert (subjettiness(momenta, np.ones((6, 3), bool), 3) == 0).all()
    assert (subjettiness(momenta, np.ones((6, 3), bool), 5) == 0).all()


def test_padding_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    momenta, mask = rng.uniform(0.1, 1, (8, 6, 3)), np.arange(6) < rng.integers(2, 7, 8)[:, None]
    padded = np.concatenate([np.where(mask[..., None], momenta, 7.0), np.full((8, 3, 3), 9.0)], axis=1)
    wide = np.concatenate([mask, np.zeros((8, 3), bool)], axis=1)
    np.testing.assert_allclose(subjettiness(padded, wide, 2), subjettiness(momenta, mask, 2))
