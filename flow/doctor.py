"""Which programs and packages are here, what each missing one would add, and how to get it."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """An external program: looked for in `variable`, then on PATH."""

    name: str
    variable: str
    arguments: tuple[str, ...]
    adds: str
    get: str
    required: bool = False


@dataclass(frozen=True)
class Package:
    """A Python distribution."""

    name: str
    adds: str
    get: str
    required: bool = False


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table; `version` is None when the thing is missing."""

    name: str
    version: str | None
    adds: str
    get: str
    required: bool


INSTALL = "make setup"
SIMULATE = "pip install 'tagware[simulate]'"
VENDOR = "install AMD Vivado/Vitis and source its settings64.sh"

PROGRAMS = (
    Program("g++", "CXX", ("--version",), "C simulation of the firmware", "apt install g++", required=True),
    Program("make", "MAKE", ("--version",), "the two commands of the README", "apt install make"),
    Program("vitis_hls", "VITIS_HLS", ("-version",), "HLS synthesis by AMD Vitis", VENDOR),
    Program("vivado_hls", "VIVADO_HLS", ("-version",), "HLS synthesis by Vivado HLS", VENDOR),
    Program("vivado", "VIVADO", ("-version",), "place and route by AMD Vivado", VENDOR),
)
PACKAGES = (
    Package("torch", "teachers", INSTALL, required=True),
    Package("lightning", "training of teachers", INSTALL, required=True),
    Package("keras", "students", INSTALL, required=True),
    Package("tensorflow", "the Keras backend of students", INSTALL, required=True),
    Package("qkeras-v3", "quantization-aware training", INSTALL, required=True),
    Package("hls4ml", "HLS C++ from students", INSTALL, required=True),
    Package("h5py", "jets on disk", INSTALL, required=True),
    Package("pythia8mc", "simulated jets", SIMULATE),
    Package("fastjet", "simulated jets and high-level features", SIMULATE),
    Package("hdf5plugin", "public HDF5 files compressed with Blosc", INSTALL),
)


def examine() -> list[Finding]:
    """Look for every program and package."""
    return [_find_program(program) for program in PROGRAMS] + [_find_package(package) for package in PACKAGES]


def _find_program(program: Program) -> Finding:
    path = os.environ.get(program.variable) or shutil.which(program.name)
    version = _program_version(path, program.arguments) if path and shutil.which(path) else None
    return Finding(program.name, version, program.adds, program.get, program.required)


def _program_version(path: str, arguments: tuple[str, ...]) -> str | None:
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    found = re.search(r"v?(\d+\.\d+(\.\d+)*)", done.stdout + done.stderr)
    return found.group(1) if found else Path(path).name


def _find_package(package: Package) -> Finding:
    try:
        version = importlib.metadata.version(package.name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    return Finding(package.name, version, package.adds, package.get, package.required)
