"""When jets enter a chain of blocks in a full stream, told from the valid and ready of its handshakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A block as jets see it.

    Attributes:
        cycles: a jet is inside.
        turn, turns: a jet comes back to the entry after every `turn` cycles, and leaves its slot after `turns` of them.
        slots: for jets.
    """

    cycles: int
    turn: int = 1
    turns: int = 1
    slots: int = 1

    @property
    def coming_back(self) -> int:
        """The cycles after its entry in which a jet needs the entry, as a mask."""
        return sum(1 << self.turn * turn for turn in range(1, self.turns))

    @property
    def holding(self) -> int:
        """The cycles after its entry in which a jet has a slot, as a mask."""
        return (1 << self.turn * self.turns) - 2

    def admits(self, jets: int) -> bool:
        """Whether a jet may enter while `jets` (a bit for each cycle since the entry) are inside."""
        return not jets & self.coming_back and (jets & self.holding).bit_count() < self.slots


def steady_interval(lines: Sequence[Line], beats: int = 1, output_beats: int = 1) -> float:
    """The mean cycles between jets that enter the chain once it flows.

    A jet takes `beats` transfers at the entry and `output_beats` at the exit.
    The chain is followed from a reset on, without waits at either end, until its state comes again.
    """
    jets = [0] * len(lines)
    cycle = gathered = sent = entered = 0
    seen: dict[tuple[int, ...], tuple[int, int]] = {}
    while (state := (gathered, sent, *jets)) not in seen:
        seen[state] = (cycle, entered)
        offered = [gathered == beats - 1]
        for line, inside in zip(lines, jets, strict=True):
            offered.append(bool(inside >> line.cycles & 1) if line.cycles else offered[-1])
        taken = [sent == 0]
        for i in reversed(range(len(lines))):
            moves = taken[0] or not offered[i + 1]
            taken.insert(0, moves and lines[i].admits(jets[i]))
            if moves:
                jets[i] = (jets[i] | (offered[i] and taken[0])) << 1 & (2 << lines[i].cycles) - 1
        if taken[0] or not offered[0]:
            gathered = (gathered + 1) % beats
        if offered[-1] or sent:
            sent = (sent + 1) % output_beats
        entered += offered[0] and taken[0]
        cycle += 1
    return (cycle - seen[state][0]) / (entered - seen[state][1])
