"""Delays of UltraScale+ logic, speed grade -2 (0.85 V), in nanoseconds: numbers that AMD published, and fits to them.

- Primitives: RapidWright's timing model of the xcvu3p-2 (AMD, timing/ultrascaleplus/intrasite_delay_terms.txt;
  Maidee et al., "An Open-source Lightweight Timing Model for RapidWright", FPT 2019). Where a delay depends on the
  pin, the mean over the pins is used; a placer gives fast pins to late signals, but the ten look-up tables of the two
  Vivado reports below take 0.09 ns on average, which is the mean over the pins (0.092).
- DSP48E2: delays that Vivado reports for the same device (RapidWright, tcl/rwroute/test_data/dump_all_dsp_delay).
- Nets: `ROUTE` and `ROUTE_PER_DOUBLING` are a least-squares fit to the ten routed nets between slices on the critical
  paths of two placed and routed designs on the xcvu3p-2 that RapidWright's documentation shows (report_timing of
  Vivado 2020.1; r.m.s. of the residuals 0.09 ns). They are those of designs that fit easily in one region:
  a full or a multi-die device has longer ones, which nothing before placement can know.
- `BLOCK_RAM_OUT`: the same model, without output registers. `BLOCK_RAM_IN`, `MULTIPLIED_TO_REGISTER` and
  `REGISTER_TO_PRODUCT` are sums of the parts of a Vivado report, rounded up.
"""

from __future__ import annotations

import math

LOOK_UP_TABLE = 0.09
FLIP_FLOP_OUT, FLIP_FLOP_IN, ENABLE_IN = 0.08, -0.025, 0.06
SHIFT_REGISTER_OUT, SHIFT_REGISTER_IN = 0.31, 0.07
CLOCK_NETWORK_MHZ = 775.0
"""What a global clock buffer passes on in -2 at 0.85 V (AMD DS923, as quoted in FloPoCo's VirtexUltrascalePlus)."""
CLOCK_UNCERTAINTY = 0.045
"""Jitter and skew between neighbours, as in the reports."""
WIDE_MUX = 0.07
BLOCK_RAM_OUT, BLOCK_RAM_IN = 0.95, 0.35

ROUTE, ROUTE_PER_DOUBLING = 0.15, 0.04
"""A net between slices, and what each doubling of its fan-out adds."""
TO_REGISTER_PIN = 0.10
"""More for a register or a carry input that is reached around its look-up table."""
OUT_OF_MUX = 0.03
"""More for an output that leaves its slice through the output multiplexer."""
TABLE_TO_CARRY, TABLE_TO_WIDE_MUX, TABLE_TO_REGISTER, SUM_TO_REGISTER = 0.015, 0.025, 0.05, 0.025
CARRY_TO_CARRY = 0.026
"""Inside a slice, and between a carry chain's slices."""

DSP_THROUGH, DSP_OUT_OF_INPUT_REGISTER, DSP_INTO_OUTPUT_REGISTER = 1.53, 1.62, 1.45
DSP_OUT, DSP_IN, DSP_CASCADE_IN = 0.28, 0.28, 0.55
MULTIPLIED_TO_REGISTER, REGISTER_TO_PRODUCT = 0.85, 0.95

HALF = 4
"""Bits of the lower half of a CARRY8."""


def route(fan_out: int) -> float:
    """A net between slices that feeds `fan_out` inputs."""
    return ROUTE + ROUTE_PER_DOUBLING * math.log2(max(fan_out, 1))


def carry8(start: str, first: int, end: str, last: int) -> float | None:
    """From an input of a CARRY8 to an output, means over the bits; None where one does not depend on the other.

    `start` is "S", "DI", "CI" (from the carry chain below) or "CYINIT"; `end` is "O" (sum) or "CO" (carry). The carry
    out of the top (bit 7) is faster than those inside.
    """
    upper = last >= HALF
    if start == "CI":
        return (0.023 if last == 7 else 0.085 if upper else 0.053) if end == "CO" else (0.105 if upper else 0.070)
    if start == "CYINIT":
        return (0.160 if last == 7 else 0.200 if upper else 0.125) if end == "CO" else (0.217 if upper else 0.127)
    if first > last or (first == last and (start, end) == ("DI", "O")):
        return None
    from_select = start == "S"
    if first == last and end == "O":
        return 0.060
    across = upper and first < HALF
    if end == "O":
        return (0.205 if across else 0.110) if from_select else (0.185 if across else 0.100)
    if last == 7:
        return (0.185 if across else 0.145) if from_select else (0.125 if across else 0.080)
    return (0.190 if across else 0.120) if from_select else (0.165 if across else 0.100)
