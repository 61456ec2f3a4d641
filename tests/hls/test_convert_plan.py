"""Precisions derived from quantizers, what is refused, and that hls4ml keeps every one of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.convert.plan import plan_layers
from hls.fixed_point import FixedType
from hls.project import HlsConfig
from jets.errors import ConfigError, InputError, ToolFailed
from tests.hls.students import build_student, quantized


@pytest.fixture(scope="module")
def gru() -> Any:
    return build_student("gru")


def test_every_type_of_the_gru_follows_from_its_quantizers(gru: Any) -> None:
    plans = {plan.name: plan for plan in plan_layers(gru, HlsConfig())}
    rnn = {role: str(fixed) for role, fixed in plans["rnn"].types.items() if role != "accum"}
    assert rnn == {
        "weight": "fixed<8,2>",
        "recurrent_weight": "fixed<8,1>",
        "bias": "fixed<8,2>",
        "recurrent_bias": "fixed<8,2>",
        "result": "fixed<8,1,RND_CONV,SAT>",
        "table": "fixed<9,1>",
    }
    assert str(plans["constituents"].types["result"]) == "fixed<10,4,RND_CONV,SAT>"
    assert str(plans["relu_0"].types["result"]) == "ufixed<8,3,RND_CONV,SAT>"
    assert plans["rnn"].exact and plans["rnn"].table_size == 1024


def test_the_accumulator_loses_no_bit_of_any_product_and_reaches_the_largest_sum(gru: Any) -> None:
    plan = next(plan for plan in plan_layers(gru, HlsConfig()) if plan.name == "rnn")
    accumulator, types = plan.types["accum"], plan.types
    table_times_sum = 8 + types["result"].fraction_bits + types["recurrent_weight"].fraction_bits
    assert accumulator.fraction_bits >= max(6 + types["weight"].fraction_bits, table_times_sum)
    largest = np.abs(plan.data["weight"]).sum(axis=0) * 8 + np.abs(plan.data["recurrent_weight"]).sum(axis=0)
    biases = np.abs(plan.data["bias"]) + np.abs(plan.data["recurrent_bias"])
    assert accumulator.maximum >= float(np.max(largest + biases)) - accumulator.step


def test_the_weights_are_those_keras_computes_with(gru: Any) -> None:
    plan = next(plan for plan in plan_layers(gru, HlsConfig()) if plan.name == "rnn")
    cell = gru.get_layer("rnn").cell
    assert np.array_equal(plan.data["weight"], np.asarray(cell.kernel_quantizer_internal(cell.kernel)))
    assert plan.types["weight"].holds(plan.data["weight"])


def test_power_of_two_scales_that_qkeras_finds_by_itself_stay_exact() -> None:
    import qkeras

    model = build_student("gru", kernel_quantizer=qkeras.quantized_bits(6, 0))
    plan = next(plan for plan in plan_layers(model, HlsConfig()) if plan.name == "rnn")
    cell = model.get_layer("rnn").cell
    assert cell.kernel_quantizer_internal.alpha == "auto_po2"
    assert plan.types["weight"].holds(np.asarray(cell.kernel_quantizer_internal(cell.kernel), np.float64))


def refusals() -> dict[str, tuple[dict[str, Any], str]]:
    import keras
    import qkeras

    from models.students.tables import TableTanh

    scaled = qkeras.quantized_bits(8, 0, alpha="auto")
    return {
        "reset_before": ({"reset_after": False}, "reset_after=False"),
        "float_state": ({"state_quantizer": None}, "the state has no quantizer"),
        "other_state": ({"state_quantizer": quantized(9, 0)}, "leaves the last state unquantized"),
        "float_kernel": ({"kernel_quantizer": None}, "the kernel has no quantizer"),
        "float_bias": ({"bias_quantizer": None}, "the bias has no quantizer"),
        "scaled_kernel": ({"kernel_quantizer": scaled}, "the kernel is not fixed point"),
        "ternary_state": ({"state_quantizer": qkeras.ternary(alpha=1)}, "has no fixed-point type"),
        "scaled_state": ({"state_quantizer": scaled}, "scales an activation by its data"),
        "random_state": (
            {"state_quantizer": qkeras.quantized_bits(8, 0, alpha=1, use_stochastic_rounding=True)},
            "rounds at random",
        ),
        "hard_sigmoid": (
            {"recurrent_activation": "hard_sigmoid", "activation": keras.activations.tanh},
            "is not a sigmoid",
        ),
        "one_table": ({"recurrent_activation": keras.activations.sigmoid}, "only one of its gates is a table"),
        "two_tables": ({"activation": TableTanh(2048, 9, 1)}, "two gate tables differ"),
        "backwards": ({"go_backwards": True}, "go_backwards=True"),
    }


@pytest.mark.parametrize("case", list(refusals()))
def test_a_cell_the_firmware_cannot_equal_is_refused_by_name(case: str) -> None:
    changes, message = refusals()[case]
    with pytest.raises(InputError) as caught:
        plan_layers(build_student("gru", **changes), HlsConfig())
    assert message in str(caught.value)
    assert "layer 'rnn' (QGRU)" in str(caught.value) and caught.value.remedy


def test_an_unsupported_layer_is_named_with_what_would_support_it() -> None:
    import keras
    import qkeras

    inputs = keras.Input((5, 6), name="constituents")
    x = qkeras.QActivation(quantized(8, 3), name="constituents_q")(inputs)
    model = keras.Model(inputs, keras.layers.Conv1D(2, 1, name="mix")(x))
    with pytest.raises(InputError, match=r"layer 'mix' \(Conv1D\).*a plan and a handler in hls/convert would add it"):
        plan_layers(model, HlsConfig())


def test_a_float_layer_is_named_with_its_quantized_form() -> None:
    from models.students.recurrent import RecurrentSpec, build_float

    with pytest.raises(InputError, match=r"the input is not quantized"):
        plan_layers(build_float(RecurrentSpec(), 1), HlsConfig())


def test_a_configured_layer_that_is_not_there_is_refused(gru: Any) -> None:
    from hls.project import LayerConfig

    with pytest.raises(ConfigError, match=r"no layer 'dense_7'.*dense_0"):
        plan_layers(gru, HlsConfig(layers={"dense_7": LayerConfig(reuse_factor=2)}))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
def test_no_type_of_the_final_graph_is_a_default_of_hls4ml(cell: str, backend: str, tmp_path: Path) -> None:
    from hls.convert.graph import UNSET, build_graph, node_types

    model = build_student(cell)
    config = HlsConfig(backend=backend)
    plans = plan_layers(model, config)
    graph = build_graph(model, plans, config, tmp_path)
    defaults = {UNSET, "fixed<16,6>", "fixed<18,8>"}
    seen = [text for node in graph.get_layers() for text in node_types(node).values()]
    assert len(seen) == 20
    assert not defaults & set(seen)


def test_a_precision_that_hls4ml_changed_is_named(gru: Any, tmp_path: Path) -> None:
    from hls.convert.graph import build_graph, check_graph

    config = HlsConfig()
    plans = plan_layers(gru, config)
    graph = build_graph(gru, plans, config, tmp_path)
    wanted = tuple(
        dataclasses.replace(plan, types=plan.types | {"accum": FixedType(40, 12)}) if plan.name == "logit" else plan
        for plan in plans
    )
    with pytest.raises(ToolFailed, match=r"layer 'logit' \(Dense\).*accum"):
        check_graph(graph, wanted, config)


def test_a_reuse_factor_that_does_not_fit_is_refused_with_the_nearest_one(gru: Any, tmp_path: Path) -> None:
    from hls.convert.graph import build_graph
    from hls.project import LayerConfig

    config = HlsConfig(layers={"dense_0": LayerConfig("Resource", 7)})
    with pytest.raises(ConfigError, match=r"reuse_factor 7.*'dense_0'.*the nearest one that does is \d+"):
        build_graph(gru, plan_layers(gru, config), config, tmp_path)


def test_the_same_student_gives_the_same_bytes_without_absolute_paths(gru: Any, tmp_path: Path) -> None:
    from hls.convert.graph import build_graph
    from hls.convert.write import firmware_files

    config = HlsConfig()
    plans = plan_layers(gru, config)
    first, second = (firmware_files(build_graph(gru, plans, config, tmp_path / name)) for name in "ab")
    assert first == second
    assert {"build_prj.tcl", "project.tcl", "firmware/tagger.cpp", "tagger_test.cpp"} <= set(first)
    assert not [name for name, content in first.items() if str(tmp_path).encode() in content]


@pytest.mark.parametrize(("scale", "fits"), [(0.05, True), (40.0, False)])
def test_a_gated_product_counts_with_its_own_size_though_the_table_clamps_the_sum(scale: float, fits: bool) -> None:
    student = build_student("gru", units=20)
    cell = student.get_layer("rnn").cell
    cell.recurrent_kernel.assign(np.clip(scale * np.asarray(cell.recurrent_kernel), -1, 1))
    plan = next(plan for plan in plan_layers(student, HlsConfig()) if plan.name == "rnn")
    candidate = np.abs(plan.data["recurrent_weight"][:, 40:]).sum(axis=0) + np.abs(plan.data["recurrent_bias"][40:])
    assert (candidate.max() <= 4) == fits
    assert (plan.float_bits <= 24) == fits
