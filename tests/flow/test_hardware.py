"""A netlist that is not what the design must be ends the stage and the verb, with what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flow.hardware
import flow.steps
import tagware
from hls.rtl.design import Bus, Design
from hls.synth import NetlistCheck, SynthConfig, Synthesis
from hls.tools.adapter import VendorConfig
from jets.errors import ExactnessError

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
