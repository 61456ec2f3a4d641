"""Vivado: out-of-context synthesis and implementation of our RTL and of what HLS made, and packaging as IP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hls.hardware import HardwareRow
from hls.rtl.design import Design
from hls.rtl.emit.ports import ports
from hls.tools.adapter import Adapter, render, timing_note
from hls.tools.reports.hls import parse_csynth
from hls.tools.reports.reading import check_written, read_report
from hls.tools.reports.vivado import Instance, parse_hierarchy, parse_timing_summary, parse_utilization
from hls.tools.sources import HEADERS, VHDL, cycles_of, header_folders, source_files
from hls.tools.tool import Program, Tool, find
from hls.tools.vitis_hls import VitisHls, numbers_of
from hls.tools.vivado_hls import VivadoHls
from jets.errors import ConfigError

VIVADO = Program("vivado", "AMD Vivado, and source its settings64.sh", "2019.1", version_arguments=("-version",))
KINDS = {"synthesis": "synthesis", "implementation": "vendor"}
CSYNTH = "csynth.xml"
READERS = {".v": "read_verilog", ".sv": "read_verilog -sv", VHDL: "read_vhdl -vhdl2008", ".mem": "read_mem"}


@dataclass(frozen=True)
class Vivado(Adapter):
    """Resources and timing of the design alone, its ports left open (out of context)."""

    name: ClassVar[str] = "vivado"
    steps: ClassVar[tuple[str, ...]] = ("synthesis", "implementation", "package")
    needs: ClassVar[Mapping[str, str]] = {"implementation": "synthesis"}

    def find(self) -> Tool:
        """`vivado`."""
        return find(VIVADO, self.config.prefix)

    def files(self) -> dict[str, bytes]:
        """The RTL, the clock constraint, and a script for each step."""
        if isinstance(self.target, Design):
            files, clock = source_files(self.target), ports(self.target)[0].name
        else:
            files, clock = self._hls_files(), "ap_clk"
        values: dict[str, Any] = {**self.values, "clock": clock, "sources": rtl_sources(files)}
        values |= {"header_folders": header_folders(files), "is_stream": clock == "aclk"}
        values["packaged"] = [name for name in files if Path(name).suffix in (*READERS, *HEADERS)]
        values["is_vhdl"] = any(name.endswith(VHDL) for name in files)
        files["clock.xdc"] = render("clock.xdc.j2", **values)
        for step in self.steps:
            files[f"{step}.tcl"] = render(f"vivado_{step}.tcl.j2", **values)
        return files

    def command(self, tool: Tool, step: str) -> list[str]:
        """`vivado -mode batch -source STEP.tcl`."""
        if step == "package" and not isinstance(self.target, Design):
            raise ConfigError("HLS packages its own IP", None, "use the step export of vitis_hls or vivado_hls")
        return [*tool.argv, "-mode", "batch", "-nojournal", "-nolog", "-source", f"{step}.tcl"]

    def read(self, tool: Tool, step: str) -> HardwareRow | None:
        """Resources and timing with the cycles of the design's scheduler or of C synthesis."""
        if step == "package":
            check_written(self.work / "ip/component.xml")
            return None
        used = read_report(self.work / f"{step}_utilization.rpt", parse_utilization)
        timing = read_report(self.work / f"{step}_timing.rpt", parse_timing_summary)
        return self.row(
            tool,
            KINDS[step],
            **self._cycles(),
            lut=used.lut,
            ff=used.ff,
            dsp=used.dsp,
            bram=used.bram,
            fmax_mhz=timing.fmax_mhz,
            note=timing_note(timing.setup_slack_ns, timing.hold_slack_ns if step == "implementation" else None),
        )

    def hierarchy(self, step: str) -> tuple[Instance, ...]:
        """The resources of every instance after a step.

        Raises:
            LayoutError: the report is missing, partial or malformed.
        """
        return read_report(self.work / f"{step}_hierarchy.rpt", parse_hierarchy)

    def _cycles(self) -> Mapping[str, int | None]:
        if isinstance(self.target, Design):
            return cycles_of(self.target)
        numbers = numbers_of(read_report(self.work / CSYNTH, parse_csynth))
        return {key: numbers[key] for key in ("latency_cycles", "initiation_interval")}

    def _hls_files(self) -> dict[str, bytes]:
        """What C synthesis wrote below the same root; the contents of its ROMs lie where the tool is started."""
        for hls in (kind(self.target, self.config, self.root) for kind in (VitisHls, VivadoHls)):
            if hls.is_synthesized():
                verilog = sorted(path for path in (hls.solution / "syn/verilog").iterdir() if path.is_file())
                files = {"rtl/" * (path.suffix in READERS) + path.name: path.read_bytes() for path in verilog}
                return {**files, CSYNTH: check_written(hls.csynth_report).read_bytes()}
        remedy = "run the step csynth of vitis_hls or vivado_hls in the same folder first"
        raise ConfigError("there is no RTL of this firmware project", self.root, remedy)


def rtl_sources(files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Vivado's command and the path of every source; headers are found by their folders."""
    return [(READERS[Path(name).suffix], name) for name in files if Path(name).suffix in READERS]
