"""The longest path of a recurrent student's RTL, and what its stages make of the latency.

    python benchmarks/critical_path.py STUDENT_FOLDER OUT --stages 1 3 4
    python benchmarks/critical_path.py STUDENT_FOLDER OUT --cells 20

For each number of stages of the cell (0: as many as the clock asks for) the design is emitted and mapped by Yosys,
minutes each. Printed as a table: cycles, resources, the estimated clock, and the latency at the clock asked for or at
the estimated one where that is slower; then the longest path, cell by cell. With one stage it is that of a whole step.
With as many cells as steps the design is unrolled.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

from flow.hardware import emit_rtl, synthesize_rtl
from hls.project import HlsConfig
from hls.rtl.config import RtlConfig
from hls.synth import SynthConfig
from hls.synth.timing import Timing

COLUMNS = ("stages", "cycles", "a jet every", "LUT", "FF", "DSP", "block RAM", "MHz", "ns")


def row(stages: int, options: argparse.Namespace) -> tuple[str, Timing]:
    """One design: its line of the table and its longest path."""
    out = options.out / f"cells_{options.cells}_stages_{stages}"
    rtl = RtlConfig(cells=options.cells, cell_stages=stages or None)
    design = emit_rtl(options.student, HlsConfig(clock_ns=options.clock_ns), rtl, out / "rtl")
    (mapped,) = synthesize_rtl(out / "rtl", SynthConfig(), out / "synthesis").mapped
    assert mapped.timing is not None
    period = max(design.clock_ns, 1000 / mapped.timing.fmax_mhz)
    found = mapped.resources
    cycles = (stages or "auto", design.latency_cycles, design.interval_cycles)
    clock = (f"{mapped.timing.fmax_mhz:.0f}", f"{design.latency_cycles * period:.0f}")
    numbers = (*cycles, found.lut, found.ff, found.dsp, found.bram18, *clock)
    return f"| {' | '.join(map(str, numbers))} |", mapped.timing


def show(timing: Timing) -> None:
    """Print a path with the time at which each cell is done."""
    done = 0.0
    for step in timing.path:
        done += step.net_ns + step.cell_ns
        print(f"  {done:6.2f} {step.cell:8s} fan-out {step.fan_out:4d}  {step.instance} {step.signal or ''}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("student", type=Path, help="a quantized Tagger folder")
    parser.add_argument("out", type=Path)
    parser.add_argument("--stages", type=int, nargs="+", default=[0])
    parser.add_argument("--cells", type=int, default=1)
    parser.add_argument("--clock-ns", type=float, default=5.0)
    options = parser.parse_args()
    found = [row(stages, options) for stages in options.stages]
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for line, _ in found:
        print(line)
    for stages, (_, timing) in zip(options.stages, found, strict=True):
        print(f"stages {stages}: {timing.period_ns:.2f} ns in {timing.unit}")
        show(timing)
    for name, who in (("this process", resource.RUSAGE_SELF), ("Yosys", resource.RUSAGE_CHILDREN)):
        used = resource.getrusage(who)
        print(f"{name}: {used.ru_utime + used.ru_stime:.0f} processor seconds, {used.ru_maxrss / 2**20:.1f} GB at most")


if __name__ == "__main__":
    main()
