"""Options of a simulation: defaults, limits, and files that hold something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.cosim import CosimConfig, CosimResult, stimuli
from hls.cosim.bench import steady_interval
from hls.cosim.packing import Port
from hls.rtl.design import Bus, Element
from jets.config import fill
from jets.errors import ConfigError, DataError, LayoutError
from tests.hls.cosim.small_designs import bus


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gap_probability", 1.0), ("back_pressure_probability", -0.1), ("n_jets", 0), ("threads", 0), ("reset_at", -1),
        ("seed", -1), ("trace", "ghw"), ("trace_jets", 0), ("trace_from", -1), ("timeout_s", 0.0),
        ("patience_cycles", 0), ("speed", 3),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_by_its_name(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=key):
        fill(CosimConfig, {key: value}, "project.yaml: cosim")


def test_nothing_random_leaves_no_second_pass() -> None:
    calm = CosimConfig(gap_probability=0.0, back_pressure_probability=0.0)
    assert CosimConfig().stresses and not calm.stresses
    assert CosimConfig(gap_probability=0.0, back_pressure_probability=0.0, reset_at=3).stresses


def test_a_damaged_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cosim.json"
    path.write_text(json.dumps({"tool": "Verilator"}))
    with pytest.raises(LayoutError, match="is not a result of cosim"):
        CosimResult.load(path)


@pytest.mark.parametrize(
    ("cycles", "interval"),
    [
        ([], None), ([5], None), ([3, 10], 7.0), (range(0, 2000, 20), 20.0), ([0, 1, 2, 3, 5, 6, 9, 10], 1.6),
        ([0, 1, 2, 84, 85, 86, 168, 169, 170], 28.0), ([84 * (i // 4) + i % 4 for i in range(400)], 21.0),
    ],
)  # fmt: skip
def test_the_interval_is_the_mean_over_the_group_that_repeats(cycles: Any, interval: float | None) -> None:
    assert steady_interval(np.array(cycles, np.int64)) == interval


def test_codes_of_any_type_survive_the_words_of_a_bus() -> None:
    types = [(1, False), (1, True), (63, True), (7, False), (31, True), (64, True), (5, True)]
    elements, lsb = [], 0
    for width, signed in types:
        elements.append(Element(lsb, width, 2, signed))
        lsb += width
    odd = Bus(tuple(elements))
    rng = np.random.default_rng(4)
    columns = [
        rng.integers(-(2 ** (w - 1)) if s else 0, 2 ** (w - s) - 1, 5000, np.int64, endpoint=True) for w, s in types
    ]
    codes = np.stack(columns, axis=1)
    for beats in (1, 3, 172):
        port = Port("data", odd, beats, 8 * -(-port_bits(odd, beats) // 8))
        words = port.pack(codes)
        assert words.shape == (5000, beats, port.words)
        assert np.array_equal(port.unpack(words), codes)


def port_bits(whole: Bus, beats: int) -> int:
    return -(-whole.width // beats)


def test_stimuli_begin_with_the_jets_and_reach_every_corner() -> None:
    jets = np.full((3, 12), 5)
    sent = stimuli(bus(12, 6), (4, 3), jets, 100, seed=1)
    assert list(sent.sizes.items())[:4] == [("jets", 3), ("uniform", 50), ("normal", 50), ("minimum", 1)]
    assert np.array_equal(sent.codes[:3], jets)
    assert set(sent.groups["minimum"].ravel()) == {-32} and set(sent.groups["maximum"].ravel()) == {31}
    assert sent.groups["one_constituent"].tolist() == [[-32] * 3 + [0] * 9, [31] * 3 + [0] * 9]
    assert {tuple(row) for row in sent.groups["alternating"]} == {(-32, 31) * 6, (31, -32) * 6}
    again = stimuli(bus(12, 6), (4, 3), jets, 100, seed=1)
    assert np.array_equal(sent.codes, again.codes)
    assert not np.array_equal(sent.codes, stimuli(bus(12, 6), (4, 3), jets, 100, seed=2).codes)


def test_unsigned_stimuli_stay_in_range() -> None:
    sent = stimuli(bus(4, 5, signed=False), (4,), np.zeros((0, 4), np.int64), 50, seed=1)
    assert "jets" not in sent.sizes and sent.codes.min() == 0 and sent.codes.max() == 31


def test_jets_that_do_not_fit_the_bus_are_refused() -> None:
    with pytest.raises(DataError, match=r"jets of shape \(3, 11\)"):
        stimuli(bus(12, 6), (4, 3), np.zeros((3, 11), np.int64), 0, seed=1)
    with pytest.raises(DataError, match=r"\(4, 4\)"):
        stimuli(bus(12, 6), (4, 4), np.zeros((3, 12), np.int64), 0, seed=1)
