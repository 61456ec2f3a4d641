"""How long an operation takes in an UltraScale+ FPGA, so that stages can be cut before anything is synthesised.

Nanoseconds of the longest paths of netlists that `hls.synth.timing` walked, net to the operation included. alkaid's own
latencies (in adders) take a constant's addition for free, a choice for half an adder, and a product of two values of
eight bits for less than two, where rows of carry chains take four.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ENTRY = 0.8
"""Of what many operations read, behind the choice between a jet's first state and the next one."""
SEQUENCER = 1.5
"""Before the projection of a cell: whose data it takes."""
ADDER, ADDER_BIT = 0.45, 0.008
THREE_TERMS = 0.30
"""More for the compressor before the carry chain."""
LEVEL = 0.30
"""One look-up table and the net to it."""
CHOICE = 0.15
"""Of two values or of two bits: most of them share a look-up table with their neighbours."""
CAST = 6 * CHOICE
"""Of a sum to a type that saturates: are the bits above the type's like its sign, and which end is it if not."""
LUT_INPUTS = 6
TABLE_BIT = 0.20
"""What each bit more than a look-up table has adds to a table."""
ROWS = 3
"""Partial products that a carry chain takes after another (hls/synth/scripts/soft_multiplier.v)."""


def own_delays(ops: Sequence[Any]) -> list[float]:
    """The delay of each operation of an alkaid logic alone."""
    return [_DELAYS[op.opcode](op, [ops[i] for i in op.addr]) if op.opcode in _DELAYS else 0.0 for op in ops]


def adder(bits: int) -> float:
    """A sum of so many bits."""
    return ADDER + ADDER_BIT * bits


def product(first_bits: int, second_bits: int) -> float:
    """A product of two values."""
    rows = min(first_bits, second_bits)
    adders = min(rows, ROWS) + math.ceil(rows / ROWS) - 2
    return LEVEL + adders * adder(max(first_bits, second_bits))


def table(bits: int) -> float:
    """A table with an entry for each code of so many bits."""
    return LEVEL + TABLE_BIT * max(bits - LUT_INPUTS, 0)


def _bits(op: Any) -> int:
    return int(sum(op.qint.kif))


def _sum(op: Any, terms: Sequence[Any]) -> float:
    """Of two values, one of them shifted: wires where an unsigned one ends below the lowest bit of the other."""
    (sign, integer, fraction), (sign1, integer1, fraction1) = (term.qint.kif for term in terms)
    shift = op.data[0]
    first_below = not sign and integer <= shift - fraction1
    second_below = not sign1 and shift + integer1 <= -fraction
    return 0.0 if op.opcode == 0 and (first_below or second_below) else adder(_bits(op))


def _negative(op: Any, terms: Sequence[Any]) -> float:
    return adder(_bits(op)) if _bits(terms[0]) > 1 else 0.0


_DELAYS: Mapping[int, Callable[[Any, Sequence[Any]], float]] = {
    -2: _negative,
    -1: lambda op, terms: ENTRY,
    0: _sum,
    1: _sum,
    2: lambda op, terms: CHOICE,
    4: lambda op, terms: adder(_bits(op)),
    6: lambda op, terms: CHOICE,
    7: lambda op, terms: product(*map(_bits, terms)),
    8: lambda op, terms: table(_bits(terms[0])),
    9: lambda op, terms: CHOICE,
    10: lambda op, terms: CHOICE,
    11: lambda op, terms: THREE_TERMS + adder(_bits(op)),
}
"""By alkaid's code of the operation (its docs/alir.md); constants and wraps are wires."""
