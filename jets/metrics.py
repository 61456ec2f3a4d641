"""How well jets are tagged: pure numpy, every number with its statistical error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A value and its one-sigma statistical error."""

    value: float
    error: float
