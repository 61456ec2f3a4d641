"""The front, the winner and the nearest to a budget, from trials with known numbers; the page shows them all."""

from __future__ import annotations

import csv
import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import optuna
import pytest
import yaml

from flow.project import ProjectFolder
from flow.search.config import SearchBudget
from flow.search.driver import OBJECTIVES, OUTCOME
from flow.search.page import write_page, yaml_text
from flow.search.result import SearchResult, choose, trial_rows
from flow.search.space import Space
from jets.errors import LayoutError

CONTENT: dict[str, Any] = {
    "jets": {"sample": "top_qcd"},
    "search": {"options": {"student.units": {"low": 1, "high": 99}, "student.dense": [[8], [16, 8]]}},
}
# units, rejection, LUT, latency in ns: trial 1 is beaten by trial 0, trial 3 is as good as 2 and faster
NUMBERS = ((8, 60.0, 9000, 400.0), (9, 50.0, 9500, 400.0), (20, 90.0, 26000, 700.0), (21, 90.0, 26000, 650.0))


def numbers(rejection: float, lut: int, latency_ns: float) -> dict[str, Any]:
    measured = {"value": rejection, "error": 0.1 * rejection}
    return {
        "n_validation": 7000,
        "auc": {"value": 0.95, "error": 0.002},
        "rejection": {"0.3": measured, "0.5": measured, "0.8": measured},
        "lut": lut,
        "latency_ns": latency_ns,
        "latency_cycles": latency_ns / 5,
        "initiation_interval": 20,
        "ebops": lut,
        "parameters": 500,
        "lut_untrained": 2 * lut,
    }


def result_of(**budget: Any) -> SearchResult:
    """The result of a search with four complete trials, one that was stopped and one that failed."""
    project = ProjectFolder.of(CONTENT, Path("mine")).with_search(**budget)
    space = Space.of(project, CONTENT)
    study = optuna.create_study(directions=list(OBJECTIVES.values()))
    ends: list[tuple[str, int, dict[str, Any], str | None]] = [
        ("COMPLETE", units, numbers(*rest), None) for units, *rest in NUMBERS
    ]
    ends += [("PRUNED", 98, {"lut_untrained": 10**6}, "its latency of 900 ns"), ("FAIL", 99, {}, "the loss is <nan>")]
    for state, units, found, reason in ends:
        outcome = {"state": state.lower().replace("pruned", "stopped"), "numbers": found, "reason": reason}
        outcome |= {"state": "failed"} if state == "FAIL" else {}
        trial = optuna.create_trial(
            state=optuna.trial.TrialState[state],
            values=[1.0, 2.0, 3.0] if state == "COMPLETE" else None,
            params={"student.units": units, "student.dense": "[16, 8]"},
            distributions=space.distributions(),
            user_attrs={OUTCOME: {**outcome, "seconds": 1.5}},
        )
        study.add_trial(trial)
    rows = trial_rows(study, space, project.search)
    winner, nearest = choose(rows, project.search)
    versions = {"optuna": "5.0.0", "tagware": None}
    return SearchResult(
        "mine", "mine-1", "study.db", "2026-11-22T10:00", versions, ("QCD", "top"), 0.5, project.search.budget, rows,
        winner, nearest,
    )  # fmt: skip


def test_a_page_gets_the_front_and_who_wins_or_by_what_the_nearest_miss() -> None:
    lines = result_of(lut=10000).markdown().splitlines()
    assert lines[0] == "6 trials (4 complete, 1 stopped, 1 failed), 2 on the front."
    assert lines[2] == "| trial | student.units | student.dense | 1/ε_B at 0.5 | AUC | LUT | ns |"
    assert lines[4:6] == [
        "| 3 | 21 | [16, 8] | 90.0 ± 9.0 | 0.9500 ± 0.0020 | 26,000 | 650 |",
        "| 0 (winner) | 8 | [16, 8] | 60.0 ± 6.0 | 0.9500 ± 0.0020 | 9,000 | 400 |",
    ]
    assert lines[7].startswith("The winner within the budget is trial 0: ")
    assert "No trial keeps the budget: trial 0 has 9,000 LUT" in result_of(lut=5000).markdown()


def test_the_front_is_what_no_trial_beats() -> None:
    assert [trial.number for trial in result_of().front] == [3, 0]


@pytest.mark.parametrize(
    ("budget", "winner"),
    [({"lut": 30000}, 3), ({"lut": 20000}, 0), ({"latency_ns": 500.0}, 0), ({"lut": 9000, "latency_ns": 400.0}, 0)],
)
def test_the_winner_has_the_most_rejection_within_the_budget(budget: dict[str, Any], winner: int) -> None:
    result = result_of(**budget)
    assert (result.winner, result.nearest, result.fails_budget) == (winner, (), False)
    assert f"The winner within the budget is trial {winner}: 1/ε_B = " in result.verdict()


def test_a_budget_that_nothing_meets_shows_the_nearest_and_what_each_misses() -> None:
    result = result_of(lut=8000, latency_ns=390.0)
    assert (result.winner, result.nearest, result.fails_budget) == (None, (0, 1, 3), True)
    first = "trial 0 has 9,000 LUT (12.5 % over 8,000) and 400 ns (2.56 % over 390)"
    assert result.verdict().startswith(f"No trial keeps the budget: {first}; trial 1 has 9,500 LUT")
    assert result_of().verdict() == "No budget chooses among the trials on the front."


def test_the_yaml_of_a_trial_is_a_project_with_the_part_of_the_budget() -> None:
    result = result_of(lut=20000, part="xcvu9p-flga2104-2-e")
    text = yaml_text(result, result.trials[0])
    assert text.startswith("# Trial 0 of the search mine-1: 1/ε_B = 60.0 ± 6.0 at ε_S = 0.5, 9,000 LUT")
    config = ProjectFolder.of(yaml.safe_load(text), Path("mine")).config
    assert (config.student.units, config.student.dense) == (8, (16, 8))  # type: ignore[union-attr]
    assert config.hls.part == "xcvu9p-flga2104-2-e" and config.search is None


def test_a_result_is_saved_with_every_trial_a_row(tmp_path: Path) -> None:
    result = result_of(lut=20000)
    result.save(tmp_path)
    assert SearchResult.load(tmp_path) == result
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert [row["state"] for row in rows] == ["complete"] * 4 + ["stopped", "failed"]
    assert (rows[2]["student.dense"], float(rows[2]["rejection"]), rows[2]["on_front"]) == ("[16, 8]", 90.0, "False")
    assert rows[5]["rejection"] == "" and rows[5]["reason"] == "the loss is <nan>"
    (tmp_path / "search.json").write_text("{}")
    with pytest.raises(LayoutError, match="is not the result of a search"):
        SearchResult.load(tmp_path)


def test_the_page_needs_nothing_else_and_has_every_trials_project(tmp_path: Path) -> None:
    result = result_of(lut=20000)
    page = write_page(result, tmp_path).read_text()
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    links = re.findall(r'download="project.yaml" href="data:text/yaml;charset=utf-8,([^"]*)"', page)
    assert {unquote(html.unescape(link)) for link in links} == {yaml_text(result, t) for t in result.trials}
    assert "the loss is &lt;nan&gt;" in page and "its latency of 900 ns" in page and "60.0\N{NO-BREAK SPACE}±" in page
    assert {path.name for path in (tmp_path / "plots").glob("*.svg")} == {"pareto-lut.svg", "pareto-latency_ns.svg"}
    assert "0.50 to 0.50 times the LUT" in page


def test_a_page_before_any_trial_is_complete_says_so(tmp_path: Path) -> None:
    result = result_of()
    bare = replace(result, trials=result.trials[4:], budget=SearchBudget(lut=5))
    assert "none is complete" in write_page(bare, tmp_path).read_text()
    assert write_page(replace(bare, trials=()), tmp_path).is_file()
