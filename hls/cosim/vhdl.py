"""GHDL and NVC: a VHDL design simulated with a testbench that does what the harness of Verilator does."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hls.cosim.packing import Words, ports
from hls.cosim.simulator import Observed, Plan, parse_run
from hls.rtl.design import Design
from hls.templating import environment
from hls.tools import Program, Tool, execute, find, run
from hls.tools.sources import vhdl_in_order
from jets.errors import ToolNotFound

GHDL = Program("ghdl", "apt install ghdl")
NVC = Program("nvc", "from https://www.nickg.me.uk/nvc")
TEMPLATES = Path(__file__).parent / "vhdl"
LIBRARY = "design"


@dataclass(frozen=True)
class Ghdl:
    """GHDL's commands: analysis into a library, and the simulation of the testbench."""

    tool: Tool
    name: str = "GHDL"

    def analyse(self, sources: list[str], library: Path) -> list[str]:
        """The command that compiles a design into `library`."""
        return [*self.tool.argv, "-a", "--std=08", f"--work={LIBRARY}", f"--workdir={library}", *sources]

    def simulate(self, library: Path, trace: Path | None) -> tuple[list[str], ...]:
        """The commands that compile and run `testbench.vhd` in the current folder."""
        options = ["--std=08", "--workdir=.", f"-P{library}"]
        waves = [] if trace is None else [f"--{trace.suffix[1:]}={trace}"]
        run_options = ["--ieee-asserts=disable", "--max-stack-alloc=0", *waves]
        return (
            [*self.tool.argv, "-a", *options, "testbench.vhd"],
            [*self.tool.argv, "--elab-run", *options, "testbench", *run_options],
        )


@dataclass(frozen=True)
class Nvc:
    """NVC's commands, as those of `Ghdl`."""

    tool: Tool
    name: str = "NVC"

    def analyse(self, sources: list[str], library: Path) -> list[str]:
        """The command that compiles a design into `library`."""
        return [*self.tool.argv, "--std=2008", f"--work={LIBRARY}:{library / LIBRARY}", "-a", *sources]

    def simulate(self, library: Path, trace: Path | None) -> tuple[list[str], ...]:
        """The command that compiles and runs `testbench.vhd` in the current folder."""
        waves = [] if trace is None else [f"--format={trace.suffix[1:]}", f"--wave={trace}"]
        begin = [*self.tool.argv, "--std=2008", "-L", str(library), "-H", "1g", "-a", "testbench.vhd"]
        return ([*begin, "-e", "testbench", "-r", "testbench", "--ieee-warnings=off", *waves],)


@dataclass(frozen=True)
class VhdlDesign:
    """A design compiled into a library; runs of it may go on at the same time."""

    commands: Ghdl | Nvc
    design: Design
    library: Path
    trace: bool

    @property
    def tool(self) -> str:
        """The simulator's name."""
        return self.commands.name

    @property
    def version(self) -> str:
        """The simulator's version."""
        return self.commands.tool.version

    def run(self, plan: Plan, inputs: Words, folder: Path, timeout_s: float) -> Observed:
        """See `Simulator.run`. A trace begins with the slice, whatever its first jet."""
        input_, _ = ports(self.design)
        (folder / "inputs.txt").write_bytes(_lines(inputs.reshape(-1, input_.words), input_.width))
        (folder / "testbench.vhd").write_text(_testbench(self.design, plan))
        wanted = self.trace and 0 <= plan.trace_from - plan.first_jet < plan.n_jets
        *before, last = self.commands.simulate(self.library, Path(plan.trace) if wanted else None)
        for argv in before:
            run(argv, folder, folder / "analysis.log", timeout_s)
        n_received, n_cycles, failure = parse_run(execute(last, folder, folder / "run.log", timeout_s))
        rows = [line.split() for line in (folder / "outputs.txt").read_text().splitlines()]
        words = [[_words(bits, plan.out_words) for bits in row[: plan.out_beats]] for row in rows]
        shape = (n_received, plan.out_beats, plan.out_words)
        cycles = np.array([row[plan.out_beats :] for row in rows], np.int64).reshape(n_received, 4)
        for name in ("inputs.txt", "outputs.txt"):
            (folder / name).unlink()
        return Observed(np.array(words, np.uint32).reshape(shape), cycles, n_cycles, failure)


def find_vhdl_simulator() -> Ghdl | Nvc:
    """The NVC of TAGWARE_NVC if that is set, else GHDL, else the NVC on PATH.

    Raises:
        ToolNotFound: there is neither.
    """
    if os.environ.get(NVC.variable):
        return Nvc(find(NVC))
    try:
        return Ghdl(find(GHDL))
    except ToolNotFound:
        if os.environ.get(GHDL.variable) or shutil.which(NVC.name) is None:
            raise
    return Nvc(find(NVC))


def build(commands: Ghdl | Nvc, design: Design, folder: Path, trace: bool, timeout_s: float) -> VhdlDesign:
    """Compile a design into a library in `folder`.

    Raises:
        ToolFailed: it does not compile; names the log.
    """
    library = folder.absolute() / f"{commands.name.lower()}-{design.digest[:16]}"
    sources = vhdl_in_order(design.files)
    shutil.rmtree(library, ignore_errors=True)
    for name in sources:
        path = library / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(design.files[name])
    run(commands.analyse(sources, library), library, folder.absolute() / "analysis.log", timeout_s)
    return VhdlDesign(commands, design, library, trace)


def _testbench(design: Design, plan: Plan) -> str:
    input_, output = ports(design)
    template = environment(TEMPLATES).get_template("testbench.vhd.j2")
    return str(template.render(design=design, plan=plan, input=input_, output=output))


def _lines(words: Words, width: int) -> bytes:
    """A line of `width` bits, highest first, for every row (n, words)."""
    bits = np.unpackbits(np.ascontiguousarray(words, "<u4").view(np.uint8), axis=1, bitorder="little")[:, :width]
    ends = np.full((len(words), 1), ord("\n"), np.uint8)
    return bytes(np.concatenate([bits[:, ::-1] + np.uint8(ord("0")), ends], axis=1).tobytes())


def _words(bits: str, n_words: int) -> list[int]:
    value = int(bits, 2)
    return [value >> (32 * i) & 0xFFFFFFFF for i in range(n_words)]
