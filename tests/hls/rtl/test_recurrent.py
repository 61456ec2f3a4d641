"""GRU and LSTM students: every step that is traced gives what the C++ gives."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from hls.fixed_point import FixedType
from hls.project import HlsConfig
from hls.rtl import trace
from tests.hls.rtl.firmware import Firmware, firmware_of, graph_of
from tests.hls.students import build_student

pytestmark = pytest.mark.xdist_group("recurrent RTL")  # one firmware of a cell serves every test


@pytest.fixture(scope="module", params=["gru", "lstm"])
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    student = build_student(request.param, units=2, n_constituents=4)
    return firmware_of(student, tmp_path_factory.mktemp(request.param) / "project")


def test_a_recurrent_tagger_equals_its_csim_on_random_and_corner_vectors(firmware: Firmware) -> None:
    assert firmware.n_mismatch() == 0


@pytest.mark.parametrize("name", ["recurrent_weight", "bias"])
def test_one_wrong_recurrent_constant_is_seen(firmware: Firmware, name: str) -> None:
    constants = firmware.graph.graph["rnn"].weights[name]
    original = constants.data.copy()
    try:
        constants.data = original.copy()
        constants.data.flat[4] += -constants_step(constants) if original.flat[4] > 0 else constants_step(constants)
        assert firmware.n_mismatch(trace(firmware.graph)) > 0
    finally:
        constants.data = original


def constants_step(constants: object) -> float:
    return FixedType.parse(str(constants.type.precision)).step  # type: ignore[attr-defined]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_returned_sequence_of_lossy_overflowing_sums_and_wide_tables_equals_csim(cell: str, tmp_path: Path) -> None:
    student = build_student(cell, units=2, n_constituents=3, seed=4, return_sequences=True)
    sequence = keras.Model(student.input, student.get_layer("rnn_q").output)
    types = {"accum": FixedType(12, 4), "table": FixedType(18, 2, True, "RND", "SAT")}
    changes = {"rnn": {"table_size": 512, "types": types}}
    firmware = firmware_of(sequence, tmp_path / "project", changes, HlsConfig(static_recurrent=False))
    assert firmware.circuit.interpret(firmware.vectors()).shape[1] == 6
    assert firmware.n_mismatch() == 0


@pytest.mark.long
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_sums_that_saturate_are_added_as_csim_does(cell: str, tmp_path: Path) -> None:
    student = build_student(cell, units=2, n_constituents=3, seed=5)
    changes = {"rnn": {"types": {"accum": FixedType(9, 2, True, "RND", "SAT")}}}
    assert firmware_of(student, tmp_path / "project", changes, HlsConfig()).n_mismatch() == 0


def test_a_step_is_traced_once_whatever_the_number_of_constituents() -> None:
    short, long = (
        trace(graph_of(build_student("gru", units=2, n_constituents=n_constituents))) for n_constituents in (2, 9)
    )
    assert len(short.blocks[0].logic.ops) == len(long.blocks[0].logic.ops)
    assert np.array_equal(short.blocks[0].logic.shape, (8, 2))
