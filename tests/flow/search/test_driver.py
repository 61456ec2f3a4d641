"""The loop of a search: it goes on where it stopped, gives lost trials another try, and no trial takes others along."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage

import flow.search.driver
from flow.project import ProjectFolder
from flow.search.driver import DRIVER, GONE, OBJECTIVES, OUTCOME, SAME, Driver
from flow.search.space import Space
from flow.search.trial import Outcome
from jets.errors import DataError
from jets.workers import Workers, hire

WIDE = {"student.units": {"low": 2, "high": 200}, "hls.clock_ns": {"low": 2.0, "high": 9.0}}
NARROW = {"student.units": [8, 13], "hls.clock_ns": [4.0, 5.0]}
Evaluate = Callable[[Mapping[str, Any]], Outcome]


def complete(content: Mapping[str, Any]) -> Outcome:
    units = content["student"]["units"]
    return Outcome("complete", {"rejection": {"0.5": {"value": 10.0 + units}}, "lut": 100 * units, "latency_ns": 50.0})


def odd_ones_fail(content: Mapping[str, Any]) -> Outcome:
    if content["student"]["units"] % 2:
        return Outcome("failed", reason="distil: float: the loss is nan in batch 0 of epoch 0")
    return complete(content)


def other_jets(content: Mapping[str, Any]) -> Outcome:
    raise DataError("the teacher outputs are about other jets", "jets.h5", "run `tagware teach` on these jets")


def be_killed(content: Mapping[str, Any]) -> Outcome:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@contextmanager
def threads() -> Iterator[Workers]:
    with ThreadPoolExecutor(3) as pool:
        yield Workers(pool, 3, ())


@pytest.fixture
def storage() -> BaseStorage:
    return optuna.storages.InMemoryStorage()


def driver(storage: BaseStorage, evaluate: Evaluate = complete, options: dict[str, Any] = WIDE) -> Driver:
    """A driver of the one study in a storage."""
    content = {"jets": {"sample": "top_qcd"}, "search": {"options": options}}
    space = Space.of(ProjectFolder.of(content, Path("mine")), content)
    directions = list(OBJECTIVES.values())
    study = optuna.create_study(study_name="one", storage=storage, directions=directions, load_if_exists=True)
    study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
    return Driver(study, space, evaluate, 0.5)


def test_a_search_goes_on_to_its_number_of_trials(storage: BaseStorage) -> None:
    driver(storage).run(7, threads)
    first = driver(storage).study.trials
    assert [trial.state.name for trial in first] == ["COMPLETE"] * 7
    assert first[0].values == [10 + first[0].params["student.units"], 100 * first[0].params["student.units"], 50.0]
    again = driver(storage)
    again.run(7, threads)
    assert len(again.study.trials) == 7
    again.run(30, threads)
    assert [trial.values for trial in again.study.trials[:7]] == [
        trial.values for trial in first
    ] and again.n_finished() == 30
    parameters = [tuple(trial.params.values()) for trial in again.study.trials if SAME not in trial.user_attrs]
    assert len(set(parameters)) == 30


def test_a_failed_trial_is_recorded_and_the_search_goes_on(storage: BaseStorage) -> None:
    found = driver(storage, odd_ones_fail)
    found.run(12, threads)
    failed = [trial for trial in found.study.trials if trial.state.name == "FAIL"]
    assert 0 < len(failed) < 12 == len(found.study.trials)
    assert "the loss is nan" in failed[0].user_attrs[OUTCOME]["reason"]


def test_options_are_not_tried_twice_and_a_search_ends_with_the_last_ones(storage: BaseStorage) -> None:
    found = driver(storage, odd_ones_fail, NARROW)
    found.run(50, threads)
    tried = [trial.params for trial in found.study.trials if trial.state.name in ("COMPLETE", "FAIL")]
    assert len(tried) == found.n_finished() == 4
    assert {(options["student.units"], options["hls.clock_ns"]) for options in tried} == {
        (units, clock) for units in (8, 13) for clock in (4.0, 5.0)
    }


@pytest.mark.parametrize("is_alive", [False, True])
def test_only_a_trial_whose_driver_is_gone_is_queued_again(storage: BaseStorage, is_alive: bool) -> None:
    found = driver(storage)
    lost = found.study.ask(found.space.distributions())
    pid = os.getpid() if is_alive else 2**22 + 1  # above the kernel's largest
    lost.set_user_attr(DRIVER, {"host": socket.gethostname(), "pid": pid, "seen": time.time()})
    found.run(3, threads)
    first, *others = found.study.trials
    assert first.state.name == ("RUNNING" if is_alive else "FAIL") and (GONE in first.user_attrs) is not is_alive
    assert len(others) == (2 if is_alive else 3)
    assert any(trial.params == first.params for trial in others) is not is_alive


def test_a_driver_of_another_machine_is_gone_when_it_has_been_silent(storage: BaseStorage) -> None:
    found = driver(storage)
    for seen in (time.time() - 3600, time.time()):
        trial = found.study.ask(found.space.distributions())
        trial.set_user_attr(DRIVER, {"host": "elsewhere", "pid": 1, "seen": seen})
    found.run(3, threads)
    assert [GONE in trial.user_attrs for trial in found.study.trials[:2]] == [True, False]


def test_a_trial_whose_driver_died_before_it_signed_is_waited_for(
    storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = driver(storage)
    found.study.ask(found.space.distributions())
    monkeypatch.setattr(flow.search.driver, "LEASE_SECONDS", 2.0)
    found.run(3, threads)
    assert found.n_finished() == 3 and GONE in found.study.trials[0].user_attrs


def test_a_trial_that_is_signed_late_is_left_to_its_driver(storage: BaseStorage) -> None:
    found = driver(storage)
    late = found.study.ask(found.space.distributions())
    signer = threading.Timer(2.0, found._sign, [late])
    signer.start()
    found.run(3, threads)
    signer.join()
    assert found.n_finished() == 2 and found.study.trials[0].state.name == "RUNNING"


def test_what_every_trial_would_stumble_over_ends_the_search_and_loses_no_trial(storage: BaseStorage) -> None:
    with pytest.raises(DataError, match="about other jets"):
        driver(storage, other_jets).run(3, threads)
    begun = [trial for trial in driver(storage).study.trials if trial.state.name == "FAIL"]
    assert begun and all(GONE in trial.user_attrs for trial in begun)
    found = driver(storage)
    found.run(len(begun), threads)
    done = [trial.params for trial in found.study.trials if trial.state.name == "COMPLETE"]
    assert sorted(done, key=str) == sorted((trial.params for trial in begun), key=str)


def test_a_trial_that_kills_its_process_has_three_attempts(storage: BaseStorage) -> None:
    found = driver(storage, be_killed)
    found.run(1, partial(hire, 1))
    assert [GONE in trial.user_attrs for trial in found.study.trials] == [True, True, False]
    assert len({tuple(trial.params.values()) for trial in found.study.trials}) == 1
    assert "killed, perhaps for want of memory, 3 times" in found.study.trials[-1].user_attrs[OUTCOME]["reason"]


@pytest.mark.long
def test_dask_evaluates_trials(storage: BaseStorage) -> None:
    found = driver(storage, odd_ones_fail)
    found.run(5, partial(hire, 2, "local"))
    assert found.n_finished() == 5 and {trial.state.name for trial in found.study.trials} == {"COMPLETE", "FAIL"}
