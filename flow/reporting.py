"""The last stage: the same test jets through every model of a project, and one Report of what came out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flow.project import ProjectFolder
from flow.source import POINTER, open_jets
from flow.stages import MANIFEST
from flow.tokens import N_JETS, measure_tokens, render_saved_tokens
from jets.dataset import Jets
from jets.files import OWNER_MARK, read_json, replacing, write_json
from models.keras_start import start_keras
from models.tagger import WEIGHTS

REPORT, PAGE, SCORES = "report.json", "report.html", "scores.h5"
CURVES = "curves"
COMPARISON = "../comparison/comparison.html"
FIRMWARE, DESIGN, COSIM, SYNTHESIS = "firmware", "design", "cosim", "synthesis"
ROWS, KEPT = "hardware.json", "kept.json"
TEACHER_OUTPUTS = "teacher.h5"
GOLDEN, N_GOLDEN = "golden", 200
PACKAGES = ("torch", "lightning", "keras", "tensorflow", "qkeras-v3", "hls4ml", "numpy", "h5py", "pythia8mc", "fastjet")
Folders = Mapping[str, Path]


def write_report(project: ProjectFolder, folder: Path, upstream: Folders) -> None:
    """Score the test jets with every model, measure, and write scores, report and page."""
    from hls.compare import Scores, physics
    from hls.report import Report, installed_versions

    start_keras()
    jets = open_jets(upstream["jets"]).read("test").require_classes("test split")
    outputs = dict(_outputs(jets, upstream))
    scores = Scores(jets.labels, jets.ids, jets.classes, outputs)
    scores.save(folder / SCORES)
    _copy_curves(folder / CURVES, upstream)
    report = Report.build(
        project=project.name,
        versions=installed_versions(("tagware", *PACKAGES)),
        jets=_jets_section(upstream["jets"]),
        physics=physics(scores, seed=project.config.compare.seed),
        **_firmware_sections(upstream),
        cost=_cost(upstream),
    )
    report.save(folder / REPORT)
    measure_tokens(upstream["teacher"], jets[:N_JETS], folder)
    render_saved(folder)


def render_saved(folder: Path) -> None:
    """Render the page of a report folder from what is saved in it."""
    from hls.compare import Scores
    from hls.render import render_html
    from hls.report import Report

    curves = {path.stem: path for path in sorted((folder / CURVES).glob("*.csv"))}
    report = Report.load(folder / REPORT)
    tokens = render_saved_tokens(folder, f"{report.project}: teacher")
    pages = {"comparison": COMPARISON} | ({} if tokens is None else {"tokens": tokens.name})
    render_html(report, Scores.load(folder / SCORES), curves, folder / PAGE, pages)


def save_report(project: ProjectFolder) -> None:
    """Keep what git should see of a finished project: its report.json, and in golden/ its student and some vectors.

    Raises:
        InputError: there is no finished report.
    """
    from hls.report import Report

    Report.load(project.build / "report" / REPORT).save(project.folder / REPORT)
    with replacing(project.folder / GOLDEN) as temporary:
        (temporary / "student").mkdir(parents=True)
        (temporary / OWNER_MARK).touch()
        student, weights = project.build / "distil" / "quantized", WEIGHTS["keras"]
        shutil.copyfile(student / weights, temporary / "student" / weights)
        header = read_json(student / "tagger.json") | {"provenance": {}}  # it names places of this machine
        write_json(temporary / "student" / "tagger.json", header)
        _save_vectors(project.build / "csim" / FIRMWARE, temporary / "vectors")


def _save_vectors(firmware: Path, folder: Path) -> None:
    """`N_GOLDEN` of the stored vectors, evenly from all kinds: jets, random inputs, corners."""
    from hls.csim import Vectors
    from hls.project import Project

    project = Project.load(firmware)
    tensors = project.inputs[0], project.outputs[0]
    vectors = Vectors.load(firmware / "vectors", *tensors)
    rows = np.unique(np.linspace(0, len(vectors) - 1, N_GOLDEN).astype(np.intp))
    Vectors(vectors.inputs[rows], vectors.golden[rows]).save(folder, *tensors)


def _outputs(jets: Jets, upstream: Folders) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The logits (n_jets, n_outputs) of every model, by its name in the report.

    A firmware's last outputs are those of the jets' classes, the ones before belong to the project that it extends.
    """
    from compress.teach import TeacherOutputs
    from hls.csim import load_outputs
    from models.registry import n_outputs
    from models.tagger import Tagger

    own = slice(-n_outputs(jets.classes), None)
    yield "teacher", TeacherOutputs.load(upstream["teach"] / TEACHER_OUTPUTS).for_jets(jets).logits
    if "reference" in upstream:
        yield "reference", Tagger.load(upstream["reference"]).predict(jets)
    for stage, name in (("distil", "student"), ("control", "control")):
        for kind in ("float", "quantized"):
            if stage in upstream:
                yield f"{name}_{kind}", Tagger.load(upstream[stage] / kind).predict(jets)
    yield "csim", load_outputs(upstream["csim"] / FIRMWARE, jets.ids)[:, own]
    if "cosim" in upstream and len(simulated := _rtl_outputs(upstream)) >= len(jets):
        yield "rtl", simulated[: len(jets), own]  # fewer where `cosim: {n_jets: …}` limits them


def _rtl_outputs(upstream: Folders) -> NDArray[np.float32]:
    """The logits (n_vectors, n_outputs) that the simulated RTL gave; the test jets are the first of its vectors."""
    from hls.rtl.design import Design

    codes = np.load(upstream["cosim"] / COSIM / "outputs.npy", allow_pickle=False)
    elements = Design.load(upstream["rtl"] / DESIGN).output.elements
    return np.asarray(codes * [2.0**-element.fraction_bits for element in elements], np.float32)


def _jets_section(folder: Path) -> dict[str, Any]:
    pointer, file = read_json(folder / POINTER), open_jets(folder)
    counts = {f"n_{split}": sum(by_class.values()) for split, by_class in pointer["counts"].items()}
    return {"source": pointer["source"], "provenance": file.provenance, "classes": list(file.classes), **counts}


def _firmware_sections(upstream: Folders) -> dict[str, Any]:
    """Exactness, hardware and precision of the firmware, and the blocks of its RTL."""
    from hls.blocks import design_section
    from hls.cosim import CosimResult
    from hls.csim import CsimResult
    from hls.project import Project
    from hls.rtl.design import Design
    from hls.synth import Synthesis

    firmware = Project.load(upstream["csim"] / FIRMWARE)
    exactness = CsimResult.load(firmware.folder / "csim" / "result.json").exactness()
    hardware = list(firmware.estimates)
    if "cosim" in upstream:
        exactness |= {"csim_vs_rtl": CosimResult.load(upstream["cosim"] / COSIM / "cosim.json").exactness()}
    if "kept" in upstream:
        exactness |= {"kept": read_json(upstream["kept"] / KEPT)}
    synthesis = None
    if "synth" in upstream:
        synthesis = Synthesis.load(upstream["synth"] / SYNTHESIS / "synthesis.json")
        hardware += [{"design": "rtl", **asdict(row)} for row in synthesis.hardware]
    for folder in upstream.values():
        if (folder / ROWS).is_file():
            hardware += read_json(folder / ROWS)
    sections = {"exactness": exactness, "hardware": hardware, "precision": firmware.layers}
    if "rtl" in upstream:
        sections["design"] = design_section(Design.load(upstream["rtl"] / DESIGN), synthesis)
    return sections


def _copy_curves(folder: Path, upstream: Folders) -> None:
    """The training curves beside the report, so that its page can be rendered again from this folder alone."""
    logs = {
        "teacher": upstream["teacher"],
        "reference": upstream.get("reference"),
        "student_float": upstream["distil"] / "float",
        "student_quantized": upstream["distil"] / "quantized",
    }
    folder.mkdir(exist_ok=True)
    for name, source in logs.items():
        if source is not None and (source / "curves.csv").is_file():  # a tagger taken as it is has none
            shutil.copyfile(source / "curves.csv", folder / f"{name}.csv")


def _cost(upstream: Folders) -> dict[str, Any]:
    headers = {
        "teacher": upstream["teacher"],
        "student": upstream["distil"] / "quantized",
        "reference": upstream.get("reference"),
    }
    parameters = {
        f"{name}_parameters": None if folder is None else read_json(folder / "tagger.json")["n_parameters"]
        for name, folder in headers.items()
    }
    seconds = {name: read_json(folder / MANIFEST)["seconds"] for name, folder in upstream.items()}
    quantization = read_json(upstream["distil"] / "quantized" / "tagger.json")["quantization"]
    weights = [tensor for tensor in quantization["tensors"].values() if "size" in tensor]
    return {
        **parameters,
        "student_zeros": sum(round(tensor["size"] * tensor["zeros"]) for tensor in weights) if weights else None,
        "free_neurons": quantization.get("free_neurons", {}),
        "ebops": read_json(upstream["convert"] / FIRMWARE / "project.json")["ebops"],
        "stage_seconds": seconds,
    }
