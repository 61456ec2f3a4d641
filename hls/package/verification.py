"""A package on another machine: its digests, then everything in it that can be run, on its stored vectors."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from hls.cosim import CosimConfig, cosim
from hls.cosim.verilator import MAKE, find_verilator
from hls.csim import Vectors, find_compiler
from hls.csim.sources import VECTORS, only_tensor
from hls.csim.testbench import parse_testbench
from hls.package.archive import Archive, open_archive
from hls.package.contents import ONNX
from hls.package.manifest import NAME, Manifest
from hls.package.onnx import run_onnx
from hls.package.testbench import bench_files
from hls.project import Project, Tensor
from hls.rtl.design import MANIFEST, Design
from hls.tools import execute, find, run
from jets.errors import LayoutError, TagwareError, ToolNotFound
from jets.files import existing_file

TESTBENCH = "testbench"
SECONDS = 3600.0
Outcome = Literal["verified", "failed", "not verified"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what came of it, and what was found or why it could not be looked at."""

    name: str
    outcome: Outcome
    found: str


@dataclass(frozen=True)
class Verification:
    """What was checked of a package, in order; nothing was run where the digests are wrong."""

    checks: tuple[Check, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing that was checked failed."""
        return all(check.outcome != "failed" for check in self.checks)


def verify(path: Path) -> Verification:
    """Check an archive's digests; if they are right, run its testbenches, its emulator, its RTL and its ONNX file.

    It runs in a temporary folder, and what it compiles is the archive's: digests show damage, not who made it.

    Raises:
        InputError: no such file.
        LayoutError: it is no archive of files below one folder.
    """
    with open_archive(path) as archive:
        files = _files(archive)
        if files.outcome == "failed":
            return Verification((files,))
        with tempfile.TemporaryDirectory(prefix="tagware-verify-") as scratch:
            folder = Path(scratch)
            archive.extract(folder)
            return Verification((files, *_runs(folder)))


def _files(archive: Archive) -> Check:
    try:
        manifest = Manifest.read(archive.read(NAME) if NAME in archive.names else b"")
    except LayoutError as error:
        return Check("files", "failed", str(error))
    wrong = list(manifest.differences(archive))
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return Check("files", "failed", f"{'; '.join(wrong[:3])}{more}")
    return Check("files", "verified", f"{len(manifest.files)} files have the digests of the manifest")


def _runs(folder: Path) -> Iterator[Check]:
    yield _attempt("C simulation", folder, lambda: _testbench(folder / "hls"))
    yield _attempt("emulator", folder, lambda: _testbench(folder / "emulator"))
    if (folder / "rtl" / MANIFEST).is_file():
        yield _attempt("RTL", folder, lambda: _rtl(folder))
        yield _attempt("RTL testbench", folder, lambda: _rtl_testbench(folder))
    else:
        yield Check("RTL", "not verified", "the package has none")
    if (folder / ONNX).is_file():
        yield _attempt("ONNX", folder, lambda: _onnx(folder))


def _attempt(name: str, folder: Path, run_it: Callable[[], tuple[bool, str]]) -> Check:
    """What a run showed; a missing tool leaves it open, any other error fails it."""
    try:
        agrees, found = run_it()
    except ToolNotFound as error:
        return Check(name, "not verified", str(error))
    except TagwareError as error:
        where = str(error.where or name).removeprefix(f"{folder}/")
        return Check(name, "failed", " ".join(f"{where}: {error.what}".split()))
    return Check(name, "verified" if agrees else "failed", found)


def _testbench(folder: Path) -> tuple[bool, str]:
    """Build a folder's testbench by its Makefile and run it on the vectors of the HLS project."""
    make, compiler = find(MAKE), find_compiler()
    run([*make.argv, f"CXX={compiler.program}"], folder, folder / "make.log", SECONDS)
    vectors, log = folder.parent / "hls" / VECTORS, folder / "testbench.log"
    done = execute([str(folder / TESTBENCH), str(vectors)], folder, log, SECONDS)
    result = parse_testbench(log.read_text(), done.status, done.seconds, log)
    found = f"{result.n_vectors} vectors, {result.n_mismatch} differ"
    return not result.n_mismatch, "; ".join(filter(None, (found, result.first_difference)))


def _rtl(folder: Path) -> tuple[bool, str]:
    """Simulate the RTL on the stored vectors, without waits and with random ones."""
    _, _, vectors = _vectors(folder)
    result = cosim(Design.load(folder / "rtl"), vectors.inputs, vectors.golden, CosimConfig(), folder / "cosim")
    found = f"{result.n_vectors} vectors, {result.n_mismatch} differ ({result.tool} {result.tool_version})"
    return result.agrees, "; ".join([found, *result.complaints()])


def _rtl_testbench(folder: Path) -> tuple[bool, str]:
    """Build the testbench beside the RTL by its Makefile, and run it without waits and with random ones."""
    design, (_, _, vectors) = Design.load(folder / "rtl"), _vectors(folder)
    where, log = folder / TESTBENCH, folder / TESTBENCH / "make.log"
    for name, content in bench_files(design, vectors).items():
        if name.endswith(".hex") and existing_file(where / name).read_bytes() != content:
            return False, f"{TESTBENCH}/{name} holds other vectors than the HLS project"
    if design.language != "verilog":
        raise ToolNotFound("Verilator reads no VHDL", None, "run the folder testbench in a simulator of both languages")
    make, verilator = find(MAKE), find_verilator()
    environment = ("env", *(f"{name}={value}" for name, value in verilator.environment().items()))
    argv = [*make.argv, "check", f"VERILATOR={Path(verilator.argv[0]).name}"]
    done = execute(argv, where, log, SECONDS, environment)
    told = re.findall(r"^\d+ vectors, \d+ differ$|^vector \d+ is .*$", log.read_text(), re.MULTILINE)
    if not told:
        done.check()
    agrees = done.status == 0 and told == [f"{len(vectors)} vectors, 0 differ"] * 2
    return agrees, ("; ".join(dict.fromkeys(told)) or "it says nothing") + f" (Verilator {verilator.version})"


def _onnx(folder: Path) -> tuple[bool, str]:
    """Run the ONNX file on the stored vectors by onnxruntime."""
    input_, output, vectors = _vectors(folder)
    inputs = vectors.inputs.reshape(len(vectors), *input_.shape) * 2.0**-input_.fraction_bits
    logits = run_onnx(folder / ONNX, inputs).reshape(len(vectors), -1)
    n_mismatch = np.count_nonzero((logits * 2.0**output.fraction_bits != vectors.golden).any(axis=1))
    return not n_mismatch, f"{len(vectors)} vectors, {n_mismatch} differ (onnxruntime {version('onnxruntime')})"


def _vectors(folder: Path) -> tuple[Tensor, Tensor, Vectors]:
    """Input, output and stored vectors of the HLS project."""
    project = Project.load(folder / "hls")
    input_, output = only_tensor(project.inputs, "input", project), only_tensor(project.outputs, "output", project)
    return input_, output, Vectors.load(project.folder / VECTORS, input_, output)
