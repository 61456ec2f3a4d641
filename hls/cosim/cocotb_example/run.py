"""The cocotb tests run on a design, with the Verilator that cosim uses."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import numpy as np

from hls.cosim.packing import Codes
from hls.cosim.self_test import check
from hls.cosim.verilator import find_verilator
from hls.rtl.design import Design
from jets.errors import ToolFailed, ToolNotFound
from jets.files import claim_folder

DESIGN, VECTORS = "TAGWARE_COCOTB_DESIGN", "TAGWARE_COCOTB_VECTORS"
"""Environment variables that tell the tests which design and which vectors they are run on."""
TESTS = "hls.cosim.cocotb_example.test_design"


def run_cocotb(design: Design, inputs: Codes, expected: Codes, folder: Path, tests: str = TESTS) -> dict[str, bool]:
    """Whether each cocotb test of the module `tests` passed on a Verilog design.

    `inputs` (n_jets, n_inputs) and `expected` (n_jets, n_outputs) are codes, as for `hls.cosim.cosim`. `folder` keeps
    the design, the vectors, the simulator, its logs and `results.xml`.

    Raises:
        ToolNotFound: cocotb or Verilator is not installed.
        ToolFailed: Verilator fails its self-test, the design does not compile, or the simulation crashed.
    """
    try:
        from cocotb_tools.runner import get_runner
    except ImportError:
        remedy = "install it with `pip install cocotb`"
        raise ToolNotFound("the Python package cocotb is not installed", None, remedy) from None
    verilator = find_verilator()
    check(verilator)
    folder = claim_folder(folder).absolute()
    saved = design.save(folder / "design")
    np.savez(folder / "vectors.npz", inputs=inputs, expected=expected)
    told = {DESIGN: str(saved), VECTORS: str(folder / "vectors.npz")}
    top, place = design.name, folder / "build"
    results, logs = folder / "results.xml", (folder / "build.log", folder / "test.log")
    results.unlink(missing_ok=True)
    with patch.dict(os.environ, verilator.environment()):
        runner = get_runner("verilator")
        try:
            sources = [saved / name for name in design.files if name.endswith(".v")]
            runner.build(
                sources=sources, hdl_toplevel=top, build_args=["-Wno-fatal"], build_dir=place, log_file=logs[0]
            )
        except RuntimeError:
            raise ToolFailed("cocotb cannot build the design", logs[0], "read this log") from None
        with suppress(SystemExit):  # the runner's way to say that a test failed
            runner.test(
                tests, top, build_dir=place, test_dir=folder, extra_env=told, results_xml=str(results), log_file=logs[1]
            )
    return _passed(results, logs[1])


def _passed(results: Path, log: Path) -> dict[str, bool]:
    if not results.is_file():
        raise ToolFailed("cocotb ended without results", log, "read this log")
    cases = ElementTree.parse(results).iter("testcase")
    return {case.attrib["name"]: case.find("failure") is None and case.find("error") is None for case in cases}
