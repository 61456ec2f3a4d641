"""The cocotb example passes on right designs of both interfaces and fails on a wrong one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hls.cosim.cocotb_example.run import run_cocotb
from jets.errors import ToolFailed, ToolNotFound
from tests.hls.cosim.small_designs import pairs, product_sum, quadruples, sum_difference

TEST = "every_jet_comes_out_as_expected"


@pytest.mark.long
def test_the_example_passes_on_a_right_design_and_fails_on_a_wrong_bit(tmp_path: Path) -> None:
    assert run_cocotb(product_sum(), *quadruples(100), tmp_path / "stream") == {TEST: True}
    assert run_cocotb(sum_difference(), *pairs(100, "wrong_bit", at=60), tmp_path / "run") == {TEST: False}


def test_without_cocotb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cocotb_tools.runner", None)
    with pytest.raises(ToolNotFound, match="pip install cocotb"):
        run_cocotb(sum_difference(), *pairs(5), tmp_path / "run")


@pytest.mark.long
def test_a_design_that_does_not_compile_is_a_failed_tool(tmp_path: Path) -> None:
    broken = sum_difference(files={"sum_difference.v": "module sum_difference (input clk); assign x = ; endmodule"})
    with pytest.raises(ToolFailed, match="cocotb cannot build the design"):
        run_cocotb(broken, *pairs(5), tmp_path / "run")
