"""What is asked of synthesis with the open tools."""

from __future__ import annotations

from dataclasses import dataclass

from jets.config import check_above_zero, check_at_least
from jets.errors import ConfigError

FAMILIES = {"xcup": "UltraScale+", "xc7": "7-series"}
"""Families of Yosys' synth_xilinx that are offered."""


@dataclass(frozen=True)
class SynthConfig:
    """How a design is synthesized, and what is measured on it.

    Attributes:
        families: of FPGAs to map to, one row each; timing is estimated for "xcup".
        dsp, bram: whether multipliers may take DSP slices and tables block RAM; false puts them into LUTs.
        place_and_route: place and route for the largest ECP5 with nextpnr, which takes minutes to hours.
        seeds: of the placement; the best clock of them is the result.
        netlist_jets: stored vectors that the mapped netlist is simulated with; 0 simulates none.
        yosys_timeout_s, nextpnr_timeout_s, cosim_timeout_s: of one run of each.
    """

    families: tuple[str, ...] = ("xcup",)
    dsp: bool = False
    bram: bool = False
    place_and_route: bool = False
    seeds: tuple[int, ...] = (1,)
    netlist_jets: int = 0
    yosys_timeout_s: float = 7200.0
    nextpnr_timeout_s: float = 14400.0
    cosim_timeout_s: float = 3600.0

    def __post_init__(self) -> None:
        if not self.families:
            raise ConfigError("families is empty", None, f"name one or more of {', '.join(FAMILIES)}")
        for name, values in (("families", self.families), ("seeds", self.seeds)):
            if len(set(values)) != len(values):
                raise ConfigError(f"{name} names one twice", None, "name each once")
        for family in self.families:
            if family not in FAMILIES:
                raise ConfigError(f"family {family!r} is not known", None, f"use {' or '.join(FAMILIES)}")
        if not self.seeds or any(seed < 0 for seed in self.seeds):
            raise ConfigError("seeds must be one or more numbers from 0 on", None, "[1] is the default")
        check_at_least(self, netlist_jets=0)
        check_above_zero(self, "yosys_timeout_s", "nextpnr_timeout_s", "cosim_timeout_s")

    @property
    def kept_to_luts(self) -> tuple[str, ...]:
        """Options of Yosys' synth passes for what must not be used."""
        return tuple(option for option, allowed in (("-nodsp", self.dsp), ("-nobram", self.bram)) if not allowed)
