"""How long an operation takes in an UltraScale+ FPGA, so that stages can be cut before anything is synthesised.

Nanoseconds of the longest paths of netlists that `hls.synth.timing` walked, net to the operation included. alkaid's own
latencies (in adders) take a constant's addition for free, a choice for half an adder, and a product of two values of
eight bits for less than two, where rows of carry chains take four.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ADDER, ADDER_BIT = 0.45, 0.008
THREE_TERMS = 0.30
"""More for the compressor before the carry chain."""
LEVEL = 0.30
"""One look-up table and the net to it."""
CHOICE = 0.15
"""Of two values or of two bits: most of them share a look-up table with their neighbours."""
LUT_INPUTS = 6
TABLE_BIT = 0.20
"""What each bit more than a look-up table has adds to a table."""
ROWS = 3
"""Partial products that a carry chain takes after another (hls/synth/scripts/soft_multiplier.v)."""


def own_delays(ops: Sequence[Any]) -> list[float]:
    """The delay of each operation of an alkaid logic alone."""
    return [_DELAYS[op.opcode](op, [ops[i] for i in op.addr]) if op.opcode in _DELAYS else 0.0 for op in ops]


def _bits(op: Any) -> int:
    return int(sum(op.qint.kif))


def _adder(bits: int) -> float:
    return ADDER + ADDER_BIT * bits


def _sum(op: Any, terms: Sequence[Any]) -> float:
    """Of two values, one of them shifted: none where no bit of one meets one of the other."""
    first, second = (term.qint.kif for term in terms)
    low = max(-first[2], op.data[0] - second[2])
    high = min(first[1], op.data[0] + second[1])
    apart = low >= high and not (op.opcode == 1 or first[0] or second[0])
    return 0.0 if apart else _adder(_bits(op))


def _negative(op: Any, terms: Sequence[Any]) -> float:
    return _adder(_bits(op)) if _bits(terms[0]) > 1 else 0.0


def _product(op: Any, terms: Sequence[Any]) -> float:
    rows = min(_bits(term) for term in terms)
    adders = min(rows, ROWS) + math.ceil(rows / ROWS) - 2
    return LEVEL + adders * _adder(max(_bits(term) for term in terms))


def _table(op: Any, terms: Sequence[Any]) -> float:
    return LEVEL + TABLE_BIT * max(_bits(terms[0]) - LUT_INPUTS, 0)


_DELAYS: Mapping[int, Callable[[Any, Sequence[Any]], float]] = {
    -2: _negative,
    0: _sum,
    1: _sum,
    2: lambda op, terms: CHOICE,
    4: lambda op, terms: _adder(_bits(op)),
    6: lambda op, terms: CHOICE,
    7: _product,
    8: _table,
    9: lambda op, terms: CHOICE,
    10: lambda op, terms: CHOICE,
    11: lambda op, terms: THREE_TERMS + _adder(_bits(op)),
}
"""By alkaid's code of the operation (its docs/alir.md); inputs, constants and wraps are wires."""
