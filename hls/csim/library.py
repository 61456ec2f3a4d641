"""The firmware as a shared library that evaluates jets in batches and threads, bit for bit as hls4ml's own does."""

from __future__ import annotations

import ctypes
import logging
import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hls.csim.compiler import Compiler, find_compiler, log_of
from hls.csim.sources import (
    BUILD,
    CPP,
    FAST_FLAGS,
    VENDOR_FLAGS,
    digest,
    n_values,
    only_tensor,
    place_sources,
)
from hls.project import Project, Tensor
from jets.errors import DataError, ToolFailed

Arithmetic = Literal["tagware", "ap_types"]
LIBRARY_FLAGS = ("-shared", "-fPIC", "-fno-gnu-unique")
CHUNK = 4096
REFUSAL = "tagware: "
"""How the messages of our number types begin when they do not cover what the firmware asks of them."""

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CompiledProject:
    """A firmware project compiled for this machine.

    Attributes:
        library: the shared library.
        arithmetic: "tagware" for our own number types, "ap_types" for the vendor's (hundreds of jets/s) where a
            number is too wide for ours.
        input: the firmware's input; a jet's values are flattened to (n_inputs,).
        output: the firmware's output.
    """

    library: Path
    arithmetic: Arithmetic
    input: Tensor
    output: Tensor
    _lanes: _Lanes = field(repr=False, compare=False)

    def predict(self, inputs: NDArray[Any], threads: int | None = None) -> Floats:
        """Outputs (n_jets, n_outputs) for inputs (n_jets, …), rounded to the firmware's input type as it does.

        `threads` is the number of cores this process may use unless given; the result does not depend on it.

        Raises:
            DataError: the inputs have another shape, or hold NaN or infinity.
        """
        values = self._checked(inputs)
        results = np.zeros((len(values), n_values(self.output)))
        self._run(values, None, results, None, threads)
        return results

    def predict_codes(self, codes: NDArray[Any], threads: int | None = None) -> Codes:
        """Output codes (n_jets, n_outputs) for input codes (n_jets, …): value = code / 2**fraction_bits.

        Raises:
            DataError: the codes have another shape or are out of the input type's range.
        """
        rows = np.ascontiguousarray(self._rows(np.asarray(codes)), np.int64)
        limits = code_range(self.input)
        if len(rows) and (rows.min() < limits[0] or rows.max() > limits[1]):
            raise DataError(f"an input code outside {limits[0]} … {limits[1]}", self.input.name, "correct it")
        results = np.zeros((len(rows), n_values(self.output)), np.int64)
        self._run(None, rows, None, results, threads)
        return results

    def encode(self, inputs: NDArray[Any]) -> Codes:
        """The codes (n_jets, n_inputs) that the firmware's input type makes of inputs (n_jets, …).

        Raises:
            DataError: as `predict`.
        """
        values = self._checked(inputs)
        codes = np.zeros(values.shape, np.int64)
        self._run(values, codes, None, None, None)
        return codes

    def _rows(self, inputs: NDArray[Any]) -> NDArray[Any]:
        wanted = self.input.shape
        flat = (n_values(self.input),)
        if inputs.ndim < 2 or inputs.shape[1:] not in (wanted, flat):
            raise DataError(
                f"inputs of shape {inputs.shape} where (n_jets, {', '.join(map(str, wanted))}) is needed",
                self.input.name,
                "use the inputs of the student that was converted",
            )
        return inputs.reshape(len(inputs), flat[0])

    def _checked(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        values = np.ascontiguousarray(self._rows(np.asarray(inputs)), np.float32)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            jet = int(np.argmin(finite))
            raise DataError(f"an input of jet {jet} is not finite", self.input.name, "remove this jet")
        return values

    def _run(
        self,
        values: NDArray[np.float32] | None,
        input_codes: Codes | None,
        results: Floats | None,
        output_codes: Codes | None,
        threads: int | None,
    ) -> None:
        arrays = (values, input_codes, results, output_codes)
        n_jets = next(len(array) for array in arrays if array is not None)
        threads = len(os.sched_getaffinity(0)) if threads is None else threads
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        starts = range(0, n_jets, CHUNK)
        threads = max(1, min(threads, len(starts)))
        with ThreadPoolExecutor(threads) as pool, tqdm(total=n_jets, disable=None, unit="jets", leave=False) as bar:
            chunks: list[Future[int]] = []
            for start in starts:
                rows = slice(start, min(start + CHUNK, n_jets))
                chunks.append(
                    pool.submit(self._lanes.run, threads, *(_pointer(a, rows) for a in arrays), rows.stop - start)
                )
            try:
                for chunk in chunks:
                    bar.update(chunk.result())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


class _Lanes:
    """Loaded copies of one library: each has its own static variables, so that each serves one thread at a time."""

    def __init__(self, library: Path) -> None:
        self._library = library
        self._loaded = 0
        self._lock = threading.Lock()
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self, limit: int, *arguments: Any) -> int:
        """Call `tagware_run` on a copy that is free, loading one more while fewer than `limit` are; the jets done."""
        with self._lane(limit) as lane:
            lane.tagware_run(*arguments)
        return int(arguments[-1])

    def formats(self) -> list[int]:
        """Width, fraction bits and signedness of the input, then of the output."""
        numbers = (ctypes.c_int32 * 6)()
        with self._lane(1) as lane:
            lane.tagware_formats(numbers)
        return list(numbers)

    @contextmanager
    def _lane(self, limit: int) -> Iterator[Any]:
        lane = self._take(limit)
        try:
            yield lane
        finally:
            self._free.put(lane)

    def _take(self, limit: int) -> Any:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            with self._lock:
                load = self._loaded < limit
                self._loaded += load
            return self._load() if load else self._free.get()

    def _load(self) -> Any:
        # The loader knows files by their identity: a second load of the same file would share its variables.
        with tempfile.TemporaryDirectory(prefix="tagware-csim-") as folder:
            lane: Any = ctypes.CDLL(str(shutil.copy(self._library, folder)))
        lane.tagware_run.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_int64]
        lane.tagware_run.restype = None
        return lane


def build(project: Project) -> CompiledProject:
    """Compile a firmware project into its folder `build`, or find it there, made of the same sources before.

    Raises:
        ToolNotFound: there is no C++ compiler.
        ToolFailed: the sources do not compile, or are not those of this project's manifest.
        ConfigError: the firmware has more than one input or output.
    """
    compiler = find_compiler()
    place_sources(project)
    arithmetic, library = _library(project, compiler)
    compiled = CompiledProject(
        library,
        arithmetic,
        only_tensor(project.inputs, "input", project),
        only_tensor(project.outputs, "output", project),
        _Lanes(library),
    )
    _check_formats(compiled)
    return compiled


def code_range(tensor: Tensor) -> tuple[int, int]:
    """The smallest and the largest code of a tensor's type."""
    if tensor.signed:
        return -(2 ** (tensor.width - 1)), 2 ** (tensor.width - 1) - 1
    return 0, 2**tensor.width - 1


def _library(project: Project, compiler: Compiler) -> tuple[Arithmetic, Path]:
    kinds: tuple[tuple[Arithmetic, tuple[str, ...]], ...] = (("tagware", FAST_FLAGS), ("ap_types", VENDOR_FLAGS))
    paths = {kind: _library_path(project, compiler, kind, (*flags, *LIBRARY_FLAGS)) for kind, flags in kinds}
    for kind, path in paths.items():
        if path.is_file():
            return kind, path
    sources = [Path("firmware") / f"{project.name}.cpp", CPP / "batch.cpp"]
    try:
        compiler.compile(sources, (*FAST_FLAGS, *LIBRARY_FLAGS), paths["tagware"], project.folder)
        return "tagware", paths["tagware"]
    except ToolFailed:
        if REFUSAL not in log_of(paths["tagware"]).read_text():
            raise
    _log.warning("%s: a number is too wide for the fast simulation, the vendor's types are used", project.folder)
    compiler.compile(sources, (*VENDOR_FLAGS, *LIBRARY_FLAGS), paths["ap_types"], project.folder)
    return "ap_types", paths["ap_types"]


def _library_path(project: Project, compiler: Compiler, kind: Arithmetic, flags: tuple[str, ...]) -> Path:
    return project.folder / BUILD / f"{project.name}-{kind}-{digest(project, compiler, flags)}.so"


def _check_formats(compiled: CompiledProject) -> None:
    wanted = [
        number
        for tensor in (compiled.input, compiled.output)
        for number in (tensor.width, tensor.fraction_bits, int(tensor.signed))
    ]
    found = compiled._lanes.formats()
    if found != wanted:
        raise ToolFailed(
            f"the types of the firmware's input and output are {found}, the manifest says {wanted}",
            compiled.library,
            "convert the student again",
        )


def _pointer(array: NDArray[Any] | None, rows: slice) -> int | None:
    return None if array is None else int(array[rows].ctypes.data)
