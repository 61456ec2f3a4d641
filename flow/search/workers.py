"""Who evaluates the trials: fresh processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from jets.errors import InputError, ToolNotFound
from jets.workers import worker_count, worker_pool

SECONDS = 10


@dataclass(frozen=True)
class Workers:
    """An executor, how many trials it takes at a time, and what it raises when the process of one was killed."""

    executor: Executor
    jobs: int
    killed: tuple[type[Exception], ...]


@contextmanager
def hire(jobs: int | None = None, cluster: str | None = None) -> Iterator[Workers]:
    """So many workers, until the block ends: of a Dask cluster ("local", or a scheduler's address), or processes.

    Without a number a cluster gives all of its threads, and there is one process.

    Raises:
        InputError: there is no scheduler at this address, or it has no workers.
        ToolNotFound: Dask is not installed.
    """
    n_workers = worker_count(1 if jobs is None else jobs)
    if cluster is None:
        with worker_pool(n_workers) as pool:
            yield Workers(pool, n_workers, (BrokenProcessPool,))
        return
    with _client(_dask(), n_workers, cluster) as client:
        threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
        if not threads:
            raise InputError("the Dask cluster has no workers", cluster, "start some with `dask worker ADDRESS`")
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
        options = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
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
