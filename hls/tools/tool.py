"""The one way to find and run an EDA program: its version, its log file, its time limit, and where it runs."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from jets.errors import ToolFailed, ToolNotFound
from jets.files import storage_error
from jets.interrupts import interrupts_deferred

VERSION_SECONDS = 60.0
GRACE_SECONDS = 5.0
"""Between asking a process group to end and killing it."""

_VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)*)")
_ERROR = re.compile(r"\b(?:error|fatal)\b\s*[:(\[\]]|^\W*(?:error|fatal)\b", re.IGNORECASE)
_LICENCE = re.compile(r"licen[sc]e", re.IGNORECASE)
_LICENCE_REMEDY = "set LM_LICENSE_FILE to your licence server, or run this on a machine that reaches it (docs/tools.md)"


@dataclass(frozen=True)
class Program:
    """A program to look for.

    Attributes:
        name: as it is called, e.g. "yosys".
        install: the command or the sentence that gets it.
        oldest: the oldest version that will do, e.g. "5.048".
        package, script: the Python package that brings it, and its command there if that is called differently.
        version_arguments: what makes it print its version.
        named_by: the environment variable that names the program; TAGWARE_<NAME> unless given.
    """

    name: str
    install: str
    oldest: str | None = None
    package: str | None = None
    script: str | None = None
    version_arguments: tuple[str, ...] = ("--version",)
    named_by: str | None = None

    @property
    def variable(self) -> str:
        """The environment variable that names the program."""
        return self.named_by or f"TAGWARE_{re.sub(r'[^A-Z0-9]', '_', self.name.upper())}"

    @property
    def remedy(self) -> str:
        """How to get the program."""
        newer = f" {self.oldest} or newer" if self.oldest else ""
        return f"install {self.name}{newer} ({self.install}), or set {self.variable} to one"


@dataclass(frozen=True)
class Tool:
    """A program that was found: how it is called, and the version that it states."""

    argv: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Found:
    """A program of its own class that was found; `program` says where to look."""

    tool: Tool

    program: ClassVar[Program]

    @classmethod
    def find(cls, prefix: Sequence[str] = ()) -> Self:
        """The program of its environment variable, on PATH, or of its Python package.

        Raises:
            ToolNotFound: there is none, or it is too old.
        """
        return cls(find(cls.program, prefix))

    @property
    def version(self) -> str:
        """What it says its version is."""
        return self.tool.version


@dataclass(frozen=True)
class Finished:
    """A program that ran to its end: its exit status (negative: the signal that killed it), its log and its time."""

    argv: tuple[str, ...]
    status: int
    log: Path
    seconds: float

    def first_error(self) -> str:
        """The first line of the log that reports an error, else its last line."""
        last = "it printed nothing"
        with open(self.log, errors="replace") as lines:
            next(lines, None)  # the command itself
            for line in filter(None, map(str.strip, lines)):
                if _ERROR.search(line):
                    return line
                last = line
        return last

    def check(self) -> Finished:
        """This run, if it succeeded.

        Raises:
            ToolFailed: it did not; says how, names the log and quotes its first error.
        """
        if self.status == 0:
            return self
        name, error = Path(self.argv[0]).name, self.first_error()
        if self.status < 0:
            killer = signal.Signals(-self.status).name
            raise ToolFailed(f"{name} was killed by {killer} ({error})", self.log, "is there enough memory?")
        remedy = _LICENCE_REMEDY if _LICENCE.search(error) else "read this log"
        raise ToolFailed(f"{name} ended with status {self.status}: {error}", self.log, remedy)


def run(argv: Sequence[str], folder: Path, log: Path, timeout_s: float, prefix: Sequence[str] = ()) -> Finished:
    """Run a program in `folder` to its success; everything that it prints goes to `log` at once.

    `prefix` is put before the command, so that another machine or a container runs it (`prefixed`).

    Raises:
        ToolNotFound: the program (or the prefix) is not there.
        ToolFailed: it took longer than `timeout_s` seconds, was killed, or failed; names the log.
        StorageError: the folder or the log cannot be written.
    """
    return execute(argv, folder, log, timeout_s, prefix).check()


def execute(argv: Sequence[str], folder: Path, log: Path, timeout_s: float, prefix: Sequence[str] = ()) -> Finished:
    """As `run`, for programs whose exit status has a meaning of its own: any status is returned.

    Raises:
        ToolNotFound, ToolFailed (out of time), StorageError: as `run`.
    """
    start = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w") as stream:
            stream.write(f"$ {shlex.join(argv)}\n")
            stream.flush()
            status = _status(prefixed(argv, folder, prefix), folder, stream.fileno(), timeout_s)
    except subprocess.TimeoutExpired:
        name = Path(argv[0]).name
        raise ToolFailed(f"{name} took more than {timeout_s:g} s and was stopped", log, "allow more time") from None
    except OSError as error:
        raise storage_error(error, log) or error from error
    return Finished(tuple(argv), status, log, time.monotonic() - start)


def prefixed(argv: Sequence[str], folder: Path, prefix: Sequence[str]) -> list[str]:
    """The command that runs `argv` in `folder` behind a prefix.

    Containers, batch systems and `env` take the command word by word and keep the working folder. `ssh` hands one
    text to a shell that starts in the home folder, so the command is quoted and preceded by a `cd`: both machines
    must see the folder under the same path (a shared file system).
    """
    if prefix and Path(prefix[0]).name == "ssh":
        return [*prefix, f"cd {shlex.quote(str(folder.absolute()))} && exec {shlex.join(argv)}"]
    return [*prefix, *argv]


def find(program: Program, prefix: Sequence[str] = ()) -> Tool:
    """Look for a program in its environment variable, on PATH, then in its Python package, with its version.

    Behind a `prefix` only the prefix knows what is there: the variable's value or the plain name is tried.

    Raises:
        ToolNotFound: it is not there, does not start, does not say its version or is too old; says which variable
            to set and how to install it.
    """
    name = os.environ.get(program.variable) or program.name
    if prefix:
        tool = _asked(program, name, prefix)
    elif path := shutil.which(name):
        tool = _asked(program, str(Path(path).absolute()))
    elif name == program.name and (packaged := _packaged(program)):
        tool = packaged
    else:
        where = None if name == program.name else program.variable
        raise ToolNotFound(f"there is no program {name!r}", where, program.remedy)
    if program.oldest and _numbers(tool.version) < _numbers(program.oldest):
        raise ToolNotFound(f"version {tool.version} of {program.name} is too old", tool.argv[0], program.remedy)
    return tool


def _asked(program: Program, path: str, prefix: Sequence[str] = ()) -> Tool:
    """The program at `path`, with the version that it prints."""
    text = _version_text(program, prefixed([path, *program.version_arguments], Path.cwd(), prefix))
    found = _VERSION.search(text)
    if found is None:
        raise ToolNotFound(f"this {program.name} does not say its version", path, program.remedy)
    return Tool((path,), found[1])


def _packaged(program: Program) -> Tool | None:
    """The program as an installed Python package, which need not be started to know its version."""
    if program.package is None:
        return None
    path = shutil.which(program.script or program.package, path=sysconfig.get_path("scripts"))
    try:
        version = importlib.metadata.version(program.package)
    except importlib.metadata.PackageNotFoundError:
        return None
    return Tool((path,), version) if path else None


def _version_text(program: Program, command: list[str]) -> str:
    shown = shlex.join(command)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except OSError as error:
        raise ToolNotFound(f"{program.name} does not start ({error.strerror})", shown, program.remedy) from None
    except subprocess.TimeoutExpired:
        what = f"{program.name} does not say its version in {VERSION_SECONDS:g} s"
        raise ToolNotFound(what, shown, program.remedy) from None
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise ToolNotFound(f"{program.name} does not start ({last[0]})", shown, program.remedy)
    return done.stdout + done.stderr


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _start(command: list[str], folder: Path, output: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        remedy = "check the command prefix and the path of the program"
        raise ToolNotFound(f"cannot be started ({error.strerror})", command[0], remedy) from None


def _status(command: list[str], folder: Path, output: int, timeout_s: float) -> int:
    """The exit status; whatever ends the waiting early ends the program and all that it started."""
    process = None
    try:
        with interrupts_deferred():  # one while it starts would leave it running
            process = _start(command, folder, output)
        return process.wait(timeout_s)
    except BaseException:
        if process is not None:
            _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
