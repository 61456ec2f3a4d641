"""A netlist that is not what the design must be ends the stage and the verb, with what was seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import flow.hardware
import flow.steps
import tagware
from hls.cosim import CosimConfig
from hls.project import Tensor
from hls.rtl.design import Bus, Design, Element
from hls.synth import NetlistCheck, SynthConfig, Synthesis
from hls.tools.adapter import VendorConfig
from jets.errors import DataError, ExactnessError

NOTHING = Bus(())
DESIGN = Design("small", "verilog", "handshake", 1, 5.0, "xcvu13p", NOTHING, NOTHING, 3, 1.0, (), {"rtl/small.v": ""})


def synthesis(*complaints: str) -> Synthesis:
    checks = (NetlistCheck("xcup", 100, len(complaints), complaints, 1.0),)
    return Synthesis("small", DESIGN.digest, DESIGN.part, 5.0, 3, 1.0, {"yosys": "0.70"}, (), (), checks)


def test_a_vendors_tool_runs_behind_the_prefix_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, ...]] = []

    def run_steps(design: Design, tool: str, steps: list[str], config: VendorConfig, folder: Path) -> list[Any]:
        seen.append(config.prefix)
        return []

    monkeypatch.setattr(Design, "load", staticmethod(lambda _: DESIGN))
    monkeypatch.setattr("hls.tools.vendor.run_steps", run_steps)
    monkeypatch.setenv("TAGWARE_PREFIX", "ssh -tt eda01")
    for config in (VendorConfig(), VendorConfig(prefix=("nice",))):
        assert flow.hardware.run_vendor("vivado", ["synthesis"], tmp_path, config, tmp_path / "out") == []
    assert seen == [("ssh", "-tt", "eda01"), ("nice",)]


def test_codes_of_another_binary_point_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buses = [Bus((Element(0, 8, fraction_bits, True),)) for fraction_bits in (4, 6)]
    design = replace(DESIGN, input=buses[0], output=buses[1])
    types = [Tensor("x", (1,), "ap_fixed<8,4>", 8, fraction_bits, True) for fraction_bits in (4, 5)]
    monkeypatch.setattr(Design, "load", staticmethod(lambda _: design))
    monkeypatch.setattr("hls.project.Project.load", lambda _: None)
    monkeypatch.setattr("hls.csim.build", lambda _: SimpleNamespace(input=types[0], output=types[1]))
    with pytest.raises(DataError, match=r"output 0 .*ap_fixed<8,4>"):
        flow.hardware.simulate_rtl(tmp_path / "design", tmp_path, CosimConfig(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_stage_with_a_wrong_netlist_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = {"rtl": tmp_path, "csim": tmp_path}
    monkeypatch.setattr(flow.steps, "synthesize_rtl", lambda *_: synthesis("jet 3 differs"))
    with pytest.raises(ExactnessError, match="netlist for xcup: jet 3 differs"):
        flow.steps._synth(SynthConfig(), tmp_path, upstream)
    monkeypatch.setattr(flow.steps, "synthesize_rtl", lambda *_: synthesis())
    flow.steps._synth(SynthConfig(), tmp_path, upstream)


@pytest.mark.parametrize(("complaints", "status"), [(("jet 3 differs",), 1), ((), 0)])
def test_the_verb_says_what_differs_and_fails(
    complaints: Any, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flow.hardware, "synthesize_rtl", lambda *_: synthesis(*complaints))
    assert tagware.main(["synth", str(tmp_path / "design"), str(tmp_path / "out")]) == status
    assert ("netlist for xcup: jet 3 differs" in capsys.readouterr().err) is bool(complaints)
