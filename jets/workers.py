"""Tasks in fresh processes that never outlive us, or on the workers of a Dask cluster, their results in order."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from jets.errors import ConfigError, InputError, ToolFailed, ToolNotFound

Result = TypeVar("Result")
SECONDS = 10
"""That a scheduler has to answer."""
FIRST_WORKER_SECONDS = 60
"""That workers have to begin, which a batch system starts when it likes."""


def worker_count(processes: int | None) -> int:
    """The number of processes asked for, or one a core; ConfigError if it is below 1."""
    chosen = (os.cpu_count() or 1) if processes is None else processes
    if chosen < 1:
        raise ConfigError(f"processes is {chosen}, it must be at least 1", None, "correct it")
    return chosen


def run_tasks(
    tasks: Sequence[Callable[[], Result]], processes: int, what: str, cluster: str | None = None
) -> Iterator[Result]:
    """The result of each task, in order; `what` they are is named when one is killed.

    Tasks must be picklable. With one process, or one task, they are run in this one, unless a `cluster` is to (`hire`).

    Raises:
        InputError: there is no scheduler at this address, or it has no workers, or they have another tagware.
        ToolFailed: a worker process was killed.
        ToolNotFound: Dask is not installed.
    """
    if not tasks or (cluster is None and (processes == 1 or len(tasks) == 1)):
        yield from (task() for task in tasks)
        return
    with hire(min(processes, len(tasks)), cluster) as workers:
        try:
            for future in [workers.executor.submit(task) for task in tasks]:
                yield future.result()
        except workers.killed:
            remedy = "run the same command again with fewer processes; what is finished is kept"
            raise ToolFailed(f"{what} process was killed, perhaps for want of memory", None, remedy) from None


@dataclass(frozen=True)
class Workers:
    """An executor, how many tasks it takes at a time, and what it raises when the process of one was killed."""

    executor: Executor
    jobs: int
    killed: tuple[type[Exception], ...]


@contextmanager
def hire(jobs: int | None = None, cluster: str | None = None) -> Iterator[Workers]:
    """So many workers, until the block ends: of a Dask cluster ("local", or a scheduler's address), or processes.

    Without a number a cluster gives all of its threads, and there is one process.

    Raises:
        InputError: there is no scheduler at this address, or it has no workers, or they have another tagware.
        ToolNotFound: Dask is not installed.
    """
    n_workers = worker_count(1 if jobs is None else jobs)
    if cluster is None:
        with _pool(n_workers) as pool:
            yield Workers(pool, n_workers, (BrokenProcessPool,))
        return
    with _client(_dask(), n_workers, cluster) as client:
        with suppress(TimeoutError):
            client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
        if not threads:
            raise InputError("the Dask cluster has no workers", cluster, "start some with `dask worker ADDRESS`")
        _check_workers(client, cluster)
        killed = import_module("distributed.scheduler").KilledWorker
        yield Workers(client.get_executor(pure=False), jobs or threads, (killed,))


def _dask() -> Any:
    try:
        return import_module("distributed")
    except ImportError:
        raise ToolNotFound("Dask is not installed", None, "pip install 'tagware[cluster]'") from None


@contextmanager
def _client(dask: Any, jobs: int, cluster: str) -> Iterator[Any]:
    if cluster == "local":
        options = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": ":0"}
        with dask.LocalCluster(silence_logs=logging.ERROR, **options) as local, dask.Client(local) as client:
            yield client
        return
    try:
        client = dask.Client(cluster, timeout=SECONDS)
    except (OSError, ValueError) as error:
        what = f"there is no Dask scheduler here ({type(error).__name__})"
        raise InputError(what, cluster, "start one with `dask scheduler`, or use --cluster local") from None
    with client:
        yield client


def _check_workers(client: Any, cluster: str) -> None:
    """Raise InputError where a worker could not read a task, of which Dask says nothing: it would wait for ever."""
    versions = client.get_versions(packages=["tagware"])
    ours = versions["client"]["packages"]["tagware"]
    for worker in versions["workers"].values():
        theirs = worker["packages"]["tagware"]
        if theirs != ours:
            found = "no tagware" if theirs is None else f"tagware {theirs}, this is {ours}"
            raise InputError(
                f"a worker of the Dask cluster has {found}", cluster, "install this one where workers start"
            )


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh worker processes that end at once when the block fails or is interrupted."""
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _start_worker)
    try:
        yield pool
    except BaseException:
        workers = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()
        raise
    pool.shutdown()


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, which ends its workers, and never outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
