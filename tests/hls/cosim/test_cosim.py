"""Hand-written designs through the simulator: right ones pass, each fault is seen and named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from hls.cosim import CosimConfig, CosimResult, Stimuli, cosim, stimuli
from hls.cosim.bench import Bench
from hls.cosim.cosim import OUTPUTS, RESULT
from hls.cosim.verilator import find_verilator
from jets.errors import ConfigError, DataError, StorageError, ToolFailed
from tests.hls.cosim.small_designs import bus, pairs, product_sum, quadruples, sum_difference

N_JETS = 2000
FULL_STREAM = CosimConfig(gap_probability=0.0, back_pressure_probability=0.0)


def faulty(fault: str, simulators: Path, config: CosimConfig | None = None, every: int = N_JETS) -> CosimResult:
    """A run in which the last jet but 600, and every `every`-th one, awakes the fault."""
    inputs, expected = pairs(N_JETS, fault, at=N_JETS - 600)
    for at in range(every, N_JETS, every):
        inputs[at] = inputs[N_JETS - 600]
        expected[at] = expected[N_JETS - 600]
    return cosim(sum_difference(), inputs, expected, config or CosimConfig(threads=1), simulators)


def test_a_right_design_agrees_in_every_bit_and_cycle(simulators: Path) -> None:
    result = faulty("none", simulators)
    assert result.agrees and result.complaints() == []
    assert (result.n_vectors, result.n_mismatch, result.groups) == (N_JETS, 0, {"vectors": N_JETS})
    assert (result.latency_cycles, result.interval_cycles, result.tool) == (3, 1.0, "Verilator")
    assert result.stream.latency_least == result.stream.latency_most == 3
    assert result.stressed is not None and result.stressed.n_received == N_JETS
    assert result.stressed.latency_most is not None and result.stressed.latency_most > 3
    assert result.stressed.n_cycles > 1.5 * result.stream.n_cycles
    assert result.exactness() == {"n_vectors": N_JETS, "n_mismatch": 0}
    assert CosimResult.load(simulators / RESULT) == result
    assert np.array_equal(np.load(simulators / OUTPUTS), pairs(N_JETS)[1])


def test_a_stream_of_beats_agrees_and_survives_a_reset_within_a_jet(simulators: Path) -> None:
    inputs, expected = quadruples(1000)
    result = cosim(product_sum(), inputs, expected, CosimConfig(reset_at=500, threads=1), simulators)
    assert result.agrees
    assert (result.latency_cycles, result.interval_cycles) == (1, 5.0)
    again = cosim(product_sum(), inputs, expected, CosimConfig(threads=1), simulators)
    assert again.stressed is not None and result.stressed is not None
    assert again.stressed.n_cycles != result.stressed.n_cycles


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (
            "wrong_bit",
            r"stream pass: 1 of 2000 jets differ, the first is jet 1400 \(vectors\), out_data\[8:0\] \(output",
        ),
        ("dead", r"stream pass: jet 1401, cycle \d+: nothing moved for \d+ cycles: 1401 jets went in, 1401 came out"),
        ("late", r"the interval is 1\.0\d* cycles, the design says 1"),
        ("twice", r"stream pass: 599 of 2000 jets differ, the first is jet 1401"),
        ("unknown", r"stream pass: 1 of 2000 jets differ, the first is jet 1400"),
    ],
)
def test_a_fault_in_one_jet_is_seen_in_a_full_stream(fault: str, complaint: str, simulators: Path) -> None:
    result = faulty(fault, simulators)
    assert not result.agrees
    assert any(re.search(complaint, line) for line in result.complaints())


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("lost", "jets went in, "),
        ("falling_valid", "out_valid fell before the output was taken"),
        ("changing_data", "out_data changed before the output was taken"),
    ],
)
def test_a_fault_under_back_pressure_needs_the_stressed_pass(fault: str, complaint: str, simulators: Path) -> None:
    assert faulty(fault, simulators, replace(FULL_STREAM, threads=1), every=10).agrees
    stressed = faulty(fault, simulators, every=10)
    assert stressed.stream.failure is None and stressed.stream.n_mismatch == 0
    assert stressed.stressed is not None and complaint in str(stressed.stressed.failure)
    assert stressed.n_mismatch == stressed.stressed.n_mismatch > 0


def test_a_wrong_end_of_a_packet_is_named(simulators: Path) -> None:
    inputs, expected = quadruples(100, wrong_last=30)
    result = cosim(product_sum(), inputs, expected, CosimConfig(), simulators)
    assert "jet 30, " in str(result.stream.failure)
    assert "m_axis_tlast is high in transfer 2 of 3" in str(result.stream.failure)
    assert result.first_mismatch is not None
    assert result.first_mismatch.signal == "m_axis_tdata from bit 0 of transfer 1 to bit 3 of transfer 2"
    assert "never came out" in str(result.first_mismatch)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"latency_cycles": 2}, "the latency is 3 cycles, the design says 2"),
        ({"interval_cycles": 2.0}, "the interval is 1 cycles, the design says 2"),
    ],
)
def test_cycles_other_than_the_schedules_are_a_complaint(
    change: dict[str, float], complaint: str, simulators: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = faulty("none", simulators)
    wrong = replace(result, **{f"scheduled_{key}": value for key, value in change.items()})
    assert wrong.complaints() == [complaint] and not wrong.on_schedule


def test_slices_at_once_give_the_same_answers_and_name_jets_by_their_place_in_all(simulators: Path) -> None:
    inputs, expected = pairs(N_JETS, "wrong_bit", at=1700)
    one, four = (cosim(sum_difference(), inputs, expected, CosimConfig(threads=n), simulators) for n in (1, 4))
    assert one.first_mismatch is not None and four.first_mismatch is not None
    assert one.first_mismatch.jet == four.first_mismatch.jet == 1700
    assert one.first_mismatch.cycle is not None and four.first_mismatch.cycle is not None
    assert one.first_mismatch.cycle - four.first_mismatch.cycle == 1500


def test_the_same_seed_gives_the_same_waits(simulators: Path) -> None:
    cycles = []
    for seed in (1, 1, 2):
        stressed = faulty("none", simulators, CosimConfig(seed=seed, threads=1)).stressed
        assert stressed is not None
        cycles.append(stressed.n_cycles)
    assert cycles[0] == cycles[1] != cycles[2]


def test_mismatches_are_counted_by_group(simulators: Path) -> None:
    design = sum_difference()
    sent = stimuli(design.input, (2,), pairs(50)[0], 200, seed=3)
    expected = np.stack([sent.codes.sum(axis=1), sent.codes[:, 0] - sent.codes[:, 1]], axis=1)
    expected[10, 1] += 1
    corner = len(sent) - sum(list(sent.sizes.values())[3:])
    expected[corner, 0] += 1
    result = cosim(design, sent, expected, CosimConfig(), simulators)
    assert {name: n for name, n in result.stream.mismatches.items() if n} == {"jets": 1, "minimum": 1}
    assert result.first_mismatch is not None and result.first_mismatch.signal == "out_data[17:9]"


def test_only_the_first_vectors_are_run_on_request(simulators: Path) -> None:
    inputs, expected = pairs(300, "wrong_bit", at=100)
    result = cosim(sum_difference(), inputs, expected, CosimConfig(n_jets=100), simulators)
    assert result.n_vectors == 100 and result.agrees


def traced_jets(trace: Literal["vcd", "fst"], folder: Path) -> bytes:
    config = replace(FULL_STREAM, trace=trace, trace_from=20, trace_jets=5)
    result = cosim(sum_difference(), *pairs(40), config, folder)
    assert result.stream.trace is not None and result.stream.trace.endswith(f"stream.{trace}")
    return Path(result.stream.trace).read_bytes()


@pytest.mark.long
def test_a_trace_holds_the_jets_that_were_asked_for(tmp_path: Path) -> None:
    text = traced_jets("vcd", tmp_path / "run").decode()
    assert "in_valid" in text and "data_1" in text
    times = [int(line[1:]) for line in text.splitlines() if line.startswith("#")]
    assert times[-1] - times[0] == 2500 * (2 * (5 + 3) - 1)


@pytest.mark.long
@pytest.mark.skipif(not Path("/usr/include/lz4.h").is_file(), reason="FST needs liblz4-dev and zlib1g-dev")
def test_a_trace_can_be_fst(tmp_path: Path) -> None:
    header = traced_jets("fst", tmp_path / "run")
    assert header[:9] == b"\x00" + (329).to_bytes(8, "big")


def test_what_does_not_fit_the_design_is_refused(simulators: Path, tmp_path: Path) -> None:
    inputs, expected = pairs(20)
    design = sum_difference()
    for wrong_inputs, wrong_expected, what in (
        (inputs[:, :1], expected, "input codes of shape (20, 1)"),
        (inputs, expected[:5], "20 vectors and 5 expected outputs"),
        (inputs[:0], expected[:0], "0 vectors"),
        (inputs.astype(float), expected, "float64"),
        (inputs + 100, expected, "input 0 of jet"),
        (inputs, expected * 9, "expected output 0 of jet"),
    ):
        with pytest.raises(DataError, match=re.escape(what)):
            cosim(design, wrong_inputs, wrong_expected, CosimConfig(), tmp_path / "none")
    with pytest.raises(ConfigError, match="reset_at is 20, and there are 20 vectors"):
        cosim(design, inputs, expected, CosimConfig(reset_at=20), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="did not write"):
        cosim(sum_difference(), *pairs(20), CosimConfig(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_verilog_with_an_error_is_a_failed_tool_with_its_log(tmp_path: Path) -> None:
    broken = sum_difference(files={"sum_difference.v": "module sum_difference (input clk); assign x = ; endmodule"})
    with pytest.raises(ToolFailed, match=r"verilator_bin ended with status 1: %Error: sum_difference\.v:1"):
        cosim(broken, *pairs(20), CosimConfig(), tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".tagware", "verilator.log"]


def test_ports_of_another_width_than_the_design_says_are_refused(simulators: Path) -> None:
    simulator = find_verilator().build(sum_difference(), simulators, "none", 600.0)
    sent, expected = Stimuli({"zero": np.zeros((20, 5), np.int64)}), pairs(20)[1]
    bench = Bench(sum_difference(input=bus(5, 8)), simulator, CosimConfig(), simulators, sent, expected)
    with pytest.raises(ToolFailed, match="not as wide as the design says"):
        bench.run("stream", stressed=False)


def test_stimuli_that_were_cut_keep_their_groups() -> None:
    both = Stimuli({"jets": np.zeros((5, 2), np.int64), "random": np.ones((3, 2), np.int64)})
    assert both.first(6).sizes == {"jets": 5, "random": 1}
    assert both.first(4).sizes == {"jets": 4}
    assert (both.group_of(4), both.group_of(5)) == ("jets", "random")
