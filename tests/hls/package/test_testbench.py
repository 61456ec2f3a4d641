"""The testbench beside the RTL says of a design whether it gives the stored vectors, and says so when it does not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hls.cosim.verilator import find_verilator
from hls.csim import Vectors
from hls.package import Finished
from hls.package.archive import open_archive
from hls.package.firmware import stored_vectors
from hls.package.testbench import bench_files
from hls.project import Project
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.design import Design
from hls.rtl.emit import emit
from tests.hls.package.finished import N_VECTORS
from tests.hls.rtl.firmware import build_chain, graph_of


def checked(folder: Path, design: Design, vectors: Vectors) -> subprocess.CompletedProcess[str]:
    """`make check` as someone does who has the package and a Verilator."""
    design.save(folder / "rtl")
    (folder / "testbench").mkdir()
    for name, content in bench_files(design, vectors).items():
        (folder / "testbench" / name).write_bytes(content)
    environment = {**os.environ, **find_verilator().environment()}
    return subprocess.run(
        ["make", "check"], cwd=folder / "testbench", env=environment, capture_output=True, text=True, check=False
    )


def test_vectors_stand_as_the_ports_carry_them(finished: Finished, archive: Path) -> None:
    assert finished.design is not None
    design, vectors = Design.load(finished.design), stored_vectors(Project.load(finished.firmware))
    with open_archive(archive) as opened:
        inputs = opened.read("testbench/inputs.hex").decode().split()
        assert f"module {design.name} " in opened.read(f"rtl/rtl/{design.name}.v").decode()
        assert f"{design.name} dut (" in opened.read("testbench/testbench.sv").decode()
    assert len(inputs) == N_VECTORS and {len(line) for line in inputs} == {-(-design.input.width // 4)}
    for place, element in enumerate(design.input.elements):
        codes = [int(line, 16) >> element.lsb & (1 << element.width) - 1 for line in inputs]
        assert codes == (vectors.inputs[:, place] & (1 << element.width) - 1).tolist()


@pytest.mark.long
@pytest.mark.parametrize("interface", ["handshake", "axi4stream"])
def test_a_simulator_finds_every_vector_equal_and_one_wrong_bit(
    interface: Any, finished: Finished, tmp_path: Path
) -> None:
    project = Project.load(finished.firmware)
    circuit = trace(graph_of(build_chain(8, (6, 1)), config=project.config))
    design, vectors = emit(circuit, "chain", RtlConfig(interface=interface)), stored_vectors(project)
    done = checked(tmp_path, design, vectors)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(f"{N_VECTORS} vectors, 0 differ") == 2
    golden = vectors.golden.copy()
    golden[7] ^= 1
    (tmp_path / "testbench/golden.hex").write_bytes(bench_files(design, Vectors(vectors.inputs, golden))["golden.hex"])
    failed = checked_again(tmp_path)
    assert failed.returncode and f"{N_VECTORS} vectors, 1 differ" in failed.stdout
    assert "vector 7 is the first that differs" in failed.stdout


def checked_again(folder: Path) -> subprocess.CompletedProcess[str]:
    """The simulator that `checked` built, on the vectors that are there now."""
    return subprocess.run(["obj/testbench"], cwd=folder / "testbench", capture_output=True, text=True, check=False)
