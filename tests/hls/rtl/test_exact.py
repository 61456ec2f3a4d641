"""The exact cells of docs/recurrent.md as logic: csim and interpreter give the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.rtl.circuit import Recurrence
from tests.exact_students import build_exact, types_of
from tests.hls.rtl.firmware import Firmware, firmware_of

EVERY_OPTION = [
    ("gru", {"skip_padding": True}),
    ("gru", {"reset_after": False, "go_backwards": True, "return_sequences": True}),
    ("lstm", {"skip_padding": True, "go_backwards": True}),
    ("lstm", {"return_sequences": True}),
]


def broken(firmware: Firmware, role: str, shift: int) -> int:
    """Vectors that differ when one constant of the cell is `shift` steps off."""
    from hls.rtl import trace

    variable = firmware.graph.get_layers()
    node = next(node for node in variable if node.class_name.startswith("Exact"))
    weight = node.weights[role]
    right = weight.data.copy()
    place = np.unravel_index(np.argmax(np.abs(right)), right.shape)
    weight.data[place] -= shift * 2.0**-weight.type.precision.fractional * np.sign(right[place])
    try:
        return firmware.n_mismatch(trace(firmware.graph))
    finally:
        weight.data[...] = right


@pytest.mark.parametrize(("cell", "options"), EVERY_OPTION)
def test_every_exact_cell_equals_its_csim_and_one_wrong_constant_shows(
    cell: str, options: dict[str, Any], tmp_path: Path
) -> None:
    firmware = firmware_of(build_exact(cell, units=3, **options), tmp_path / "project")
    assert firmware.n_mismatch() == 0
    assert broken(firmware, "recurrent_weight", 8) > 0
    assert broken(firmware, "candidate", 8) > 0


def test_a_step_that_is_not_padding_is_not_skipped(tmp_path: Path) -> None:
    skipping = firmware_of(build_exact("gru", units=3, skip_padding=True), tmp_path / "skipping")
    plain = firmware_of(build_exact("gru", units=3), tmp_path / "plain")
    assert skipping.n_mismatch(plain.circuit) > 0
    inputs = skipping.vectors()
    inputs = inputs[(inputs != 0).all(axis=(1, 2))]
    np.testing.assert_array_equal(skipping.circuit.interpret(inputs), plain.circuit.interpret(inputs))


def test_widths_that_differ_at_every_stage_are_kept(tmp_path: Path) -> None:
    types = types_of("lstm")
    firmware = firmware_of(build_exact("lstm", units=3), tmp_path)
    (cell,) = (block for block in firmware.circuit.blocks if isinstance(block, Recurrence))
    widths = [max(sum(kif) for kif in group) for group in np.split(cell.logic.out_kifs.T, 2)]
    assert widths == [types["state"].total, types["cell_state"].total]
    assert replace(cell, n_states=6) == cell
