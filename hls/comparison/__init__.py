"""Comparison: any number of taggers on the same test jets, what each costs in hardware, and one page to decide on."""

from hls.comparison.candidates import Candidate
from hls.comparison.compare import compare, compared
from hls.comparison.comparison import Comparison
from hls.comparison.config import Budget, CompareConfig, RobustnessConfig
from hls.comparison.render import render_comparison

__all__ = [
    "Budget",
    "Candidate",
    "CompareConfig",
    "Comparison",
    "RobustnessConfig",
    "compare",
    "compared",
    "render_comparison",
]
