"""The standalone testbench: stored vectors through the firmware with the vendor's own number types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hls.csim.compiler import find_compiler
from hls.csim.sources import BUILD, FOLDER, MAKE_VECTORS, VECTORS, VENDOR_FLAGS, digest, place_sources
from hls.project import Project
from hls.tools.tool import execute
from jets.errors import LayoutError, ToolFailed

SECONDS = 3600
LOG = "testbench.log"
_SUMMARY = re.compile(r"(\d+) vectors, (\d+) differ")


@dataclass(frozen=True)
class TestbenchResult:
    """What the testbench found: vectors with any output bit different, the first difference as text, and its time."""

    __test__ = False  # not a test case, whatever its name

    n_vectors: int
    n_mismatch: int
    first_difference: str | None
    seconds: float


def build_testbench(project: Project) -> Path:
    """Compile the testbench with the vendor's own types into the project's folder `build`, or find it there.

    Raises:
        ToolNotFound: there is no C++ compiler.
        ToolFailed: it does not compile.
    """
    compiler = find_compiler()
    place_sources(project)
    program = project.folder / BUILD / f"{project.name}-testbench-{digest(project, compiler, VENDOR_FLAGS)}"
    if not program.is_file():
        sources = [Path("firmware") / f"{project.name}.cpp", Path(FOLDER) / "testbench.cpp"]
        compiler.compile(sources, VENDOR_FLAGS, program, project.folder)
    return program


def run_testbench(project: Project, vectors: Path | None = None) -> TestbenchResult:
    """Build and run the testbench on the vectors of a folder (the project's own unless given).

    What it printed is kept in `build/testbench.log`.

    Raises:
        ToolNotFound: there is no C++ compiler.
        ToolFailed: it does not compile, or crashed.
        LayoutError: the vectors cannot be read.
    """
    program = build_testbench(project)
    log = project.folder / BUILD / LOG
    # Relative to the project, so that the log, too, is the same wherever the project lies.
    command = [f"./{program.relative_to(project.folder)}", str(vectors.absolute()) if vectors else VECTORS]
    done = execute(command, project.folder, log, SECONDS)
    if done.status == 2:
        where = vectors or project.folder / VECTORS
        raise LayoutError(f"cannot be read by the testbench ({done.first_error()})", where, MAKE_VECTORS)
    return parse_testbench(log.read_text(), done.status, done.seconds, log)


def parse_testbench(text: str, status: int, seconds: float, log: Path) -> TestbenchResult:
    """What a testbench printed, checked against its exit status.

    Raises:
        ToolFailed: it crashed, or what it printed and its status contradict each other.
    """
    summary = _SUMMARY.search(text)
    if status not in (0, 1) or summary is None or (status == 1) != (int(summary[2]) > 0):
        raise ToolFailed(f"the testbench ended with status {status} and no usable summary", log, "read this log")
    first = next((line for line in text.splitlines() if line.startswith("first difference")), None)
    return TestbenchResult(int(summary[1]), int(summary[2]), first, seconds)
