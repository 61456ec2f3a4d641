"""Vitis HLS: `vitis-run --mode hls` of 2024.2 and later, `vitis_hls` before; the steps on hls4ml's C++."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hls.csim.sources import MAKE_VECTORS, VECTORS, only_tensor, place_sources
from hls.csim.vectors import Vectors
from hls.hardware import HardwareRow
from hls.project import Project
from hls.tools.adapter import Adapter, render
from hls.tools.reports.hls import CSynthesis, parse_cosim, parse_csynth
from hls.tools.reports.reading import check_written, read_report
from hls.tools.tool import Program, Tool, find
from jets.errors import ConfigError, ExactnessError, InputError, ToolNotFound

INSTALL = "AMD Vitis, and source its settings64.sh"
VITIS_RUN = Program("vitis-run", INSTALL, "2024.2")
VITIS_HLS = Program("vitis_hls", INSTALL, "2020.1", version_arguments=("-version",))
PRODUCTS = {"csim": "csim/report/{name}_csim.log", "export": "impl/ip/component.xml"}
LEFT_OUT = ("firmware/ap_types/",)
"""The tools bring their own number types."""


@dataclass(frozen=True)
class VitisHls(Adapter):
    """C simulation, C synthesis, co-simulation and IP export of a firmware project.

    The testbench is ours: it compares every output bit of stored vectors, in C simulation and in co-simulation.
    """

    name: ClassVar[str] = "vitis_hls"
    steps: ClassVar[tuple[str, ...]] = ("csim", "csynth", "cosim", "export")
    needs: ClassVar[Mapping[str, str]] = {"cosim": "csynth", "export": "csynth"}

    @property
    def project(self) -> Project:
        """The target, which must be HLS C++."""
        if not isinstance(self.target, Project):
            raise ConfigError(f"{self.name} takes a firmware project, not an RTL design", None, "use vivado or quartus")
        return self.target

    def find(self) -> Tool:
        """`vitis-run`, or else `vitis_hls`."""
        try:
            return find(VITIS_RUN, self.config.prefix)
        except ToolNotFound as newer:
            if os.environ.get(VITIS_RUN.variable):
                raise
            try:
                return find(VITIS_HLS, self.config.prefix)
            except ToolNotFound as older:
                raise ToolNotFound(f"{newer.what}; {older.what}", older.where or newer.where, newer.remedy) from None

    def files(self) -> dict[str, bytes]:
        """The C++, the testbench with its vectors, and a script for each step."""
        project = self.project
        project.check_files()
        testbench = place_sources(project)
        files = {name: (project.folder / name).read_bytes() for name in self._firmware}
        files |= {f"{testbench.name}/{path.name}": path.read_bytes() for path in sorted(testbench.iterdir())}
        values = {**self.values, "uncertainty_percent": project.config.clock_uncertainty_percent}
        values["has_weights"] = any(name.startswith("firmware/weights/") for name in files)
        for step in self.steps:
            files[f"{step}.tcl"] = render("hls.tcl.j2", step=step, **values)
        return files | self._vectors()

    def command(self, tool: Tool, step: str) -> list[str]:
        """`vitis-run --mode hls --tcl STEP.tcl` or `vitis_hls -f STEP.tcl`."""
        if step in ("csim", "cosim") and not (self.work / VECTORS).is_dir():
            raise InputError(f"{step} needs stored vectors", self.project.folder / VECTORS, MAKE_VECTORS)
        modern = Path(tool.argv[-1]).name.startswith("vitis-run")
        return [*tool.argv, *(("--mode", "hls", "--tcl") if modern else ("-f",)), f"{step}.tcl"]

    def read(self, tool: Tool, step: str) -> HardwareRow | None:
        """C synthesis' estimate; co-simulation repeats its resources with the latency that was seen."""
        if step in PRODUCTS:
            check_written(self.solution / PRODUCTS[step].format(name=self.target.name))
            return None
        synthesis = read_report(self.csynth_report, parse_csynth)
        if step == "csynth":
            return self.row(tool, "estimate", **numbers_of(synthesis), note="estimated by C synthesis")
        path = self.solution / "sim/report" / f"{self.target.name}_cosim.rpt"
        seen = read_report(path, parse_cosim)
        if not seen.passed:
            raise ExactnessError(f"the {seen.language} of {self.name} differs from the stored vectors", path)
        cycles = {"latency_cycles": seen.latency_cycles, "initiation_interval": seen.interval_cycles}
        known = {key: value for key, value in cycles.items() if value is not None}
        note = f"resources estimated by C synthesis, latency seen in simulation of its {seen.language}"
        return self.row(tool, "estimate", **{**numbers_of(synthesis), **known}, note=note)

    @property
    def solution(self) -> Path:
        """Where the tool keeps what it makes."""
        return self.work / f"{self.target.name}_prj" / "solution1"

    @property
    def csynth_report(self) -> Path:
        """The report of C synthesis."""
        return self.solution / "syn/report" / f"{self.target.name}_csynth.xml"

    def is_synthesized(self) -> bool:
        """Whether C synthesis was done here of the project as it is now."""
        state = self.state()
        return "csynth" in state["done"] and state["files"].items() >= self._firmware.items()

    @property
    def _firmware(self) -> dict[str, str]:
        """The C++ that the tool needs, with its digests."""
        files = self.project.files.items()
        return {name: sha for name, sha in files if name.startswith("firmware/") and not name.startswith(LEFT_OUT)}

    def _vectors(self) -> dict[str, bytes]:
        """The first stored vectors; none where the project has none."""
        project = self.project
        if not (project.folder / VECTORS).is_dir():
            return {}
        tensors = only_tensor(project.inputs, "input", project), only_tensor(project.outputs, "output", project)
        stored = Vectors.load(project.folder / VECTORS, *tensors)
        first = slice(self.config.vectors)
        with tempfile.TemporaryDirectory() as place:
            folder = Vectors(stored.inputs[first], stored.golden[first]).save(Path(place), *tensors)
            return {f"{VECTORS}/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


def numbers_of(synthesis: CSynthesis) -> dict[str, Any]:
    """The columns of a hardware row that C synthesis fills."""
    return {
        "latency_cycles": synthesis.latency_cycles,
        "initiation_interval": synthesis.interval_cycles,
        "lut": synthesis.lut,
        "ff": synthesis.ff,
        "dsp": synthesis.dsp,
        "bram": synthesis.bram,
        "fmax_mhz": 1000 / synthesis.estimated_clock_ns if synthesis.estimated_clock_ns else None,
    }
