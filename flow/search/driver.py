"""The loop of a search: options are proposed, trials evaluated side by side, and what came of them is kept.

A trial that is under way carries the name of its driver and the time at which that was last alive. Whichever driver of
the same study finds one whose driver is gone puts its options back into the queue.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from flow.search.space import Space
from flow.search.trial import Outcome
from jets.workers import Workers

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

BEAT_SECONDS, LEASE_SECONDS = 15.0, 90.0
ATTEMPTS = 3
DRAWS = 100
OBJECTIVES: dict[str, Literal["maximize", "minimize"]] = {
    "rejection": "maximize",
    "lut": "minimize",
    "latency_ns": "minimize",
}
STATES = {"complete": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}
OUTCOME, DRIVER, GONE, SAME, ATTEMPT = "outcome", "driver", "gone", "same_as", "attempt"


@dataclass(frozen=True)
class Driver:
    """Brings a study to a number of trials.

    Attributes:
        study: of Optuna, with the objectives `OBJECTIVES`.
        space: what is varied.
        evaluate: content of a trial's project.yaml -> outcome; picklable.
        working_point: of the rejection.
        seed: of the draws that replace options which were tried already.
    """

    study: Study
    space: Space
    evaluate: Callable[[Mapping[str, Any]], Outcome]
    working_point: float
    seed: int = 1

    def run(self, n_trials: int, hire: Callable[[], AbstractContextManager[Workers]]) -> None:
        """Evaluate trials until the study has `n_trials` of them, or all options were tried.

        Those of earlier calls and of other drivers count, also those that a living driver has under way.

        Raises:
            TagwareError: what every trial would stumble over; trials under way are put back into the queue.
        """
        from tqdm import tqdm

        with tqdm(total=n_trials, initial=self.n_finished(), desc="search", disable=None, unit="trial") as bar:
            more = True
            while more and not self._provided(n_trials):
                if self._wanted(n_trials):
                    with hire() as workers:
                        more = self._work(n_trials, workers, bar)
                else:
                    time.sleep(1)

    def n_finished(self) -> int:
        """Trials that count: finished, neither put back into the queue nor the same as another."""
        return sum(_counts(trial) for trial in self.study.get_trials(deepcopy=False))

    def _wanted(self, n_trials: int) -> bool:
        """Whether a trial more may be started."""
        self._requeue_lost()
        return self.n_finished() + len(self._under_way()) < n_trials

    def _provided(self, n_trials: int) -> bool:
        """Whether enough trials are finished or under way, not counting those whose driver may have died unsigned."""
        self._requeue_lost()
        return self.n_finished() + sum(DRIVER in trial.user_attrs for trial in self._under_way()) >= n_trials

    def _under_way(self) -> list[FrozenTrial]:
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.name == "RUNNING"]

    def _work(self, n_trials: int, workers: Workers, bar: Any) -> bool:
        """Until there are enough, or a worker was killed and the others are done; False when nothing is untried."""
        running: dict[Future[Outcome], Trial] = {}
        more = all_live = True
        try:
            while True:
                while more and all_live and len(running) < workers.jobs and self._wanted(n_trials):
                    trial = self._ask()
                    more = trial is not None
                    all_live = trial is None or self._submit(trial, workers, running)
                if not running:
                    return more
                for future in wait(running, BEAT_SECONDS, FIRST_COMPLETED).done:
                    try:
                        self._tell(running[future], future.result())
                        bar.update()
                    except workers.killed:
                        all_live = False
                        self._requeue(running[future], "its process was killed, perhaps for want of memory")
                    del running[future]
                for trial in running.values():
                    self._sign(trial)
        except BaseException:
            for trial in running.values():
                self._requeue(trial, None)
            raise

    def _submit(self, trial: Trial, workers: Workers, running: dict[Future[Outcome], Trial]) -> bool:
        """Whether there was a worker left to take the trial."""
        content = self.space.with_values(self.space.values(trial.params))
        try:
            running[workers.executor.submit(self.evaluate, content)] = trial
        except workers.killed:
            self._requeue(trial, None)
            return False
        return True

    def _ask(self) -> Trial | None:
        """The next trial: what the sampler proposes, or where that was tried already what was not; None without any."""
        distributions = self.space.distributions()
        trial = self.study.ask(distributions)
        self._sign(trial)
        twin = self._twin(trial.params)
        if twin == trial.number:
            return trial
        self._end(trial, "PRUNED", None, {SAME: twin})
        rng = np.random.default_rng((self.seed, trial.number))
        drawn = (self.space.random(rng) for _ in range(DRAWS))
        untried = next((parameters for parameters in drawn if self._twin(parameters) is None), None)
        if untried is None:
            return None
        self.study.enqueue_trial(untried)
        trial = self.study.ask(distributions)
        self._sign(trial)
        return trial

    def _twin(self, parameters: Mapping[str, Any]) -> int | None:
        """The first trial of these options that is complete, has failed or is under way."""
        for trial in self.study.get_trials(deepcopy=False):
            is_known = trial.state.name in ("COMPLETE", "RUNNING", "FAIL") and GONE not in trial.user_attrs
            if is_known and trial.params == parameters:
                return int(trial.number)
        return None

    def _tell(self, trial: Trial, outcome: Outcome) -> None:
        values = None
        if outcome.state == "complete":
            rejection = outcome.numbers["rejection"][str(self.working_point)]["value"]
            values = [rejection, outcome.numbers["lut"], outcome.numbers["latency_ns"]]
        self._end(trial, STATES[outcome.state], values, {OUTCOME: asdict(outcome)})

    def _sign(self, trial: Trial) -> None:
        """Say who evaluates a trial and that it lives."""
        trial.set_user_attr(DRIVER, {"host": socket.gethostname(), "pid": os.getpid(), "seen": time.time()})

    def _requeue_lost(self) -> None:
        for trial in self._under_way():
            if _is_lost(trial):
                self._requeue(trial, "its process was killed")

    def _requeue(self, trial: Trial | FrozenTrial, reason: str | None) -> None:
        """Queue a trial's options again; at most `ATTEMPTS` times with a reason, which may be the trial's own doing."""
        attempt = trial.user_attrs.get(ATTEMPT, 1)
        if reason is not None and attempt == ATTEMPTS:
            outcome = Outcome("failed", reason=f"{reason}, {attempt} times")
            self._end(trial, "FAIL", None, {OUTCOME: asdict(outcome)})
        elif self._end(trial, "FAIL", None, {GONE: True}):
            self.study.enqueue_trial(trial.params, {ATTEMPT: attempt + (reason is not None)})

    def _end(
        self, trial: Trial | FrozenTrial, state: str, values: list[float] | None, attributes: Mapping[str, Any]
    ) -> bool:
        """End a trial and say why; False where another driver has taken it for lost and ended it."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        try:
            for name, value in attributes.items():
                self.study._storage.set_trial_user_attr(trial._trial_id, name, value)
            self.study.tell(trial.number, values, TrialState[state])
        except UpdateFinishedTrialError:
            return False
        return True


def _counts(trial: FrozenTrial) -> bool:
    return trial.state.is_finished() and not {GONE, SAME} & trial.user_attrs.keys()


def _is_lost(trial: FrozenTrial) -> bool:
    """Whether the driver of a trial under way is gone: its process, or its word for `LEASE_SECONDS`."""
    driver = trial.user_attrs.get(DRIVER)
    if driver is None:
        asked = trial.datetime_start
        return asked is None or time.time() - asked.timestamp() > LEASE_SECONDS
    if driver["host"] == socket.gethostname() and not _is_alive(driver["pid"]):
        return True
    return bool(time.time() - driver["seen"] > LEASE_SECONDS)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
