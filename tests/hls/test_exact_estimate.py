"""Estimates of the exact cells, counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.convert.graph import build_graph
from hls.convert.plan import plan_layers
from hls.estimate import constant_bits, layer_estimates
from hls.project import HlsConfig
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit
from tests.exact_students import build_exact


def graph_of(model: Any, folder: Path, **changes: Any) -> Any:
    config = HlsConfig(**changes)
    return build_graph(model, plan_layers(model, config), config, folder)


def estimated(model: Any, folder: Path, **changes: Any) -> Any:
    return layer_estimates(graph_of(model, folder, **changes))[0]


def test_an_exact_gru_counts_its_constants_two_products_and_three_tables_a_unit(tmp_path: Path) -> None:
    model = build_exact("gru")
    constants = model.get_layer("rnn").constants()
    products = (
        9 * constant_bits(constants["weight"], 6).sum() + 8 * constant_bits(constants["recurrent_weight"], 6).sum()
    )
    found = estimated(model, tmp_path)
    assert found.ebops == products + 4 * (8 * 10 + 6 * 9)
    assert found.multiplications == 5 * (
        np.count_nonzero(constants["weight"]) + np.count_nonzero(constants["recurrent_weight"]) + 8
    )
    assert (found.table_bits, found.table_reads) == (256 * 8 + 512 * 6 + 512 * 9, 4)
    unrolled = estimated(model, tmp_path, static_recurrent=False)
    assert (unrolled.ebops, unrolled.initiation_interval) == (5 * found.ebops, 1)


def test_other_cells_count_what_they_multiply(tmp_path: Path) -> None:
    before = build_exact("gru", reset_after=False)
    after = build_exact("gru")
    shared = ("weight", "recurrent_weight")
    for role in shared:
        values = after.get_layer("rnn").weights_by_role[role]
        before.get_layer("rnn").weights_by_role[role].assign(values)
    assert estimated(after, tmp_path).ebops - estimated(before, tmp_path).ebops == 4 * 6 * (9 - 8)
    lstm = build_exact("lstm")
    constants = lstm.get_layer("rnn").constants()
    products = (
        9 * constant_bits(constants["weight"], 6).sum() + 8 * constant_bits(constants["recurrent_weight"], 6).sum()
    )
    assert estimated(lstm, tmp_path).ebops == products + 4 * (7 * 11 + 8 * 9 + 6 * 8)


@pytest.mark.parametrize(("cell", "short"), [("gru", 0), ("lstm", 1)])
def test_a_step_takes_the_cycles_of_its_rtl_or_one_less(cell: str, short: int, tmp_path: Path) -> None:
    graph = graph_of(build_exact(cell), tmp_path)
    found = layer_estimates(graph)[0]
    design = emit(trace(graph), "tagger", RtlConfig())
    cycles = next(unit for unit in design.units if unit.kind == "recurrence").interval_cycles
    assert (found.initiation_interval, found.latency_cycles) == (cycles - 5 * short, cycles - 5 * short)


def test_a_step_is_shorter_with_fewer_weights_or_a_slower_clock(tmp_path: Path) -> None:
    model = build_exact("gru")
    assert estimated(model, tmp_path).latency_cycles == 5 * 4
    assert estimated(model, tmp_path, clock_ns=20.0).latency_cycles == 5
    weight = model.get_layer("rnn").weights_by_role["recurrent_weight"]
    weight.assign(np.zeros(weight.shape))
    assert estimated(model, tmp_path).latency_cycles == 5 * 3
