"""Layers that multiply, merge or move values: the graph as hls4ml makes it gives the bits of its C simulation."""

from __future__ import annotations

from pathlib import Path

import pytest

from hls.rtl import trace
from tests.hls.rtl.stock import (
    Settings,
    dense_model,
    einsum_graph,
    image_model,
    merged_model,
    stock_firmware,
    stock_graph,
)

LOSSY_MERGES: Settings = {
    "a": {"result": "fixed<9,3,RND_CONV,SAT>"},
    "b": {"result": "ufixed<7,2,TRN,SAT>", "weight": "fixed<6,2,RND>"},
    "multiply": {"result": "fixed<8,5,RND>"},
    "average": {"result": "fixed<6,3,RND_CONV,SAT_SYM>"},
    "maximum": {"result": "fixed<6,2>"},
    "minimum": {"result": "ufixed<5,3,RND,SAT>"},
    "dot": {"accum": "fixed<8,4,RND,SAT>", "result": "fixed<7,4>"},
    "norm": {"scale": "fixed<7,3>", "bias": "fixed<9,2>", "result": "fixed<9,3,RND,SAT>"},
}
RESOURCE: Settings = {
    name: {"Strategy": "Resource", "ReuseFactor": reuse, "accum": "fixed<9,3,RND,SAT>"}
    for name, reuse in {"conv2d": 4, "point2d": 3, "conv1d": 9, "stride1d": 2, "dense2d": 3, "dense": 7}.items()
}


def image_settings(accumulator: str) -> Settings:
    return {name: {**values, "Strategy": "Latency", "accum": accumulator} for name, values in RESOURCE.items()}


def test_branches_that_merge_equal_csim(tmp_path: Path) -> None:
    assert stock_firmware(stock_graph(merged_model(), LOSSY_MERGES), tmp_path / "project").n_mismatch() == 0


def test_convolutions_and_layers_that_move_pixels_equal_csim(tmp_path: Path) -> None:
    assert stock_firmware(stock_graph(image_model(), {}), tmp_path / "project").n_mismatch() == 0


def test_einsums_equal_csim_and_one_wrong_weight_is_seen(tmp_path: Path) -> None:
    firmware = stock_firmware(einsum_graph(), tmp_path / "project")
    assert firmware.n_mismatch() == 0
    weight = firmware.graph.graph["right"].weights["weight"]
    weight.data = weight.data.copy()
    weight.data.flat[5] += 2.0**-6
    assert firmware.n_mismatch(trace(firmware.graph)) > 0


@pytest.mark.long
@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
def test_sums_that_saturate_are_added_in_the_order_of_the_resource_strategy(backend: str, tmp_path: Path) -> None:
    firmware = stock_firmware(stock_graph(image_model(), RESOURCE, backend=backend), tmp_path / "project")
    assert firmware.n_mismatch() == 0
    for name in RESOURCE:
        firmware.graph.graph[name].set_attr("reuse_factor", 1)
    assert firmware.n_mismatch(trace(firmware.graph)) > 0


@pytest.mark.long
@pytest.mark.parametrize("accumulator", ["fixed<9,3>", "fixed<9,3,RND_CONV,WRAP>", "fixed<8,2,RND,SAT_SYM>"])
def test_accumulators_that_round_and_overflow_equal_csim(accumulator: str, tmp_path: Path) -> None:
    graph = stock_graph(image_model(seed=3), image_settings(accumulator))
    assert stock_firmware(graph, tmp_path / "image").n_mismatch() == 0
    assert stock_firmware(einsum_graph(3, accumulator, "Vivado"), tmp_path / "einsum").n_mismatch() == 0


@pytest.mark.long
def test_weights_of_over_24_bits_equal_csim(tmp_path: Path) -> None:
    settings = {name: {"weight": "fixed<34,3>", "accum": "fixed<44,8>"} for name in ("wide", "rounded")}
    settings["rounded"]["accum"] = "fixed<30,8,RND>"
    graph = stock_graph(dense_model(), settings, default="fixed<16,6>")
    assert stock_firmware(graph, tmp_path / "project").n_mismatch() == 0
