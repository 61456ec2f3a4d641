"""One row of the report's section `hardware`: what one tool says about one design."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HardwareRow:
    """Latency, interval and resources; None where the tool does not say.

    Attributes:
        kind: "estimate" (before logic synthesis), "synthesis", "place_and_route" or "vendor" (a vendor's own, routed).
        initiation_interval: clock cycles between two jets.
        latency_ns: `latency_cycles` at the clock that was asked for.
        bram: blocks of 18 Kb (AMD), 20 Kb (Intel) or the part's own.
        fmax_mhz: the fastest clock that its timing analysis allows.
    """

    tool: str
    kind: str
    tool_version: str | None = None
    part: str | None = None
    clock_ns: float | None = None
    latency_cycles: int | None = None
    initiation_interval: int | None = None
    latency_ns: float | None = None
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram: int | None = None
    fmax_mhz: float | None = None
    note: str | None = None
