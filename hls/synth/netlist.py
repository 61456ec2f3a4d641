"""The mapped netlist as a design that can be simulated like the RTL it came from."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from hls.csim.vectors import Vectors
from hls.rtl.design import Design
from hls.synth.config import SynthConfig
from hls.synth.mapping import VERILOG, stage_name
from hls.synth.synthesis import Mapped, NetlistCheck
from hls.tools.yosys import Yosys
from jets.errors import InputError
from jets.files import existing_file

TECHNOLOGY = "xilinx"
NOT_MODELLED = "DSP48E2"


def netlist_design(design: Design, mapped: Mapped, folder: Path, yosys: Yosys) -> Design:
    """What Yosys mapped a design to, with its models of the cells: the same ports and cycles, other files.

    Raises:
        InputError: the design was not mapped in `folder`, or holds DSP slices that Yosys has no model of.
        ToolNotFound: Yosys' models of the cells are not beside it.
    """
    path = folder / stage_name(mapped.family, mapped.dsp, mapped.bram) / VERILOG
    netlist = existing_file(path, "mapped netlist", "synthesize the design first").read_text()
    if f"{NOT_MODELLED} " in netlist:
        what = f"holds {NOT_MODELLED}, which Yosys has no model of"
        raise InputError(what, path, "check the netlist without DSP slices, or that of 7-series")
    models = yosys.cell_models(TECHNOLOGY).read_text()
    return replace(design, files={"cells_sim.v": models, "netlist.v": netlist}, units=())


def check_netlist(design: Design, vectors: Vectors, mapped: Mapped, config: SynthConfig, folder: Path) -> NetlistCheck:
    """Simulate the first `netlist_jets` vectors on the netlist of a mapping, in a full stream and with waits.

    ABC's own check of its mapping is switched off (docs/synthesis.md); this takes its place.

    Raises:
        InputError, ToolNotFound: as `netlist_design`.
        DataError, ToolFailed: as `hls.cosim.cosim`.
    """
    from hls.cosim import CosimConfig, cosim

    start = time.monotonic()
    netlist = netlist_design(design, mapped, folder, Yosys.find())
    place = folder / f"cosim-{stage_name(mapped.family, mapped.dsp, mapped.bram)}"
    n_jets = config.netlist_jets
    asked = CosimConfig(timeout_s=config.cosim_timeout_s)
    result = cosim(netlist, vectors.inputs[:n_jets], vectors.golden[:n_jets], asked, place)
    return NetlistCheck(
        family=mapped.family,
        n_vectors=result.n_vectors,
        n_mismatch=result.n_mismatch,
        complaints=tuple(result.complaints()),
        seconds=time.monotonic() - start,
    )
