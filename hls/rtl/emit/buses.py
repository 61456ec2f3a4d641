"""Packed numbers: how formats lie on a bus, and which bits of one bus make up another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hls.fixed_point import FixedType
from hls.rtl.design import Bus, Element


@dataclass(frozen=True)
class Run:
    """Neighbouring bits of a bus that come from one place, `low` the lowest of them there.

    `kind` is "bits" (`count` bits of the source from `low` on), "copies" (bit `low` of it `count` times) or "zeros".
    """

    kind: str
    count: int
    low: int = 0


def packed(formats: Iterable[tuple[int, int, int]]) -> Bus:
    """A bus of numbers (signed, integer bits without the sign, fraction bits), the first in the lowest bits."""
    elements, lsb = [], 0
    for signed, integer, fraction in formats:
        width = max(int(signed) + int(integer) + int(fraction), 0)
        elements.append(Element(lsb, width, int(fraction), bool(signed)))
        lsb += width
    return Bus(tuple(elements))


def uniform(fixed: FixedType, n: int) -> Bus:
    """A bus of `n` numbers of one type."""
    return packed([(fixed.signed, fixed.integer - fixed.signed, fixed.fraction_bits)] * n)


def part(bus: Bus, start: int, stop: int | None = None) -> Bus:
    """The elements `start` … `stop - 1` as a bus of their own."""
    return join([Bus(bus.elements[start:stop])])


def join(buses: Iterable[Bus]) -> Bus:
    """The elements of several buses, one bus above the other."""
    elements, lsb = [], 0
    for bus in buses:
        for element in bus.elements:
            elements.append(replace(element, lsb=lsb))
            lsb += element.width
    return Bus(tuple(elements))


def repack(source: Bus, target: Bus) -> tuple[Run, ...]:
    """Where the bits of `target` come from, lowest first: every number moved to its format there.

    Raises:
        ValueError: a number does not fit its format.
    """
    runs: list[Run] = []
    for number, place in zip(source.elements, target.elements, strict=True):
        for run in _moved(number, place):
            if runs and _continues(runs[-1], run):
                last = runs.pop()
                run = replace(last, count=last.count + run.count)
            runs.append(run)
    return tuple(runs)


def _continues(last: Run, run: Run) -> bool:
    if last.kind == run.kind == "bits":
        return last.low + last.count == run.low
    return last.kind == run.kind == "zeros"


def _moved(number: Element, place: Element) -> list[Run]:
    if place.width == 0:
        return []
    if number.width == 0:
        return [Run("zeros", place.width)]
    below = place.fraction_bits - number.fraction_bits
    above = place.width - below - number.width
    if below < 0 or above < 0 or (number.signed and not place.signed) or (place.signed > number.signed and above == 0):
        raise ValueError(f"{number} does not fit {place}")
    extension = Run("copies", above, number.lsb + number.width - 1) if number.signed else Run("zeros", above)
    return [run for run in (Run("zeros", below), Run("bits", number.width, number.lsb), extension) if run.count]
