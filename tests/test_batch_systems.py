"""What docs/large.md gives to Slurm and HTCondor runs, by stand-ins for their submit programs, on fewer processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from jets.dataset import JetsFile, JetsWriter
from models.tagger import Tagger
from tests.documentation import ROOT, types_in
from tests.synthetic import synthetic_jets

LARGE = ROOT / "docs/large.md"
STAND_INS = Path(__file__).parent / "mock_batch"
TAGWARE = f"""#!/bin/sh
exec {sys.executable} {ROOT / "tagware.py"} "$@"
"""
SLEEP = """#!/bin/bash
until (echo > /dev/tcp/localhost/$PORT) 2> /dev/null; do /bin/sleep 0.2; done
"""
"""Waits for what the script waits for, however busy the machine is."""
MANY = "--ntasks=65", "--ntasks=64", "--ntasks-per-node=4", "queue 64"
FEWER = "--ntasks=2", "--ntasks=1", "--ntasks-per-node=1", "queue 1"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A folder with jets and a config, and programs of which the batch systems' are stand-ins."""
    (tmp_path / "bin").mkdir()
    for name, text in (("tagware", TAGWARE), ("sleep", SLEEP)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    dask = Path(sys.executable).with_name("dask")
    (tmp_path / "bin/dask").symlink_to(dask if dask.exists() else str(shutil.which("dask")))
    (tmp_path / "jets.yaml").write_text(yaml.safe_dump({"classes": ["q"], "n_per_class": 6, "n_constituents": 8}))
    path = f"{tmp_path / 'bin'}{os.pathsep}{STAND_INS}{os.pathsep}{os.environ['PATH']}"
    with socket.socket() as free:
        free.bind(("", 0))
        port = str(free.getsockname()[1])
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    kept = {name: value for name, value in os.environ.items() if name not in ranks and not name.startswith("SLURM_")}
    return kept | {"PATH": path, "PORT": port, "PYTHONPATH": str(ROOT)}


def write(command: str, environment: dict[str, str], folder: Path) -> list[str]:
    """Write the file that a command of docs/large.md submits, for one machine and few processes; the command."""
    (text,) = re.findall(rf"`{command}`:\n\n```\w*\n(.*?)```", LARGE.read_text(), flags=re.S)
    for many, fewer in zip(MANY, FEWER, strict=True):
        text = text.replace(many, fewer)
    for name, here in (
        ("/shared/venv/bin", folder / "bin"), ("/shared/project", folder), ("8786", environment["PORT"]),
        ("SUBMIT.HOST", "localhost"), ("$(hostname)", "localhost"),
    ):  # fmt: skip
        text = text.replace(name, str(here))
    (folder / command.split()[1]).write_text(text)
    return command.split()


def run(command: list[str], environment: dict[str, str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


@contextmanager
def running(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.mark.long
@types_in(LARGE)
@pytest.mark.parametrize(("command", "nodes"), [("sbatch train.sh", 2), ("condor_submit train.sub", 1)])
def test_a_training_runs_on_so_many_machines(
    command: str, nodes: int, environment: dict[str, str], tmp_path: Path
) -> None:
    with JetsWriter(tmp_path / "jets.h5") as writer:
        writer.append(synthetic_jets(80))
    network = {"units": 4, "dense": [4], "n_constituents": 6}
    train = {"epochs": 1, "batch_size": 8, "accelerator": "cpu", "devices": 1, "num_nodes": nodes}
    teacher = {"architecture": "gru", "config": network, "train": train}
    (tmp_path / "project.yaml").write_text(yaml.safe_dump({"teacher": teacher}))
    run(write(command, environment, tmp_path), environment, tmp_path)
    assert Tagger.load(tmp_path / "teacher").provenance["training"]["num_nodes"] == nodes


@pytest.mark.long
@types_in(LARGE)
def test_a_simulation_is_made_by_workers_that_slurm_or_htcondor_starts(
    environment: dict[str, str], tmp_path: Path
) -> None:
    run(write("sbatch simulate.sh", environment, tmp_path), environment, tmp_path)
    first = JetsFile(tmp_path / "jets.h5")
    assert len(first) == 6
    (tmp_path / "jets.h5").rename(tmp_path / "slurm.h5")
    workers = write("condor_submit workers.sub", environment, tmp_path)
    scheduler = ["dask", "scheduler", "--port", environment["PORT"]]
    address = f"tcp://localhost:{environment['PORT']}"
    with running(scheduler, environment, tmp_path), running(workers, environment, tmp_path):
        run(["sleep", "10"], environment, tmp_path)
        run(["tagware", "simulate", "jets.h5", "--config", "jets.yaml", "--cluster", address], environment, tmp_path)
    assert JetsFile(tmp_path / "jets.h5").checksum == JetsFile(tmp_path / "slurm.h5").checksum
