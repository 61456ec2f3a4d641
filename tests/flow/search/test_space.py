"""Options by their path: what the project takes is drawn and put in place, what it does not take is named."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flow.project import ProjectFolder
from flow.search.space import Space
from jets.errors import ConfigError

BASE: dict[str, Any] = {"jets": {"sample": "top_qcd"}, "compress": {"bits": {"activations": [8, 3]}}}


def space(options: dict[str, Any], **search: Any) -> Space:
    content = {**BASE, "search": {"options": options, **search}}
    return Space.of(ProjectFolder.of(content, Path("mine")), content)


def test_a_trial_is_the_project_with_its_options_replaced_and_no_search() -> None:
    found = space({"student.units": [8, 12], "compress.distil.loss.alpha": {"low": 0.0, "high": 1.0}})
    content = found.with_values({"student.units": 12, "compress.distil.loss.alpha": 0.25})
    assert "search" not in content and content["jets"] == BASE["jets"]
    config = ProjectFolder.of(content, Path("mine")).config
    assert config.student.units == 12  # type: ignore[union-attr]
    assert config.compress.distil.loss.alpha == 0.25 and config.compress.bits.activations == (8, 3)
    assert "student" not in BASE


def test_a_whole_number_for_a_width_is_its_total() -> None:
    found = space({"compress.bits.activations": {"low": 4, "high": 10}, "compress.bits.input": [[10, 4], [12, 5]]})
    bits = found.with_values({"compress.bits.activations": 6, "compress.bits.input": [12, 5]})["compress"]["bits"]
    assert bits == {"activations": [6, 3], "input": [12, 5]}


def test_what_is_drawn_is_within_the_ranges_and_becomes_the_value_that_was_written() -> None:
    options = {
        "student.dense": [[8], [16, 8]],
        "student.units": {"low": 4, "high": 64, "log": True},
        "compress.distil.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
        "hls.strategy": ["Latency", "Resource"],
    }
    found, rng = space(options), np.random.default_rng(1)
    draws = [found.values(found.random(rng)) for _ in range(200)]
    assert {tuple(draw["student.dense"]) for draw in draws} == {(8,), (16, 8)}
    units = [draw["student.units"] for draw in draws]
    assert all(isinstance(value, int) and 4 <= value <= 64 for value in units) and np.median(units) < 24
    rates = [draw["compress.distil.learning_rate"] for draw in draws]
    assert 1e-3 <= min(rates) < 2e-3 and 5e-2 < max(rates) <= 1e-1 and np.median(rates) < 3e-2
    distributions = found.distributions()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in (found.random(rng) for _ in range(20)):
            assert all(distributions[name]._contains(distributions[name].to_internal_repr(draw[name])) for name in draw)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"student.unitz": [8, 12]}, "options: student.unitz: unknown key 'unitz'; did you mean 'units'"),
        ({"studnt.units": [8, 12]}, "options: studnt.units: unknown section 'studnt'; did you mean 'student'"),
        ({"teacher.preset": ["tiny", "large"]}, "'teacher' is the same for all trials.*student, compress, hls"),
        ({"student.units": [8, "twelve"]}, "options: student.units: must be int, not 'twelve'"),
        ({"student.units": {"low": 8, "high": 10000}}, "student.units: units must be between 1 and 4096, not 10000"),
        ({"student.units.deep": [1, 2]}, "student.units.deep: must be int"),
        ({"compress.bits.activations": {"low": 2, "high": 8}}, "activations: integer bits must be between 0 and the 2"),
        ({"compress.bits.activations.0": [4, 5]}, r"activations\.0: 'activations' has no options of its own"),
        ({"student.units": [8]}, "options: student.units: needs two values"),
        ({"student.units": {"low": 8, "hihg": 12}}, "student.units: unknown key 'hihg'; did you mean 'high'"),
        ({"student.units": {"low": 8, "high": 8}}, "student.units: low 8 is not below high 8"),
        ({"student.units": {"low": 0, "high": 8, "log": True}}, "log: true needs low above 0"),
        ({}, "search: options: names none"),
    ],
)
def test_an_option_that_the_project_does_not_take_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        space(options)

    assert re.search(named, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("search", "named"),
    [
        ({"working_point": 0.4}, "working_point must be one of 0.3, 0.5, 0.8, not 0.4"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"budget": {"luts": 3}}, "budget: unknown key 'luts'; did you mean 'lut'"),
        ({"budget": {"lut": -3}}, "lut must not be negative"),
    ],
)
def test_a_search_that_cannot_be_is_refused(search: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        space({"student.units": [8, 12]}, **search)
