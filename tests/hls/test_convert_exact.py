"""Exact students as firmware: the integers of the definition, what Keras trains and what g++ computes are the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.convert import convert, convert_student
from hls.convert.graph import build_graph, check_graph
from hls.convert.plan import plan_layers
from hls.csim import build, probe_inputs
from hls.estimate import estimate, layer_estimates
from hls.fixed_point import FixedType
from hls.project import HlsConfig, LayerConfig, SelfCheckConfig
from jets.dataset import JetsFile
from jets.errors import ExactnessError, InputError, ToolFailed
from jets.features import PowerOfTwoScaling
from jets.samples import sample_path
from models.students.exact.fixed_point import FixedPoint
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from tests.exact_students import INPUT, build_exact, recurrent_layer, types_of
from tests.hls.firmware import edited, write_project
from tests.integer_cell import IntegerCell

CHECK = SelfCheckConfig(n_jets=2000)
EVERY_CELL = [("gru", {}), ("gru", {"reset_after": False}), ("lstm", {})]


def learn(model: Any, seed: int = 4) -> Any:
    """Fraction bits as training may leave them."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        if weight.name == "taken":
            weight.assign(rng.uniform(0.0, 0.25, weight.shape))
    return model


def compiled_difference(model: Any, folder: Path, config: HlsConfig, n_random: int = 4000) -> int:
    compiled = build(write_project(model, folder, config))
    inputs = probe_inputs(compiled.input, n_random, seed=1)
    outputs = compiled.predict(inputs)
    assert len(np.unique(outputs)) > 100
    return int(np.count_nonzero(outputs != model.predict(inputs, batch_size=4096, verbose=0)))


def test_an_exact_gru_passes_its_self_check_on_the_vendors_types_and_jets(tmp_path: Path) -> None:
    spec = RecurrentSpec(units=4, dense=(8,), n_constituents=5)
    scaling = PowerOfTwoScaling((0.0,) * 6, (2, 1, 1, 2, 2, 0))
    model = build_exact("gru", types=types_of("gru", candidate=FixedPoint(8, 1)), skip_padding=True)
    tagger = Tagger("recurrent_student", spec, ("QCD", "top"), scaling, model, "keras", {"front_end": "exact"})
    tagger.save(tmp_path / "student")
    jets = JetsFile(sample_path("top_qcd")).read(limit=1500)
    project = convert(tmp_path / "student", HlsConfig(self_check=CHECK), tmp_path / "project", jets)
    assert (project.self_check["n_mismatch"], project.self_check["limit"]) == (0, 0.0)
    assert "exact_gru_reset_after" in (project.folder / "firmware/parameters.h").read_text()
    types = next(layer for layer in project.layers if layer.name == "rnn").precisions
    assert types["result"] == "fixed<8,1,RND,WRAP>"


def test_the_firmware_of_an_lstm_with_learnt_bits_equals_keras_and_its_cell_the_integers(tmp_path: Path) -> None:
    model = learn(build_exact("lstm", learn_bits=True, go_backwards=True))
    compiled = build(write_project(model, tmp_path / "project"))
    inputs = probe_inputs(compiled.input, 3000, seed=2)
    np.testing.assert_array_equal(compiled.predict(inputs), np.asarray(model(inputs)))
    cast, cell = model.get_layer("constituents_q"), model.get_layer("rnn")
    entered, integer = cast(inputs), IntegerCell.of(cell)
    fraction = cast.current_types()["result"].fraction
    states = integer.run(np.asarray(entered * 2.0**fraction).astype(np.int64), fraction)
    np.testing.assert_array_equal(states * 2.0 ** -integer.fraction("state"), np.asarray(cell(entered)))


def test_the_firmware_of_a_bidirectional_gru_equals_keras_and_its_cells_the_integers(tmp_path: Path) -> None:
    model = learn(build_exact("gru", learn_bits=True, bidirectional=True, skip_padding=True))
    compiled = build(write_project(model, tmp_path / "project"))
    inputs = probe_inputs(compiled.input, 3000, seed=2)
    np.testing.assert_array_equal(compiled.predict(inputs), np.asarray(model(inputs)))
    cast, cells = model.get_layer("constituents_q"), [model.get_layer(name) for name in ("rnn", "rnn_backward")]
    entered, fraction = cast(inputs), cast.current_types()["result"].fraction
    codes = np.asarray(entered * 2.0**fraction).astype(np.int64)
    integers = [IntegerCell.of(cell) for cell in cells]
    assert [integer.go_backwards for integer in integers] == [False, True]
    states = [integer.run(codes, fraction) * 2.0 ** -integer.fraction("state") for integer in integers]
    found = model.get_layer("states")([cell(entered) for cell in cells])
    np.testing.assert_array_equal(np.concatenate(states, axis=1), np.asarray(found))


def test_side_by_side_the_wider_state_decides_the_type_and_the_longer_layer_the_latency(tmp_path: Path) -> None:
    model, config = build_exact("gru", bidirectional=True), HlsConfig()
    plans = {plan.name: plan for plan in plan_layers(model, config)}
    states = [plans[name].types["result"] for name in ("rnn", "rnn_backward", "states")]
    assert [(fixed.width, fixed.integer) for fixed in states] == [(8, 1), (9, 2), (9, 2)]
    graph = build_graph(model, list(plans.values()), config, tmp_path)
    cycles = {layer.name: layer.latency_cycles for layer in layer_estimates(graph)}
    assert cycles["rnn"] > 0 < cycles["rnn_backward"]
    (row, *_) = estimate(graph)
    assert row["latency_cycles"] == sum(cycles.values()) - min(cycles["rnn"], cycles["rnn_backward"])


def side_by_side(**kinds: Any) -> Any:
    import keras

    from models.students.exact.layers import ExactCast

    inputs = keras.Input((5, 6), name="constituents")
    x = ExactCast({"result": INPUT}, name="constituents_q")(inputs)
    other = ExactCast({"result": INPUT}, name="other")(x) if kinds.pop("other_steps", False) else x
    first = recurrent_layer("gru", **kinds)(x)
    second = recurrent_layer("gru", **kinds, name="second")(other)
    joined = keras.layers.Concatenate(name="states")([first, second])
    return keras.Model(inputs, ExactCast({"result": FixedPoint(8, 1)}, name="result")(joined))


@pytest.mark.parametrize("options", [{"return_sequences": True}, {"other_steps": True}])
def test_layers_that_do_not_stand_side_by_side_are_refused_by_name(options: dict[str, Any]) -> None:
    plan_layers(side_by_side(), HlsConfig())
    with pytest.raises(
        InputError, match=r"layer '\w+' \(Exact\w+\): is not fed by the layer before it alone, but by \["
    ):
        plan_layers(side_by_side(**options), HlsConfig())


@pytest.mark.parametrize(("cell", "kind"), EVERY_CELL)
def test_every_type_of_the_graph_is_the_layers_own_and_sums_never_wrap(
    cell: str, kind: dict[str, Any], tmp_path: Path
) -> None:
    model = build_exact(cell, **kind)
    plans = plan_layers(model, HlsConfig())
    graph = build_graph(model, plans, HlsConfig(), tmp_path)
    node = next(node for node in graph.get_layers() if node.name == "rnn")
    for role, fixed in model.get_layer("rnn").types.items():
        named = node.get_output_variable().type if role == "state" else node.types[f"{role}_t"]
        found = FixedType.parse(str(named.precision))
        assert (found.width, found.integer, found.signed) == (fixed.total, fixed.integer, fixed.signed)
    layer, types = model.get_layer("rnn"), plans[2].types
    constants = layer.constants()
    largest = np.abs(constants["weight"]).sum(axis=0) * -INPUT.low + np.abs(constants["bias"])
    assert types["projection"].maximum >= largest.max() - types["projection"].step
    assert types["projection"].fraction_bits == INPUT.fraction + layer.types["weight"].fraction
    assert plans[2].exact and plans[2].float_bits <= 24


def test_a_state_that_cannot_overflow_wraps_and_one_that_can_saturates() -> None:
    for candidate, overflow in ((FixedPoint(8, 1), "WRAP"), (FixedPoint(9, 1), "SAT")):
        model = build_exact("gru", types=types_of("gru", candidate=candidate))
        assert plan_layers(model, HlsConfig())[2].types["result"].overflow == overflow


def test_one_wrong_table_entry_in_the_firmware_is_seen(tmp_path: Path) -> None:
    model = build_exact("gru")
    project = write_project(model, tmp_path / "project")
    broken = edited(project, tmp_path / "broken", "firmware/weights/candidate3.h", r"\{0\.0+,", "{0.5,")
    compiled = build(broken)
    inputs = probe_inputs(compiled.input, 2000, seed=1)
    assert np.any(compiled.predict(inputs) != np.asarray(model(inputs)))


@pytest.mark.long
def test_a_broken_precision_is_found_in_its_layer(tmp_path: Path) -> None:
    model, config = build_exact("lstm"), HlsConfig(self_check=CHECK)
    plans = tuple(
        dataclasses.replace(plan, types=plan.types | {"cell_state": FixedType(9, 4, True, "RND", "SAT")})
        if plan.name == "rnn"
        else plan
        for plan in plan_layers(model, config)
    )
    with pytest.raises(ExactnessError, match=r"layer 'rnn' \(ExactLSTM\).*cell_state fixed<9,4,RND,SAT>"):
        convert_student(model, config, tmp_path / "project", "ab", plans=plans)
    assert not (tmp_path / "project").exists()


def test_hls4mls_own_precision_in_place_of_a_planned_one_is_named(tmp_path: Path) -> None:
    model, config = build_exact("gru"), HlsConfig()
    plans = plan_layers(model, config)
    graph = build_graph(model, plans, config, tmp_path)
    changed = [dataclasses.replace(plan, types=plan.types | {"update_sum": FixedType(9, 4)}) for plan in plans]
    with pytest.raises(ToolFailed, match=r"hls4ml made the update_sum type fixed<8,4,RND,SAT>, not fixed<9,4>"):
        check_graph(graph, changed, config)


def test_shared_multipliers_are_refused_with_the_layers_name() -> None:
    for config in (HlsConfig(strategy="Resource"), HlsConfig(layers={"rnn": LayerConfig(reuse_factor=2)})):
        with pytest.raises(InputError, match=r"layer 'rnn' \(ExactGRU\): shares multipliers .* give hls: layers: rnn"):
            plan_layers(build_exact("gru"), config)


def test_wide_types_cost_the_limit_zero() -> None:
    wide = types_of("gru", weight=FixedPoint(20, 2))
    assert max(plan.float_bits for plan in plan_layers(build_exact("gru", types=wide), HlsConfig())) > 24


@pytest.mark.long
@pytest.mark.parametrize(
    ("config", "options"),
    [
        (HlsConfig(backend="Vivado"), {"skip_padding": True}),
        (HlsConfig(static_recurrent=False), {"go_backwards": True, "return_sequences": True}),
    ],
)
@pytest.mark.parametrize(("cell", "kind"), EVERY_CELL)
def test_every_cell_and_option_equals_keras(
    cell: str, kind: dict[str, Any], options: dict[str, Any], config: HlsConfig, tmp_path: Path
) -> None:
    assert compiled_difference(build_exact(cell, **kind, **options), tmp_path / "project", config) == 0


@pytest.mark.long
@pytest.mark.parametrize(("cell", "kind"), EVERY_CELL)
def test_bidirectional_students_equal_keras_on_twenty_thousand_vectors(
    cell: str, kind: dict[str, Any], tmp_path: Path
) -> None:
    model = learn(build_exact(cell, 10, 10, bidirectional=True, skip_padding=True, learn_bits=True, **kind))
    assert compiled_difference(model, tmp_path / "project", HlsConfig(), 20_000) == 0


@pytest.mark.long
@pytest.mark.parametrize(("cell", "kind"), EVERY_CELL)
def test_full_size_students_equal_keras_on_a_hundred_thousand_vectors(
    cell: str, kind: dict[str, Any], tmp_path: Path
) -> None:
    model = learn(build_exact(cell, 20, 20, skip_padding=True, learn_bits=True, **kind))
    compiled = build(write_project(model, tmp_path / "project"))
    inputs = probe_inputs(compiled.input, 100_000, seed=3)
    expected = model.predict(inputs, batch_size=4096, verbose=0)
    np.testing.assert_array_equal(compiled.predict(inputs), expected)
