"""What every simulator takes and gives: a plan of one run, and what was observed in it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hls.cosim.packing import Words
from hls.tools import Finished
from jets.errors import ToolFailed

_RECEIVED = re.compile(r"received (\d+) jets in (\d+) cycles")
_FAILURE = re.compile(r"failure: (.*)")
_ERROR = re.compile(r"error: (.*)")


@dataclass(frozen=True)
class Plan:
    """One run of a simulated design; its fields are the keys that the testbenches know.

    Attributes:
        n_jets, first_jet: how many are sent, and the number of the first one in messages.
        in_beats, out_beats, out_words: transfers of a jet, and 32-bit words of one at the output.
        gap, back_pressure: probabilities of waits.
        longest_wait: cycles of the rare long ones.
        reset_at, reset_delay: the jet (-1: none) that is followed by a reset, and after how many cycles.
        patience, drain: cycles without a transfer until the run is given up, and those watched after the last jet.
        trace_from, trace_jets, trace: the jets whose waveforms are written, and the file.
        half_period_ps: of the clock, for the trace.
    """

    n_jets: int
    first_jet: int
    in_beats: int
    out_beats: int
    out_words: int
    gap: float
    back_pressure: float
    longest_wait: int
    reset_at: int
    reset_delay: int
    patience: int
    drain: int
    seed: int
    trace_from: int
    trace_jets: int
    trace: str
    half_period_ps: int

    def words(self) -> list[str]:
        """``key=value`` for every field."""
        return [f"{key}={value}" for key, value in asdict(self).items()]


@dataclass(frozen=True)
class Observed:
    """What came out of one run.

    Attributes:
        outputs: words (n_received, beats, words) of the jets that came out.
        cycles: (n_received, 4): of a jet's first and last input transfer and first and last output transfer.
        n_cycles: of the whole run.
        failure: what stopped it before the last jet, e.g. a dead-lock; None when nothing did.
    """

    outputs: Words
    cycles: NDArray[np.int64]
    n_cycles: int
    failure: str | None


class Simulator(Protocol):
    """A design made ready to run by one tool."""

    @property
    def tool(self) -> str:
        """The tool's name."""

    @property
    def version(self) -> str:
        """The tool's version."""

    def run(self, plan: Plan, inputs: Words, folder: Path, timeout_s: float) -> Observed:
        """Send inputs (n_jets, beats, words) through the design, keeping files in `folder`, which is its own.

        Raises:
            ToolFailed: the simulation crashed or ran out of time.
        """


def parse_run(finished: Finished) -> tuple[int, int, str | None]:
    """Jets that came out, cycles, and the failure that a testbench printed.

    Raises:
        ToolFailed: it crashed, or printed no summary.
    """
    text = finished.log.read_text(errors="replace")
    if error := _ERROR.search(text):
        raise ToolFailed(f"the simulation stopped: {error[1]}", finished.log, "emit the design again")
    finished.check()
    summary = _RECEIVED.search(text)
    if summary is None:
        raise ToolFailed("the simulation ended without a summary", finished.log, "read this log")
    failure = _FAILURE.search(text)
    return int(summary[1]), int(summary[2]), failure[1] if failure else None
