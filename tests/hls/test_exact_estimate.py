"""Estimates of the exact cells, counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hls.convert.graph import build_graph
from hls.convert.plan import plan_layers
from hls.estimate import constant_bits, layer_estimates
from hls.project import HlsConfig
from tests.exact_students import build_exact


def estimated(model: Any, folder: Path, **changes: Any) -> Any:
    config = HlsConfig(**changes)
    return layer_estimates(build_graph(model, plan_layers(model, config), config, folder))[0]


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
