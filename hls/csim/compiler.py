"""The C++ compiler: found, described and run."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jets.errors import ToolFailed, ToolNotFound
from jets.files import replacing

VARIABLE = "CXX"
OLDEST = 11
SECONDS = 1800
REMEDY = f"install g++ {OLDEST} or newer (apt install g++), or set {VARIABLE} to one"


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
            try:
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
            except subprocess.TimeoutExpired:
                raise ToolFailed(f"{self.program} took more than {SECONDS} s", folder, "simplify the student") from None
            with replacing(log) as text:
                text.write_text(f"{' '.join(command)}\n{done.stderr}")
            if done.returncode != 0:
                raise ToolFailed(f"the firmware does not compile: {_first_error(done.stderr)}", log, "read this log")


def log_of(output: Path) -> Path:
    """Where the messages of the compilation of `output` are kept."""
    return output.with_name(f"{output.name}.log")


def find_compiler() -> Compiler:
    """The compiler of the environment variable CXX, or `g++` on PATH.

    Raises:
        ToolNotFound: there is none, or it is too old for C++20.
    """
    program = shutil.which(os.environ.get(VARIABLE) or "g++")
    if program is None:
        name = os.environ.get(VARIABLE) or "g++"
        raise ToolNotFound(f"there is no C++ compiler {name!r}", None, REMEDY)
    try:
        done = subprocess.run(
            [program, "-dumpfullversion", "-dumpversion"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ToolNotFound(f"the C++ compiler does not start ({error.strerror})", program, REMEDY) from None
    version = done.stdout.strip()
    major = re.match(r"\d+", version)
    if done.returncode != 0 or major is None:
        raise ToolNotFound("this C++ compiler does not say its version", program, REMEDY)
    if int(major[0]) < OLDEST:
        raise ToolNotFound(f"version {version} of the C++ compiler is too old", program, REMEDY)
    return Compiler(program, version)


def _first_error(messages: str) -> str:
    lines = [line for line in messages.splitlines() if "error" in line] or ["no message"]
    return lines[0]
