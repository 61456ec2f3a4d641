"""The table of a model card: which values of a feature a firmware can tell apart."""

from __future__ import annotations

from hls.package.card import input_table
from hls.package.features import MEANINGS, feature_table
from hls.project import Tensor
from jets.features import SIX_FEATURES, SIXTEEN_FEATURES, PowerOfTwoScaling
from jets.high_level import HIGH_LEVEL_FEATURES
from jets.tracks import TRACK_FEATURES

SCALING = PowerOfTwoScaling((0.5, 0.0, -1.0, 0.0, 0.25, 1.0), (1, 0, -2, 0, 3, 0))


def tensor(*shape: int, signed: bool = True) -> Tensor:
    return Tensor("x", shape, "ap_fixed<6,3>", 6, 3, signed)


def test_a_row_has_the_range_before_the_scaling() -> None:
    rows = {row[0]: row[1:] for row in input_table(tensor(20, 6), SCALING).rows}
    assert tuple(rows) == SIX_FEATURES
    assert rows["pt_rel"] == ("0.5", "1", "-1.5", "2.4375", "0.0625")  # -32/8 … 31/8, halved, moved by one half
    assert rows["phi_rot"] == ("-1", "-2", "-17", "14.5", "0.5")


def test_features_that_their_number_does_not_tell_are_named() -> None:
    assert tuple(row[0] for row in input_table(tensor(15, 6), SCALING, TRACK_FEATURES).rows) == TRACK_FEATURES


def test_an_unsigned_input_begins_at_its_offset() -> None:
    first = input_table(tensor(20, 6, signed=False), SCALING).rows[0]
    assert first[3:] == ("0.5", "4.4375", "0.0625")


def test_a_column_that_is_not_scaled_says_where_particles_are() -> None:
    rows = input_table(tensor(16, 7), SCALING).rows
    assert len(rows) == 7 and rows[-1] == ("1 for a particle, else 0", "0", "0", "-4", "3.875", "0.125")


def test_every_feature_that_a_student_may_read_is_told() -> None:
    names = {*SIX_FEATURES, *SIXTEEN_FEATURES, *TRACK_FEATURES, *HIGH_LEVEL_FEATURES}
    assert {name for name, _ in feature_table([*names, "input 0"]).rows} == names == set(MEANINGS)


def test_high_level_features_and_inputs_without_scaling_are_named() -> None:
    assert tuple(row[0] for row in input_table(tensor(16), None).rows) == HIGH_LEVEL_FEATURES
    assert [row[0] for row in input_table(tensor(2), None).rows] == ["input 0", "input 1"]
