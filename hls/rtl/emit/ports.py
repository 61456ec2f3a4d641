"""The ports of a top module, and how they are described to those who connect them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hls.rtl.design import Bus, Design


@dataclass(frozen=True)
class Stream:
    """A bus in `beats` transfers of `part` bits, each in the low bits of a word of whole bytes."""

    bus: Bus
    beats: int

    @property
    def part(self) -> int:
        """Bits of the bus in a transfer; the last one may have fewer."""
        return math.ceil(self.bus.width / self.beats)

    @property
    def padding(self) -> int:
        """Bits that the last transfer lacks."""
        return self.beats * self.part - self.bus.width

    @property
    def width(self) -> int:
        """Bits of tdata."""
        return 8 * math.ceil(self.part / 8)


@dataclass(frozen=True)
class Port:
    """A line of the table of ports."""

    name: str
    width: int
    direction: str
    what: str


def streams(design: Design) -> tuple[Stream, Stream]:
    """The input's and the output's stream of a design."""
    return Stream(design.input, design.beats), Stream(design.output, design.output_beats)


def ports(design: Design) -> tuple[Port, ...]:
    """The ports of a design's top module."""
    if design.interface == "handshake":
        return (
            Port("clk", 1, "in", "clock"),
            Port("rst", 1, "in", "synchronous reset, active high"),
            Port("in_valid", 1, "in", "a jet is offered"),
            Port("in_ready", 1, "out", "it would be taken"),
            Port("in_data", design.input.width, "in", "its values"),
            Port("out_valid", 1, "out", "a result is offered, until it is taken"),
            Port("out_ready", 1, "in", "it would be taken"),
            Port("out_data", design.output.width, "out", "its values"),
        )
    source, sink = streams(design)
    return (
        Port("aclk", 1, "in", "clock"),
        Port("aresetn", 1, "in", "synchronous reset, active low"),
        *_axis("s_axis", source, "in", "jets"),
        *_axis("m_axis", sink, "out", "results"),
    )


def _axis(prefix: str, stream: Stream, direction: str, what: str) -> tuple[Port, ...]:
    back = "out" if direction == "in" else "in"
    return (
        Port(f"{prefix}_tvalid", 1, direction, f"{what}: a transfer is offered"),
        Port(f"{prefix}_tready", 1, back, f"{what}: it would be taken"),
        Port(f"{prefix}_tdata", stream.width, direction, f"{what}: {stream.part} bits of the values"),
        Port(f"{prefix}_tlast", 1, direction, f"{what}: the last transfer of a jet"),
    )
