"""Logic that is cut gives what it gave, and stages are as many as were asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hls.rtl.emit.delays import own_delays
from hls.rtl.emit.stages import Pipeline, pipeline, split
from tests.hls.rtl.emit.small_circuits import DATA, STATE, Cell, feed_forward, recurrence, wires


def inputs(types: list[Any], n_jets: int = 500, seed: int = 1) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return np.stack([fixed.cast(rng.uniform(-4, 4, n_jets)) for fixed in types], axis=1)


def evaluate(logic: Any, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(logic.predict(np.ascontiguousarray(values), n_threads=1))


@pytest.mark.parametrize("seed", range(4))
def test_what_the_data_decide_and_the_rest_give_the_whole(seed: int) -> None:
    block = recurrence(Cell(n_in=3, n_units=3), DATA, seed)
    values = inputs([DATA] * 3 + [STATE] * 4)
    first, rest = split(block.logic, 3)
    ahead = evaluate(first, values[:, :3])
    assert np.array_equal(evaluate(rest, np.hstack([ahead, values[:, 3:]])), evaluate(block.logic, values))
    assert len(first.ops) > 3
    assert max(op.latency for op in rest.ops) <= max(op.latency for op in block.logic.ops)


@pytest.mark.parametrize("n_stages", [1, 2, 5, 40])
def test_stages_one_after_the_other_give_the_whole(n_stages: int) -> None:
    logic = feed_forward((6, 4), DATA, STATE, 0).logic
    cut = pipeline("stages", logic, 5.0, n_stages)
    values = result = inputs([DATA] * 6)
    for stage in cut.stages:
        result = evaluate(stage, result)
    assert np.array_equal(result, evaluate(logic, values))
    assert cut.cycles == len(cut.stages) == n_stages


@pytest.mark.parametrize("longest", [0.3, 1.2, 2.0])
def test_no_path_between_registers_is_longer_than_asked_for(longest: float) -> None:
    logic = feed_forward((12, 4), DATA, STATE, 0).logic
    one = max(own_delays(logic.ops))
    cut = pipeline("stages", logic, longest)
    assert all(path(stage) <= max(longest, one) for stage in cut.stages)
    assert cut.cycles >= path(pipeline("whole", logic, 99.0).stages[0]) / max(longest, one) > 1


def test_stages_of_a_number_have_the_shortest_paths_that_it_allows() -> None:
    logic = feed_forward((12, 4), DATA, STATE, 0).logic
    cut = pipeline("stages", logic, 99.0, 3)
    longest = max(path(stage) for stage in cut.stages)
    assert longest < 1.5 * path(pipeline("whole", logic, 99.0).stages[0]) / 3
    assert pipeline("stages", logic, longest).cycles == 3
    assert pipeline("stages", logic, 0.99 * longest).cycles > 3


def path(logic: Any) -> float:
    return max(float(op.latency) for op in logic.ops)


def test_wires_need_no_register() -> None:
    assert not pipeline("casts", wires().blocks[0].logic, 5.0).registered
    assert pipeline("casts", wires().blocks[0].logic, 5.0).cycles == 0
    assert pipeline("casts", wires().blocks[0].logic, 5.0, 1).cycles == 1


def test_a_value_that_nothing_depends_on_has_no_bits() -> None:
    cut: Pipeline = pipeline("casts", wires(3).blocks[0].logic, 5.0)
    assert [place.width for place in cut.input.elements] == [0, 5, 5]
