"""A project that extends another: what it takes from there, and the check that the other's outputs kept every bit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flow.project import ProjectFolder
from flow.reporting import COSIM, DESIGN, FIRMWARE, KEPT
from flow.source import open_jets
from jets.dataset import JetsFile
from jets.errors import ExactnessError
from jets.files import existing_file, write_json
from models.keras_start import start_keras

if TYPE_CHECKING:
    from hls.csim import CompiledProject
    from hls.project import Project


def student_of(extended: ProjectFolder) -> Path:
    """The folder of the quantized student that is extended.

    Raises:
        InputError: its project has not been run.
    """
    return _finished(extended, "distil/quantized/tagger.json")


def firmware_of(extended: ProjectFolder) -> Path:
    """The folder of the firmware whose outputs are kept.

    Raises:
        InputError: its project has not been run.
    """
    return _finished(extended, f"csim/{FIRMWARE}/project.json")


def _finished(extended: ProjectFolder, part: str) -> Path:
    remedy = f"finish the project that is extended with `tagware run {extended.folder}`"
    return existing_file(extended.build / part, "file", remedy).parent


def check_kept(extended: ProjectFolder, folder: Path, upstream: Mapping[str, Path]) -> None:
    """Compare the first outputs of the firmware with those of the project that it extends; writes `KEPT`.

    C simulation with C simulation on the stored vectors and the test jets of both projects; and what RTL simulation
    gave for all its vectors with the earlier C simulation, which the earlier RTL equals.

    Raises:
        ExactnessError: a bit differs, or the input or an output has another type.
    """
    from hls.cosim.vectors import stimuli
    from hls.csim import build
    from hls.project import Project
    from hls.rtl.design import Design

    start_keras()
    earlier = folder / "earlier"  # a copy, for what is compiled lies beside its sources
    shutil.rmtree(earlier, ignore_errors=True)
    shutil.copytree(firmware_of(extended), earlier)
    projects = Project.load(earlier), Project.load(upstream["csim"] / FIRMWARE)
    _check_types(*projects)
    before, after = map(build, projects)
    student, files = upstream["distil"] / "quantized", (open_jets(extended.build / "jets"), open_jets(upstream["jets"]))
    jets = [after.encode(_inputs(student, file)) for file in files]
    codes = np.concatenate([*map(_stored_inputs, projects), *jets])
    found = {"csim": _equality(before, codes, after.predict_codes(codes))}
    if "cosim" in upstream:
        simulated = np.load(upstream["cosim"] / COSIM / "outputs.npy", allow_pickle=False)
        sent = stimuli(Design.load(upstream["rtl"] / DESIGN).input, after.input.shape, jets[1])
        found["rtl"] = _equality(before, sent.codes[: len(simulated)], simulated)
    write_json(folder / KEPT, {"project": extended.name, **found})
    for simulation, equality in found.items():
        if equality["n_mismatch"]:
            what = f"{equality['n_mismatch']} of {equality['n_vectors']} vectors differ in {simulation}"
            remedy = f"the outputs of {extended.name} must stay: please report this project as a bug"
            raise ExactnessError(what, folder, remedy)


def _check_types(before: Project, after: Project) -> None:
    for first, second in ((before.inputs[0], after.inputs[0]), (before.outputs[0], after.outputs[0])):
        if first.precision != second.precision:
            what = f"{second.name} has the type {second.precision}, in {before.folder} it is {first.precision}"
            raise ExactnessError(what, after.folder, "give both projects the same types")


def _inputs(student: Path, file: JetsFile) -> NDArray[np.float32]:
    from models.tagger import Tagger

    (inputs,) = Tagger.load(student).inputs(file.read("test")).values()
    return inputs


def _stored_inputs(project: Project) -> NDArray[np.int64]:
    from hls.csim import Vectors
    from hls.csim.sources import VECTORS

    return Vectors.load(project.folder / VECTORS, project.inputs[0], project.outputs[0]).inputs


def _equality(before: CompiledProject, codes: NDArray[np.int64], outputs: NDArray[np.int64]) -> dict[str, int]:
    """How often the first outputs (n_vectors, …) are not those of the earlier firmware."""
    expected = before.predict_codes(codes)
    differs = np.any(expected != outputs[:, : expected.shape[1]], axis=1)
    return {"n_vectors": len(expected), "n_mismatch": int(np.count_nonzero(differs))}
