"""Exact students that read a jet from both ends: Keras, C simulation, interpreter and simulated RTL agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.cosim import CosimConfig, cosim
from tests.exact_students import INPUT, build_exact
from tests.hls.cosim.traced import Traced
from tests.hls.rtl.firmware import firmware_of

N_VECTORS = 20_000
STATIC: dict[str, Any] = {"cell_stages": 3, "interleave": 2}
UNROLLED: dict[str, Any] = {"cells": 4, "cell_stages": 2, "interface": "axi4stream", "beats": 4}


def agree(cell: str, n_random: int, schedule: dict[str, Any], folder: Path, **options: Any) -> None:
    model = build_exact(cell, 2, 4, bidirectional=True, skip_padding=True, **options)
    firmware = firmware_of(model, folder / "project")
    traced = Traced.of(firmware.circuit, n_random, **schedule)
    codes = traced.sent.codes
    expected = firmware.compiled.predict_codes(codes, threads=1)
    trained = model.predict((codes * INPUT.step).reshape(-1, 4, 6), batch_size=4096, verbose=0)
    np.testing.assert_array_equal(expected, trained / traced.circuit.output.step)
    np.testing.assert_array_equal(traced.expected(), expected)
    config = CosimConfig(threads=1, reset_at=n_random // 2)
    result = cosim(traced.design, traced.sent, expected, config, folder / "run")
    assert result.complaints() == []
    assert len(np.unique(expected)) > 20 and result.n_vectors > n_random


@pytest.mark.ghdl
def test_a_bidirectional_student_in_vhdl_agrees_with_what_was_trained(tmp_path: Path) -> None:
    agree("gru", 60, {"language": "vhdl", "interleave": 2, "cell_stages": 2}, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(
    ("cell", "schedule", "options"),
    [
        ("gru", STATIC, {}),
        ("gru", UNROLLED, {"reset_after": False}),
        ("lstm", STATIC, {}),
        ("lstm", UNROLLED, {}),
    ],
    ids=["static_gru", "unrolled_gru", "static_lstm", "unrolled_lstm"],
)
def test_a_bidirectional_student_agrees_from_training_to_verilog(
    cell: str, schedule: dict[str, Any], options: dict[str, Any], tmp_path: Path
) -> None:
    agree(cell, N_VECTORS, schedule, tmp_path, **options)
