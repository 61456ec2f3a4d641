"""What `tagware package` puts into an archive, found in a finished project."""

from __future__ import annotations

from pathlib import Path

from flow.project import ProjectFolder
from flow.reporting import COSIM, DESIGN, FIRMWARE, PAGE, REPORT
from flow.stages import Runner
from flow.steps import stages
from hls.cosim.cosim import RESULT
from hls.package import Finished
from jets.errors import InputError


def finished_project(project: ProjectFolder) -> Finished:
    """The parts of a project of which every stage is up to date, with or without place and route.

    Raises:
        InputError: a stage is not; names it.
    """
    unfinished = _unfinished(project)
    if unfinished and _unfinished(project.with_place_and_route()):
        name, state = unfinished[0]
        raise InputError(f"stage {name!r} is {state}", project.folder, f"finish it with `tagware run {project.folder}`")
    build, has_rtl = project.build, project.config.rtl is not None
    return Finished(
        name=project.name,
        config=project.folder / "project.yaml",
        firmware=build / "csim" / FIRMWARE,
        student=build / "distil" / "quantized",
        report=build / "report" / REPORT,
        page=build / "report" / PAGE,
        comparison=build / "comparison",
        design=build / "rtl" / DESIGN if has_rtl else None,
        cosim=build / "cosim" / COSIM / RESULT if has_rtl else None,
        places=_places(project),
    )


def _unfinished(project: ProjectFolder) -> list[tuple[str, str]]:
    states = Runner(stages(project), project.build).states()
    return [(state.name, state.state) for state in states if state.state != "fresh"]


def _places(project: ProjectFolder) -> tuple[Path, ...]:
    """The folder of the project, the user's own, and those that the project names by an absolute path."""
    config = project.config
    named = [config.jets.file]
    for section in (config.teacher, config.reference):
        if section is not None:
            named += [section.start, None if section.pretrain is None else section.pretrain.jets]
    absolute = [Path(path).parent for path in named if path is not None and Path(path).is_absolute()]
    return tuple(place for place in (project.folder.resolve(), Path.home(), *absolute) if place != Path("/"))
