"""What is compiled: the firmware's sources, ours around them, and a digest of all that decides the result."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterable, Sequence
from pathlib import Path

from hls.csim.compiler import Compiler
from hls.project import Project, Tensor
from jets.errors import ConfigError
from jets.files import json_digest, replacing

HERE = Path(__file__).parent
CPP, FAST_TYPES = HERE / "cpp", HERE / "include"
FOLDER, BUILD, VECTORS = "csim", "build", "vectors"
"""Where a project keeps the testbench's sources, what is compiled, and the stored vectors."""

MAKE_VECTORS = "make them with `tagware csim FIRMWARE --student TAGGER --jets JETS`"
"""The remedy for stored vectors that are missing or damaged."""

COMMON_FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-DNDEBUG", "-I.", f"-I{FOLDER}")
"""No fused multiply-add: the tables of the activations are computed in floating point, as everywhere else."""
FAST_FLAGS = ("-std=c++20", "-fwrapv", *COMMON_FLAGS, f"-I{FAST_TYPES}", "-Ifirmware/ap_types")
"""Indices that wrap let g++ 12 see that the weights of a layer lie side by side: twice as fast."""
VENDOR_FLAGS = ("-std=c++20", *COMMON_FLAGS, "-Ifirmware/ap_types")


def only_tensor(tensors: Sequence[Tensor], what: str, project: Project) -> Tensor:
    """The only input or output of a project.

    Raises:
        ConfigError: there is more than one.
    """
    if len(tensors) != 1:
        raise ConfigError(f"{len(tensors)} {what}s, and C simulation takes one", project.folder, f"join its {what}s")
    return tensors[0]


def n_values(tensor: Tensor) -> int:
    """Numbers in a tensor of one jet."""
    count = 1
    for length in tensor.shape:
        count *= length
    return count


def testbench_sources(project: Project) -> dict[str, str]:
    """The testbench's sources by name, and the header that names this firmware.

    Raises:
        ConfigError: the firmware has more than one input or output.
    """
    top = project.name if project.config.namespace is None else f"{project.config.namespace}::{project.name}"
    header = string.Template((CPP / "project.h.in").read_text()).substitute(
        name=project.name,
        top=top,
        n_inputs=n_values(only_tensor(project.inputs, "input", project)),
        n_outputs=n_values(only_tensor(project.outputs, "output", project)),
    )
    return {**{name: (CPP / name).read_text() for name in ("harness.h", "testbench.cpp")}, "project.h": header}


def place_sources(project: Project) -> Path:
    """Put the testbench's sources into the project's `csim` folder."""
    folder = project.folder / FOLDER
    for name, text in testbench_sources(project).items():
        path = folder / name
        if not path.is_file() or path.read_text() != text:
            with replacing(path) as temporary:
                temporary.write_text(text)
    return folder


def digest(project: Project, compiler: Compiler, flags: Sequence[str]) -> str:
    """SHA-256 of the sources as they stand on disk, the flags and the compiler."""
    parts = [compiler.program, compiler.version, compiler.target, *flags]
    return json_digest([*parts, *_file_digests(project.folder / "firmware"), *_file_digests(HERE)])[:16]


def _file_digests(folder: Path) -> Iterable[str]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".h", ".cpp", ".txt", ".in") and path.is_file():
            yield f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
