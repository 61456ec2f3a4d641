"""Work in a process that does nothing else, so that its peak memory is the work's own."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def apart(work: Callable[[], Result]) -> tuple[Result, float]:
    """What the work returns in a process of its own, and the peak resident memory of that process in MB."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, work).result()


def _measured(work: Callable[[], Result]) -> tuple[Result, float]:
    return work(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
