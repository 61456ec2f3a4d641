"""Random graphs: the interpreter gives the bits of hls4ml's C++, and the Verilog those of the interpreter.

A graph that differs is named as a call of `tests.hls.rtl.random_graphs.draw`, which draws it again.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.rtl import Circuit, trace
from hls.rtl.casts import constant
from hls.rtl.config import RtlConfig
from tests.hls.rtl.emit.simulation import simulate
from tests.hls.rtl.many import Many, compiled
from tests.hls.rtl.random_graphs import draw, draw_branches
from tests.hls.rtl.values import Floats, every_value

N_BATCHES, N_GRAPHS, N_VECTORS = 10, 52, 150
N_DESIGNS, N_BRANCHES = 2, 10
QUICK, N_QUICK = 100, 16
"""The batch of the quick test, and how many of its graphs are enough to see a mistake."""


def drawn(batch: int, n_graphs: int) -> list[Any]:
    return [draw(batch, index).graph(f"case_{index}") for index in range(n_graphs)]


def vectors(circuit: Circuit, seed: int) -> Floats:
    """Random inputs, and every value of the input's type at all places at once."""
    values, shape = every_value(circuit.input), (N_VECTORS, *circuit.shape)
    same = np.broadcast_to(values.reshape(-1, *[1] * len(circuit.shape)), (len(values), *circuit.shape))
    return np.concatenate([np.random.default_rng(seed).choice(values, shape), same])


def differing(batch: int, many: Many) -> list[str]:
    """The graphs of a batch whose circuit gives another output than their C++ for some vector."""
    found = []
    for index, graph in enumerate(many.graphs):
        circuit = trace(graph)
        inputs = vectors(circuit, index)
        if not np.array_equal(circuit.interpret(inputs), many.predict(index, inputs)):
            found.append(f"draw({batch}, {index})")
    return found


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Many:
    return compiled(drawn(QUICK, N_QUICK), tmp_path_factory.mktemp("quick"))


def test_a_few_random_graphs_equal_their_csim(quick: Many) -> None:
    assert differing(QUICK, quick) == []


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        ("hls.rtl.casts", "_rounds_up", lambda value, *others: constant(0.0, value)),
        ("hls.rtl.libm", "exponential", lambda x: np.exp(x) * np.float32(1.01)),
        ("hls.rtl.layers.softmax", "_look_up_top", lambda value, fixed, entries: constant(float(entries[1]), value)),
    ],
)
def test_a_broken_trace_is_seen(
    quick: Many, monkeypatch: pytest.MonkeyPatch, module: str, name: str, broken: Any
) -> None:
    monkeypatch.setattr(import_module(module), name, broken)
    assert differing(QUICK, quick) != []


@pytest.mark.long
@pytest.mark.parametrize("batch", range(N_BATCHES))
def test_random_graphs_equal_their_csim(batch: int, tmp_path: Path) -> None:
    assert differing(batch, compiled(drawn(batch, N_GRAPHS), tmp_path)) == []


@pytest.mark.long
def test_random_graphs_equal_the_csim_of_the_vendors_types(tmp_path: Path) -> None:
    many = compiled(drawn(N_BATCHES, N_GRAPHS // 2), tmp_path, "ap_types")
    assert differing(N_BATCHES, many) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(N_DESIGNS))
def test_the_verilog_of_random_graphs_equals_the_interpreter(seed: int, tmp_path: Path) -> None:
    circuit = trace(draw_branches(seed, N_BRANCHES).graph())
    result = simulate(circuit, RtlConfig(stage_delay=1.0 + seed), tmp_path / "cosim")
    assert result.n_mismatch == 0, f"draw_branches({seed}, {N_BRANCHES})"
