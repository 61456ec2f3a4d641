"""Quartus Prime: synthesis, fit and timing analysis of our RTL, its ports virtual but for the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hls.hardware import HardwareRow
from hls.rtl.design import Design
from hls.rtl.emit.ports import ports
from hls.tools.adapter import Adapter, render, timing_note
from hls.tools.reports.quartus import parse_fit, parse_sta
from hls.tools.reports.reading import check_written, read_report
from hls.tools.sources import VHDL, cycles_of, header_folders, source_files
from hls.tools.tool import Program, Tool, find
from jets.errors import ConfigError

QUARTUS = Program("quartus_sh", "Intel Quartus Prime, and add its bin folder to PATH", "17.0")
ASSIGNMENTS = {".v": "VERILOG_FILE", ".sv": "SYSTEMVERILOG_FILE", VHDL: "VHDL_FILE"}
REPORTS = "output_files"
SYNTHESIZED = "synthesized"
"""Written by our script: the report of synthesis is called differently in every edition."""


@dataclass(frozen=True)
class Quartus(Adapter):
    """Synthesis by `quartus_syn` (Pro) or `quartus_map`, then `quartus_fit` and `quartus_sta`, through `quartus_sh`."""

    name: ClassVar[str] = "quartus"
    steps: ClassVar[tuple[str, ...]] = ("synthesis", "implementation")
    needs: ClassVar[Mapping[str, str]] = {"implementation": "synthesis"}

    @property
    def design(self) -> Design:
        """The target, which must be RTL."""
        if not isinstance(self.target, Design):
            raise ConfigError("quartus takes an RTL design, not C++ for AMD", None, "emit RTL first (tagware rtl)")
        return self.target

    def find(self) -> Tool:
        """`quartus_sh`."""
        return find(QUARTUS, self.config.prefix)

    def files(self) -> dict[str, bytes]:
        """The RTL, the clock constraint, and a script for each step."""
        design = self.design
        if self.part.startswith("xc"):
            raise ConfigError(f"part {self.part!r} is AMD's", None, "set part to an Intel device, e.g. 10CX220YF780E5G")
        files = source_files(design)
        clock, *others = ports(design)
        suffixes = [(Path(name).suffix, name) for name in files]
        values: dict[str, Any] = {
            **self.values,
            "clock": clock.name,
            "virtual": [port.name if port.width == 1 else f"{port.name}[*]" for port in others],
            "sources": [(ASSIGNMENTS[suffix], name) for suffix, name in suffixes if suffix in ASSIGNMENTS],
            "header_folders": header_folders(files),
            "reports": REPORTS,
            "synthesized": SYNTHESIZED,
        }
        files["clock.sdc"] = render("clock.xdc.j2", **values)
        for step in self.steps:
            files[f"{step}.tcl"] = render(f"quartus_{step}.tcl.j2", **values)
        return files

    def command(self, tool: Tool, step: str) -> list[str]:
        """`quartus_sh -t STEP.tcl`."""
        return [*tool.argv, "-t", f"{step}.tcl"]

    def read(self, tool: Tool, step: str) -> HardwareRow | None:
        """Resources and timing after the fit; `lut` are ALUTs."""
        if step == "synthesis":
            check_written(self.work / SYNTHESIZED)
            return None
        fit = read_report(self.work / REPORTS / f"{self.target.name}.fit.rpt", parse_fit)
        timing = read_report(self.work / REPORTS / f"{self.target.name}.sta.rpt", parse_sta)
        notes = (
            None if fit.alm is None else f"{fit.alm} ALM",
            timing_note(timing.setup_slack_ns, timing.hold_slack_ns),
        )
        return self.row(
            tool,
            "vendor",
            **cycles_of(self.design),
            lut=fit.lut,
            ff=fit.ff,
            dsp=fit.dsp,
            bram=fit.bram,
            fmax_mhz=timing.fmax_mhz,
            note=", ".join(filter(None, notes)) or None,
        )
