"""VHDL designs through GHDL: the same checks as for Verilog, and undefined bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hls.cosim import CosimConfig, CosimResult, cosim
from hls.cosim.vhdl import NVC, Ghdl, Nvc, find_vhdl_simulator
from hls.rtl.design import Design
from hls.tools import Tool
from hls.tools.sources import vhdl_in_order
from jets.errors import ToolFailed, ToolNotFound
from tests.hls.cosim.small_designs import FOLDER, pairs, sum_difference

pytestmark = pytest.mark.ghdl


def vhdl_design(**changes: Any) -> Design:
    files = {f"{name}.vhd": (FOLDER / f"{name}.vhd").read_text() for name in ("sum_difference", "stage")}
    return sum_difference(**{"language": "vhdl", "latency_cycles": 1, "files": files, **changes})


def faulty(fault: str, folder: Path, config: CosimConfig | None = None) -> CosimResult:
    inputs, expected = pairs(600, fault, at=250)
    inputs[250::10], expected[250::10] = inputs[250], expected[250]
    return cosim(vhdl_design(), inputs, expected, config or CosimConfig(threads=1), folder)


def test_a_right_design_agrees_and_survives_a_reset(tmp_path: Path) -> None:
    result = faulty("none", tmp_path / "run", CosimConfig(reset_at=300))
    assert result.agrees and result.tool == "GHDL" and result.tool_version >= "2.0"
    assert (result.latency_cycles, result.interval_cycles) == (1, 1.0)
    assert result.stressed is not None and result.stressed.n_cycles > 1.5 * result.stream.n_cycles
    again = faulty("none", tmp_path / "run", CosimConfig())
    assert again.stressed is not None and again.stressed.n_cycles != result.stressed.n_cycles


@pytest.mark.parametrize(
    ("fault", "name", "complaint"),
    [
        ("wrong_bit", "stream", "35 of 600 jets differ, the first is jet 250 (vectors), out_data[8:0] (output 0)"),
        ("dead", "stream", "nothing moved for 1080 cycles: 251 jets went in, 251 came out"),
        ("unknown", "stream", "out_data has undefined bits"),
        ("falling_valid", "stressed", "out_valid fell before the output was taken"),
        ("changing_data", "stressed", "out_data changed before the output was taken"),
    ],
)
def test_each_fault_is_seen_and_named(fault: str, name: str, complaint: str, tmp_path: Path) -> None:
    result = faulty(fault, tmp_path / "run")
    assert any(line.startswith(f"{name} pass") and complaint in line for line in result.complaints())


def test_a_trace_is_written_on_request(tmp_path: Path) -> None:
    result = faulty("none", tmp_path / "run", CosimConfig(n_jets=20, trace="vcd"))
    assert result.stream.trace is not None and "never_set" in Path(result.stream.trace).read_text()


def test_vhdl_with_an_error_is_a_failed_tool_with_its_log(tmp_path: Path) -> None:
    broken = vhdl_design(files={"sum_difference.vhd": "entity sum_difference is begin nothing end;"})
    with pytest.raises(ToolFailed, match=r"ghdl ended with status 1: sum_difference\.vhd:1"):
        cosim(broken, *pairs(20), CosimConfig(), tmp_path / "run")


def test_files_are_compiled_after_those_that_they_name_whatever_their_order() -> None:
    files = dict(vhdl_design().files)
    assert vhdl_in_order(files) == vhdl_in_order(dict(reversed(files.items()))) == ["stage.vhd", "sum_difference.vhd"]


def test_a_missing_simulator_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolNotFound, match=r"apt install ghdl.*TAGWARE_GHDL"):
        cosim(vhdl_design(), *pairs(20), CosimConfig(), tmp_path / "run")


def test_nvc_is_taken_when_it_is_named_or_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "nvc"
    fake.write_text("#!/bin/sh\necho nvc 1.11.3\n")
    fake.chmod(0o755)
    assert isinstance(find_vhdl_simulator(), Ghdl)
    monkeypatch.setenv(NVC.variable, str(fake))
    assert find_vhdl_simulator() == Nvc(Tool((str(fake),), "1.11.3"))
    monkeypatch.delenv(NVC.variable)
    monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
    found = find_vhdl_simulator()
    assert found.analyse(["a.vhd"], Path("library"))[1:] == [
        "--std=2008",
        "--work=design:library/design",
        "-a",
        "a.vhd",
    ]
    (command,) = found.simulate(Path("library"), Path("wave.fst"))
    assert command[1:4] == ["--std=2008", "-L", "library"] and command[-2:] == ["--format=fst", "--wave=wave.fst"]
