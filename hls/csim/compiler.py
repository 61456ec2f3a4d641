"""The C++ compiler: found, described and run."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hls.tools.tool import Program, execute, find
from jets.errors import ToolFailed
from jets.files import replacing

VARIABLE = "CXX"
GCC = Program("g++", "apt install g++", "11", version_arguments=("-dumpfullversion", "-dumpversion"), named_by=VARIABLE)
SECONDS = 1800


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: the program as it is called, and its full version."""

    program: str
    version: str

    @cached_property
    def target(self) -> str:
        """Digest of the instruction set that `-march=native` means here."""
        done = subprocess.run(
            [self.program, "-march=native", "-Q", "--help=target"], capture_output=True, text=True, check=False
        )
        return hashlib.sha256(done.stdout.encode()).hexdigest()

    def compile(self, sources: Sequence[Path], flags: Sequence[str], output: Path, folder: Path) -> None:
        """Compile and link `sources` into `output`, all or nothing, running in `folder`; the log stands beside it.

        Raises:
            ToolFailed: the compiler found errors or ran out of time; it names the log file.
        """
        log = log_of(output)
        with replacing(output) as temporary:
            command = [self.program, *flags, *map(str, sources), "-o", str(temporary.absolute())]
            done = execute(command, folder, log, SECONDS)
            if done.status != 0:
                raise ToolFailed(f"the firmware does not compile: {done.first_error()}", log, "read this log")


def log_of(output: Path) -> Path:
    """Where the messages of the compilation of `output` are kept."""
    return output.with_name(f"{output.name}.log")


def find_compiler() -> Compiler:
    """The compiler of the environment variable CXX, or `g++` on PATH.

    Raises:
        ToolNotFound: there is none, or it is too old for C++20.
    """
    found = find(GCC)
    return Compiler(found.argv[0], found.version)
