from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.comparison import Budget, Candidate
from hls.comparison.hardware import hardware
from hls.comparison.performance import Merit
from hls.report import Report

MERIT = Merit({name: np.array([1 / r, 1.01 / r, 0.99 / r]) for name, r in {"a": 100, "b": 50, "c": 80}.items()}, 1000)


def candidates(sections: dict[str, Any], folder: Path, rows: dict[str, Any]) -> list[Candidate]:
    """One candidate a name, with a report that has the rows of hardware given for it."""
    made = []
    for name, numbers in rows.items():
        hardware = [{"tool": "made up", "kind": "estimate", **row} for row in numbers]
        path = Report.build(**{**sections, "hardware": hardware}).save(folder / f"{name}.json")
        made.append(Candidate(name, report=path, design="hls"))
    return made


@pytest.fixture
def three(top_sections: dict[str, Any], tmp_path: Path) -> list[Candidate]:
    rows = {
        "a": [{"lut": 9000, "dsp": 0, "latency_ns": 900.0}, {"lut": 7000, "dsp": 30, "latency_ns": 900.0}],
        "b": [{"lut": 2000, "dsp": 0, "latency_ns": 100.0}],
        "c": [{"lut": 8000, "dsp": 0, "latency_ns": 500.0}],
    }
    return candidates(top_sections, tmp_path, rows)


def test_the_winner_rejects_most_within_the_budget(three: list[Candidate]) -> None:
    ranking = hardware(three, MERIT, Budget(lut=7500))["budget"]
    assert [(row["tagger"], row["within"]) for row in ranking] == [("a", True), ("b", True), ("c", False)]
    assert ranking[0]["lut"] == 7000 and ranking[0]["dsp"] == 30  # the way to build it that fits
    assert ranking[0]["ahead_of_next"]["value"] == pytest.approx(50)
    assert ranking[2]["tightest"] == "lut" and ranking[2]["use_of_limit"] == pytest.approx(8000 / 7500)
    without_dsp = hardware(three, MERIT, Budget(lut=8500, dsp=0))["budget"]
    assert [row["tagger"] for row in without_dsp if row["within"]] == ["c", "b"]


def test_without_a_budget_the_best_tagger_wins_by_its_smallest_design(three: list[Candidate]) -> None:
    ranking = hardware(three, MERIT, Budget())["budget"]
    assert [row["tagger"] for row in ranking] == ["a", "c", "b"] and ranking[0]["lut"] == 7000


def test_of_equal_taggers_the_one_with_numbers_nearer_to_silicon_wins(
    top_sections: dict[str, Any], tmp_path: Path
) -> None:
    rows = {"csim": [{"lut": 7000}], "rtl": [{"lut": 9000, "kind": "synthesis"}]}
    merit = Merit({name: MERIT.passing["a"] for name in rows}, 1000)
    ranking = hardware(candidates(top_sections, tmp_path, rows), merit, Budget(lut=9000))["budget"]
    assert [(row["tagger"], row["kind"]) for row in ranking] == [("rtl", "synthesis"), ("csim", "estimate")]
    cheaper = hardware(candidates(top_sections, tmp_path, rows), merit, Budget(lut=8000))["budget"]
    assert [row["tagger"] for row in cheaper] == ["csim", "rtl"]


def test_a_budget_that_nothing_keeps_shows_the_nearest_first(three: list[Candidate]) -> None:
    ranking = hardware(three, MERIT, Budget(latency_ns=50.0))["budget"]
    assert [row["tagger"] for row in ranking] == ["b", "c", "a"] and not any(row["within"] for row in ranking)
    assert ranking[0]["use_of_limit"] == pytest.approx(2) and ranking[0]["ahead_of_next"] is None


def test_a_number_that_no_tool_states_does_not_keep_a_limit(top_sections: dict[str, Any], tmp_path: Path) -> None:
    rows = {"a": [{"lut": 1}], "b": [{"lut": 2000, "latency_ns": 1.0}], "c": [{"lut": 10**9}]}
    ranking = hardware(candidates(top_sections, tmp_path, rows), MERIT, Budget(lut=5000, latency_ns=10.0))["budget"]
    assert [(row["tagger"], row["within"], row["unknown"]) for row in ranking] == [
        ("b", True, []),
        ("a", False, ["latency_ns"]),
        ("c", False, ["latency_ns"]),
    ]


def test_fronts_hold_the_designs_that_no_other_beats(three: list[Candidate]) -> None:
    rows = {(row["tagger"], row["lut"]): row["unbeaten_in"] for row in hardware(three, MERIT, Budget())["hardware"]}
    assert rows == {
        ("a", 9000): ["dsp", "latency_ns"],
        ("a", 7000): ["lut", "latency_ns"],
        ("b", 2000): ["lut", "latency_ns"],
        ("c", 8000): ["latency_ns"],
    }


def test_only_the_rows_nearest_to_silicon_count(top_sections: dict[str, Any], tmp_path: Path) -> None:
    rows = {"a": [{"lut": 5}, {"lut": 9, "kind": "synthesis"}]}
    table = hardware(candidates(top_sections, tmp_path, rows), MERIT, Budget())["hardware"]
    assert [(row["lut"], row["kind"]) for row in table] == [(9, "synthesis")]


def test_a_part_that_is_not_the_projects_own_is_not_ranked_with_it(
    top_sections: dict[str, Any], tmp_path: Path
) -> None:
    rows = {"a": [{"lut": 5, "part": "xcvu13p"}, {"lut": 3, "part": "LFE5U"}, {"lut": 7, "part": "xcvu13p"}]}
    table = hardware(candidates(top_sections, tmp_path, rows), MERIT, Budget())["hardware"]
    assert [(row["lut"], row["part"]) for row in table] == [(5, "xcvu13p"), (7, "xcvu13p")]


def test_candidates_without_a_report_have_no_hardware() -> None:
    assert hardware([Candidate("a")], MERIT, Budget()) == {"hardware": [], "budget": []}
