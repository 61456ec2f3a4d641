"""Whether a storage of searches can be shared: two drivers work on one study, and one of them is killed on the way.

    python benchmarks/shared_search.py --storage postgresql://USER@HOST/NAME --trials 24

The trials are no trainings, they wait for `--seconds` each. Printed: how many trials are finished, how many the dead
driver left and the other one tried again, whether any options were tried twice, and the seconds of it all. The study
is removed at the end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import optuna

from flow.project import ProjectFolder
from flow.search.driver import GONE, OBJECTIVES, SAME, Driver
from flow.search.space import Space
from flow.search.storage import open_storage
from flow.search.trial import Outcome
from jets.workers import Workers

STUDY = "tagware-shared-search"
OPTIONS = {"student.units": {"low": 2, "high": 2000}, "hls.clock_ns": {"low": 2.0, "high": 9.0}}


def wait(seconds: float, content: Mapping[str, Any]) -> Outcome:
    """A trial that does nothing."""
    time.sleep(seconds)
    units = content["student"]["units"]
    return Outcome("complete", {"rejection": {"0.5": {"value": units}}, "lut": 100 * units, "latency_ns": 50.0})


@contextmanager
def two_threads() -> Iterator[Workers]:
    """Two trials at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield Workers(pool, 2, ())


def driver(url: str, seconds: float, seed: int) -> Driver:
    """A driver of the study in this storage."""
    content = {"jets": {"sample": "top_qcd"}, "search": {"options": OPTIONS}}
    space = Space.of(ProjectFolder.of(content, Path("none")), content)
    directions = [*OBJECTIVES.values()]
    storage = open_storage(url, Path("none"))
    study = optuna.create_study(study_name=STUDY, storage=storage, directions=directions, load_if_exists=True)
    study.sampler = optuna.samplers.TPESampler(seed=seed)
    return Driver(study, space, partial(wait, seconds), 0.5, seed)


def run(options: argparse.Namespace) -> None:
    """Start the drivers, kill one after a quarter of the trials, and print what is left."""
    start = time.monotonic()
    ours = driver(options.storage, options.seconds, 1)
    command = [sys.executable, __file__, "--storage", options.storage, "--trials", str(options.trials)]
    command += ["--seconds", str(options.seconds)]
    others = [subprocess.Popen([*command, "--drive", str(seed)]) for seed in (2, 3)]
    while ours.n_finished() < options.trials / 4:
        time.sleep(0.1)
    others[0].kill()
    for other in others:
        other.wait()
    ours.run(options.trials, two_threads)
    trials = ours.study.trials
    complete = [tuple(trial.params.values()) for trial in trials if trial.state.name == "COMPLETE"]
    print(f"finished            {ours.n_finished()} of {options.trials}")
    print(f"left, tried again   {sum(GONE in trial.user_attrs for trial in trials)}")
    print(f"still under way     {sum(trial.state.name == 'RUNNING' for trial in trials)}")
    print(f"tried twice         {len(complete) - len(set(complete))}")
    print(f"proposed again      {sum(SAME in trial.user_attrs for trial in trials)}")
    print(f"seconds             {time.monotonic() - start:.0f}")
    optuna.delete_study(study_name=STUDY, storage=ours.study._storage)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", help="as of `tagware search` (default: an SQLite file)")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=1.0, help="that a trial waits")
    parser.add_argument("--drive", type=int, metavar="SEED", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive is not None:
        driver(options.storage, options.seconds, options.drive).run(options.trials, two_threads)
        return
    with tempfile.TemporaryDirectory() as folder:
        options.storage = options.storage or f"sqlite:///{folder}/study.db"
        run(options)


if __name__ == "__main__":
    main()
