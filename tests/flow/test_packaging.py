"""Which projects may be packaged, and what of the machine must not be named in a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flow.packaging
from flow.packaging import finished_project
from flow.project import ProjectFolder
from flow.stages import StageState
from jets.errors import InputError


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    (tmp_path / "project.yaml").write_text(
        "jets: {file: /far/away/jets.h5}\nteacher: {start: ../teacher}\nreference: {start: /old/gru}\n"
    )
    return ProjectFolder.load(tmp_path)


def with_states(monkeypatch: pytest.MonkeyPatch, plain: str, placed_and_routed: str) -> None:
    """Stages with the synthesis in these states, without and with place and route."""

    class Runner:
        def __init__(self, stages: bool, build: Path) -> None:
            self.state = placed_and_routed if stages else plain

        def states(self) -> list[StageState]:
            return [StageState("rtl", "fresh", 1.0), StageState("synth", self.state, None)]

    monkeypatch.setattr(flow.packaging, "stages", lambda project: project.config.synth.place_and_route)
    monkeypatch.setattr(flow.packaging, "Runner", Runner)


@pytest.mark.parametrize(("plain", "placed_and_routed"), [("fresh", "stale"), ("stale", "fresh")])
def test_a_project_is_finished_with_or_without_place_and_route(
    project: ProjectFolder, monkeypatch: pytest.MonkeyPatch, plain: str, placed_and_routed: str
) -> None:
    with_states(monkeypatch, plain, placed_and_routed)
    found = finished_project(project)
    assert (found.name, found.design) == (project.name, project.build / "rtl/design")


@pytest.mark.parametrize("state", ["stale", "missing", "damaged", "interrupted"])
def test_a_project_with_a_stage_that_is_not_up_to_date_is_refused_by_its_name(
    project: ProjectFolder, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    with_states(monkeypatch, state, "missing")
    with pytest.raises(InputError, match=f"stage 'synth' is {state}; finish it with `tagware run"):
        finished_project(project)


def test_the_places_of_this_machine_are_those_that_the_project_names(
    project: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_states(monkeypatch, "fresh", "fresh")
    places = {Path.home(), project.folder.resolve(), Path("/far/away"), Path("/old")}
    assert set(finished_project(project).places) == places - {Path("/")}


def test_a_project_without_rtl_has_no_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project.yaml").write_text("jets: {sample: top_qcd}\nrtl: null\n")
    with_states(monkeypatch, "fresh", "fresh")
    found: Any = finished_project(ProjectFolder.load(tmp_path))
    assert found.design is None and found.cosim is None
