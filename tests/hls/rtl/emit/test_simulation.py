"""Emitted designs equal the interpreter in every bit, and the scheduler in every cycle."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hls.cosim import CosimConfig, CosimResult, cosim
from hls.fixed_point import FixedType
from hls.rtl.circuit import Circuit
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit, emitter
from tests.hls.rtl.emit.simulation import answers, edited, random_codes, run, simulate
from tests.hls.rtl.emit.small_circuits import DATA, Cell, feed_forward, recurrence, recurrent, tagger, wires

pytestmark = pytest.mark.ghdl

DESIGNS = Path(__file__).parent / "designs"
SEQUENCES = Cell(n_steps=5, sequences=True)


@pytest.fixture(scope="session")
def simulators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emit") / "run"


def check(result: CosimResult) -> None:
    assert result.complaints() == []
    assert result.stressed is not None and result.stressed.n_received == result.n_vectors


@pytest.mark.parametrize(
    ("circuit", "config"),
    [
        (tagger(between=True), RtlConfig(interleave=2, stage_delay=3.0)),
        (
            tagger(SEQUENCES),
            RtlConfig(cells=2, interleave=3, cell_stages=3, interface="axi4stream", beats=5, output_beats=3),
        ),
    ],
    ids=["two_layers_static", "sequences_of_two_cells_as_streams"],
)
def test_a_verilog_tagger_equals_the_interpreter(circuit: Circuit, config: RtlConfig, simulators: Path) -> None:
    check(simulate(circuit, config, simulators, n_jets=1000))


CONFIGS = [
    (tagger(), RtlConfig(stage_delay=2.0)),
    (tagger(), RtlConfig(cells=3, interleave=4, cell_stages=4, projection_stages=3)),
    (tagger(), RtlConfig(cells=2, cell_stages=1)),
    (tagger(between=True), RtlConfig(interleave=2, cell_stages=3)),
    (recurrent(Cell(3, 4, n_steps=1)), RtlConfig(cell_stages=2)),
    (recurrent(replace(SEQUENCES, n_cell=0)), RtlConfig(interleave=3, cell_stages=4)),
    (recurrent(SEQUENCES), RtlConfig(cells=5, interleave=2, cell_stages=2, interface="axi4stream", beats=3)),
    (recurrent(Cell(n_steps=2)), RtlConfig(interleave=4, cell_stages=4, interface="axi4stream", beats=2)),
    (wires(), RtlConfig()),
]


@pytest.mark.parametrize(("circuit", "config"), CONFIGS)
def test_a_vhdl_design_equals_the_interpreter(circuit: Circuit, config: RtlConfig, tmp_path: Path) -> None:
    check(simulate(circuit, replace(config, language="vhdl"), tmp_path / "run"))


@pytest.mark.long
@pytest.mark.parametrize(("circuit", "config"), CONFIGS)
def test_each_verilog_design_equals_the_interpreter(circuit: Circuit, config: RtlConfig, simulators: Path) -> None:
    check(simulate(circuit, config, simulators))


cells = st.builds(
    Cell, st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), n_steps=st.integers(1, 6), sequences=st.booleans()
)


@pytest.mark.long
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data(), cells, st.integers(0, 1000))
def test_any_recurrent_layer_in_any_schedule_equals_the_interpreter(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, cell: Cell, seed: int
) -> None:
    stages = data.draw(st.integers(1, 6))
    config = RtlConfig(
        language=data.draw(st.sampled_from(["verilog", "vhdl", "vhdl", "vhdl"])),
        cells=data.draw(st.integers(1, cell.n_steps)),
        interleave=data.draw(st.integers(1, stages)),
        cell_stages=stages,
        projection_stages=data.draw(st.sampled_from([None, 1, 4])),
    )
    circuit = tagger(cell, seed) if data.draw(st.booleans()) else recurrent(cell, seed)
    codes = random_codes(circuit, 200, seed)
    result = cosim(
        emit(circuit, "tagger", config),
        codes,
        answers(circuit, codes),
        CosimConfig(reset_at=50),
        tmp_path_factory.mktemp("r") / "run",
    )
    check(result)


@pytest.mark.parametrize("language", ["vhdl", pytest.param("verilog", marks=pytest.mark.long)])
def test_packets_of_a_wrong_length_are_dropped_and_no_jet_is_lost(language: str, tmp_path: Path) -> None:
    circuit = recurrent()
    config = RtlConfig(language=language, interface="axi4stream", beats=3)
    design = emit(circuit, "tagger", config)
    suffix = {"vhdl": ".vhd", "verilog": ".v"}[language]
    wrapper = (DESIGNS / f"wrong_packets{suffix}").read_text()
    wrapped = replace(design, name="wrong_packets", files={**design.files, f"wrong_packets{suffix}": wrapper})
    result = run(wrapped, circuit, tmp_path / "run")
    assert result.n_mismatch == 0 and result.stream.failure is None
    assert result.stressed is not None and result.stressed.failure is None
    assert result.interval_cycles == 1 + 5 + 3


def broken(circuit: Circuit, what: str) -> Circuit:
    """A circuit with one weight or one rounding mode of its first layer changed."""
    _, *others = circuit.blocks
    assert what in ("weight", "rounding")
    if what == "weight":
        changed = feed_forward((6, 6), DATA, DATA, 0, nudge=0.25)
    else:
        changed = feed_forward((6, 6), DATA, replace(DATA, rounding="RND"), 0)
    return replace(circuit, blocks=(changed, *others))


@pytest.mark.parametrize("what", ["weight", "rounding"])
def test_one_wrong_constant_or_rounding_is_seen(what: str, tmp_path: Path) -> None:
    circuit = tagger()
    design = emit(broken(circuit, what), "tagger", RtlConfig("vhdl"))
    assert run(design, circuit, tmp_path / "run").n_mismatch > 0


@pytest.mark.long
def test_cells_that_are_compiled_once_equal_the_interpreter_and_one_wrong_constant_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emitter, "LARGE", 0.0)
    circuit = tagger()
    design = emit(circuit, "tagger", RtlConfig(cells=3, interleave=2, cell_stages=2))
    assert "tagger.vlt" in design.files
    result = run(design, circuit, tmp_path / "run", n_jets=1000, trace="vcd", trace_jets=3)
    check(result)
    assert result.stream.trace is not None
    assert len(re.findall(r" register2 ", Path(result.stream.trace).read_text())) >= 3
    wrong = broken(circuit, "weight")
    assert run(design, wrong, tmp_path / "run", n_jets=1000, trace="vcd", trace_jets=3).n_mismatch > 0


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("rtl/tagware_sequencer.vhd", "else STEPS - 1;", "else (STEPS - 1) / 2;"),
        ("rtl/tagware_sequencer.vhd", "taken(slot) <= accept", "taken(slot) <= '0'"),
        ("rtl/tagger_recurrence1_cell.vhd", "CYCLES => 2)", "CYCLES => 3)"),
        ("rtl/tagger_recurrence1_cell.vhd", "states_before when STEPS = 1 or entry_first = '1' else states", "states"),
        ("rtl/tagger_pipeline0.vhd", "CYCLES => 1", "CYCLES => 0"),
    ],
)
def test_one_wrong_cycle_is_seen(path: str, before: str, after: str, tmp_path: Path) -> None:
    circuit = tagger(Cell(n_steps=4))
    config = RtlConfig("vhdl", interleave=2, cell_stages=4, projection_stages=2, stage_delay=4.0)
    design = emit(circuit, "tagger", config)
    assert run(design, circuit, tmp_path / "right").agrees
    assert not run(edited(design, path, before, after), circuit, tmp_path / "wrong").agrees


@pytest.mark.parametrize(("cells", "agrees"), [(1, False), (3, True)])
def test_a_cell_of_one_step_has_no_choice_of_its_state(cells: int, agrees: bool, tmp_path: Path) -> None:
    circuit = tagger()
    design = emit(circuit, "tagger", RtlConfig("vhdl", cells=cells))
    never_first = edited(design, "rtl/tagger_recurrence1_cell.vhd", "entry_first <= at_entry(1)", "entry_first <= '0'")
    assert run(never_first, circuit, tmp_path / "run").agrees == agrees


def test_a_layer_whose_type_is_unsigned_equals_the_interpreter(tmp_path: Path) -> None:
    unsigned = FixedType(4, 3, signed=False)
    block = recurrence(Cell(), unsigned, 0)
    circuit = Circuit(unsigned, FixedType(6, 3), (3, 2), (block,))
    check(simulate(circuit, RtlConfig("vhdl"), tmp_path / "run"))


def test_jets_come_out_in_the_order_in_which_they_went_in(tmp_path: Path) -> None:
    """Every jet has its own answer, so that one that overtakes another is seen."""
    circuit = recurrent(Cell(n_in=3, n_units=4))
    assert len(np.unique(answers(circuit, random_codes(circuit, 300)), axis=0)) > 100
    check(simulate(circuit, RtlConfig("vhdl", interleave=4, cell_stages=5), tmp_path / "run"))
