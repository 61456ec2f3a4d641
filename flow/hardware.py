"""The RTL of a student: emitted, simulated against its C simulation, synthesised."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jets.errors import DataError
from models.keras_start import start_keras

if TYPE_CHECKING:
    from hls.cosim import CosimConfig, CosimResult
    from hls.cosim.vectors import Stimuli
    from hls.csim import CompiledProject
    from hls.project import HlsConfig
    from hls.rtl.config import RtlConfig
    from hls.rtl.design import Design
    from hls.synth import SynthConfig, Synthesis
    from hls.tools.adapter import VendorConfig
    from jets.dataset import JetsFile


def emit_rtl(student: Path, hls: HlsConfig, rtl: RtlConfig, out: Path) -> Design:
    """Emit the RTL of a saved student, from the graph that `tagware convert` writes its HLS project of.

    The clock and the part are those of `hls`.
    """
    from hls.convert import student_graph
    from hls.rtl import trace
    from hls.rtl.emit import emit

    start_keras()
    config = dataclasses.replace(rtl, clock_ns=hls.clock_ns, part=hls.part)
    design = emit(trace(student_graph(student, hls)), hls.name.lower(), config)
    design.save(out)
    return design


def simulate_rtl(
    design: Path,
    firmware: Path,
    config: CosimConfig,
    out: Path,
    student: Path | None = None,
    jets: JetsFile | None = None,
) -> CosimResult:
    """Simulate a design on test jets, random vectors and corner cases, and compare with the C simulation.

    Without a student and jets the vectors stored with the firmware project stand for the jets.

    Raises:
        DataError: the design's ports have other types than the firmware's, where equal codes would be other numbers.
    """
    from hls.cosim import cosim
    from hls.csim import build
    from hls.project import Project
    from hls.rtl.design import Design

    found = Design.load(design)
    compiled = build(Project.load(firmware))
    _check_types(found, compiled, design)
    stimuli = _stimuli(found, compiled, firmware, student, jets).first(config.n_jets)
    return cosim(found, stimuli, compiled.predict_codes(stimuli.codes), config, out)


def synthesize_rtl(design: Path, config: SynthConfig, out: Path, firmware: Path | None = None) -> Synthesis:
    """Synthesise a design; the netlist is simulated on vectors stored with the firmware project, where asked."""
    from hls.csim import Vectors
    from hls.csim.sources import VECTORS
    from hls.project import Project
    from hls.rtl.design import Design
    from hls.synth import synthesize

    vectors = None
    if config.netlist_jets and firmware is not None:
        project = Project.load(firmware)
        vectors = Vectors.load(firmware / VECTORS, project.inputs[0], project.outputs[0])
    return synthesize(Design.load(design), config, out, vectors)


def run_vendor(tool: str, steps: Sequence[str], target: Path, config: VendorConfig, out: Path) -> list[dict[str, Any]]:
    """Run a vendor's tool on a firmware project or an RTL design, and return the rows of its report.

    Its command prefix is that of the config, else of the environment variable TAGWARE_PREFIX.
    """
    from hls.project import MANIFEST, Project
    from hls.rtl.design import Design
    from hls.tools.vendor import run_steps

    is_project = (target / MANIFEST).is_file()
    found = Project.load(target) if is_project else Design.load(target)
    prefix = config.prefix or tuple(shlex.split(os.environ.get("TAGWARE_PREFIX", "")))
    rows = run_steps(found, tool, steps, dataclasses.replace(config, prefix=prefix), out)
    return [{"design": "hls" if is_project else "rtl", **dataclasses.asdict(row)} for row in rows]


def _check_types(design: Design, compiled: CompiledProject, where: Path) -> None:
    for port, bus, tensor in (("input", design.input, compiled.input), ("output", design.output, compiled.output)):
        wanted = (tensor.width, tensor.fraction_bits, tensor.signed)
        for place, element in enumerate(bus.elements):
            if (element.width, element.fraction_bits, element.signed) != wanted:
                what = f"{port} {place} is of another type than the firmware's {tensor.precision}"
                raise DataError(what, where, "emit the design of the student that the firmware is of")


def _stimuli(
    design: Design, compiled: CompiledProject, firmware: Path, student: Path | None, jets: JetsFile | None
) -> Stimuli:
    from hls.cosim.vectors import stimuli
    from hls.csim import Vectors
    from hls.csim.sources import VECTORS
    from models.tagger import Tagger

    if student is None or jets is None:
        codes = Vectors.load(firmware / VECTORS, compiled.input, compiled.output).inputs
    else:
        start_keras()
        inputs = next(iter(Tagger.load(student).inputs(jets.read("test")).values()))
        codes = compiled.encode(inputs)
    return stimuli(design.input, compiled.input.shape, codes)
