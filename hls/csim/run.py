"""The csim stage: outputs of every test jet, stored vectors with golden outputs, and the testbench's verdict."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hls.csim.library import CompiledProject, build
from hls.csim.sources import BUILD, FOLDER, VECTORS, only_tensor
from hls.csim.testbench import LOG, run_testbench
from hls.csim.vectors import Vectors, probe_inputs
from hls.project import Project
from jets.config import load_saved
from jets.dataset import Jets, rows_of
from jets.errors import DataError, ExactnessError, LayoutError
from jets.files import existing_file, replacing, write_json

RESULT, OUTPUTS = "result.json", "outputs.npz"
N_JETS, N_RANDOM = 1000, 200
"""Test jets and random inputs among the stored vectors."""


@dataclass(frozen=True)
class CsimResult:
    """What the C simulation of a project showed.

    Attributes:
        n_vectors: stored vectors that the testbench ran.
        n_mismatch: those with any output bit different from the golden one.
        first_difference: the testbench's words about the first of them.
        arithmetic: the number types of the fast library, "tagware" or "ap_types".
        seconds: time of the fast library for the test jets, or for stored vectors, threads together.
        jets_per_second: test jets a second of it; None for stored vectors, too few to tell.
        log: what the testbench printed, below the project's folder.
        quantized_vs_csim: the quantized student in Python against the fast library on every test jet; None when
            only stored vectors were run.
        n_mismatch_fast: stored vectors of which the fast library gives another output than the golden one; None when
            it made the golden outputs itself.
    """

    n_vectors: int
    n_mismatch: int
    first_difference: str | None
    arithmetic: str
    seconds: float
    jets_per_second: float | None
    log: str
    quantized_vs_csim: dict[str, Any] | None = None
    n_mismatch_fast: int | None = None

    @property
    def agrees(self) -> bool:
        """Whether the testbench and the fast library give every golden output."""
        return not self.n_mismatch and not self.n_mismatch_fast

    def save(self, path: Path) -> Path:
        """Write the result as JSON."""
        write_json(path, asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> CsimResult:
        """Read what `save` wrote.

        Raises:
            InputError: no such file.
            LayoutError: the file holds something else.
        """
        return load_saved(cls, path, "a result of C simulation", "run the csim stage again")

    def exactness(self) -> dict[str, Any]:
        """The sections of a report's `exactness` that C simulation fills."""
        return {
            "quantized_vs_csim": self.quantized_vs_csim,
            "csim_testbench": {"n_vectors": self.n_vectors, "n_mismatch": self.n_mismatch},
        }


def run_csim(project: Project, tagger: Path | None = None, jets: Jets | None = None, seed: int = 1) -> CsimResult:
    """Simulate a firmware project in C.

    With the quantized student's folder and test jets: evaluates every jet (`csim/outputs.npz`), stores vectors of
    corner cases, random inputs and the first jets with the fast library's outputs as golden ones (`vectors/`), has the
    testbench recompute them with the vendor's types, and saves the result (`csim/result.json`). Without: runs the
    testbench and the fast library on the stored vectors and writes nothing but a log.

    Raises:
        ToolNotFound: there is no C++ compiler.
        ToolFailed: the firmware does not compile, or the testbench crashed.
        InputError: there are no stored vectors.
        LayoutError: the vectors are damaged.
        ExactnessError: the vendor's types disagree with golden outputs that were made just now, or the student with
            the fast library by more than the limit of the conversion.
    """
    if (tagger is None) != (jets is None):
        raise ValueError("give both the student and the jets, or neither")
    if tagger is None or jets is None:
        return _replay(project)
    return _simulate(project, build(project), tagger, jets, seed)


def load_outputs(folder: Path, ids: NDArray[np.uint64]) -> NDArray[np.float32]:
    """The firmware's outputs (n_jets, n_outputs) that `run_csim` stored in a project's folder, for jets of these ids.

    Raises:
        InputError: nothing was stored.
        LayoutError: the stored file is damaged.
        DataError: a jet was not simulated.
    """
    path = existing_file(Path(folder) / FOLDER / OUTPUTS, "outputs of C simulation")
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
            known, outputs = stored["ids"], stored["outputs"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise LayoutError(f"cannot be read ({error})", path, "run the csim stage again") from None
    rows = rows_of(known, ids)
    missing = np.flatnonzero(rows < 0)
    if missing.size:
        raise DataError(f"jet {ids[missing[0]]} was not simulated", path, "run the csim stage again on these jets")
    return np.asarray(outputs[rows], np.float32)


def difference(student: NDArray[Any], simulated: NDArray[Any]) -> dict[str, Any]:
    """How far two arrays of outputs (n_jets, n_outputs) are apart, as a report has it."""
    apart = np.abs(np.asarray(student, np.float64) - simulated)
    return {
        "n_vectors": len(apart),
        "n_mismatch": int(np.count_nonzero(apart.max(axis=1))),
        "max_abs_difference": float(apart.max()),
    }


def _simulate(project: Project, compiled: CompiledProject, tagger: Path, jets: Jets, seed: int) -> CsimResult:
    from models.tagger import Tagger

    if len(jets) == 0:
        raise DataError("there are no jets to simulate", project.folder, "give it a test split with jets")
    student = Tagger.load(tagger)
    inputs = next(iter(student.inputs(jets).values()))
    outputs, seconds = _timed(compiled, inputs)
    _save_outputs(project.folder / FOLDER / OUTPUTS, jets.ids, outputs)
    probes = probe_inputs(compiled.input, N_RANDOM, seed)
    vectors = Vectors.of(compiled, np.concatenate([probes, inputs[:N_JETS]]))
    vectors.save(project.folder / VECTORS, compiled.input, compiled.output)
    limits = {key: project.self_check.get(key) for key in ("limit", "reason")}
    result = replace(
        _verdict(project, compiled, seconds),
        jets_per_second=len(jets) / seconds,
        quantized_vs_csim={**difference(student.predict_heads(jets), outputs), **limits},
    )
    result.save(project.folder / FOLDER / RESULT)
    _check(project, result)
    return result


def _check(project: Project, result: CsimResult) -> None:
    """Raise ExactnessError when the vendor's types or the student disagree with the fast library."""
    if result.n_mismatch:
        raise ExactnessError(
            f"{result.n_mismatch} of {result.n_vectors} vectors differ between the fast simulation and the vendor's "
            f"types: {result.first_difference}",
            project.folder,
            "please report this project as a bug",
        )
    apart = result.quantized_vs_csim or {}
    limit = apart.get("limit")
    if limit is not None and not apart["max_abs_difference"] <= limit:
        raise ExactnessError(
            f"C simulation and the student differ in {apart['n_mismatch']} of {apart['n_vectors']} jets, "
            f"by up to {apart['max_abs_difference']:g} (limit {limit:g}: {apart['reason']})",
            project.folder,
            "give it the student that was converted, or convert this one",
        )


def _replay(project: Project) -> CsimResult:
    input_, output = only_tensor(project.inputs, "input", project), only_tensor(project.outputs, "output", project)
    vectors = Vectors.load(project.folder / VECTORS, input_, output)
    compiled = build(project)
    start = time.perf_counter()
    codes = compiled.predict_codes(vectors.inputs)
    seconds = time.perf_counter() - start
    differs = np.any(codes != vectors.golden, axis=1)
    return replace(_verdict(project, compiled, seconds), n_mismatch_fast=int(np.count_nonzero(differs)))


def _verdict(project: Project, compiled: CompiledProject, seconds: float) -> CsimResult:
    found = run_testbench(project)
    return CsimResult(
        n_vectors=found.n_vectors,
        n_mismatch=found.n_mismatch,
        first_difference=found.first_difference,
        arithmetic=compiled.arithmetic,
        seconds=seconds,
        jets_per_second=None,
        log=f"{BUILD}/{LOG}",
    )


def _timed(compiled: CompiledProject, inputs: NDArray[Any]) -> tuple[NDArray[np.float64], float]:
    start = time.perf_counter()
    outputs = compiled.predict(inputs)
    return outputs, time.perf_counter() - start


def _save_outputs(path: Path, ids: NDArray[np.uint64], outputs: NDArray[np.float64]) -> None:
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, ids=ids, outputs=outputs)
