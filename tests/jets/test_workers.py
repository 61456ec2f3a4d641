import os
import signal
from functools import partial
from pathlib import Path

import distributed
import pytest

from jets import workers
from jets.errors import ConfigError, DataError, InputError, ToolFailed
from jets.workers import run_tasks, worker_count


def fail() -> int:
    raise DataError("no jets", None, "add some")


def be_killed() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(processes: int) -> None:
    tasks = [partial(pow, 2, power) for power in range(20)]
    assert list(run_tasks(tasks, processes, "a power")) == [2**power for power in range(20)]


def test_an_error_of_a_task_is_that_of_the_first_in_order() -> None:
    results = run_tasks([partial(pow, 2, 3), fail, be_killed], 1, "a power")
    assert next(results) == 8
    with pytest.raises(DataError, match="no jets"):
        next(results)


def test_a_killed_process_is_named() -> None:
    with pytest.raises(ToolFailed, match=r"a power process was killed, perhaps for want of memory; .*fewer processes"):
        list(run_tasks([be_killed, be_killed], 2, "a power"))


def test_a_dask_cluster_gives_the_same_results_and_errors() -> None:
    tasks = [partial(pow, 2, power) for power in range(5)]
    assert list(run_tasks(tasks, 1, "a power", "local")) == [1, 2, 4, 8, 16]
    assert list(run_tasks([], 1, "a power", "local")) == []
    with pytest.raises(DataError, match="no jets"):
        list(run_tasks([fail], 1, "a power", "local"))


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SECONDS", 1)
    with pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:9: there is no Dask scheduler here"):
        list(run_tasks([fail], 1, "a power", "tcp://127.0.0.1:9"))


def test_a_cluster_without_workers_is_waited_for_and_then_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST_WORKER_SECONDS", 1)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(InputError, match="the Dask cluster has no workers; start some with `dask worker ADDRESS`"),
    ):
        list(run_tasks([fail], 1, "a power", empty.scheduler_address))


@pytest.mark.parametrize(("found", "told"), [(None, "has no tagware"), ("0.0.7", "has tagware 0.0.7, this is")])
def test_workers_that_could_not_read_a_task_are_named(found: str | None, told: str, tmp_path: Path) -> None:
    patch = tmp_path / "patch.py"
    patch.write_text(f"""import distributed.versions as v
v._version_cached = lambda name, ask=v._version_cached: {found!r} if name == "tagware" else ask(name)
""")
    with (
        distributed.LocalCluster(n_workers=1, dashboard_address=":0", preload=[str(patch)]) as other,
        pytest.raises(InputError, match=f"a worker of the Dask cluster {told}.*; install this one where workers start"),
    ):
        list(run_tasks([fail], 1, "a power", other.scheduler_address))


def test_there_is_a_worker_a_core_and_never_none() -> None:
    assert worker_count(None) == os.cpu_count() and worker_count(3) == 3
    with pytest.raises(ConfigError, match="processes is 0, it must be at least 1"):
        worker_count(0)
