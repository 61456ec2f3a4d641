"""The exact cells of docs/recurrent.md as logic: csim and interpreter give the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.rtl import trace
from hls.rtl.circuit import Recurrence
from tests.exact_students import EVERY_OPTION, build_exact, types_of
from tests.hls.rtl.firmware import Firmware, firmware_of


def broken(firmware: Firmware, role: str, shift: int) -> int:
    """Vectors that differ when one constant of a cell, the backward one if there is one, is `shift` steps off."""
    nodes = firmware.graph.graph
    node = nodes.get("rnn_backward", nodes["rnn"])
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
    cell: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = firmware_of(build_exact(cell, units=3, **options), tmp_path / "project")
    assert firmware.n_mismatch() == 0
    assert broken(firmware, "recurrent_weight", 8) > 0
    assert broken(firmware, "candidate", 8) > 0
    monkeypatch.setattr("hls.rtl.exact.ONE_TREE", 2)
    assert firmware.n_mismatch(trace(firmware.graph)) == 0


def test_a_step_that_is_not_padding_is_not_skipped(tmp_path: Path) -> None:
    skipping = firmware_of(build_exact("gru", units=3, skip_padding=True), tmp_path / "skipping")
    plain = firmware_of(build_exact("gru", units=3), tmp_path / "plain")
    assert skipping.n_mismatch(plain.circuit) > 0
    inputs = skipping.vectors()
    inputs = inputs[(inputs != 0).all(axis=(1, 2))]
    np.testing.assert_array_equal(skipping.circuit.interpret(inputs), plain.circuit.interpret(inputs))


def test_layers_side_by_side_are_one_block_whose_steps_take_both_ends_of_the_jet(tmp_path: Path) -> None:
    firmware = firmware_of(build_exact("lstm", units=2, bidirectional=True), tmp_path)
    order, cells, _ = firmware.circuit.blocks
    assert isinstance(cells, Recurrence)
    assert order.layers == cells.layers == ("rnn", "rnn_backward")
    assert (cells.n_units, cells.n_states) == (2 + 3, 2 * (2 + 3))
    steps = np.arange(5 * 6).reshape(1, 5, 6)
    taken = np.concatenate([steps, steps[:, ::-1]], axis=2).reshape(1, -1)
    np.testing.assert_array_equal(order.run(steps.reshape(1, -1) * 2.0**-5), taken * 2.0**-5)
    mirrored = replace(firmware.circuit, blocks=(replace(order, logic=_unturned(order)), *firmware.circuit.blocks[1:]))
    assert firmware.n_mismatch(mirrored) > 0


def _unturned(order: Any) -> Any:
    """Wires that hand both layers the steps from the first to the last."""
    half = [place for step in range(5) for place in range(12 * step, 12 * step + 6)]
    outputs = list(order.logic.out_idxs)
    for place in half:
        outputs[place + 6] = outputs[place]
    return order.logic._replace(out_idxs=outputs)


def test_widths_that_differ_at_every_stage_are_kept(tmp_path: Path) -> None:
    types = types_of("lstm")
    firmware = firmware_of(build_exact("lstm", units=3), tmp_path)
    (cell,) = (block for block in firmware.circuit.blocks if isinstance(block, Recurrence))
    widths = [max(sum(kif) for kif in group) for group in np.split(cell.logic.out_kifs.T, 2)]
    assert widths == [types["state"].total, types["cell_state"].total]
    assert replace(cell, n_states=6) == cell
