"""The RTL of a student: emitted, simulated against its C simulation, synthesised."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from models.keras_start import start_keras

if TYPE_CHECKING:
    from hls.cosim import CosimConfig, CosimResult
    from hls.cosim.vectors import Stimuli
    from hls.csim import CompiledProject
    from hls.project import HlsConfig
    from hls.rtl.config import RtlConfig
    from hls.rtl.design import Design
    from jets.dataset import JetsFile

N_RANDOM, SEED = 2000, 1
"""Random vectors that cosim adds to the jets."""


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
    """
    from hls.cosim import cosim
    from hls.csim import build
    from hls.project import Project
    from hls.rtl.design import Design

    found = Design.load(design)
    compiled = build(Project.load(firmware))
    stimuli = _stimuli(found, compiled, firmware, student, jets).first(config.n_jets)
    return cosim(found, stimuli, compiled.predict_codes(stimuli.codes), config, out)


def _stimuli(
    design: Design, compiled: CompiledProject, firmware: Path, student: Path | None, jets: JetsFile | None
) -> Stimuli:
    from hls.cosim.vectors import stimuli
    from hls.csim import Vectors
    from models.tagger import Tagger

    if student is None or jets is None:
        codes = Vectors.load(firmware / "vectors", compiled.input, compiled.output).inputs
    else:
        start_keras()
        inputs = next(iter(Tagger.load(student).inputs(jets.read("test")).values()))
        codes = compiled.encode(inputs)
    return stimuli(design.input, compiled.input.shape, codes, N_RANDOM, SEED)
