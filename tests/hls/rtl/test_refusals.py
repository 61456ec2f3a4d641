"""What cannot be traced is refused by name, with what would support it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import pytest

from hls.convert.graph import quiet
from hls.fixed_point import FixedType
from hls.rtl import trace
from hls.rtl.refusal import fixed_type
from jets.errors import InputError, ToolNotFound
from tests.hls.rtl.firmware import build_chain, graph_of
from tests.hls.students import build_student


@pytest.fixture(scope="module")
def student() -> Any:
    return build_chain(n_inputs=4, widths=(3, 2))


def refusal(graph: Any) -> str:
    with pytest.raises(InputError) as caught:
        trace(graph)
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize(
    ("layer", "types", "named"),
    [
        ("scores_q", {"result": FixedType(40, 6), "table": FixedType(40, 6)}, "table"),
    ],
)
def test_a_type_that_is_not_traced(student: Any, layer: str, types: dict[str, FixedType], named: str) -> None:
    changes: dict[str, Any] = {"activation": "tanh", "table_size": 1024} if named == "table" else {}
    message = refusal(graph_of(student, {layer: {**changes, "types": types}}))
    assert f"layer '{layer}'" in message and named in message


def test_an_overflow_mode_that_hls4ml_cannot_write_either(student: Any) -> None:
    node = graph_of(student).graph["relu_0"]
    with pytest.raises(InputError, match=r"layer 'relu_0' .*mode WRAP_SM of its result type .* use one of WRAP, SAT"):
        fixed_type(node, "result", "ap_fixed<8,3,AP_TRN,AP_WRAP_SM,1>")


@pytest.mark.parametrize(
    ("layer", "attribute", "value"),
    [
        ("rnn", "direction", "backward"),
        ("rnn", "apply_reset_gate", "before"),
        ("rnn", "return_state", True),
        ("rnn", "pytorch", True),
        ("rnn", "recurrent_activation", "relu"),
        ("rnn", "table_size", 1),
        ("relu_0", "activation", "silu"),
    ],
)
def test_an_option_that_is_not_traced(layer: str, attribute: str, value: Any) -> None:
    graph = graph_of(build_student("gru", units=2, n_constituents=2))
    graph.graph[layer].set_attr(attribute, value)
    message = refusal(graph)
    assert f"layer '{layer}'" in message and str(value) in message


def test_hls4mls_own_lstm_kernel() -> None:
    graph = graph_of(build_student("lstm", units=2, n_constituents=2))
    call = graph.graph["rnn"].get_attr("function_cpp")
    graph.graph["rnn"].set_attr("function_cpp", call.replace("exact_lstm_stack", "lstm_stack"))
    assert "exact_lstm_stack" in refusal(graph)


def test_constants_to_add_that_alkaid_would_round(student: Any) -> None:
    graph = graph_of(student, {"scores": {"types": {"bias": FixedType(30, 2)}}})
    graph.graph["scores"].weights["bias"].data[0] = 1 / 3
    message = refusal(graph)
    assert "layer 'scores'" in message and "bias has a value of over 24 significant bits" in message


def test_a_graph_of_streams(student: Any) -> None:
    graph = graph_of(student)
    graph.config.config["IOType"] = "io_stream"
    assert "io_type io_stream" in refusal(graph)


def stock_graph(model: Any, folder: Path) -> Any:
    import hls4ml

    with quiet():
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        return hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, output_dir=str(folder), backend="Vitis"
        )


def test_a_layer_that_is_not_traced(tmp_path: Path) -> None:
    inputs = keras.Input((4, 2))
    message = refusal(stock_graph(keras.Model(inputs, keras.layers.SimpleRNN(3, name="simple")(inputs)), tmp_path))
    assert "layer 'simple' (SimpleRNN): is not traced" in message and "traced are Activation, " in message


def test_several_outputs(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    left, right = (keras.layers.Dense(3, name=name)(inputs) for name in ("left", "right"))
    message = refusal(stock_graph(keras.Model(inputs, [left, right]), tmp_path))
    assert "2 outputs: left, right" in message and "concatenate" in message


def test_values_of_more_bits_than_are_exact(student: Any) -> None:
    wide = {"types": {"result": FixedType(50, 20)}}
    graph = graph_of(student, {"features": wide, "features_q": wide})
    message = refusal(graph)
    assert "dense_0" in message and "bits in one operation" in message


def test_a_missing_alkaid(student: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alkaid", None)
    with pytest.raises(ToolNotFound, match=r"alkaid is not installed.*tagware\[rtl\]"):
        trace(graph_of(student))
