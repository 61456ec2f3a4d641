"""Layers that multiply, merge or move values: the graph as hls4ml makes it gives the bits of its C simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hls4ml.model.types import ExponentPrecisionType, FixedPrecisionType, FloatPrecisionType, XnorPrecisionType

from hls.fixed_point import FixedType
from hls.rtl import trace
from hls.rtl.casts import new_values
from hls.rtl.products import times
from hls.rtl.trace import _logic
from jets.errors import InputError
from tests.hls.rtl.stock import (
    Settings,
    dense_model,
    einsum_graph,
    image_model,
    merged_model,
    particle_model,
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


@pytest.fixture(scope="module")
def graphs() -> dict[str, Any]:
    """Graphs whose layers' attributes are changed for refusals."""
    return {
        "image": stock_graph(image_model(), {name: {"Strategy": "Resource"} for name in ("conv1d", "dense")}),
        "merged": stock_graph(merged_model(), {}),
        "einsum": einsum_graph(),
    }


@pytest.mark.parametrize(
    ("graph", "layer", "attribute", "value", "named"),
    [
        ("image", "conv1d", "dilation", 2, "dilated"),
        ("image", "conv2d", "data_format", "channels_first", "channels come first"),
        ("image", "conv1d", "reuse_factor", 36, "reuse factor 36 exceeds the 18 inputs"),
        ("image", "dense", "reuse_factor", 4, "reuse factor 4 does not divide 14"),
        ("image", "dense", "strategy", "compressed", "strategy compressed"),
        ("image", "up2d", "algorithm", "bilinear", "bilinear"),
        ("merged", "add", "op", "power", "operation power"),
        ("merged", "norm", "n_filt", 7, "31 scales for 7 channels"),
        ("einsum", "left", "strategy", "distributed_arithmetic", "distributed_arithmetic"),
        ("einsum", "both", "strategy", "resource", "resource"),
    ],
)
def test_an_option_that_is_not_traced_is_named(
    graphs: dict[str, Any], graph: str, layer: str, attribute: str, value: Any, named: str
) -> None:
    node = graphs[graph].graph[layer]
    original = node.get_attr(attribute)
    try:
        node.set_attr(attribute, value)
        with pytest.raises(InputError, match=named) as caught:
            trace(graphs[graph])
    finally:
        node.set_attr(attribute, original)
    assert f"layer {layer!r}" in str(caught.value) and caught.value.remedy


@pytest.mark.parametrize(
    ("precision", "named"),
    [
        (ExponentPrecisionType(width=4), "products are weight_exponential"),
        (XnorPrecisionType(), "products are weight_binary"),
        (FloatPrecisionType(), "type .*float.* is not traced"),
    ],
)
def test_weights_that_are_not_fixed_point_are_named(graphs: dict[str, Any], precision: Any, named: str) -> None:
    weight = graphs["merged"].graph["b"].weights["weight"]
    original = weight.type.precision
    try:
        weight.type.precision = precision
        with pytest.raises(InputError, match=named) as caught:
            trace(graphs["merged"])
    finally:
        weight.type.precision = original
    assert "layer 'b'" in str(caught.value) and caught.value.remedy


def test_a_parameter_of_steps_above_one_is_named() -> None:
    graph = stock_graph(particle_model(), {})
    graph.graph["meet"].types["param_t"].precision = FixedPrecisionType(2, 32, signed=False)
    with pytest.raises(
        InputError, match=r"layer 'meet' .* its parameter's type ufixed<2,32> has steps of 1\.07374e\+09"
    ):
        trace(graph)


def test_a_branch_around_a_recurrent_layer_is_named() -> None:
    inputs = keras.Input((3, 2), name="inputs")
    flat = keras.layers.Dense(4, name="beside")(keras.layers.Flatten(name="flat")(inputs))
    model = keras.Model(inputs, keras.layers.Add(name="join")([keras.layers.GRU(4, name="rnn")(inputs), flat]))
    with pytest.raises(InputError, match="around a recurrent layer") as caught:
        trace(stock_graph(model, {}))
    assert "layer 'beside'" in str(caught.value)


def test_constants_of_any_width_are_multiplied_exactly() -> None:
    rng = np.random.default_rng(0)
    source, weight = FixedType(12, 4), FixedType(34, 3).cast(rng.normal(0.0, 0.7, (5, 3)))
    values = source.cast(rng.uniform(-8.0, 8.0, (500, 5)))
    inputs = new_values(5, source)
    logic = _logic(("product",), inputs, times(inputs, weight))
    assert np.array_equal(logic.predict(values, n_threads=1), values @ weight)
    narrow = _logic(("product",), inputs, inputs @ weight.astype(np.float32).astype(np.float64))
    assert not np.array_equal(narrow.predict(values, n_threads=1), values @ weight)


@pytest.mark.long
def test_a_tagger_of_particles_that_meet_their_mean_equals_csim(tmp_path: Path) -> None:
    assert stock_firmware(stock_graph(particle_model(), {}), tmp_path / "project").n_mismatch() == 0
