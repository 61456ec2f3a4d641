"""Logic cut in two, where a value stops depending on the data alone, and in pipeline stages of similar delay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hls.rtl.design import Bus
from hls.rtl.emit.buses import packed

INPUT, CONSTANT = -1, 5
"""Codes of alkaid's operations (its docs/alir.md)."""


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
    """Logic cut into `n_stages`, or into as few as keep every path below `longest_path` (none for wires)."""
    from alkaid.trace.pipeline import _split_comb_logic

    registered = n_stages is not None or logic.cost > 0
    n_stages = n_stages or max(1, math.ceil(max(op.latency for op in logic.ops) / longest_path))
    return Pipeline(name, _split_comb_logic(logic, n_stages, verbose=False), registered, logic.cost)


def split(logic: Any, n_data: int) -> tuple[Any, Any]:
    """The part of `logic` that its first `n_data` inputs decide alone, and the rest.

    The rest takes the results of the first part and then the other inputs, and gives what `logic` gives.
    """
    from alkaid.trace.passes import dead_code_elimin

    early: list[bool] = []
    for op in logic.ops:
        early.append(op.data[0] < n_data if op.opcode == INPUT else all(early[i] for i in op.input_ids))
    wanted = set(logic.out_idxs).union(*(op.input_ids for op, known in zip(logic.ops, early, strict=True) if not known))
    cut = [i for i, op in enumerate(logic.ops) if i in wanted and early[i] and op.opcode != CONSTANT]
    first = logic._replace(
        shape=(n_data, len(cut)),
        inp_shifts=logic.inp_shifts[:n_data],
        out_idxs=cut,
        out_shifts=[0] * len(cut),
        out_negs=[False] * len(cut),
    )
    rest = logic._replace(
        shape=(len(cut) + logic.shape[0] - n_data, logic.shape[1]),
        inp_shifts=[0] * len(cut) + logic.inp_shifts[n_data:],
        ops=_starting_at(logic.ops, cut, n_data),
    )
    return dead_code_elimin(first), dead_code_elimin(rest)


def _starting_at(ops: Sequence[Any], cut: Sequence[int], n_data: int) -> list[Any]:
    """The operations with those in `cut` in place of the first `n_data` inputs, and delays counted from there."""
    place = {old: new for new, old in enumerate(cut)}
    started: list[Any] = []
    for i, op in enumerate(ops):
        if i in place:
            op = op._replace(addr=(), opcode=INPUT, data=(place[i],), latency=0.0, cost=0.0)
        elif op.opcode == INPUT:
            op = op._replace(data=(op.data[0] - n_data + len(cut),))
        elif op.input_ids:
            own = op.latency - max(ops[j].latency for j in op.input_ids)
            op = op._replace(latency=own + max(started[j].latency for j in op.input_ids))
        started.append(op)
    return started
