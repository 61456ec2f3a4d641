"""One pass of all vectors through a simulated design, in slices at once, and its comparison."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hls.cosim.config import CosimConfig
from hls.cosim.packing import Codes, Port, Words, ports
from hls.cosim.result import Mismatch, PassResult
from hls.cosim.simulator import Observed, Plan, Simulator
from hls.cosim.vectors import Stimuli
from hls.rtl.design import Design

LEAST_SLICE = 500
"""Jets that are worth a simulator of their own."""
MOST_INTERLEAVED = 64
"""Jets in a group that is looked for in a full stream."""


@dataclass(frozen=True)
class Bench:
    """A simulated design with all that is sent through it and must come out."""

    design: Design
    simulator: Simulator
    config: CosimConfig
    folder: Path
    stimuli: Stimuli
    expected: Codes

    def run(self, name: str, stressed: bool) -> Pass:
        """Send all vectors through, without waits or `stressed`."""
        rows = _slices(len(self.stimuli), self.config.threads or len(os.sched_getaffinity(0)))
        plans = [self._plan(name, i, part, stressed) for i, part in enumerate(rows)]
        begin = time.perf_counter()
        with ThreadPoolExecutor(len(rows)) as pool:
            observed = list(pool.map(self._simulate, plans, [self._words[part] for part in rows]))
        return self._joined(plans, observed, time.perf_counter() - begin)

    @cached_property
    def _ports(self) -> tuple[Port, Port]:
        return ports(self.design)

    @cached_property
    def _words(self) -> Words:
        return self._ports[0].pack(self.stimuli.codes)

    def _simulate(self, plan: Plan, words: Words) -> Observed:
        return self.simulator.run(plan, words, Path(plan.trace).parent, self.config.timeout_s)

    def _plan(self, name: str, number: int, rows: slice, stressed: bool) -> Plan:
        config, (input_, output) = self.config, self._ports
        a_while = self.design.latency_cycles + round(self.design.interval_cycles) + input_.beats + output.beats
        folder = self.folder.absolute() / f"{name}-{number}"
        folder.mkdir(exist_ok=True)
        return Plan(
            n_jets=rows.stop - rows.start,
            first_jet=rows.start,
            in_beats=input_.beats,
            out_beats=output.beats,
            out_words=output.words,
            gap=config.gap_probability if stressed else 0.0,
            back_pressure=config.back_pressure_probability if stressed else 0.0,
            longest_wait=2 * a_while,
            reset_at=config.reset_at if stressed and config.reset_at is not None else -1,
            reset_delay=self.design.latency_cycles // 2,
            patience=config.patience_cycles or 1000 + 20 * a_while,
            drain=2 * a_while,
            seed=config.seed + rows.start,
            trace_from=config.trace_from,
            trace_jets=config.trace_jets,
            trace=str(folder / f"{name}.{config.trace}"),
            half_period_ps=round(500 * self.design.clock_ns),
        )

    def _joined(self, plans: Sequence[Plan], observed: Sequence[Observed], seconds: float) -> Pass:
        """The slices of a pass as one; jets that did not come out are left zero."""
        got = np.zeros(self.expected.shape, np.int64)
        cycles = np.zeros((len(got), 4), np.int64)
        received = np.zeros(len(got), bool)
        for plan, one in zip(plans, observed, strict=True):
            rows = slice(plan.first_jet, plan.first_jet + len(one.outputs))
            got[rows], cycles[rows], received[rows] = self._ports[1].unpack(one.outputs), one.cycles, True
        differs = ~received | np.any(got != self.expected, axis=1)
        return Pass(self, tuple(plans), tuple(observed), seconds, got, cycles, received, differs)


@dataclass(frozen=True)
class Pass:
    """What a pass showed of every jet: its output codes, cycles, whether it came out, and whether it differs."""

    bench: Bench
    plans: tuple[Plan, ...]
    observed: tuple[Observed, ...]
    seconds: float
    got: Codes
    cycles: NDArray[np.int64]
    received: NDArray[np.bool_]
    differs: NDArray[np.bool_]

    def interval(self) -> float | None:
        """Cycles between jets of the full stream, in the slowest slice."""
        found = [steady_interval(one.cycles[:, 2]) for one in self.observed]
        return max((interval for interval in found if interval is not None), default=None)

    def result(self) -> PassResult:
        """The pass in numbers."""
        latency = (self.cycles[:, 2] - self.cycles[:, 1])[self.received]
        return PassResult(
            n_received=int(self.received.sum()),
            n_mismatch=int(self.differs.sum()),
            mismatches=self.bench.stimuli.count(self.differs),
            first_mismatch=self._first() if self.differs.any() else None,
            failure=next((one.failure for one in self.observed if one.failure), None),
            latency_first=int(latency[0]) if self.received[0] else None,
            latency_least=int(latency.min()) if len(latency) else None,
            latency_mean=float(latency.mean()) if len(latency) else None,
            latency_most=int(latency.max()) if len(latency) else None,
            n_cycles=sum(one.n_cycles for one in self.observed),
            seconds=self.seconds,
            jets_per_second=len(self.got) / self.seconds,
            trace=next((plan.trace for plan in self.plans if Path(plan.trace).is_file()), None),
        )

    def _first(self) -> Mismatch:
        jet = int(np.argmax(self.differs))
        came_out, expected = bool(self.received[jet]), self.bench.expected[jet]
        element = int(np.argmax(self.got[jet] != expected)) if came_out else 0
        return Mismatch(
            jet=jet,
            group=self.bench.stimuli.group_of(jet),
            cycle=int(self.cycles[jet, 3]) if came_out else None,
            element=element,
            signal=ports(self.bench.design)[1].signal(element),
            got=int(self.got[jet, element]) if came_out else None,
            expected=int(expected[element]),
        )


def steady_interval(cycles: NDArray[np.int64]) -> float | None:
    """Cycles between the outputs of a full stream once it flows, from the cycles (n_jets,) of the outputs.

    Where jets are interleaved, the outputs come in groups: the mean over one group. None for fewer than two jets.
    """
    if len(cycles) < 2:
        return None
    edge = min(len(cycles) // 8, MOST_INTERLEAVED)
    middle = cycles[edge : len(cycles) - edge]
    for group in range(1, min(len(middle) // 2, MOST_INTERLEAVED) + 1):
        steps = middle[group:] - middle[:-group]
        if np.all(steps == steps[0]):
            return float(steps[0] / group)
    return float((middle[-1] - middle[0]) / (len(middle) - 1))


def _slices(n_jets: int, threads: int) -> list[slice]:
    n_slices = max(1, min(threads, n_jets // LEAST_SLICE))
    edges = [n_jets * i // n_slices for i in range(n_slices + 1)]
    return [slice(begin, end) for begin, end in itertools.pairwise(edges)]
