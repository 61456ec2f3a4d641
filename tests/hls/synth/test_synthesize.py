import json
import logging
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from hls.cosim import CosimConfig, cosim
from hls.csim.vectors import Vectors
from hls.report import SCHEMA_PATH
from hls.synth import SynthConfig, Synthesis, synthesize
from hls.synth.netlist import netlist_design
from hls.synth.script import out_of_context, xilinx_script
from hls.tools.yosys import Yosys
from jets.errors import ConfigError, InputError, LayoutError, StorageError, ToolFailed, ToolNotFound
from tests.hls.synth.designs import squares

HERE = Path(__file__).parent
BOTH = SynthConfig(place_and_route=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The one run of the real tools in the quick suite."""
    folder = tmp_path_factory.mktemp("synthesis") / "squares"
    return folder, synthesize(squares(), BOTH, folder)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setenv("TAGWARE_YOSYS", str(HERE / "fake_yosys.sh"))
    monkeypatch.setenv("TAGWARE_NEXTPNR_ECP5", str(HERE / "fake_nextpnr.sh"))
    monkeypatch.setenv("TOO_LARGE", str(HERE / "data" / "nextpnr_too_large.log"))
    return lambda ending: monkeypatch.setenv("FAKE", ending)


@pytest.fixture
def mapped_folder(done, tmp_path):
    """A copy of the finished folder, so that placing alone is left to be done."""
    folder = tmp_path / "copy"
    shutil.copytree(done[0], folder)
    return folder


def test_a_design_is_counted_timed_and_routed(done):
    _, synthesis = done
    (mapped,) = synthesis.mapped
    (unit,) = mapped.units
    assert unit.name == "squares_pipeline0"
    assert unit.resources == mapped.resources
    assert mapped.resources.ff == 2 + 2 * 12 + 13, "two valid bits, two squares and their sum"
    assert mapped.combined_luts < mapped.resources.lut < 80
    assert mapped.timing.layers == ("squared", "added")
    (routed,) = synthesis.routed
    assert routed.fits
    assert routed.ff > mapped.resources.ff + 12 + 13
    assert routed.fmax_mhz > 100


def test_rows_follow_the_schema_of_the_report(done):
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA_PATH.read_text())
    rows = Draft202012Validator({"$ref": "#/$defs/hardware", "$defs": schema["$defs"]})
    hardware = done[1].hardware
    for row in hardware:
        rows.validate(asdict(row))
    assert [row.kind for row in hardware] == ["synthesis", "estimate", "place_and_route"]
    assert [row.part for row in hardware] == ["xcvu13p-flga2577-2-e"] * 2 + ["LFE5UM5G-85F-8BG756C"]
    assert all(row.latency_ns == 10.0 and row.initiation_interval == 1 for row in hardware)


def test_results_come_back_from_their_file(done):
    folder, synthesis = done
    assert Synthesis.load(folder / "synthesis.json") == synthesis


def test_a_second_run_runs_no_tool(done, caplog):
    folder, synthesis = done
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name == "run.log"}
    with caplog.at_level(logging.INFO):
        again = synthesize(squares(), BOTH, folder)
    assert again == synthesis
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "map squares to xcup: kept from an earlier run" in caplog.text


def test_another_design_in_the_same_folder_is_mapped_anew(mapped_folder, fake):
    fake("error")
    with pytest.raises(ToolFailed, match="syntax error"):
        synthesize(squares(clock_ns=4.0), SynthConfig(), mapped_folder)


def test_blocks_stay_whole_but_single_stages_do_not():
    script = xilinx_script(squares(), "xcup", SynthConfig().kept_to_luts, "../design")
    assert "setattr -mod -set keep_hierarchy 1 squares_pipeline0_*" in script
    assert "setattr -mod -unset keep_hierarchy squares_pipeline0_*_stage*" in script
    assert "-noclkbuf -nodsp -nobram -run coarse:\n" in script
    assert "-no" not in " ".join(SynthConfig(dsp=True, bram=True).kept_to_luts)


def test_headers_are_found_by_yosys():
    design = squares()
    with_header = replace(design, files={**design.files, "rtl/parameters.vh": ""})
    assert "read_verilog -I../design/rtl ../design/rtl/squares.v" in xilinx_script(with_header, "xcup", (), "../design")


def test_a_stream_is_wrapped_in_whole_bytes():
    text = out_of_context(squares(interface="axi4stream", beats=2))
    assert "reg [7:0] word;" in text
    assert ".s_axis_tdata(word)" in text
    assert "reg [11:0] word;" in out_of_context(squares())


def test_vhdl_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"design squares: is in vhdl.*ghdl-yosys-plugin"):
        synthesize(squares(language="vhdl"), SynthConfig(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"families": ()}, "families is empty"),
        ({"families": ("stratix",)}, "'stratix'"),
        ({"families": ("xc7", "xc7")}, "families names one twice"),
        ({"seeds": ()}, "seeds"),
        ({"seeds": (-1,)}, "seeds"),
        ({"netlist_jets": -1}, "netlist_jets"),
        ({"yosys_timeout_s": 0.0}, "yosys_timeout_s"),
    ],
)
def test_a_wrong_option_is_named(changes, what):
    with pytest.raises(ConfigError, match=what):
        SynthConfig(**changes)


def test_a_netlist_cannot_be_checked_without_vectors(tmp_path):
    with pytest.raises(ConfigError, match="netlist_jets is 100"):
        synthesize(squares(), SynthConfig(netlist_jets=100), tmp_path / "out")


def test_a_missing_tool_is_named_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TAGWARE_NEXTPNR_ECP5", "/no/such/nextpnr")
    with pytest.raises(ToolNotFound, match="TAGWARE_NEXTPNR_ECP5"):
        synthesize(squares(), BOTH, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("…")
    with pytest.raises(StorageError):
        synthesize(squares(), SynthConfig(), tmp_path)


@pytest.mark.parametrize(
    ("ending", "error", "message"),
    [
        ("error", ToolFailed, r"run\.log: .*ERROR: syntax error, unexpected TOK_ID"),
        ("killed", ToolFailed, r"run\.log: .*SIGKILL"),
        ("trapped", ToolFailed, r"run\.log: .*too large.*call stack exhausted.*TAGWARE_YOSYS"),
        ("slow", ToolFailed, r"run\.log: .*more than 1 s"),
        ("nothing", LayoutError, r"statistics\.json: was not written by its tool"),
        ("partial", LayoutError, r"statistics\.json: is not what Yosys writes"),
    ],
)
def test_a_failed_yosys_ends_in_its_own_words(tmp_path, fake, ending, error, message):
    fake(ending)
    with pytest.raises(error, match=message):
        synthesize(squares(), SynthConfig(yosys_timeout_s=1.0), tmp_path / "out")
    assert not (tmp_path / "out" / "synthesis.json").exists()


def test_a_run_that_failed_is_run_again(tmp_path, fake):
    fake("error")
    with pytest.raises(ToolFailed):
        synthesize(squares(), SynthConfig(), tmp_path / "out")
    fake("nothing")
    with pytest.raises(LayoutError, match="was not written"):
        synthesize(squares(), SynthConfig(), tmp_path / "out")


def place_with_fake(folder, monkeypatch, ending):
    monkeypatch.setenv("TAGWARE_NEXTPNR_ECP5", str(HERE / "fake_nextpnr.sh"))
    monkeypatch.setenv("TOO_LARGE", str(HERE / "data" / "nextpnr_too_large.log"))
    monkeypatch.setenv("FAKE", ending)
    return synthesize(squares(), BOTH, folder)


def test_a_design_that_does_not_fit_has_its_row_without_a_clock(mapped_folder, monkeypatch):
    synthesis = place_with_fake(mapped_folder, monkeypatch, "too_large")
    row = synthesis.hardware[-1]
    assert (row.kind, row.fmax_mhz, row.ff) == ("synthesis", None, 90001)
    assert row.note.startswith("does not fit the largest ECP5")
    assert synthesis.hardware[1].kind == "estimate"
    assert synthesis.hardware[1].fmax_mhz > 0


def test_a_nextpnr_that_fails_otherwise_is_an_error(mapped_folder, monkeypatch):
    with pytest.raises(ToolFailed, match=r"ERROR: Failed to open '--json' file"):
        place_with_fake(mapped_folder, monkeypatch, "error")


def test_a_nextpnr_without_a_report_is_an_error(mapped_folder, monkeypatch):
    with pytest.raises(InputError, match=r"report\.json: no such report of nextpnr"):
        place_with_fake(mapped_folder, monkeypatch, "nothing")


def test_a_saved_result_of_another_layout_is_refused(done, tmp_path):
    content = json.loads((done[0] / "synthesis.json").read_text())
    path = tmp_path / "synthesis.json"
    for damaged in ({}, {**content, "mapped": 3}, {**content, "more": 1}):
        path.write_text(json.dumps(damaged))
        with pytest.raises(LayoutError, match=r"synthesis\.json: is not a result of synthesis"):
            Synthesis.load(path)


def vectors(n_jets=200):
    inputs = np.random.default_rng(0).integers(-32, 32, (n_jets, 2))
    return Vectors(inputs, (inputs**2).sum(axis=1, keepdims=True))


@pytest.mark.long
def test_the_netlist_of_every_family_does_what_the_design_does(tmp_path):
    config = SynthConfig(families=("xcup", "xc7"), netlist_jets=150)
    synthesis = synthesize(squares(), config, tmp_path / "out", vectors())
    assert [(check.family, check.n_vectors, check.n_mismatch) for check in synthesis.checks] == [
        ("xcup", 150, 0),
        ("xc7", 150, 0),
    ]
    assert synthesis.agrees
    assert Synthesis.load(tmp_path / "out" / "synthesis.json") == synthesis


@pytest.mark.long
def test_dsp_slices_are_simulated_where_yosys_has_a_model(tmp_path):
    config = SynthConfig(families=("xc7",), dsp=True, netlist_jets=150)
    synthesis = synthesize(squares(), config, tmp_path / "out", vectors())
    assert synthesis.mapped[0].resources.dsp == 2
    assert synthesis.agrees
    with pytest.raises(InputError, match=r"netlist\.v: holds DSP48E2"):
        synthesize(squares(), replace(config, families=("xcup",)), tmp_path / "out", vectors())


@pytest.mark.long
def test_a_broken_look_up_table_is_caught(done):
    folder, synthesis = done
    netlist = netlist_design(squares(), synthesis.mapped[0], folder, Yosys.find())
    text = netlist.files["netlist.v"]
    broken = text.replace(".INIT(4'h6)", ".INIT(4'h7)", 1)
    assert broken != text
    expected = vectors()
    result = cosim(
        replace(netlist, files={**netlist.files, "netlist.v": broken}),
        expected.inputs,
        expected.golden,
        CosimConfig(),
        folder / "broken",
    )
    assert result.n_mismatch > 0
