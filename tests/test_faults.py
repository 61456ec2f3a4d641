"""Runs that are killed at any moment: the same command ends with what an undisturbed run gives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jets.dataset import JetsWriter
from jets.files import file_digest, read_json
from jets.hdf5 import open_hdf5
from tests.synthetic import synthetic_jets

ROOT = Path(__file__).parents[1]
PROJECT = """
jets: {file: jets.h5}
teacher:
  architecture: particle_transformer
  config: {n_constituents: 6, width: 8, heads: 2, class_blocks: 1, embedding: [8], pair_embedding: [4]}
  train: {epochs: 3}
student: {cell: gru, units: 3, dense: [4], n_constituents: 6}
compress:
  distil: {float_epochs: 2, quantized_epochs: 1}
  control: false
hls: {name: tiny}
synth: null
compare: {n_replicas: 20, n_bins: 2, robustness: {n_jets: 300}}
"""
KILLS = 20
RESULTS = ("csim/firmware/firmware/**/*.*", "csim/firmware/vectors/*", "rtl/design/**/*.v", "cosim/*.npy")
RESULTS += ("comparison/tables/*.csv", "comparison/plots/*")
TIMES = ("created", "stage_seconds")


def make_project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "project.yaml").write_text(PROJECT)
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(synthetic_jets(2000))
    return folder


def start(project: Path) -> subprocess.Popen[bytes]:
    """A run in a session of its own, whose compilers and simulators die with it."""
    command = [sys.executable, "-m", "tagware", "run", str(project)]
    with open(project / "log", "ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)


def finish(project: Path) -> float:
    """Run to the end; the seconds that it took."""
    begun = time.monotonic()
    assert start(project).wait(timeout=900) == 0, (project / "log").read_text()[-2000:]
    return time.monotonic() - begun


def results(project: Path) -> dict[str, Any]:
    """What the teacher said, the digests of firmware, vectors and RTL, and the report, but for paths and times."""
    build = project / "build"
    digests = {path.relative_to(build).as_posix(): file_digest(path) for name in RESULTS for path in build.glob(name)}
    report = read_json(build / "report/report.json")
    report["cost"] = {key: value for key, value in report["cost"].items() if key not in TIMES}
    with open_hdf5(build / "teach/teacher.h5") as file:
        said = {name: file[name][:].tobytes() for name in ("ids", "logits", "embedding")}
    return digests | said | {key: value for key, value in report.items() if key not in TIMES}


@pytest.mark.long
def test_twenty_kills_at_random_moments_change_no_byte_of_the_results(tmp_path: Path) -> None:
    whole, killed = make_project(tmp_path / "whole/tiny"), make_project(tmp_path / "killed/tiny")
    seconds = finish(whole)
    moments = random.Random(1)
    for _ in range(KILLS):
        process = start(killed)
        try:
            process.wait(moments.uniform(0, seconds / 2))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finish(killed)
    found, wanted = results(killed), results(whole)
    assert len(wanted) > 20 and found.keys() == wanted.keys()
    assert [key for key in wanted if found[key] != wanted[key]] == []
