"""Numbers on a bus keep their value wherever they are moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls.fixed_point import FixedType
from hls.rtl.design import Bus
from hls.rtl.emit.buses import join, packed, part, repack, uniform

narrow = st.tuples(st.booleans(), st.integers(-2, 5), st.integers(-2, 5)).filter(lambda f: sum(f) > 0)
wider = st.tuples(st.integers(0, 3), st.integers(0, 3))


@given(st.lists(st.tuples(narrow, wider, st.booleans(), st.integers(0)), min_size=1, max_size=6))
def test_every_value_is_the_same_in_a_wider_format(numbers: list[tuple]) -> None:  # type: ignore[type-arg]
    source = packed(format_ for format_, *_ in numbers)
    target = packed(
        (signed or more_sign, integer + more_integer, fraction + more_fraction) if integer or not dropped else (0, 0, 0)
        for (signed, integer, fraction), (more_integer, more_fraction), dropped, _ in numbers
        for more_sign in [dropped]
    )
    word = sum(code % 2**place.width << place.lsb for (*_, code), place in zip(numbers, source.elements, strict=True))
    moved = word_of(repack(source, target), word)
    for before, after in zip(values(source, word), values(target, moved), strict=True):
        assert after in (None, before)


def word_of(runs: tuple, word: int) -> int:  # type: ignore[type-arg]
    moved = lsb = 0
    for run in runs:
        bits = {"zeros": 0, "bits": word >> run.low, "copies": -(word >> run.low & 1)}[run.kind]
        moved |= (bits & ((1 << run.count) - 1)) << lsb
        lsb += run.count
    return moved


def values(bus: Bus, word: int) -> list[float | None]:
    """The numbers on a bus; None for one without bits."""
    found: list[float | None] = []
    for place in bus.elements:
        code = word >> place.lsb & ((1 << place.width) - 1)
        if place.signed and place.width and code >> (place.width - 1):
            code -= 1 << place.width
        found.append(code * 2.0**-place.fraction_bits if place.width else None)
    return found


@pytest.mark.parametrize(
    ("source", "target"),
    [((1, 3, 2), (1, 2, 2)), ((1, 3, 2), (1, 3, 1)), ((0, 3, 2), (1, 2, 2)), ((1, 3, 2), (0, 4, 2))],
)
def test_a_number_that_does_not_fit_is_refused(source: tuple[int, int, int], target: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        repack(packed([source]), packed([target]))


def test_neighbouring_numbers_of_one_format_move_as_one_run() -> None:
    bus = uniform(FixedType(6, 2), 10)
    (run,) = repack(bus, bus)
    assert (run.kind, run.low, run.count) == ("bits", 0, 60)


def test_parts_of_a_bus_join_to_the_bus() -> None:
    bus = packed([(1, 2, 3), (0, 4, 0), (1, 0, 0)])
    assert join([part(bus, 0, 1), part(bus, 1)]) == bus
    assert part(bus, 1).elements[0].lsb == 0
