"""Logic cut in two, where a value stops depending on the data alone, and in pipeline stages of similar delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hls.rtl.design import Bus
from hls.rtl.emit.buses import packed
from hls.rtl.emit.delays import own_delays

INPUT, CONSTANT = -1, 5
"""Codes of alkaid's operations (its docs/alir.md)."""
BISECTIONS = 30


@dataclass(frozen=True)
class Pipeline:
    """Logic in stages (alkaid CombLogics), with a register behind each unless it is nothing but wires."""

    name: str
    stages: tuple[Any, ...]
    registered: bool
    cost: float

    @property
    def cycles(self) -> int:
        """From a value at the input to its result at the output."""
        return len(self.stages) if self.registered else 0

    @property
    def input(self) -> Bus:
        """The values that enter, with no bits for those that nothing depends on."""
        return packed(interval.kif for interval in self.stages[0].inp_qint)

    @property
    def buses(self) -> tuple[Bus, ...]:
        """The values that leave each stage."""
        return tuple(packed(interval.kif for interval in stage.out_qint) for stage in self.stages)

    @property
    def output(self) -> Bus:
        """The values that leave."""
        return self.buses[-1]


def pipeline(name: str, logic: Any, longest_path: float, n_stages: int | None = None) -> Pipeline:
    """Logic cut into as few stages as keep every path below `longest_path`, none for wires; or into `n_stages`.

    The paths are the shortest that so many stages allow, in nanoseconds (`hls.rtl.emit.delays`).
    """
    registered = n_stages is not None or logic.cost > 0
    delays = own_delays(logic.ops)
    cycles = n_stages or 1 + max(_stages(logic.ops, delays, longest_path))
    stage_of = _stages(logic.ops, delays, _shortest_path(logic.ops, delays, cycles))
    return Pipeline(name, _cut(logic, stage_of, (logic.shape[0], *[0] * (cycles - 1))), registered, logic.cost)


def _stages(ops: Sequence[Any], delays: Sequence[float], longest_path: float) -> list[int]:
    """The first stage in which each operation can end, where no path but that of one operation is longer."""
    stages: list[int] = []
    ends: list[float] = []
    for op, delay in zip(ops, delays, strict=True):
        stage = max((stages[i] for i in op.input_ids), default=0)
        end = delay + max((ends[i] for i in op.input_ids if stages[i] == stage), default=0.0)
        late = end > longest_path and end > delay
        stages.append(stage + late)
        ends.append(delay if late else end)
    return stages


def _shortest_path(ops: Sequence[Any], delays: Sequence[float], n_stages: int) -> float:
    """The length of the longest path that `n_stages` need at least, by bisection."""
    low, high = 0.0, sum(delays)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if max(_stages(ops, delays, middle)) < n_stages:
            high = middle
        else:
            low = middle
    return high


def split(logic: Any, n_data: int) -> tuple[Any, Any]:
    """The part of `logic` that its first `n_data` inputs decide alone, and the rest.

    The rest takes the results of the first part and then the other inputs, and gives what `logic` gives.
    """
    stages: list[int] = []
    for op in logic.ops:
        late = op.data[0] >= n_data if op.opcode == INPUT else any(stages[i] for i in op.input_ids)
        stages.append(int(late))
    first, rest = _cut(logic, stages, (n_data, logic.shape[0] - n_data))
    return first, rest


def _cut(logic: Any, stage_of: Sequence[int], taking: Sequence[int]) -> tuple[Any, ...]:
    """The logic of each stage, with delays from its start.

    A stage takes what later operations need of earlier stages, and then the next `taking` inputs of the whole.
    """
    last = list(stage_of)
    for op, stage in zip(logic.ops, stage_of, strict=True):
        for i in op.input_ids:
            last[i] = max(last[i], stage)
    for i in logic.out_idxs:
        if i >= 0:
            last[i] = len(taking) - 1
    entering = [
        [i for i, op in enumerate(logic.ops) if op.opcode != CONSTANT and stage_of[i] < stage <= last[i]]
        for stage in range(len(taking) + 1)
    ]
    return tuple(_stage(logic, stage_of, stage, entering[stage : stage + 2], taking) for stage in range(len(taking)))


def _stage(
    logic: Any, stage_of: Sequence[int], stage: int, bounds: Sequence[Sequence[int]], taking: Sequence[int]
) -> Any:
    from alkaid.trace.passes import dead_code_elimin

    entering, leaving = bounds
    start = sum(taking[:stage])
    ops = [
        logic.ops[i]._replace(addr=(), opcode=INPUT, data=(new,), latency=0.0, cost=0.0)
        for new, i in enumerate(entering)
    ]
    index = {i: new for new, i in enumerate(entering)}
    for i, (op, delay) in enumerate(zip(logic.ops, own_delays(logic.ops), strict=True)):
        if op.opcode != CONSTANT and stage_of[i] != stage:
            continue
        addr = tuple(index[j] for j in op.addr)
        data = (len(entering) + op.data[0] - start,) if op.opcode == INPUT else op.data
        index[i] = len(ops)
        latency = delay + max((ops[j].latency for j in addr), default=0.0)
        ops.append(op._replace(addr=addr, data=data, latency=latency))
    part = logic._replace(
        shape=(len(entering) + taking[stage], logic.shape[1]),
        inp_shifts=[0] * len(entering) + logic.inp_shifts[start : start + taking[stage]],
        out_idxs=[index.get(i, -1) for i in logic.out_idxs],
        ops=ops,
    )
    if stage < len(taking) - 1:
        n = len(leaving)
        part = part._replace(
            shape=(part.shape[0], n), out_idxs=[index[i] for i in leaving], out_shifts=[0] * n, out_negs=[False] * n
        )
    return dead_code_elimin(part)
