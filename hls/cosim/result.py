"""What a simulation of an RTL design showed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jets.config import load_saved
from jets.files import write_json


@dataclass(frozen=True)
class Mismatch:
    """One output that is not what was expected.

    Attributes:
        jet: its number among the vectors, and the group that it belongs to.
        cycle: in which the jet's last output transfer was seen; None (as is `got`) when the jet never came out.
        element: of the output, and the bits of the port that carry it.
        got, expected: codes; value = code / 2**fraction_bits.
    """

    jet: int
    group: str
    cycle: int | None
    element: int
    signal: str
    got: int | None
    expected: int

    def __str__(self) -> str:
        where = f"jet {self.jet} ({self.group}), {self.signal} (output {self.element})"
        if self.got is None:
            return f"{where}: never came out, expected {self.expected}"
        return f"{where}, cycle {self.cycle}: got {self.got}, expected {self.expected}"


@dataclass(frozen=True)
class PassResult:
    """One pass of all vectors through the simulated design.

    Attributes:
        n_received: jets that came out.
        n_mismatch: jets with any output bit different, or that did not come out; `mismatches` are those of each group.
        first_mismatch: the first of them.
        failure: what stopped the simulation, e.g. a dead-lock or an output that was not held; None when nothing did.
        latency_first: from the last input transfer of the first jet to its first output transfer, in cycles; then the
            least, mean and most of all jets.
        n_cycles: simulated, all slices together.
        seconds: of the simulators, slices at once.
        trace: the file with waveforms.
    """

    n_received: int
    n_mismatch: int
    mismatches: dict[str, int]
    first_mismatch: Mismatch | None
    failure: str | None
    latency_first: int | None
    latency_least: int | None
    latency_mean: float | None
    latency_most: int | None
    n_cycles: int
    seconds: float
    jets_per_second: float
    trace: str | None


@dataclass(frozen=True)
class CosimResult:
    """A design against its expected outputs, bit by bit and cycle by cycle.

    Attributes:
        design: digest of the design.
        n_vectors: jets that were sent, by group in `groups`.
        n_mismatch: jets that differ, or do not come out, in any pass.
        interval_cycles: between jets of the full stream once it flows, as seen; None for too few jets.
        scheduled_latency_cycles, scheduled_interval_cycles: what the design says.
        stream: a full stream without waits.
        stressed: the same with random gaps, back-pressure and the reset; None when none of them was asked for.
        build_seconds: until the design could be simulated.
    """

    tool: str
    tool_version: str
    design: str
    n_vectors: int
    groups: dict[str, int]
    n_mismatch: int
    interval_cycles: float | None
    scheduled_latency_cycles: int
    scheduled_interval_cycles: float
    stream: PassResult
    stressed: PassResult | None
    build_seconds: float

    @property
    def passes(self) -> dict[str, PassResult]:
        """The passes by name."""
        both = {"stream": self.stream, "stressed": self.stressed}
        return {name: result for name, result in both.items() if result is not None}

    @property
    def latency_cycles(self) -> int | None:
        """Of the first jet of the full stream, as seen."""
        return self.stream.latency_first

    @property
    def first_mismatch(self) -> Mismatch | None:
        """The first jet that differs, of the first pass in which one does."""
        return next((result.first_mismatch for result in self.passes.values() if result.first_mismatch), None)

    @property
    def on_schedule(self) -> bool:
        """Whether latency and interval are those that the design says (an interval that was not seen is taken)."""
        return self.latency_cycles == self.scheduled_latency_cycles and (
            self.interval_cycles is None or math.isclose(self.interval_cycles, self.scheduled_interval_cycles)
        )

    @property
    def agrees(self) -> bool:
        """Whether every bit is as expected, every pass ended, and the cycles are those of the schedule."""
        return not self.complaints()

    def complaints(self) -> list[str]:
        """What is wrong, one sentence each."""
        return list(self._complaints())

    def exactness(self) -> dict[str, Any]:
        """The section `csim_vs_rtl` of a report's `exactness`."""
        return {"n_vectors": self.n_vectors, "n_mismatch": self.n_mismatch}

    def save(self, path: Path) -> Path:
        """Write the result as JSON."""
        write_json(path, asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> CosimResult:
        """Read what `save` wrote.

        Raises:
            InputError: no such file.
            LayoutError: the file holds something else.
        """
        return load_saved(cls, path, "a result of cosim", "run cosim again")

    def _complaints(self) -> Iterator[str]:
        for name, result in self.passes.items():
            if result.failure:
                yield f"{name} pass: {result.failure}"
            if result.first_mismatch:
                n_mismatch = f"{result.n_mismatch} of {self.n_vectors} jets differ"
                yield f"{name} pass: {n_mismatch}, the first is {result.first_mismatch}"
        if self.latency_cycles != self.scheduled_latency_cycles:
            yield f"the latency is {self.latency_cycles} cycles, the design says {self.scheduled_latency_cycles}"
        elif not self.on_schedule:
            yield f"the interval is {self.interval_cycles:g} cycles, the design says {self.scheduled_interval_cycles:g}"
