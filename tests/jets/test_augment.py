"""Jets seen again: turned by hand-computed angles, mirrored, smeared, drawn among their views; and what stays."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from jets.augment import Augmentation, augment, rotated
from jets.config import fill
from jets.dataset import FOUR_VECTOR, IMPACT, Jets, in_turn
from jets.errors import ConfigError, DataError
from jets.features import SIX_FEATURES, six_features

EVERYTHING = Augmentation(rotate=True, reflect=True, smear_pt=0.2, smear_angle_gev=0.1)


def some_jets(n_jets: int = 400) -> Jets:
    rng = np.random.default_rng(5)
    mask = np.arange(6) < rng.integers(1, 7, n_jets)[:, None]
    pt = -np.sort(-rng.exponential(20.0, mask.shape), axis=1) + 0.05
    columns: list[Any] = [pt, *(0.3 * rng.standard_normal(mask.shape) for _ in range(2)), np.full(mask.shape, 0.14)]
    columns += [rng.standard_normal(mask.shape) for _ in IMPACT]
    constituents = np.where(mask[..., None], np.stack(columns, axis=-1), 0).astype(np.float32)
    kinematics = np.stack([pt.sum(axis=1), *rng.normal(0, 1, (2, n_jets)), pt[:, 0], mask.sum(axis=1)], axis=1)
    return Jets(
        constituents, mask, kinematics.astype(np.float32), np.arange(n_jets, dtype=np.int16) % 2,
        np.arange(n_jets, dtype=np.uint64) * np.uint64(4), ("QCD", "top"), FOUR_VECTOR + IMPACT,
        np.ones((n_jets, 1), np.float32), ("zlogz",),
    )  # fmt: skip


def again(jets: Jets, seed: int = 1, **how: Any) -> Jets:
    return augment(jets, fill(Augmentation, how, "augment"), np.random.default_rng(seed))


def test_a_quarter_turn_and_a_sixth_are_those_worked_out_by_hand() -> None:
    deta, dphi = np.array([[3.0, 0.0], [2.0, 0.0]]), np.array([[4.0, 0.0], [0.0, 0.0]])
    eta, phi = rotated(deta, dphi, np.array([np.pi / 2, np.pi / 3]))
    np.testing.assert_allclose(eta, [[-4.0, 0.0], [1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(phi, [[3.0, 0.0], [np.sqrt(3), 0.0]], atol=1e-12)


def test_a_turn_keeps_every_distance_to_the_axis_and_between_constituents() -> None:
    jets = some_jets()
    turned = again(jets, rotate=True)
    before, after = (each.feature("deta") + 1j * each.feature("dphi") for each in (jets, turned))
    np.testing.assert_allclose(np.abs(after), np.abs(before), atol=1e-6)
    np.testing.assert_allclose(np.abs(after[:, 1:] - after[:, :-1]), np.abs(before[:, 1:] - before[:, :-1]), atol=1e-6)
    angle = np.angle(after[:, 0] / before[:, 0])
    assert np.abs(np.histogram(angle, 4, (-np.pi, np.pi))[0] - 100).max() < 40
    assert np.array_equal(turned.feature("pt_gev"), jets.feature("pt_gev"))
    seen = [i for i, name in enumerate(SIX_FEATURES) if name != "energy_rel"]  # it depends on eta itself
    np.testing.assert_allclose(six_features(turned, 6)[..., seen], six_features(jets, 6)[..., seen], atol=2e-5)


def test_half_of_the_jets_are_mirrored_and_the_others_are_as_they_were() -> None:
    jets = some_jets()
    mirrored = again(jets, reflect=True)
    sign = np.where(mirrored.jet("eta") == jets.jet("eta"), 1, -1)
    assert 150 < (sign < 0).sum() < 250
    for name in jets.constituent_features:
        factor = sign[:, None] if name in ("deta", "dz_mm") else 1
        np.testing.assert_array_equal(mirrored.feature(name), factor * jets.feature(name), err_msg=name)


def test_smearing_pt_keeps_its_sum_and_has_the_width_that_was_asked_for() -> None:
    jets = dataclasses.replace(some_jets(), mask=np.ones((400, 6), bool))
    jets.constituents[:, :, 0] = np.float32(10.0)
    smeared = again(jets, smear_pt=0.1)
    np.testing.assert_allclose(smeared.feature("pt_gev").sum(axis=1), 60.0, rtol=1e-6)
    assert np.log(smeared.feature("pt_gev")).std() == pytest.approx(0.1 * np.sqrt(5 / 6), rel=0.05)
    assert np.array_equal(np.sort(smeared.feature("d0_mm")), np.sort(jets.feature("d0_mm")))


def test_smearing_angles_moves_soft_constituents_most() -> None:
    jets = some_jets()
    moved = again(jets, smear_angle_gev=0.1)
    for name in ("deta", "dphi"):
        pull = (moved.feature(name) - jets.feature(name))[jets.mask] / np.minimum(
            0.1 / jets.feature("pt_gev")[jets.mask], 1.0
        )
        assert pull.std() == pytest.approx(1.0, rel=0.06)
        assert abs(pull.mean()) < 0.1


def test_masks_padding_and_jet_level_numbers_stay_and_the_jets_are_still_sound() -> None:
    jets = some_jets()
    seen = again(jets, **dataclasses.asdict(EVERYTHING)).check()
    assert np.array_equal(seen.mask, jets.mask)
    assert not seen.constituents[~seen.mask].any()
    for name in ("labels", "ids", "weights"):
        assert np.array_equal(getattr(seen, name), getattr(jets, name))
    assert np.array_equal(np.abs(seen.kinematics), np.abs(jets.kinematics))
    assert (seen.high_level, seen.high_level_features) == (None, ())


def test_the_jets_that_are_augmented_are_not_changed_and_nothing_asked_for_changes_nothing() -> None:
    jets, untouched = some_jets(), some_jets()
    again(jets, **dataclasses.asdict(EVERYTHING))
    assert np.array_equal(jets.constituents, untouched.constituents)
    assert np.array_equal(jets.kinematics, untouched.kinematics)
    assert again(jets) is jets


def test_the_same_seed_sees_the_same_jets_and_another_one_others() -> None:
    jets, how = some_jets(), dataclasses.asdict(EVERYTHING)
    assert np.array_equal(again(jets, 3, **how).constituents, again(jets, 3, **how).constituents)
    assert not np.array_equal(again(jets, 3, **how).constituents, again(jets, 4, **how).constituents)


def test_one_view_of_each_parton_is_drawn() -> None:
    nominal = dataclasses.replace(some_jets(), view_names=("nominal", "seed", "fsr"))
    views = [dataclasses.replace(nominal, ids=nominal.ids + np.uint64(view)) for view in range(3)]
    jets = in_turn(views)
    drawn = again(jets, views=True)
    assert len(drawn) == 400
    assert drawn.views is not None
    assert drawn.high_level is not None
    assert np.array_equal(np.sort(drawn.hard_ids), nominal.ids)
    assert np.bincount(drawn.views).min() > 90
    with pytest.raises(DataError, match="one view each"):
        again(some_jets(), views=True)


@pytest.mark.parametrize("bad", [{"smear_pt": -0.1}, {"smear_angle_gev": 2.0}, {"rotat": True}])
def test_a_bad_option_is_refused_by_its_name(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        again(some_jets(), **bad)
