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
from hls.fixed_point import FixedType
from hls.project import HlsConfig, LayerConfig, SelfCheckConfig
from jets.dataset import JetsFile
from jets.errors import ExactnessError, InputError, ToolFailed
from jets.features import PowerOfTwoScaling
from jets.samples import sample_path
from models.students.exact.fixed_point import FixedPoint
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from tests.exact_students import INPUT, build_exact, types_of
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
    return int(np.count_nonzero(outputs != np.asarray(model(inputs))))


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
def test_full_size_students_equal_keras_on_a_hundred_thousand_vectors(
    cell: str, kind: dict[str, Any], tmp_path: Path
) -> None:
    model = learn(build_exact(cell, 20, 20, skip_padding=True, learn_bits=True, **kind))
    compiled = build(write_project(model, tmp_path / "project"))
    inputs = probe_inputs(compiled.input, 100_000, seed=3)
    expected = model.predict(inputs, batch_size=4096, verbose=0)
    np.testing.assert_array_equal(compiled.predict(inputs), expected)
