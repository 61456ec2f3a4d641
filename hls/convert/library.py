"""C simulation as a shared library, through hls4ml's own build script: slow, and nothing of ours in it."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hls.convert.write import STAMP
from hls.csim.compiler import VARIABLE, find_compiler
from jets.errors import ToolFailed

BUILD_SECONDS = 1800


def build_library(folder: Path, name: str) -> Path:
    """Compile the project in `folder` with `build_lib.sh` and return the shared library.

    Raises:
        ToolNotFound: there is no C++ compiler.
        ToolFailed: the C++ does not compile, or the compiler ran out of time.
    """
    compiler = find_compiler().program
    try:
        done = subprocess.run(
            ["bash", "build_lib.sh"],
            cwd=folder,
            env={**os.environ, VARIABLE: compiler},
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolFailed(f"{compiler} took more than {BUILD_SECONDS} s", name, "simplify the student") from None
    library = folder / "firmware" / f"{name}-{STAMP}.so"
    if done.returncode != 0 or not library.is_file():
        errors = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
        raise ToolFailed(f"the firmware does not compile: {errors[0]}", name, "report this student as a bug")
    return library


def simulate(library: Path, name: str, inputs: NDArray[np.float32], n_outputs: int) -> NDArray[np.float32]:
    """Run the top function on each row of `inputs`, (n_jets, …) to (n_jets, n_outputs)."""
    function: Any = getattr(ctypes.CDLL(str(library)), f"{name}_float")
    pointer = ctypes.POINTER(ctypes.c_float)
    function.argtypes, function.restype = [pointer, pointer], None
    rows = np.ascontiguousarray(inputs.reshape(len(inputs), -1), np.float32)
    outputs = np.zeros((len(rows), n_outputs), np.float32)
    for row, output in tqdm(zip(rows, outputs, strict=True), total=len(rows), disable=None, unit="jets", leave=False):
        function(row.ctypes.data_as(pointer), output.ctypes.data_as(pointer))
    return outputs
