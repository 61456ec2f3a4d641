"""What a design consists of, and what is refused before anything is written."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.rtl.casts import cast, new_values
from hls.rtl.circuit import Circuit, Recurrence
from hls.rtl.config import RtlConfig
from hls.rtl.design import Design
from hls.rtl.emit import emit, emitter
from hls.rtl.trace import _logic
from jets.config import fill
from jets.errors import ConfigError, InputError, LayoutError
from tests.hls.rtl.emit.small_circuits import DATA, STATE, Cell, recurrent, tagger


@pytest.mark.parametrize("language", ["verilog", "vhdl"])
def test_the_same_circuit_gives_the_same_bytes(language: str, tmp_path: Path) -> None:
    designs = [emit(tagger(seed=5), "tagger", RtlConfig(language)) for _ in range(2)]
    assert designs[0].files == designs[1].files
    assert Design.load(designs[0].save(tmp_path / "rtl")) == designs[0]
    assert emit(tagger(seed=6), "tagger", RtlConfig(language)).digest != designs[0].digest


def test_a_design_that_is_not_as_it_was_written_is_refused(tmp_path: Path) -> None:
    folder = emit(tagger(), "tagger", RtlConfig()).save(tmp_path / "rtl")
    for content, match in (
        (b"\xff", "was changed"),
        (b"module tagger; endmodule", "was changed"),
        (None, "no such RTL"),
    ):
        (folder / "rtl/tagger.v").unlink() if content is None else (folder / "rtl/tagger.v").write_bytes(content)
        with pytest.raises((LayoutError, InputError), match=rf"rtl/tagger\.v: {match}"):
            Design.load(folder)


@pytest.mark.parametrize("name", ["../other.v", "/etc/hostname", "rtl/a b.v", "rtl/x.v\n!true"])
def test_a_manifest_cannot_name_files_elsewhere(name: str, tmp_path: Path) -> None:
    folder = emit(tagger(), "tagger", RtlConfig()).save(tmp_path / "rtl")
    manifest = json.loads((folder / "design.json").read_text())
    (folder / "design.json").write_text(json.dumps({**manifest, "files": {name: "0" * 64}}))
    with pytest.raises(LayoutError, match=r"design\.json: names a file"):
        Design.load(folder)


def test_a_design_says_what_its_blocks_do() -> None:
    circuit = tagger(Cell(n_steps=5))
    config = RtlConfig(cells=2, interleave=3, cell_stages=4, projection_stages=2, clock_ns=2.5, part="xc7")
    design = emit(circuit, "tagger", config)
    before, layer, after = design.units
    assert (before.kind, layer.kind, after.kind) == ("pipeline", "recurrence", "pipeline")
    assert (layer.instances, layer.latency_cycles, layer.interval_cycles) == (2, 2 + 5 * 4, 3 * 4 / 3)
    assert design.latency_cycles == before.latency_cycles + layer.latency_cycles + after.latency_cycles
    assert design.interval_cycles == layer.interval_cycles
    assert (design.clock_ns, design.part) == (2.5, "xc7")
    assert (layer.input_bits, layer.output_bits) == (5 * 2 * DATA.width, 2 * STATE.width)
    assert design.input.width == 5 * 2 * DATA.width
    assert [place.lsb for place in design.input.elements] == [DATA.width * i for i in range(10)]
    one_cell = emit(circuit, "tagger", replace(config, cells=1)).units[1]
    assert layer.cost == 2 * one_cell.cost > 0


def test_a_slower_clock_needs_fewer_stages() -> None:
    latencies = [emit(tagger(), "tagger", RtlConfig(clock_ns=clock)).latency_cycles for clock in (1.0, 2.0, 4.0, 50.0)]
    assert latencies == sorted(latencies, reverse=True)
    assert latencies[0] > latencies[-1] == 1 + (1 + 3 * 1) + 1
    assert emit(tagger(), "tagger", RtlConfig(clock_ns=50.0, stage_delay=0.9)).latency_cycles == latencies[0]


@pytest.mark.parametrize("interface", ["handshake", "axi4stream"])
def test_every_source_comes_after_those_it_is_made_of(interface: str) -> None:
    design = emit(tagger(), "tagger", RtlConfig(interface=interface))
    defined: set[str] = set()
    for path, text in design.files.items():
        if path.endswith(".v"):
            defined |= set(re.findall(r"^module (\w+)", text, re.MULTILINE))
            assert set(re.findall(r"^ +(tagger_\w+|tagware_\w+|table_\w+) ", text, re.MULTILINE)) <= defined
    assert f"rtl/{design.name}.v" in design.files


@pytest.mark.parametrize(
    ("language", "path"), [("verilog", "rtl/tagger_parameters.vh"), ("vhdl", "rtl/tagger_parameters.vhd")]
)
def test_the_parameters_are_those_of_the_design(language: str, path: str) -> None:
    design = emit(tagger(), "tagger", RtlConfig(language))
    found = dict(re.findall(r"(\w+)(?: : \w+ :| )= ([\d.]+);", design.files[path]))
    prefix = "TAGGER_" if language == "verilog" else ""
    assert int(found[f"{prefix}INPUT_BITS"]) == design.input.width == 30
    assert int(found[f"{prefix}OUTPUT_FRACTION_BITS"]) == 5
    assert int(found[f"{prefix}LATENCY_CYCLES"]) == design.latency_cycles
    assert math.isclose(float(found[f"{prefix}INTERVAL_CYCLES"]), design.interval_cycles)


def test_verilator_is_told_to_compile_many_large_cells_once(monkeypatch: pytest.MonkeyPatch) -> None:
    unrolled = RtlConfig(cells=3)
    assert "tagger.vlt" not in emit(tagger(), "tagger", unrolled).files
    monkeypatch.setattr(emitter, "LARGE", 0.0)
    design = emit(tagger(), "tagger", unrolled)
    modules = re.findall(r'^hier_block -module "(\w+)"$', design.files["tagger.vlt"], re.MULTILINE)
    assert modules == ["tagger_recurrence1_projection", "tagger_recurrence1_step"]
    assert all(f"module {module} (" in design.files[f"rtl/{module}.v"] for module in modules)
    for other in (RtlConfig(), RtlConfig("vhdl", cells=3)):
        assert "tagger.vlt" not in emit(tagger(), "tagger", other).files


@pytest.mark.parametrize(("interface", "clock"), [("handshake", "clk"), ("axi4stream", "aclk")])
def test_the_constraints_name_the_clock(interface: str, clock: str) -> None:
    design = emit(tagger(), "tagger", RtlConfig(interface=interface, clock_ns=2.5))
    for path in ("tagger.xdc", "tagger.sdc"):
        assert f"create_clock -period 2.5 -name {clock} [get_ports {clock}]" in design.files[path]


def test_the_ports_are_described_bit_by_bit() -> None:
    text = emit(tagger(), "tagger", RtlConfig(interface="axi4stream", beats=4)).files["PORTS.md"]
    assert "| 5 | 29:25 | 3 | yes |" in text
    assert "| 1 | 17:9 | 5 | yes |" in text
    assert "| `s_axis_tdata` | 8 | in | jets: 8 bits of the values |" in text
    assert "A jet takes 4 transfer(s) at the input: of its 30 bits, each carries 8 in the low bits" in text


def test_no_file_is_our_copy_of_a_library() -> None:
    """alkaid's operators are read from the installed package."""
    sources = {path.name for folder in ("verilog", "vhdl") for path in (EMIT / folder).iterdir()}
    assert all(name.startswith("tagware_") for name in sources if not name.endswith(".j2"))
    assert "rtl/alkaid_multiplier.v" in emit(recurrent(), "tagger", RtlConfig()).files


EMIT = Path(emit.__code__.co_filename).parent


@pytest.mark.parametrize(
    "name",
    [
        "Tagger",
        "1st",
        "a__b",
        "tagger_",
        "jet-tagger",
        "",
        "module",
        "entity",
        "signal",
        "work",
        "mux",
        "tagware_delay",
    ],
)
def test_a_name_that_no_language_takes_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(repr(name))):
        emit(recurrent(), name, RtlConfig())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"cells": 4}, "rnn_0: 4 cells for 3 steps"),
        ({"interleave": 3, "cell_stages": 2}, "rnn_0: interleave 3 is more than the 2 stages"),
    ],
)
def test_more_than_a_layer_has_is_refused_with_its_name(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        emit(tagger(), "tagger", RtlConfig(**options))


def test_a_layer_that_its_input_does_not_reach_is_refused_with_its_name() -> None:
    data, state = new_values(2, DATA), new_values(1, STATE)
    logic = _logic(("blind",), np.concatenate([data, state]), cast(state + 0.5, STATE))
    blind = Recurrence(("blind",), logic, n_steps=3, n_units=1, n_states=1, sequences=False)
    with pytest.raises(InputError, match="blind: its output does not depend on its input"):
        emit(Circuit(DATA, STATE, (3, 2), (blind,)), "tagger", RtlConfig())


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"language": "systemc"}, "language must be one of verilog, vhdl, not 'systemc'"),
        ({"interface": "wishbone"}, "interface must be one of handshake, axi4stream, not 'wishbone'"),
        ({"cells": 0}, "cells must be at least 1, not 0"),
        ({"cell_stages": 0}, "cell_stages must be at least 1"),
        ({"beats": 3}, "more than one transfer a jet needs a stream"),
        ({"output_beats": 2}, "more than one transfer a jet needs a stream"),
        ({"clock_ns": 0.0}, "clock_ns must be above 0"),
        ({"stage_delay": -1.0}, "stage_delay must be above 0"),
        ({"stage_dely": 1.0}, "stage_delay"),
    ],
)
def test_bad_options_are_refused_by_name(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        fill(RtlConfig, values, "project.yaml: rtl")


def test_random_circuits_are_random() -> None:
    results = recurrent().interpret(np.random.default_rng(0).normal(0, 2, (100, 3, 2)))
    assert len(np.unique(results)) > 4
