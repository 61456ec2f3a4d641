"""Runs that are killed, damaged or left without a disk: the same command ends with what an undisturbed run gives.

Each run has a home, a folder of temporary files and a current folder of its own, in which it must leave nothing behind.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flow.project import ProjectFolder
from flow.stages import MANIFEST, Runner
from flow.steps import stages
from hls.cosim.verilator import cache
from jets.dataset import JetsFile, JetsWriter
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
CLASSES = ("../../$x/<b>", "/t$o_p")
OUTSIDE = {"elsewhere": None, "current": None, "home": "HOME", "temporary": "TMPDIR", "cache": "XDG_CACHE_HOME"}
"""Folders beside a project, with the variable that leads a run there."""
LIBRARIES = ("home/.keras", "home/.config/matplotlib", "cache/matplotlib", "temporary/torchinductor_")
"""Where Keras, Matplotlib and torch keep what is the same for every run."""
KILLS = 20
FILE_SIZES = (1_000, 200_000, 600_000)
"""Bytes that no file may exceed, so that one stage after another fails."""
RESULTS = ("csim/firmware/firmware/**/*.*", "csim/firmware/vectors/*", "rtl/design/**/*.v", "cosim/*.npy")
RESULTS += ("comparison/tables/*.csv", "comparison/plots/*")
TIMES = ("created", "stage_seconds")


def make_project(folder: Path) -> Path:
    """A project whose jets lie outside of its folder, of classes that would lead out, were they paths."""
    folder.mkdir(parents=True)
    (folder / "project.yaml").write_text(PROJECT)
    for name in OUTSIDE:
        (folder.parent / name).mkdir()
    with JetsWriter(folder.parent / "elsewhere/jets.h5") as writer:
        writer.append(synthetic_jets(2000, classes=CLASSES))
    (folder / "jets.h5").symlink_to("../elsewhere/jets.h5")
    cache().mkdir(parents=True, exist_ok=True)
    (folder.parent / "cache/tagware").symlink_to(cache())
    return folder


def start(project: Path, file_size: int = resource.RLIM_INFINITY) -> subprocess.Popen[bytes]:
    """A run in a session of its own, whose compilers and simulators die with it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    command = [sys.executable, "-m", "tagware", "run", str(project)]
    folders = {variable: str(project.parent / name) for name, variable in OUTSIDE.items() if variable}
    with open(project / "log", "ab") as log:
        return subprocess.Popen(
            command,
            cwd=project.parent / "current",
            env={**os.environ, **folders, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=limit,
        )


def finish(project: Path) -> float:
    """Run to the end; the seconds that it took."""
    begun = time.monotonic()
    assert start(project).wait(timeout=900) == 0, log_of(project)[-2000:]
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


def kill_at_work(project: Path, moments: random.Random, whole: Path, hit: Sequence[str]) -> str | None:
    """Start a run and kill it at a random moment after it begins with a stage; None where the run had ended by then.

    It is killed within twice the time of that stage in the `whole`, and that for every kill that fell into the stage
    before, so that a busier machine comes on, too. Returns the stage that the kill fell into.
    """
    said = len(log_of(project))
    process = start(project)
    while process.poll() is None:
        begun = [line.removesuffix(" …") for line in log_of(project)[said:].splitlines() if line.endswith(" …")]
        if begun:
            seconds = read_json(whole / "build" / begun[0] / MANIFEST)["seconds"]
            time.sleep(moments.uniform(0, 2 * seconds * (1 + hit.count(begun[0]))))
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    if process.wait() == -signal.SIGKILL:
        return log_of(project)[said:].rpartition(" …\n")[0].splitlines()[-1]
    assert process.returncode == 0, log_of(project)[-2000:]
    return None


def log_of(project: Path) -> str:
    return (project / "log").read_text(errors="replace") if (project / "log").is_file() else ""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """An undisturbed run, and its seconds."""
    project = make_project(tmp_path_factory.mktemp("whole") / "tiny")
    return project, finish(project)


@pytest.mark.long
@pytest.mark.xdist_group("faults")
def test_a_run_leaves_nothing_outside_of_its_folder_but_what_libraries_keep(whole: tuple[Path, float]) -> None:
    project, around = whole[0], whole[0].parent
    found = (path for path in around.rglob("*") if path.name != ".config" and not path.is_relative_to(project))
    names = sorted(path.relative_to(around).as_posix() for path in found)
    given = sorted([*OUTSIDE, "cache/tagware", "elsewhere/jets.h5"])
    assert [name for name in names if not name.startswith(LIBRARIES)] == given
    assert {path.name for path in project.iterdir()} == {"project.yaml", "jets.h5", "log", "build"}
    JetsFile(around / "elsewhere/jets.h5").verify()


def assert_same_results(project: Path, whole: Path) -> None:
    found, wanted = results(project), results(whole)
    assert len(wanted) > 20 and found.keys() == wanted.keys()
    assert [key for key in wanted if found[key] != wanted[key]] == []


@pytest.mark.long
@pytest.mark.xdist_group("faults")
def test_twenty_kills_at_random_moments_change_no_byte_of_the_results(
    whole: tuple[Path, float], tmp_path: Path
) -> None:
    killed, moments, hit = make_project(tmp_path / "tiny"), random.Random(1), list[str]()
    while len(hit) < KILLS:
        stage = kill_at_work(killed, moments, whole[0], hit)
        if stage is None:  # the run came to its end
            shutil.rmtree(killed / "build")
        else:
            hit.append(stage)
    assert len({*hit}) > 4, hit
    finish(killed)
    assert_same_results(killed, whole[0])


def damage(stage: Path) -> tuple[Path, bytes]:
    """Change one bit of the largest artefact of a stage; the file and what it held."""
    outputs = [stage / name for name in read_json(stage / MANIFEST)["outputs"]]
    path = max(outputs, key=lambda output: output.stat().st_size)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return path, content


@pytest.mark.long
@pytest.mark.xdist_group("faults")
def test_a_damaged_artefact_of_any_stage_is_found_and_made_again(whole: tuple[Path, float], tmp_path: Path) -> None:
    around = shutil.copytree(whole[0].parent, tmp_path / "around", symlinks=True)
    project = around / whole[0].name
    runner = Runner(stages(ProjectFolder.load(project)), project / "build")
    assert {state.state for state in runner.states()} == {"fresh"}
    for stage in runner.stages:
        path, content = damage(runner.folder(stage.name))
        assert {state.name: state.state for state in runner.states()}[stage.name] == "damaged"
        path.write_bytes(content)
    assert {state.state for state in runner.states()} == {"fresh"}
    for stage in runner.stages:
        damage(runner.folder(stage.name))
    finish(project)
    assert_same_results(project, whole[0])


@pytest.mark.long
@pytest.mark.xdist_group("faults")
def test_files_that_may_not_grow_end_a_run_in_one_sentence_and_the_next_goes_on(
    whole: tuple[Path, float], tmp_path: Path
) -> None:
    project, done = make_project(tmp_path / "tiny"), []
    for size in FILE_SIZES:
        assert start(project, size).wait(timeout=900) != 0, f"nothing is larger than {size} bytes"
        log = log_of(project)
        assert "Traceback" not in log, log[-4000:]
        done.append(log.count(" done\n"))
    assert done == sorted(set(done)), "each size reaches another stage"
    finish(project)
    assert_same_results(project, whole[0])
