"""Which programs and packages are here, what each missing one would add, and how to get it."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hls.cosim.verilator import MAKE, find_verilator
from hls.cosim.verilator import PROGRAM as VERILATOR
from hls.cosim.vhdl import GHDL, NVC
from hls.csim.compiler import GCC
from hls.tools import Program, find
from hls.tools.nextpnr import PROGRAM as NEXTPNR
from hls.tools.quartus import QUARTUS
from hls.tools.vitis_hls import VITIS_HLS, VITIS_RUN
from hls.tools.vivado import VIVADO
from hls.tools.vivado_hls import VIVADO_HLS
from hls.tools.yosys import PROGRAM as YOSYS
from jets.errors import ToolNotFound

SETUP = "make setup"
SIMULATE = "pip install 'tagware[simulate]'"
RTL = "pip install 'tagware[rtl]'"
QKERAS = "qkeras-v3"

PROGRAMS = {
    GCC: "C simulation of the firmware",
    MAKE: "the two commands of the README, RTL simulation",
    VERILATOR: "simulation of RTL, cycle by cycle",
    YOSYS: "synthesis of RTL",
    NEXTPNR: "place and route for a real clock",
    GHDL: "simulation of VHDL",
    NVC: "simulation of VHDL, instead of GHDL",
    VITIS_RUN: "HLS synthesis by AMD Vitis",
    VITIS_HLS: "HLS synthesis by AMD Vitis before 2024.2",
    VIVADO_HLS: "HLS synthesis by Vivado HLS",
    VIVADO: "place and route by AMD Vivado",
    QUARTUS: "place and route by Intel Quartus",
}
PACKAGES = {
    "torch": ("teachers", SETUP),
    "lightning": ("training of teachers", SETUP),
    "keras": ("students", SETUP),
    "tensorflow": ("the Keras backend of students", SETUP),
    QKERAS: ("quantization-aware training", SETUP),
    "hgq2": ("quantization-aware training that learns bits", SETUP),
    "brevitas": ("quantization-aware training in torch", SETUP),
    "hls4ml": ("HLS C++ from students", SETUP),
    "onnx": ("students as ONNX in packages", SETUP),
    "onnxruntime": ("what such a file gives, in `tagware verify`", SETUP),
    "optuna": ("searches", SETUP),
    "h5py": ("jets on disk", SETUP),
    "hdf5plugin": ("imported jets and public HDF5 files, compressed with Blosc", SETUP),
    "uproot": ("public ROOT files", SETUP),
    "alkaid": ("RTL from students", RTL),
    "pythia8mc": ("simulated jets", SIMULATE),
    "fastjet": ("simulated jets and high-level features", SIMULATE),
}
REQUIRED = {GCC.name, *(name for name, (_, get) in PACKAGES.items() if get == SETUP)}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table; `version` is None when the thing is missing."""

    name: str
    version: str | None
    adds: str
    get: str
    required: bool


def examine() -> list[Finding]:
    """Look for every program and package."""
    programs = [
        Finding(program.name, _version_of(program), adds, program.install, program.name in REQUIRED)
        for program, adds in PROGRAMS.items()
    ]
    return programs + [
        Finding(name, _found(partial(_intact_version, name)), adds, get, name in REQUIRED)
        for name, (adds, get) in PACKAGES.items()
    ]


def _version_of(program: Program) -> str | None:
    if program is VERILATOR:
        return _found(lambda: find_verilator().version)
    return _found(lambda: find(program).version)


def _intact_version(package: str) -> str:
    """The version of a package; PackageNotFoundError where files of QKeras are not its own.

    HGQ2's wheel has a package of that name, too: installed into the same folder it overwrites some of them.
    """
    found = importlib.metadata.distribution(package)
    if package == QKERAS and not all(_is_own(path) for path in found.files or () if path.match("qkeras/*.py")):
        raise importlib.metadata.PackageNotFoundError(package)
    return found.version


def _is_own(path: importlib.metadata.PackagePath) -> bool:
    """Whether a file is as its package brought it (its record has the digest in URL-safe base64, unpadded)."""
    if path.hash is None:
        return True
    digest = hashlib.new(path.hash.mode, path.read_binary()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == path.hash.value


def _found(version: Callable[[], str]) -> str | None:
    try:
        return version()
    except (ToolNotFound, importlib.metadata.PackageNotFoundError):
        return None
