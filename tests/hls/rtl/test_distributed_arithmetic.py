"""Layers of the strategy distributed_arithmetic: what da4ml wrote for hls4ml is read, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hls4ml.model.types import Source

from hls.fixed_point import FixedType
from hls.rtl import trace
from jets.errors import InputError
from tests.hls.rtl.stock import Settings, dense_model, image_model, stock_firmware, stock_graph

SUMS = """template <typename inp_t, typename out_t>
void dense_da_2(inp_t model_inp[6], out_t model_out[5]) { // ap_fixed<10,4> -> ap_fixed<16,8>
    #pragma HLS INLINE

    ap_fixed<10,4> v0 = model_inp[0]; // 0.0
    ap_fixed<10,4> v1 = model_inp[1]; // 0.0
    ap_ufixed<4,2,AP_RND,AP_SAT> model_inp_q_2 = model_inp[2];
    ap_ufixed<4,2> v2 = model_inp_q_2; // 0.0
    ap_fixed<13,6> v3 = v0 - bit_shift<-1>(v1); // 1.0
    ap_fixed<15,8> v4 = v3 + bit_shift<3>(v2); // 2.0
    ap_fixed<15,8> v5 = v4 - ap_ufixed<5,2>(1.625); // 2.0
    ap_fixed<3,2> v6 = -1.5; // 0.0

    model_out[0] = ap_fixed<15,8>(v5);
    model_out[1] = ap_fixed<15,6>(-bit_shift<-2>(v4));
    model_out[2] = 0;
    model_out[3] = ap_fixed<3,2>(v6);
    model_out[4] = ap_fixed<10,4>(-v1);
}
"""


def graph_of(sums: str) -> Any:
    """A dense layer (6,) -> (5,) with these sums instead of its matrix."""
    inputs = keras.Input((6,), name="inputs")
    model = keras.Model(inputs, keras.layers.Dense(5, name="wide")(inputs))
    graph = stock_graph(model, {"wide": {"result": "fixed<16,8>"}})
    graph.graph["wide"].set_attr("strategy", "distributed_arithmetic")
    graph.graph["wide"].set_attr("da_codegen", Source(sums))
    return graph


def test_every_statement_is_computed_as_it_is_written() -> None:
    x = np.random.default_rng(0).integers(-511, 512, (2000, 6)) / 64
    quantized = FixedType(4, 2, False, "RND", "SAT").cast(x[:, 2])
    sums = x[:, 0] - x[:, 1] / 2 + 8 * quantized
    expected = np.stack([sums - 1.625, -sums / 4, 0 * sums, 0 * sums - 1.5, -x[:, 1]], axis=1)
    found = trace(graph_of(SUMS)).interpret(x)
    assert np.array_equal(found, FixedType(16, 8).cast(expected))
    shifted = trace(graph_of(SUMS.replace("bit_shift<3>", "bit_shift<2>"))).interpret(x)
    assert not np.array_equal(shifted, found)


@pytest.mark.parametrize("line", ["ap_fixed<9,3> v4 = v3 * v2;", "ap_fixed<9,3> v4 = table[v2.range()];", "v4 += v3;"])
def test_another_operation_is_named(line: str) -> None:
    with pytest.raises(InputError, match="da4ml wrote") as caught:
        trace(graph_of(SUMS.replace("ap_fixed<15,8> v4 = v3 + bit_shift<3>(v2);", line)))
    assert "layer 'wide' (Dense)" in str(caught.value) and caught.value.remedy


def distributed(*layers: str, **types: str) -> Settings:
    return {name: {"Strategy": "distributed_arithmetic", **types} for name in layers}


@pytest.mark.long
def test_dense_layers_equal_csim_and_one_wrong_shift_is_seen(tmp_path: Path) -> None:
    settings = distributed("wide", result="fixed<9,3,RND,SAT>") | distributed("rounded", result="fixed<12,5>")
    firmware = stock_firmware(stock_graph(dense_model(), settings), tmp_path / "project")
    assert firmware.n_mismatch() == 0
    layer = firmware.graph.graph["rounded"]
    code = str(layer.get_attr("da_codegen").code)
    layer.set_attr("da_codegen", Source(code.replace("bit_shift<-1>", "bit_shift<-2>", 1)))
    assert firmware.n_mismatch(trace(firmware.graph)) > 0


@pytest.mark.long
def test_convolutions_equal_csim(tmp_path: Path) -> None:
    model = image_model(seed=1)
    model.set_weights([np.round(weights * 8) / 8 for weights in model.get_weights()])
    layers = ("conv2d", "point2d", "conv1d", "stride1d", "dense2d", "point1d", "dense")
    graph = stock_graph(model, distributed(*layers), default="fixed<8,3,RND,SAT>")
    assert stock_firmware(graph, tmp_path / "project").n_mismatch() == 0
