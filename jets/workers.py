"""Tasks in fresh processes that never outlive us, their results in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from jets.errors import ConfigError, ToolFailed

Result = TypeVar("Result")


def worker_count(processes: int | None) -> int:
    """The number of processes asked for, or one a core; ConfigError if it is below 1."""
    chosen = (os.cpu_count() or 1) if processes is None else processes
    if chosen < 1:
        raise ConfigError(f"processes is {chosen}, it must be at least 1", None, "correct it")
    return chosen


def run_tasks(tasks: Sequence[Callable[[], Result]], processes: int, what: str) -> Iterator[Result]:
    """The result of each task, in order; `what` they are is named when one is killed.

    Tasks must be picklable. With one process, or one task, they are run in this one.

    Raises:
        ToolFailed: a worker process was killed.
    """
    if processes == 1 or len(tasks) < 2:
        yield from (task() for task in tasks)
        return
    with worker_pool(min(processes, len(tasks))) as pool:
        try:
            for future in [pool.submit(task) for task in tasks]:
                yield future.result()
        except BrokenProcessPool:
            remedy = "run the same command again with fewer processes; what is finished is kept"
            raise ToolFailed(f"{what} process was killed, perhaps for want of memory", None, remedy) from None


@contextmanager
def worker_pool(processes: int) -> Iterator[ProcessPoolExecutor]:
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
