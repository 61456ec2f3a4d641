"""Synthesis of a design with the open tools, step by step, each step kept for the next time."""

from __future__ import annotations

from pathlib import Path

from hls.csim.vectors import Vectors
from hls.rtl.design import Design
from hls.synth.config import SynthConfig
from hls.synth.mapping import map_design
from hls.synth.netlist import check_netlist
from hls.synth.routing import route_design
from hls.synth.script import sources
from hls.synth.synthesis import NetlistCheck, Synthesis
from hls.tools.nextpnr import Nextpnr
from hls.tools.yosys import Yosys
from jets.errors import ConfigError
from jets.files import claim_folder

DESIGN, RESULT = "design", "synthesis.json"


def synthesize(design: Design, config: SynthConfig, folder: Path, vectors: Vectors | None = None) -> Synthesis:
    """Count, time and, where asked, place, route and check a design; the results are in `folder`/synthesis.json, too.

    Steps that the folder holds from an earlier run of the same design are not run again.

    Raises:
        InputError: the design is in VHDL, or its netlist holds cells that cannot be simulated.
        ConfigError: the netlist is to be simulated, and there are no vectors.
        ToolNotFound: Yosys or nextpnr is not installed.
        ToolFailed: one of them failed or took too long; names its log.
        LayoutError: what one of them wrote is damaged.
        StorageError: the folder is not ours or cannot be written.
    """
    sources(design)
    if config.netlist_jets and vectors is None:
        raise ConfigError(f"netlist_jets is {config.netlist_jets}, and there are no vectors", None, "give some, or 0")
    yosys, nextpnr = find_tools(config)
    folder = claim_folder(folder)
    design.save(folder / DESIGN)
    mapped = [map_design(design, family, config, folder, yosys) for family in config.families]
    routed = route_design(design, config, folder, yosys, nextpnr) if nextpnr else ()
    checks: list[NetlistCheck] = []
    if config.netlist_jets and vectors is not None:
        checks = [check_netlist(design, vectors, each, config, folder) for each in mapped]
    synthesis = Synthesis(
        design=design.name,
        digest=design.digest,
        part=design.part,
        clock_ns=design.clock_ns,
        latency_cycles=design.latency_cycles,
        interval_cycles=design.interval_cycles,
        versions={"yosys": yosys.version, **({"nextpnr-ecp5": nextpnr.version} if nextpnr else {})},
        mapped=tuple(mapped),
        routed=routed,
        checks=tuple(checks),
    )
    synthesis.save(folder / RESULT)
    return synthesis


def find_tools(config: SynthConfig) -> tuple[Yosys, Nextpnr | None]:
    """Yosys, and nextpnr where a design is to be placed and routed.

    Raises:
        ToolNotFound: one is not installed.
    """
    return Yosys.find(), Nextpnr.find() if config.place_and_route else None
