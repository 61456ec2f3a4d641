"""A project searched: its teacher once, then trials until there are enough, then the page and the winner."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flow.project import ProjectFolder
from flow.search.driver import OBJECTIVES, Driver
from flow.search.page import write_page, yaml_text
from flow.search.result import SearchResult, choose, now, trial_rows
from flow.search.space import Space
from flow.search.storage import open_storage, shown
from flow.search.trial import SHARED, Terms, evaluate, trial_digest
from flow.source import open_jets
from flow.stages import MANIFEST, Runner
from flow.steps import stages
from hls.report import installed_versions
from jets.config import read_yaml
from jets.files import claim_folder, json_digest, read_json, replacing
from jets.workers import Workers, hire

if TYPE_CHECKING:
    from optuna import Study

SEARCH, WINNER = "search", "winner"
NEEDED = ("jets", "teacher", "teach")
PACKAGES = ("tagware", "optuna", "keras", "tensorflow", "qkeras-v3", "hls4ml", "numpy")


def search(
    project: ProjectFolder,
    hire: Callable[[], AbstractContextManager[Workers]] = hire,
    announce: Callable[[str, str], None] = lambda stage, state: None,
    url: str | None = None,
) -> SearchResult:
    """Bring the search of a project to its number of trials; write search.json, trials.csv, the page and the winner.

    They are in `build/search`. A call with the same options, jets and teacher outputs goes on where the last one ended.
    Trials are kept in an SQLite file there, unless `url` names another storage (`open_storage`); a project.yaml, which
    may be a stranger's, may not.

    Raises:
        ConfigError: the project has no search, or its options are not those of the project.
        InputError: the storage or the cluster cannot be reached.
        DataError: the teacher outputs are about other jets or classes.
    """
    config = project.search
    space = Space.of(project, _absolute(project, read_yaml(project.folder / "project.yaml")))
    out = claim_folder(claim_folder(project.build) / SEARCH)
    storage = open_storage(url, out)
    with hire() as workers:  # a cluster that is not there is told of now, rather than after the teacher's training
        threads = max(1, (os.cpu_count() or 1) // workers.jobs)
    Runner([stage for stage in stages(project) if stage.name in NEEDED], project.build).run(announce=announce)
    study = _study(storage, project, space)
    terms = Terms(project.folder.resolve(), out.resolve(), config, threads)
    driver = Driver(study, space, partial(evaluate, terms), config.working_point, config.seed)
    driver.run(config.trials, hire)
    result = conclude(project, study, space, url)
    result.save(out)
    write_page(result, out)
    _write_winner(result, out / WINNER)
    return result


def conclude(project: ProjectFolder, study: Study, space: Space, url: str | None = None) -> SearchResult:
    """What a study in the storage of this URL has found so far, under the project's budget."""
    config = project.search
    rows = trial_rows(study, space, config)
    winner, nearest = choose(rows, config)
    return SearchResult(
        project=project.name,
        study=study.study_name,
        storage=shown(url or "study.db"),
        created=now(),
        versions=installed_versions(PACKAGES),
        classes=open_jets(project.build / "jets").classes,
        working_point=config.working_point,
        budget=config.budget,
        trials=rows,
        winner=winner,
        nearest=nearest,
    )


def _study(storage: Any, project: ProjectFolder, space: Space) -> Study:
    """The study of this project, these options, jets and teacher outputs: another one where any of them is another."""
    import optuna

    config = project.search
    shared = [read_json(project.build / name / MANIFEST)["outputs"] for name in SHARED]
    options = dataclasses.asdict(config)["options"]
    digest = json_digest([trial_digest(space.with_values({})), options, shared, config.working_point])
    name = f"{project.name}-{digest[:12]}"
    directions = [*OBJECTIVES.values()]
    study = optuna.create_study(study_name=name, storage=storage, directions=directions, load_if_exists=True)
    # With the same seed again, the first proposals of this call would be those of the last one.
    study.sampler = optuna.samplers.TPESampler(seed=config.seed + len(study.get_trials(deepcopy=False)))
    return study


def _absolute(project: ProjectFolder, content: dict[str, Any]) -> dict[str, Any]:
    """The content of a project.yaml with absolute paths, so that a trial's may stand anywhere."""
    content = copy.deepcopy(content)
    sections = [content.get(name) or {} for name in ("teacher", "reference")]
    named = [(content["jets"], "file"), *((section, "start") for section in sections)]
    named += [(section.get("pretrain") or {}, "jets") for section in sections]
    for section, key in named:
        if section.get(key) is not None:
            section[key] = str((project.folder / section[key]).resolve())
    return content


def _write_winner(result: SearchResult, folder: Path) -> None:
    """The winner's project.yaml in a folder that `tagware run` takes; an older one goes where nothing wins."""
    path = folder / "project.yaml"
    if result.winner is None:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as temporary:
        temporary.write_text(yaml_text(result, result.trials_by_number[result.winner]))
