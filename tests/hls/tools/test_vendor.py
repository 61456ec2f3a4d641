"""The vendors' tools, against fake programs: command lines, scripts, rows, resuming, and every way to fail."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.csim.vectors import Vectors
from hls.project import HlsConfig, Project, Tensor, digests
from hls.report import Report
from hls.rtl.design import Bus, Design, Element
from hls.tools.adapter import VendorConfig
from hls.tools.vendor import TOOLS, run_steps
from hls.tools.vivado import VIVADO, Vivado
from jets.errors import ConfigError, ExactnessError, InputError, LayoutError, TagwareError, ToolFailed, ToolNotFound

MOCKS = Path(__file__).parents[2] / "mock_tools"
FIRMWARE = Path(__file__).parents[1] / "doubling_firmware"
INPUT = Tensor("constituents", (2, 3), "ap_fixed<8,4,AP_RND,AP_SAT,0>", 8, 4, True)
OUTPUT = Tensor("sums", (2,), "ap_fixed<12,8>", 12, 4, True)
PART, INTEL = "xcvu13p-flga2577-2-e", "10CX220YF780E5G"
PROGRAMS = {"vitis_hls": "vitis-run", "vivado_hls": "vivado_hls", "vivado": "vivado", "quartus": "quartus_sh"}
STEP = {"vitis_hls": "csynth", "vivado_hls": "csynth", "vivado": "synthesis", "quartus": "implementation"}


@pytest.fixture(autouse=True)
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of the fake programs, which are the only vendor tools here."""
    monkeypatch.setenv("PATH", f"{MOCKS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "calls"))
    monkeypatch.delenv("FAKE_FAILURE", raising=False)
    for program in ("vitis-run", "vitis_hls", *PROGRAMS.values()):
        monkeypatch.delenv(f"TAGWARE_{program.replace('-', '_').upper()}", raising=False)
    return tmp_path / "calls"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Firmware of a few lines with 30 stored vectors."""
    folder = tmp_path / "firmware project"
    shutil.copytree(FIRMWARE, folder / "firmware")
    inputs = np.arange(180).reshape(30, 6) % 100
    sums = inputs.sum(axis=1)
    Vectors(inputs, np.stack([sums, 2 * sums], axis=1)).save(folder / "vectors", INPUT, OUTPUT)
    files = {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted((folder / "firmware").rglob("*")) if p.is_file()
    }
    config = HlsConfig(name="doubling", part=PART, clock_ns=5.0)
    return Project(folder, "doubling", config, "of a test", (INPUT,), (OUTPUT,), (), digests(files))


@pytest.fixture
def design() -> Design:
    """A register as a stream, with a header beside it."""
    bus = Bus((Element(0, 8, 4, True),))
    files = {"rtl/top.v": "module top(input aclk); endmodule\n", "rtl/top_parameters.vh": "// none\n", "top.xdc": ""}
    return Design("top", "verilog", "axi4stream", 1, 5.0, PART, bus, bus, 84, 80.4, (), files)


def target_of(tool: str, project: Project, design: Design) -> tuple[Any, VendorConfig]:
    if tool == "quartus":
        return design, VendorConfig(part=INTEL)
    return (design if tool == "vivado" else project), VendorConfig()


def logged(calls: Path) -> list[list[str]]:
    """The command lines so far but those that ask for a version."""
    lines = [json.loads(line)["argv"] for line in calls.read_text().splitlines()] if calls.exists() else []
    return [argv for argv in lines if argv[1:] not in (["-version"], ["--version"])]


def one_line(error: pytest.ExceptionInfo[TagwareError], *words: str) -> None:
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def checked(report: Report, rows: Any) -> None:
    """The rows fit the report's schema."""
    Report.build(**{**{k: v for k, v in report.to_json().items() if k != "layout"}, "hardware": rows})


def test_vitis_hls_runs_every_step_in_its_folder(
    project: Project, tmp_path: Path, calls: Path, top_report: Report
) -> None:
    rows = run_steps(project, "vitis_hls", ("export", "cosim", "csim"), VendorConfig(vectors=10), tmp_path / "vendor")
    assert logged(calls) == [
        ["vitis-run", "--mode", "hls", "--tcl", f"{step}.tcl"] for step in ("csim", "csynth", "cosim", "export")
    ]
    estimate, seen = rows
    assert (estimate.tool, estimate.tool_version, estimate.kind) == ("vitis_hls", "2024.2", "estimate")
    assert (estimate.latency_cycles, estimate.latency_ns, estimate.initiation_interval) == (12, 60.0, 2)
    assert (estimate.lut, estimate.ff, estimate.dsp, estimate.bram) == (50012, 4321, 60, 6)
    assert (estimate.fmax_mhz, estimate.clock_ns, estimate.part) == (250.0, 5.0, PART)
    assert (seen.latency_cycles, seen.latency_ns, seen.initiation_interval, seen.lut) == (14, 70.0, 3, 50012)
    checked(top_report, rows)
    work = tmp_path / "vendor/vitis_hls"
    assert json.loads(calls.read_text().splitlines()[-1])["cwd"] == str(work)
    assert len((work / "vectors/inputs.txt").read_text().splitlines()) == 11
    assert "vitis-run v2024.2" in (work / "csim.log").read_text()
    project.check_files()


def test_the_scripts_ask_for_the_part_and_the_clock(project: Project, tmp_path: Path) -> None:
    run_steps(project, "vitis_hls", ["csynth"], VendorConfig(part="xcku115-flvb2104-2-i", clock_ns=3.5), tmp_path)
    script = (tmp_path / "vitis_hls/csynth.tcl").read_text()
    for line in ("set_top doubling", "set_part xcku115-flvb2104-2-i", "create_clock -period 3.5 -name default"):
        assert line in script.splitlines()
    assert "set_clock_uncertainty 12.5% default" in script and "{" not in script.replace("catch {", "")


def test_an_old_vitis_run_gives_way_to_vitis_hls(
    project: Project, tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old/vitis-run"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho '****** vitis-run v2023.2 (64-bit)'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}{os.pathsep}{os.environ['PATH']}")
    (row,) = run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    assert row.tool_version == "2023.2" and logged(calls) == [["vitis_hls", "-f", "csynth.tcl"]]


def test_vivado_hls_reports_no_latency_where_it_knows_none(
    project: Project, tmp_path: Path, calls: Path, top_report: Report
) -> None:
    rows = run_steps(project, "vivado_hls", ["csynth", "cosim"], VendorConfig(), tmp_path)
    assert logged(calls) == [["vivado_hls", "-f", "csynth.tcl"], ["vivado_hls", "-f", "cosim.tcl"]]
    assert [row.latency_cycles for row in rows] == [None, 778]
    assert [row.initiation_interval for row in rows] == [None, None]
    assert rows[0].dsp == 8 and rows[0].latency_ns is None and rows[1].latency_ns == 3890.0
    checked(top_report, rows)


def test_vivado_synthesizes_and_implements_a_design(
    design: Design, tmp_path: Path, calls: Path, top_report: Report
) -> None:
    rows = run_steps(design, "vivado", ["implementation"], VendorConfig(), tmp_path)
    assert logged(calls) == [
        ["vivado", "-mode", "batch", "-nojournal", "-nolog", "-source", f"{step}.tcl"]
        for step in ("synthesis", "implementation")
    ]
    assert [row.kind for row in rows] == ["synthesis", "vendor"]
    assert [row.fmax_mhz for row in rows] == [160.0, 250.0]
    assert [row.note for row in rows] == ["timing not met, slack -1.25 ns", None]
    routed = rows[1]
    assert (routed.lut, routed.ff, routed.dsp, routed.bram) == (21734, 4864, 60, 25)
    assert (routed.latency_cycles, routed.initiation_interval, routed.latency_ns) == (84, 81, 420.0)
    checked(top_report, rows)
    assert (tmp_path / "vivado/clock.xdc").read_text() == "create_clock -name aclk -period 5.0 [get_ports aclk]\n"
    script = (tmp_path / "vivado/synthesis.tcl").read_text()
    assert "read_verilog {rtl/top.v}" in script and "-include_dirs {rtl}" in script and "parameters.vh" not in script
    vivado = Vivado(design, VendorConfig(), tmp_path)
    assert vivado.hierarchy("implementation")[0].lut == 21734
    for step, told in (
        ("synthesis", "timing not met, slack -1.25 ns"),
        ("implementation", "timing not met, hold slack -0.033 ns"),
    ):
        report = tmp_path / f"vivado/{step}_timing.rpt"
        report.write_text(report.read_text().replace("  0.033  ", " -0.033  "))
        row = vivado.read(vivado.find(), step)
        assert row is not None and row.note == told


def test_vivado_reads_vhdl_in_the_order_of_use_and_constrains_a_handshake(design: Design, tmp_path: Path) -> None:
    files = {
        "rtl/a.vhd": "entity a is end;\narchitecture x of a is begin c0: entity work.c; end;\n",
        "rtl/b.vhd": "package b is end package;\nENTITY d IS END;\n",
        "rtl/c.vhd": "use work.b.all;\nentity c is end;\narchitecture x of c is begin d0: entity Work.D; end;\n",
    }
    vhdl = replace(design, name="a", language="vhdl", interface="handshake", files=files)
    run_steps(vhdl, "vivado", ["synthesis"], VendorConfig(), tmp_path)
    lines = (tmp_path / "vivado/synthesis.tcl").read_text().splitlines()
    assert lines[1:4] == [f"read_vhdl -vhdl2008 {{rtl/{name}.vhd}}" for name in "bca"]
    assert "[get_ports clk]" in (tmp_path / "vivado/clock.xdc").read_text()


def test_vivado_takes_what_hls_made_with_its_cycles(project: Project, tmp_path: Path, calls: Path) -> None:
    with pytest.raises(ConfigError) as error:
        run_steps(project, "vivado", ["synthesis"], VendorConfig(), tmp_path)
    one_line(error, "no RTL of this firmware", "csynth")
    assert logged(calls) == []
    run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    (row,) = run_steps(project, "vivado", ["synthesis"], VendorConfig(), tmp_path)
    assert (row.latency_cycles, row.initiation_interval, row.lut) == (12, 2, 21734)
    work = tmp_path / "vivado"
    assert (work / "rom.dat").is_file() and (work / "rtl/doubling.v").is_file()
    assert "[get_ports ap_clk]" in (work / "clock.xdc").read_text()
    changed = replace(project, files={**project.files, "firmware/doubling.h": "another digest"})
    with pytest.raises(ConfigError) as error:
        run_steps(changed, "vivado", ["synthesis"], VendorConfig(), tmp_path)
    one_line(error, "csynth")


def test_vivado_packages_a_stream_as_ip(design: Design, tmp_path: Path, calls: Path) -> None:
    assert run_steps(design, "vivado", ["package"], VendorConfig(), tmp_path) == ()
    assert (tmp_path / "vivado/ip/component.xml").is_file()
    script = (tmp_path / "vivado/package.tcl").read_text()
    assert "foreach bus {s_axis m_axis}" in script and "-clock aclk" in script
    assert "add_files -norecurse {rtl/top_parameters.vh}" in script
    run_steps(replace(design, interface="handshake"), "vivado", ["package"], VendorConfig(), tmp_path)
    assert "s_axis" not in (tmp_path / "vivado/package.tcl").read_text()


def test_hls_packages_its_own_ip(project: Project, tmp_path: Path) -> None:
    run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    with pytest.raises(ConfigError) as error:
        run_steps(project, "vivado", ["package"], VendorConfig(), tmp_path)
    one_line(error, "export")


def test_quartus_fits_a_design(design: Design, tmp_path: Path, calls: Path, top_report: Report) -> None:
    rows = run_steps(design, "quartus", ["implementation"], VendorConfig(part=INTEL), tmp_path)
    assert logged(calls) == [["quartus_sh", "-t", "synthesis.tcl"], ["quartus_sh", "-t", "implementation.tcl"]]
    (row,) = rows
    assert (row.kind, row.tool_version, row.part) == ("vendor", "22.4.0", INTEL)
    assert (row.lut, row.ff, row.dsp, row.bram, row.fmax_mhz) == (2137, 761, 7, 2, 131.58)
    assert row.note == "1930 ALM, timing not met, slack -2.6 ns"
    checked(top_report, rows)
    script = (tmp_path / "quartus/synthesis.tcl").read_text()
    assert f"DEVICE {INTEL}" in script and "VERILOG_FILE {rtl/top.v}" in script and "SEARCH_PATH rtl" in script
    assert "VIRTUAL_PIN ON -to {s_axis_tdata[*]}" in script and "VIRTUAL_PIN ON -to {m_axis_tready}" in script
    assert "{aclk}" not in script


def test_a_step_that_is_done_is_not_run_again(project: Project, tmp_path: Path, calls: Path) -> None:
    first = run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    assert run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path) == first
    assert len(logged(calls)) == 1
    run_steps(project, "vitis_hls", ["csynth", "cosim"], VendorConfig(timeout_s=9.0), tmp_path)
    assert [argv[-1] for argv in logged(calls)] == ["csynth.tcl", "cosim.tcl"]


@pytest.mark.parametrize("change", ["option", "source", "version"])
def test_a_change_starts_the_steps_over(
    design: Design, tmp_path: Path, calls: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_steps(design, "vivado", ["synthesis"], VendorConfig(), tmp_path)
    (tmp_path / "vivado/left over").touch()
    if change == "version":
        monkeypatch.setenv("FAKE_FAILURE", "old")
        monkeypatch.setattr("hls.tools.vivado.VIVADO", replace(VIVADO, oldest=None))
    other = replace(design, files={"rtl/top.v": "module top; endmodule\n"}) if change == "source" else design
    config = VendorConfig(clock_ns=4.0) if change == "option" else VendorConfig()
    run_steps(other, "vivado", ["synthesis"], config, tmp_path)
    assert len(logged(calls)) == 2 and not (tmp_path / "vivado/left over").exists()


@pytest.mark.parametrize(
    ("tool", "failure", "kind", "words"),
    [
        ("vitis_hls", "licence", ToolFailed, ("17-345", "LM_LICENSE_FILE", ".log")),
        ("vivado", "step", ToolFailed, ("status 1", "ERROR: [HLS 200-70] Compilation errors found", ".log")),
        ("vivado_hls", "killed", ToolFailed, ("SIGKILL", ".log")),
        ("quartus", "hangs", ToolFailed, ("took more than 0.5 s", ".log")),
        *((tool, "silent", LayoutError, ("without writing this file",)) for tool in PROGRAMS),
        *((tool, "partial", LayoutError, ("run this step again",)) for tool in PROGRAMS),
        *((tool, "old", ToolNotFound, ("too old", "set TAGWARE_")) for tool in PROGRAMS),
    ],
)
def test_every_failure_is_clear_and_the_step_runs_again(
    tool: str, failure: str, kind: type[TagwareError], words: tuple[str, ...], project: Project, design: Design,
    tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    target, config = target_of(tool, project, design)
    monkeypatch.setenv("FAKE_FAILURE", failure)
    with pytest.raises(kind) as error:
        hasty = replace(config, timeout_s=0.5) if failure == "hangs" else config
        run_steps(target, tool, [STEP[tool]], hasty, tmp_path / "vendor")
    one_line(error, *words)
    if failure != "old":
        assert str(tmp_path / "vendor" / tool) in str(error.value)
    monkeypatch.delenv("FAKE_FAILURE")
    before = len(logged(calls))
    assert run_steps(target, tool, [STEP[tool]], config, tmp_path / "vendor")
    assert len(logged(calls)) > before


@pytest.mark.parametrize(("tool", "step"), [("vitis_hls", "csim"), ("vitis_hls", "export"), ("vivado", "package")])
def test_a_step_without_numbers_must_leave_its_product(
    tool: str, step: str, project: Project, design: Design, tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, config = target_of(tool, project, design)
    run_steps(target, tool, [STEP[tool]], config, tmp_path)
    monkeypatch.setenv("FAKE_FAILURE", "silent")
    for _ in range(2):
        with pytest.raises(LayoutError) as error:
            run_steps(target, tool, [step], config, tmp_path)
        one_line(error, str(tmp_path / tool), "without writing this file")
    assert [argv[-1] for argv in logged(calls)][-2:] == [f"{step}.tcl"] * 2


@pytest.mark.parametrize("tool", PROGRAMS)
def test_a_missing_tool_names_its_variable_and_leaves_nothing(
    tool: str, project: Project, design: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, config = target_of(tool, project, design)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolNotFound) as error:
        run_steps(target, tool, [STEP[tool]], config, tmp_path / "vendor")
    one_line(error, PROGRAMS[tool], f"TAGWARE_{PROGRAMS[tool].replace('-', '_').upper()}", "install")
    assert not (tmp_path / "vendor").exists()


@pytest.mark.parametrize("tool", ["vitis_hls", "vivado", "quartus"])
def test_a_prefix_runs_the_tool_elsewhere(
    tool: str, project: Project, design: Design, tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = tmp_path / "bin/ssh"
    host.parent.mkdir()
    host.write_text('#!/bin/sh\necho "$1" >> "$FAKE_LOG.hosts"; shift; cd /; exec sh -c "$*"\n')
    host.chmod(0o755)
    monkeypatch.setenv("PATH", f"{host.parent}{os.pathsep}{os.environ['PATH']}")
    target, config = target_of(tool, project, design)
    rows = run_steps(target, tool, [STEP[tool]], replace(config, prefix=("ssh", "eda01")), tmp_path / "my vendor")
    assert rows and set((tmp_path / "calls.hosts").read_text().split()) == {"eda01"}
    assert json.loads(calls.read_text().splitlines()[-1])["cwd"] == str(tmp_path / "my vendor" / tool)


def test_a_difference_in_cosimulation_is_an_exactness_error(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAILURE", "difference")
    for _ in range(2):
        with pytest.raises(ExactnessError) as error:
            run_steps(project, "vitis_hls", ["cosim"], VendorConfig(), tmp_path)
        one_line(error, "doubling_cosim.rpt", "Verilog", "differs")


def test_a_report_that_was_lost_makes_its_step_run_again(project: Project, tmp_path: Path, calls: Path) -> None:
    run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    (tmp_path / "vitis_hls/doubling_prj/solution1/syn/report/doubling_csynth.xml").unlink()
    with pytest.raises(LayoutError) as error:
        run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    one_line(error, "doubling_csynth.xml")
    assert run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path) and len(logged(calls)) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"done": {}}'])
def test_a_damaged_record_of_the_steps_is_named(project: Project, tmp_path: Path, text: str) -> None:
    (tmp_path / "vitis_hls").mkdir()
    (tmp_path / "vitis_hls/state.json").write_text(text)
    with pytest.raises(LayoutError) as error:
        run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    one_line(error, "state.json")


def test_a_project_without_vectors_is_synthesized_but_not_simulated(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(project.folder / "vectors")
    assert run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    for step in ("csim", "cosim"):
        with pytest.raises(InputError) as error:
            run_steps(project, "vitis_hls", [step], VendorConfig(), tmp_path)
        one_line(error, step, "vectors", "tagware csim")


def test_a_project_that_was_changed_is_refused(project: Project, tmp_path: Path) -> None:
    (project.folder / "firmware/doubling.h").write_text("changed")
    with pytest.raises(LayoutError) as error:
        run_steps(project, "vitis_hls", ["csynth"], VendorConfig(), tmp_path)
    one_line(error, "doubling.h", "was changed")


@pytest.mark.parametrize(
    ("tool", "step", "word"),
    [
        ("vivado_hsl", "csynth", "did you mean 'vivado_hls'?"),
        ("vitis_hls", "csynt", "did you mean 'csynth'?"),
        ("vivado", "csim", "use one of synthesis, implementation, package"),
    ],
)
def test_an_unknown_tool_or_step_names_the_nearest(
    project: Project, tmp_path: Path, tool: str, step: str, word: str
) -> None:
    with pytest.raises(ConfigError) as error:
        run_steps(project, tool, [step], VendorConfig(), tmp_path)
    one_line(error, word)


def test_a_target_that_a_tool_cannot_take_is_refused(project: Project, design: Design, tmp_path: Path) -> None:
    for target, tool, step, word in (
        (design, "vitis_hls", "csynth", "not an RTL design"),
        (project, "quartus", "synthesis", "not C++"),
        (design, "quartus", "synthesis", "is AMD's"),
    ):
        with pytest.raises(ConfigError) as error:
            run_steps(target, tool, [step], VendorConfig(), tmp_path)
        one_line(error, word)


@pytest.mark.parametrize(
    ("key", "value"), [("part", "xc; exec rm"), ("clock_ns", 0.0), ("timeout_s", -1.0), ("vectors", 0)]
)
def test_a_config_out_of_range_names_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as error:
        VendorConfig(**{key: value})
    one_line(error, key)


def test_every_tool_is_tried_here() -> None:
    assert set(TOOLS) == set(PROGRAMS)
