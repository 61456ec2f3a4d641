"""A design mapped to a Xilinx family by Yosys: counted, block by block, and timed."""

from __future__ import annotations

from pathlib import Path

from hls.rtl.design import Design
from hls.synth.config import SynthConfig
from hls.synth.resources import combined_luts, resources, unit_resources
from hls.synth.script import MULTIPLIER, multiplier, xilinx_script
from hls.synth.stage import Stage
from hls.synth.synthesis import ULTRASCALE_PLUS, Mapped
from hls.synth.timing import estimate
from hls.tools.yosys import Yosys, parse_netlist, parse_statistics

SCRIPT, STATISTICS, NETLIST, VERILOG = "script.ys", "statistics.json", "netlist.json", "netlist.v"
LOG = "run.log"


def map_design(design: Design, family: str, config: SynthConfig, folder: Path, yosys: Yosys) -> Mapped:
    """Map a design, whose files are in `folder`/design, in its own folder below; `netlist.v` there is what it became.

    Raises:
        ToolFailed: Yosys failed or took too long.
        LayoutError: what it wrote is damaged, or holds cells that are not known.
    """
    script = xilinx_script(design, family, config.kept_to_luts, "../design")
    stage = Stage(
        folder=folder / stage_name(family, config.dsp, config.bram),
        title=f"map {design.name} to {family}",
        inputs={"design": design.digest, "script": script, "multiplier": multiplier(), "yosys": yosys.version},
        outputs=(STATISTICS, NETLIST, VERILOG),
    )

    def work() -> None:
        (stage.folder / SCRIPT).write_text(script)
        (stage.folder / MULTIPLIER).write_text(multiplier())
        yosys.run(stage.folder / SCRIPT, stage.folder / LOG, config.yosys_timeout_s)

    seconds = stage.run(work)
    statistics_path, netlist_path = stage.folder / STATISTICS, stage.folder / NETLIST
    statistics = parse_statistics(statistics_path.read_text(), statistics_path)
    netlist = parse_netlist(netlist_path.read_text(), design.name, netlist_path)
    return Mapped(
        family=family,
        dsp=config.dsp,
        bram=config.bram,
        resources=resources(statistics.total(design.name)),
        combined_luts=combined_luts(netlist),
        units=unit_resources(statistics, design.units, design.name),
        timing=estimate(netlist, design.units) if family == ULTRASCALE_PLUS else None,
        seconds=seconds,
    )


def stage_name(family: str, dsp: bool, bram: bool) -> str:
    """The folder of a mapping below that of the synthesis."""
    return f"yosys-{family}{'-dsp' if dsp else ''}{'-bram' if bram else ''}"
