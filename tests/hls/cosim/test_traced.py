"""Traced students: C simulation, interpreter and simulated RTL agree; what is broken on purpose is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.cosim import CosimConfig, CosimResult, cosim
from hls.cosim.packing import Codes
from hls.fixed_point import FixedType
from hls.rtl import trace
from hls.rtl.circuit import Circuit
from hls.rtl.design import Design
from tests.hls.cosim.traced import Traced, build_mlp
from tests.hls.rtl.firmware import Firmware, firmware_of, graph_of
from tests.hls.rtl.stock import classifier, deep_set, stock_firmware, stock_graph
from tests.hls.students import build_student

N_VECTORS = 100_000
SEQUENCER = "rtl/tagware_sequencer.v"


@pytest.fixture(scope="module")
def gru(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return firmware_of(build_student("gru", units=2, n_constituents=4), tmp_path_factory.mktemp("gru") / "project")


def expected_of(firmware: Firmware, traced: Traced) -> Codes:
    """What C simulation gives, after a check that the interpreter gives the same."""
    expected = firmware.compiled.predict_codes(traced.sent.codes, threads=1)
    assert len(np.unique(expected)) > 20
    assert np.array_equal(traced.expected(), expected)
    return expected


def run(design: Design, traced: Traced, expected: Codes, folder: Path, **options: Any) -> CosimResult:
    return cosim(design, traced.sent, expected, CosimConfig(threads=1, **options), folder)


def test_csim_interpreter_and_verilog_agree_for_interleaved_jets_in_beats_with_a_reset(
    gru: Firmware, tmp_path: Path
) -> None:
    traced = Traced.of(gru.circuit, 2000, interface="axi4stream", beats=4, cell_stages=3, interleave=2)
    result = run(traced.design, traced, expected_of(gru, traced), tmp_path / "run", reset_at=1000)
    assert result.agrees, result.complaints()
    assert result.n_vectors > 2000 and result.n_mismatch == 0
    assert result.interval_cycles == traced.design.interval_cycles


@pytest.mark.ghdl
@pytest.mark.parametrize("interface", ["handshake", "axi4stream"])
def test_vhdl_agrees_with_csim_too(interface: str, gru: Firmware, tmp_path: Path) -> None:
    beats = 1 if interface == "handshake" else 3
    traced = Traced.of(gru.circuit, 60, language="vhdl", interface=interface, beats=beats)
    result = run(traced.design, traced, expected_of(gru, traced), tmp_path / "run", reset_at=30)
    assert result.agrees, result.complaints()


@pytest.mark.long
def test_one_broken_weight_is_seen(gru: Firmware, tmp_path: Path) -> None:
    traced = Traced.of(gru.circuit, 500)
    expected = expected_of(gru, traced)
    broken = Traced.of(with_one_wrong_weight(gru.graph, "dense_0"), 500)
    assert_only_bits_differ(run(broken.design, traced, expected, tmp_path / "run"))


def with_one_wrong_weight(graph: Any, layer: str) -> Circuit:
    """The circuit of a graph with one weight of a layer a step off."""
    weights = graph.graph[layer].weights["weight"]
    original = weights.data.copy()
    try:
        weights.data = original.copy()
        weights.data.flat[3] += FixedType.parse(str(weights.type.precision)).step
        circuit: Circuit = trace(graph)
    finally:
        weights.data = original
    return circuit


@pytest.mark.long
def test_one_broken_rounding_mode_is_seen(gru: Firmware, tmp_path: Path) -> None:
    traced = Traced.of(gru.circuit, 500)
    expected = expected_of(gru, traced)
    student = build_student("gru", units=2, n_constituents=4)
    truncating = replace(traced.circuit.output, rounding="TRN")
    assert truncating != traced.circuit.output
    circuit: Circuit = trace(graph_of(student, {"logit_q": {"types": {"result": truncating}}}))
    broken = Traced.of(circuit, 500)
    assert_only_bits_differ(run(broken.design, traced, expected, tmp_path / "run"))


@pytest.mark.long
def test_one_broken_cycle_of_the_sequencer_is_seen(gru: Firmware, tmp_path: Path) -> None:
    right, wrong = "AFTER_FIRST = STEPS - 1", "AFTER_FIRST = STEPS - 2"
    traced = Traced.of(gru.circuit, 500)
    text = traced.design.files[SEQUENCER]
    assert text.count(right) == 1
    broken = replace(traced.design, files={**traced.design.files, SEQUENCER: text.replace(right, wrong)})
    result = run(broken, traced, expected_of(gru, traced), tmp_path / "run")
    assert not result.agrees and not result.on_schedule


def assert_only_bits_differ(result: CosimResult) -> None:
    assert not result.agrees and result.n_mismatch > 0 and result.first_mismatch is not None
    assert result.on_schedule and result.stream.failure is None


@pytest.mark.long
@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("gru", {"cell_stages": 3, "interleave": 3}),
        ("gru", {"cells": 4, "cell_stages": 2, "interface": "axi4stream", "beats": 4}),
        ("lstm", {"cell_stages": 3, "interleave": 2}),
        ("lstm", {"cells": 4, "cell_stages": 2}),
    ],
    ids=["static_gru", "unrolled_gru", "static_lstm", "unrolled_lstm"],
)
def test_a_whole_tagger_with_a_sigmoid_agrees_on_a_hundred_thousand_vectors(
    cell: str, options: dict[str, Any], tmp_path: Path
) -> None:
    sigmoid = {"activation": "sigmoid", "table_size": 512, "types": {"table": FixedType(14, 2)}}
    student = build_student(cell, units=4, n_constituents=4, seed=5)
    firmware = firmware_of(student, tmp_path / "project", {"logit_q": sigmoid})
    traced = Traced.of(firmware.circuit, N_VECTORS, **options)
    result = run(traced.design, traced, expected_of(firmware, traced), tmp_path / "run", reset_at=50_000)
    assert result.agrees, result.complaints()
    assert result.n_vectors >= N_VECTORS and result.stressed is not None


@pytest.mark.long
def test_a_dense_network_of_full_size_agrees_on_a_hundred_thousand_vectors(tmp_path: Path) -> None:
    firmware = firmware_of(build_mlp((16, 64, 32, 32, 5)), tmp_path / "project")
    traced = Traced.of(firmware.circuit, N_VECTORS)
    result = run(traced.design, traced, expected_of(firmware, traced), tmp_path / "run", reset_at=50_000)
    assert result.agrees, result.complaints()
    assert result.interval_cycles == 1.0 and result.n_vectors >= N_VECTORS


@pytest.mark.long
@pytest.mark.parametrize(("build", "layer"), [(classifier, "hidden"), (deep_set, "particle")])
def test_classifiers_agree_on_a_hundred_thousand_vectors_and_one_wrong_weight_is_seen(
    build: Callable[[], Any], layer: str, tmp_path: Path
) -> None:
    graph = stock_graph(build(), {"softmax": {"result": "fixed<16,6>"}})
    firmware = stock_firmware(graph, tmp_path / "project")
    traced = Traced.of(firmware.circuit, N_VECTORS)
    result = run(traced.design, traced, expected_of(firmware, traced), tmp_path / "run", reset_at=50_000)
    assert result.agrees, result.complaints()
    assert result.interval_cycles == 1.0 and result.n_vectors >= N_VECTORS
    wrong = replace(traced, circuit=with_one_wrong_weight(graph, layer)).expected()
    assert_only_bits_differ(run(traced.design, traced, wrong, tmp_path / "run"))
