"""One trial: the project with some options replaced, its student distilled by the project's own stage, and measured."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from flow.project import ProjectConfig, ProjectFolder
from flow.search.config import SearchConfig
from flow.search.space import SECTIONS
from flow.source import open_jets
from flow.stages import Runner, Stage
from flow.steps import stages
from hls.comparison.hardware import over_budget
from jets.errors import DataError, LayoutError, StorageError, TagwareError
from jets.files import claim_folder, json_digest, read_json, write_json
from models.keras_start import start_keras

SHARED = ("jets", "teach")
"""Stages of the project that all trials read."""

TRIALS, MEASURED, LOG = "trials", "trial.json", "log.txt"
RESOURCES = ("lut", "latency_ns", "latency_cycles", "initiation_interval")
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
Folders = Mapping[str, Path]


@dataclass(frozen=True)
class Terms:
    """What is the same for all trials: the project's folder, the folder of the search, its config, threads of each."""

    project: Path
    out: Path
    search: SearchConfig
    threads: int = 1


@dataclass(frozen=True)
class Outcome:
    """What came of a trial: its numbers when it is "complete", else the reason why it "stopped" or "failed"."""

    state: Literal["complete", "stopped", "failed"]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    seconds: float = 0.0


def evaluate(terms: Terms, content: Mapping[str, Any]) -> Outcome:
    """Distil and measure the student of a trial's project.yaml; finished stages of the same content are kept.

    An error that the trial's own options can cause, such as a loss that does not stay finite, is its outcome.

    Raises:
        DataError, LayoutError, StorageError: jets, teacher outputs or a disk that every trial would stumble over.
    """
    for name in THREADS:
        os.environ.setdefault(name, str(terms.threads))  # before any of these libraries is imported
    start = time.monotonic()
    folder = claim_folder(terms.out / TRIALS / trial_digest(content)[:16])
    try:
        with _logged(folder / LOG):
            outcome = _evaluate(terms, ProjectFolder.of(content, terms.project), folder)
    except (DataError, LayoutError, StorageError):
        raise
    except TagwareError as error:
        outcome = Outcome("failed", reason=str(error))
    return Outcome(outcome.state, outcome.numbers, outcome.reason, round(time.monotonic() - start, 2))


def trial_digest(content: Mapping[str, Any]) -> str:
    """Of those sections of a project.yaml that a trial depends on, beside the stages that all trials read."""
    return json_digest({section: content.get(section) for section in SECTIONS})


def _evaluate(terms: Terms, project: ProjectFolder, folder: Path) -> Outcome:
    given = {name: project.build / name for name in (*SHARED, "teacher")}
    untrained, learns = estimate_untrained(project.config, open_jets(given["jets"]).classes)
    numbers = {"lut_untrained": untrained["lut"]}
    reason = hopeless(untrained, terms.search, learns)
    if reason is not None:
        return Outcome("stopped", {**{key: untrained[key] for key in RESOURCES[1:]}, **numbers}, reason)
    Runner(trial_stages(project), folder, given).run()
    return Outcome("complete", read_json(folder / "measure" / MEASURED) | numbers)


def trial_stages(project: ProjectFolder) -> list[Stage]:
    """The project's own distillation, and the measurement of what comes out of it."""
    distil = next(stage for stage in stages(project) if stage.name == "distil")
    measure = partial(_measure, project)
    return [distil, Stage("measure", ("jets", "distil"), {"hls": asdict(project.config.hls)}, measure)]


def _measure(project: ProjectFolder, folder: Path, upstream: Folders) -> None:
    """Physics of the quantized student on the validation split, and the estimate of its hardware, all in LUTs."""
    from hls.compare import Scores, model_physics
    from hls.convert import student_graph
    from hls.estimate import ebops, estimate
    from models.tagger import Tagger

    start_keras()
    student = upstream["distil"] / "quantized"
    tagger = Tagger.load(student)
    jets = open_jets(upstream["jets"]).read("validation")
    scores = Scores(jets.labels, jets.ids, jets.classes, {"student_quantized": tagger.predict(jets)})
    graph = student_graph(student, project.config.hls)
    row = estimate(graph)[0]
    numbers = {"n_validation": len(jets), **model_physics(scores, "student_quantized")}
    numbers |= {"parameters": tagger.n_parameters, "ebops": ebops(graph), **{key: row[key] for key in RESOURCES}}
    write_json(folder / MEASURED, numbers)


def estimate_untrained(config: ProjectConfig, classes: tuple[str, ...]) -> tuple[dict[str, Any], bool]:
    """The hardware estimate of a student with its initial weights, all in LUTs, and whether it learns its bits."""
    from compress.quantize.front_end import front_end_of
    from hls.convert import model_graph
    from hls.estimate import estimate
    from models.registry import n_outputs

    start_keras()
    import keras

    keras.utils.set_random_seed(config.compress.distil.seed)
    bits = config.compress.bits_of(config.student)
    front_end = front_end_of(bits)
    network = front_end.build(config.student, bits, n_outputs(classes))
    learns = front_end.penalty(network, bits) is not None
    return estimate(model_graph(network, config.hls))[0], learns


def hopeless(untrained: Mapping[str, Any], search: SearchConfig, learns: bool) -> str | None:
    """Why a trial cannot win: its latency, which no weight changes, or far too many LUT for its fixed bits."""
    use = over_budget(untrained, search.budget)
    latency, lut = use.get("latency_ns") or 0.0, use.get("lut") or 0.0
    if latency > 1:
        return f"its latency of {untrained['latency_ns']:g} ns is over the budget of {search.budget.latency_ns:g} ns"
    if lut > search.margin and not learns:
        return f"untrained it needs {untrained['lut']:,} LUT, more than {search.margin:g} × {search.budget.lut:,}"
    return None


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Append what this process writes to standard output and error to a file: many trials share one terminal."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = os.dup(1), os.dup(2)
    with open(path, "a") as log:
        try:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, old in enumerate(kept, start=1):
                os.dup2(old, stream)
                os.close(old)
