"""The emulator: the bits of the firmware through dlopen, whatever the firmware's namespace and ports."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hls.package.emulator import emulator_files, library_headers
from hls.project import HlsConfig, Project
from hls.rtl import trace
from models.students.feed_forward import FeedForwardSpec
from tests.exact_students import build_exact
from tests.feed_forward_students import SPECS, build_feed_forward, build_heterogeneous
from tests.hls.firmware import write_project
from tests.hls.package.finished import N_VECTORS, store_vectors
from tests.hls.rtl.firmware import build_chain, graph_of


def simulated(model: Any, folder: Path, config: HlsConfig) -> Project:
    """Firmware with vectors whose golden outputs are those of the traced circuit."""
    project = write_project(model, folder, config)
    store_vectors(project, trace(graph_of(model, config=replace(config, io_type="io_parallel"))))
    return project


def checked(project: Project, folder: Path) -> str:
    """What `make check` says of a project's emulator, written into a folder of its own."""
    for name, content in emulator_files(project).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    make = ["make", "-C", str(folder), f"HLS={project.folder}", "check"]
    return subprocess.run(make, capture_output=True, text=True, check=False).stdout


def symbols(library: Path, *options: str) -> str:
    return subprocess.run(["nm", "-C", *options, library], capture_output=True, text=True, check=True).stdout


def test_two_symbols_are_exported_and_a_namespace_of_the_firmware_is_kept(tmp_path: Path) -> None:
    project = simulated(build_chain(8, (6, 1)), tmp_path / "firmware", HlsConfig(name="chain", namespace="jets"))
    assert f"{N_VECTORS} vectors, 0 differ" in checked(project, tmp_path / "emulator")
    library = tmp_path / "emulator/chain_emulator.so"
    exported = symbols(library, "-D", "--defined-only").splitlines()
    assert {line.split()[-1] for line in exported} == {"create_model", "destroy_model"}
    assert "tagware_chain::jets::chain(" in symbols(library)


@pytest.mark.long
def test_firmware_that_takes_streams_is_emulated_jet_by_jet(tmp_path: Path) -> None:
    project = simulated(build_exact("gru"), tmp_path / "firmware", HlsConfig(io_type="io_stream"))
    assert "hls::stream<input_t>" in (project.folder / "firmware/tagger.h").read_text()
    assert f"{N_VECTORS} vectors, 0 differ" in checked(project, tmp_path / "emulator")


@pytest.mark.long
@pytest.mark.parametrize(
    ("build", "kind"), [(build_feed_forward, "jedi_linear"), (build_heterogeneous, "linear_attention")]
)
def test_students_of_particles_are_emulated_with_their_generated_kernels(
    build: Callable[[FeedForwardSpec], Any], kind: str, tmp_path: Path
) -> None:
    project = simulated(build(SPECS[kind]), tmp_path / "firmware", HlsConfig())
    assert f"{N_VECTORS} vectors, 0 differ" in checked(project, tmp_path / "emulator")


@pytest.mark.long
def test_two_emulators_in_one_process_share_nothing(tmp_path: Path) -> None:
    config = HlsConfig(name="chain")
    libraries = []
    for seed in (1, 2):
        project = simulated(build_chain(8, (6, 1), seed), tmp_path / f"firmware{seed}", config)
        folder = tmp_path / f"emulator{seed}"
        assert f"{N_VECTORS} vectors, 0 differ" in checked(project, folder)
        libraries.append((project, folder))
    (first, folder), (second, other) = libraries
    check = (folder / "check/loader.cpp").read_text()
    assert check.count("./chain_emulator.so") == 1
    preload = f'dlopen("{other}/chain_emulator.so", RTLD_NOW | RTLD_GLOBAL), "./chain_emulator.so"'
    (folder / "check/loader.cpp").write_text(check.replace('library("./chain_emulator.so"', f"library(({preload})"))
    make = ["make", "-C", str(folder), f"HLS={first.folder}", "check"]
    assert f"{N_VECTORS} vectors, 0 differ" in subprocess.run(make, capture_output=True, text=True, check=False).stdout
    run = [str(folder / "testbench"), str(second.folder / "vectors")]
    wrong = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1 and "first difference" in wrong.stdout


def test_headers_of_libraries_are_those_that_are_not_the_networks_own() -> None:
    top = '#include <array>\n#include "net.h"\n  # include "nnet_utils/nnet_dense.h"\n#include "weights/w2.h"\n'
    sources = {"firmware/net.cpp": top, "firmware/net.h": '#include "ap_fixed.h"\n', "firmware/weights/w2.h": ""}
    assert library_headers(sources) == ["<array>", '"firmware/nnet_utils/nnet_dense.h"', '"ap_fixed.h"']
