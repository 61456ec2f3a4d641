"""What is compared: saved taggers and models of finished projects by name, and a project's own in its last stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flow.project import ProjectFolder
from flow.reporting import FIRMWARE, REPORT, SCORES
from flow.source import open_jets
from hls.compare import Scores
from hls.comparison import Candidate, compared, render_comparison
from hls.tables import model_name
from jets.config import did_you_mean
from jets.errors import InputError
from models.keras_start import start_keras

REPORT_STAGE = "report"
DEFAULT_MODELS = ("teacher", "student_quantized", "csim", "rtl")
STAGE_MODELS = ("teacher", "student_float", *DEFAULT_MODELS[1:])
# The stage whose tagger scores the jets of a model, or makes the inputs of its firmware.
TAGGERS = {
    "teacher": "teacher",
    "reference": "reference",
    "student_float": "distil/float",
    "student_quantized": "distil/quantized",
    "csim": "distil/quantized",
    "control_float": "control/float",
    "control_quantized": "control/quantized",
}
FLOAT_TAGGERS = {"student_quantized": "distil/float", "control_quantized": "control/float"}
DESIGNS = {"csim": "hls", "rtl": "rtl"}


def find_candidates(named: Sequence[str]) -> list[Candidate]:
    """The candidates that are named, in order: a tagger's folder, a project's, or PROJECT:MODEL, as NAME=… if given.

    A project's folder gives those of `DEFAULT_MODELS` that it has.

    Raises:
        InputError: no tagger or finished project there, or no such model in it.
    """
    return [candidate for text in named for candidate in _candidates(text)]


def find_jets(named: Sequence[str]) -> Path:
    """The jets of the first project that is named.

    Raises:
        InputError: none is a project.
    """
    for text in named:
        folder, _ = _folder_and_model(_name_and_place(text)[1])
        if (folder / "project.yaml").is_file():
            return open_jets(ProjectFolder.load(folder).build / "jets").path
    raise InputError("no jets are named", "tagware compare", "name a jets file with --jets")


def write_comparison(project: ProjectFolder, folder: Path, upstream: Mapping[str, Path]) -> None:
    """Compare the teacher, both students and the firmware of a project; write the comparison and its page."""
    start_keras()
    scores = upstream[REPORT_STAGE] / SCORES
    models = Scores.load(scores).outputs
    candidates = [_of_project(project, name, scores, model_name(name)) for name in STAGE_MODELS if name in models]
    compared(candidates, open_jets(upstream["jets"]).path, project.config.compare, folder).save(folder)
    render_comparison(folder)


def _candidates(text: str) -> Iterator[Candidate]:
    name, place = _name_and_place(text)
    folder, model = _folder_and_model(place)
    if (folder / "tagger.json").is_file() and not model:
        beside = folder.with_name("float") if folder.name == "quantized" else None
        float_tagger = beside if beside is not None and (beside / "tagger.json").is_file() else None
        yield Candidate(name or _name_of(folder), tagger=folder, float_tagger=float_tagger)
        return
    if not (folder / "project.yaml").is_file():
        what = "holds neither a tagger (tagger.json) nor a project (project.yaml)"
        raise InputError(what, folder, "name the folder of a tagger, a project, or PROJECT:MODEL")
    project = ProjectFolder.load(folder)
    scores = project.build / REPORT_STAGE / SCORES
    if not scores.is_file():
        raise InputError("the project has no scores yet", scores, f"make them with `tagware run {folder}`")
    models = tuple(Scores.load(scores).outputs)
    if model and model not in models:
        raise InputError(f"has no model {model!r}", folder, did_you_mean(model, models, "it has "))
    if model:
        yield _of_project(project, model, scores, name or f"{project.name} {model}")
        return
    for model in (model for model in DEFAULT_MODELS if model in models):
        yield _of_project(project, model, scores, f"{name or project.name} {model}")


def _name_and_place(text: str) -> tuple[str, str]:
    name, equals, place = text.rpartition("=")
    return (name, place) if equals and not Path(text).exists() else ("", text)


def _folder_and_model(place: str) -> tuple[Path, str]:
    folder, colon, model = place.rpartition(":")
    return (Path(folder), model) if colon and not Path(place).exists() else (Path(place), "")


def _of_project(project: ProjectFolder, model: str, scores: Path, name: str) -> Candidate:
    return Candidate(
        name=name,
        tagger=project.build / TAGGERS[model] if model in TAGGERS else None,
        scores=scores,
        model=model,
        firmware=project.build / "csim" / FIRMWARE if model == "csim" else None,
        report=scores.with_name(REPORT) if model in DESIGNS else None,
        design=DESIGNS.get(model),
        float_tagger=project.build / FLOAT_TAGGERS[model] if model in FLOAT_TAGGERS else None,
    )


def _name_of(folder: Path) -> str:
    """A tagger's folder, with the one above it where its own name says little."""
    path = folder.resolve()
    return f"{path.parent.name}/{path.name}" if path.name in ("float", "quantized") else path.name
