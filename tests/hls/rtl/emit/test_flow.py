"""Intervals of a full stream against the closed formulae."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls.rtl.emit.flow import Line, steady_interval

shapes = st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(1, 6)).filter(lambda shape: shape[2] <= shape[0])


@given(shapes, st.integers(0, 4), st.integers(0, 4))
def test_a_cell_takes_as_many_jets_as_it_has_slots_in_the_time_of_one(
    shape: tuple[int, int, int], before: int, after: int
) -> None:
    turn, turns, slots = shape
    lines = [Line(before), Line(2 + turn * turns, turn, turns, slots), Line(after)]
    assert steady_interval(lines) == turn * turns / slots


@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 30))
def test_a_jet_comes_no_faster_than_its_transfers(turn: int, turns: int, beats: int) -> None:
    assert steady_interval([Line(3 + turn * turns, turn, turns)], beats) == max(turn * turns, beats)


def test_pipelines_take_a_jet_a_cycle() -> None:
    assert steady_interval([Line(0), Line(5), Line(1)]) == 1


@pytest.mark.parametrize(("beats", "interval"), [(1, 2.0), (2, 2.5), (3, 3.0)])
def test_a_jet_waits_for_a_place_that_no_other_jet_has(beats: int, interval: float) -> None:
    """With two transfers a jet, every second jet meets one at the entry that comes back there."""
    assert steady_interval([Line(10, 4, 2, 4)], beats) == interval
