"""The ports of a top module, and how they are described to those who connect them."""

from __future__ import annotations

from dataclasses import dataclass

from hls.rtl.design import Design, Stream


@dataclass(frozen=True)
class Port:
    """A line of the table of ports."""

    name: str
    width: int
    direction: str
    what: str


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
    source, sink = design.streams
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
