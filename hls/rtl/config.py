"""What is asked of the RTL: language, ports, clock, and how a recurrent layer's cell is shared."""

from __future__ import annotations

from dataclasses import dataclass

from jets.config import check_above_zero, check_at_least, check_choice
from jets.errors import ConfigError

LANGUAGES = ("verilog", "vhdl")
INTERFACES = ("handshake", "axi4stream")
LOGIC_SHARE = 0.9
"""Of the clock period for the logic between two registers; the rest is the registers' and that of longer nets."""


@dataclass(frozen=True)
class RtlConfig:
    """How a circuit becomes RTL.

    Attributes:
        language: "verilog" (2005) or "vhdl" (2008).
        interface: "handshake" (valid/ready, a jet a transfer) or "axi4stream".
        beats, output_beats: transfers of a stream that make up a jet's input, e.g. its number of constituents, and
            its output.
        cells: of every recurrent layer: 1 computes all steps in turn (static), n_steps has one a step (unrolled).
        interleave: jets at once in one cell's pipeline, at most its stages.
        cell_stages, projection_stages: registers in a recurrent cell and in the part that depends on its input alone;
            None derives them from `stage_delay`.
        stage_delay: the longest path between registers in nanoseconds (`hls.rtl.emit.delays`); None: what fits the
            clock.
        clock_ns: the clock period that the constraints ask for.
        part: the FPGA.
    """

    language: str = "verilog"
    interface: str = "handshake"
    beats: int = 1
    output_beats: int = 1
    cells: int = 1
    interleave: int = 1
    cell_stages: int | None = None
    projection_stages: int | None = None
    stage_delay: float | None = None
    clock_ns: float = 5.0
    part: str = "xcvu13p-flga2577-2-e"

    def __post_init__(self) -> None:
        check_choice(self, language=LANGUAGES, interface=INTERFACES)
        check_at_least(self, beats=1, output_beats=1, cells=1, interleave=1, cell_stages=1, projection_stages=1)
        check_above_zero(self, "stage_delay", "clock_ns")
        if max(self.beats, self.output_beats) > 1 and self.interface != "axi4stream":
            raise ConfigError("more than one transfer a jet needs a stream", None, "set interface to axi4stream")

    @property
    def longest_path(self) -> float:
        """Nanoseconds between two registers."""
        return self.stage_delay or LOGIC_SHARE * self.clock_ns
