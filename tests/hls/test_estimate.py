"""Estimates before synthesis: counted by hand on small cases, and labelled as estimates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import hls.report
from hls.convert.graph import build_graph
from hls.convert.plan import plan_layers
from hls.estimate import (
    constant_bits,
    ebops,
    estimate,
    layer_estimates,
    multiplier_dsps,
    recurrent_step_cycles,
    tree_cycles,
)
from hls.project import HlsConfig
from tests.hls.students import build_student, quantized


def graph_of(model: Any, folder: Path, **changes: Any) -> Any:
    config = HlsConfig(**changes)
    return build_graph(model, plan_layers(model, config), config, folder)


@pytest.fixture(scope="module")
def gru() -> Any:
    return build_student("gru")


def test_a_constant_is_as_wide_as_its_outermost_ones() -> None:
    values = np.array([0.0, 1.0, -0.5, 0.75, 5 / 128, 127 / 128])
    assert constant_bits(values, 7).tolist() == [0, 1, 1, 2, 3, 7]


def test_multipliers_up_to_ten_bits_take_no_dsp_and_wide_ones_several() -> None:
    assert multiplier_dsps(10, 27) == 0
    assert multiplier_dsps(11, 18) == multiplier_dsps(27, 18) == 1
    assert multiplier_dsps(28, 18) == multiplier_dsps(19, 19) == 2
    assert multiplier_dsps(35, 35) == 4


def test_an_adder_tree_takes_a_cycle_for_as_many_levels_as_fit() -> None:
    assert [tree_cycles(n, 5.0) for n in (1, 2, 8, 9)] == [0, 1, 1, 2]
    assert tree_cycles(8, 1.0) == 3
    assert recurrent_step_cycles("GRU", 8, 4, 5.0) == 4 + 1 + 4


def test_the_ebops_of_a_dense_layer_are_widths_times_widths(gru: Any, tmp_path: Path) -> None:
    graph = graph_of(gru, tmp_path)
    dense = next(layer for layer in layer_estimates(graph) if layer.name == "logit")
    node = next(node for node in graph.get_layers() if node.name == "logit")
    by_hand = sum(
        8 * len(bin(abs(round(float(weight) * 128))).rstrip("0")[2:]) for weight in node.weights["weight"].data.flat
    )
    assert dense.ebops == by_hand


def test_every_row_is_a_valid_estimate_of_the_report(gru: Any, tmp_path: Path) -> None:
    rows = estimate(graph_of(gru, tmp_path))
    assert [row["kind"] for row in rows] == ["estimate", "estimate"]
    assert rows[0]["dsp"] == rows[0]["bram"] == 0 and rows[1]["bram"] > 0
    assert rows[0]["lut"] > rows[1]["lut"] == np.ceil(ebops(graph_of(gru, tmp_path)))
    schema = json.loads((Path(hls.report.__file__).parent / "report.schema.json").read_text())
    validator = jsonschema.Draft202012Validator({"$defs": schema["$defs"], "$ref": "#/$defs/hardware"})
    for row in rows:
        assert not list(validator.iter_errors(row))
    assert list(validator.iter_errors({**rows[0], "lut": "many"}))


def test_the_note_names_only_what_is_used(gru: Any, tmp_path: Path) -> None:
    row = estimate(graph_of(gru, tmp_path))[1]
    assert row["dsp"] == 0 and row["note"] == "before synthesis, tables in 18 Kb block RAM"
    wide = build_student("lstm", recurrent_quantizer=quantized(12, 0))
    row = estimate(graph_of(wide, tmp_path))[1]
    assert row["dsp"] > 0 and row["note"].startswith("before synthesis, wide multipliers in DSP48E2 (27x18) and tables")


def test_an_unrolled_cell_costs_the_steps_in_logic_and_answers_every_cycle(gru: Any, tmp_path: Path) -> None:
    static = layer_estimates(graph_of(gru, tmp_path))[0]
    unrolled = layer_estimates(graph_of(gru, tmp_path, static_recurrent=False))[0]
    assert unrolled.ebops == 5 * static.ebops and unrolled.table_reads == 5 * static.table_reads
    assert (static.initiation_interval, unrolled.initiation_interval) == (static.latency_cycles, 1)
    assert static.multiplications == unrolled.multiplications


def test_sharing_multipliers_costs_cycles_and_saves_logic(gru: Any, tmp_path: Path) -> None:
    alone = layer_estimates(graph_of(gru, tmp_path))[0]
    shared = layer_estimates(graph_of(gru, tmp_path, strategy="Resource", reuse_factor=2))[0]
    assert shared.latency_cycles == alone.latency_cycles + 5
    assert shared.ebops < alone.ebops
