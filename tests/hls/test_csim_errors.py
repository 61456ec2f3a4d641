"""Bad input to C simulation: each a one-line error that names the thing and the remedy, and nothing half-written."""

from __future__ import annotations

import dataclasses
import errno
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.csim import (
    CompiledProject,
    CsimResult,
    Vectors,
    build,
    build_testbench,
    find_compiler,
    load_outputs,
    probe_inputs,
    run_csim,
    run_testbench,
)
from hls.csim.compiler import Compiler
from hls.csim.testbench import parse_testbench
from hls.project import HlsConfig, Project, Tensor
from jets.errors import (
    ConfigError,
    DataError,
    InputError,
    LayoutError,
    StorageError,
    TagwareError,
    ToolFailed,
    ToolNotFound,
)
from jets.files import replacing

FIRMWARE = Path(__file__).with_name("doubling_firmware")
INPUT = Tensor("constituents", (2, 3), "ap_fixed<8,4,AP_RND,AP_SAT,0>", 8, 4, True)
MAKE_THEM = "`tagware csim FIRMWARE --student TAGGER --jets JETS`"
OUTPUT = Tensor("sums", (2,), "ap_fixed<12,8>", 12, 4, True)


def write_doubling(folder: Path) -> Project:
    """Firmware of a few lines: the sum of a jet's values, and twice that sum."""
    from tests.hls.test_csim_numbers import vendor_types

    shutil.copytree(FIRMWARE, folder / "firmware")
    shutil.copytree(vendor_types(), folder / "firmware/ap_types")
    return Project(folder, "doubling", HlsConfig(name="doubling"), "of a test", (INPUT,), (OUTPUT,), (), {})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return write_doubling(tmp_path_factory.mktemp("doubling") / "project")


@pytest.fixture(scope="module")
def compiled(project: Project) -> CompiledProject:
    return build(project)


@pytest.fixture(scope="module")
def stored(project: Project, compiled: CompiledProject) -> Project:
    Vectors.of(compiled, probe_inputs(INPUT, 20, seed=1)).save(project.folder / "vectors", INPUT, OUTPUT)
    return project


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A compiler that can be told what to print."""
    path = tmp_path / "bin" / "g++"
    path.parent.mkdir()
    path.touch(mode=0o755)
    return path


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def one_line(error: pytest.ExceptionInfo[TagwareError], *words: str) -> None:
    assert "\n" not in str(error.value) and error.value.remedy
    for word in words:
        assert word in str(error.value)


def test_the_firmware_of_these_tests_does_what_it_says(compiled: CompiledProject, stored: Project) -> None:
    inputs = np.array([[1.5, -2.25, 0, 0, 0, 1], [7, 7, 7, 7, 7, 7]])
    assert compiled.predict(inputs).tolist() == [[0.25, 0.5], [42.0, 84.0]]
    assert run_testbench(stored).n_mismatch == 0


def test_no_compiler_names_the_variable_and_the_command(
    stored: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    before = files_of(stored.folder)
    for action in (build, build_testbench, run_csim):
        with pytest.raises(ToolNotFound) as error:
            action(stored)
        one_line(error, "'g++'", "apt install g++", "CXX")
    assert files_of(stored.folder) == before


def test_a_compiler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "g++-999")
    with pytest.raises(ToolNotFound) as error:
        find_compiler()
    one_line(error, "'g++-999'", "CXX")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/sh\necho 9.4.0\n", ("9.4.0", "too old", "11 or newer")),
        ("#!/bin/sh\necho nonsense\n", ("does not say its version",)),
        ("#!/nowhere/sh\n", ("does not start",)),
    ],
)
def test_an_unusable_compiler_is_named(
    program: Path, script: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    program.write_text(script)
    monkeypatch.setenv("CXX", str(program))
    with pytest.raises(ToolNotFound) as error:
        find_compiler()
    one_line(error, str(program), *words)


def test_sources_that_do_not_compile_name_the_log_and_leave_no_library(tmp_path: Path) -> None:
    project = write_doubling(tmp_path / "project")
    (project.folder / "firmware/doubling.cpp").write_text("this is not C++\n")
    for action in (build, build_testbench):
        with pytest.raises(ToolFailed) as error:
            action(project)
        one_line(error, "does not compile", ".log", "error:", "read this log")
        assert "this is not C++" in Path(str(error.value.where)).read_text()
    assert {path.suffix for path in (project.folder / "build").iterdir()} == {".log"}


def test_a_compiler_that_hangs_is_stopped(
    program: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hls.csim.compiler.SECONDS", 0.2)
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(ToolFailed) as error:
        Compiler(str(program), "12").compile([], (), tmp_path / "out.so", tmp_path)
    one_line(error, "took more than 0.2 s")
    assert not (tmp_path / "out.so").exists()


def test_types_that_differ_from_the_manifest_are_refused(project: Project) -> None:
    other = dataclasses.replace(project, inputs=(dataclasses.replace(INPUT, fraction_bits=3),))
    with pytest.raises(ToolFailed) as error:
        build(other)
    one_line(error, "[8, 4, 1, 12, 4, 1]", "[8, 3, 1, 12, 4, 1]", "convert the student again")


def test_two_inputs_are_refused(project: Project) -> None:
    with pytest.raises(ConfigError) as error:
        build(dataclasses.replace(project, inputs=(INPUT, INPUT)))
    one_line(error, "2 inputs")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_input_that_is_not_finite_names_the_jet(compiled: CompiledProject, bad: float) -> None:
    inputs = np.zeros((5, 2, 3), np.float32)
    inputs[3, 1, 1] = bad
    with pytest.raises(DataError) as error:
        compiled.predict(inputs)
    one_line(error, "jet 3", "constituents")


@pytest.mark.parametrize("shape", [(6,), (4, 3, 2), (4, 5), ()])
def test_inputs_of_another_shape_are_refused(compiled: CompiledProject, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError) as error:
        compiled.predict(np.zeros(shape))
    one_line(error, str(shape), "(n_jets, 2, 3)")


@pytest.mark.parametrize("code", [128, -129])
def test_codes_out_of_range_are_refused(compiled: CompiledProject, code: int) -> None:
    with pytest.raises(DataError) as error:
        compiled.predict_codes(np.full((1, 6), code))
    one_line(error, "-128 … 127")


def test_no_thread_is_refused(compiled: CompiledProject) -> None:
    with pytest.raises(ValueError, match="threads must be at least 1"):
        compiled.predict(np.zeros((1, 2, 3)), threads=0)


def test_a_project_without_vectors_is_named_before_anything_is_compiled(tmp_path: Path) -> None:
    project = write_doubling(tmp_path / "project")
    before = files_of(project.folder)
    with pytest.raises(InputError) as error:
        run_csim(project)
    one_line(error, "inputs.txt", "no such file of vectors", MAKE_THEM)
    assert files_of(project.folder) == before


def edit(text: str, line: int, change: str | None) -> str:
    lines = text.splitlines()
    line %= len(lines)
    lines[line : line + 1] = [] if change is None else [change]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["inputs.txt", "golden.txt"])
@pytest.mark.parametrize(
    ("line", "change"),
    [
        (0, "something else"),
        (0, ""),
        (0, "tagware-vectors 2 inputs 31 6 8 4 1 ap_fixed<8,4,AP_RND,AP_SAT,0>"),
        (0, "tagware-vectors 1 inputs 31 6 8 5 1 ap_fixed<8,3,AP_RND,AP_SAT,0>"),
        (4, "1"),
        (4, "1 x 3 4 5 6"),
        (-1, None),
    ],
)
def test_damaged_vectors_are_named_by_python_and_by_the_testbench(
    stored: Project, tmp_path: Path, name: str, line: int, change: str | None
) -> None:
    folder = shutil.copytree(stored.folder / "vectors", tmp_path / "vectors")
    (folder / name).write_text(edit((folder / name).read_text(), line, change))
    with pytest.raises(LayoutError) as error:
        Vectors.load(folder, INPUT, OUTPUT)
    one_line(error, name, MAKE_THEM)
    with pytest.raises(LayoutError) as error:
        run_testbench(stored, folder)
    one_line(error, name, MAKE_THEM)


def test_the_testbench_alone_says_with_its_status_what_it_found(stored: Project, tmp_path: Path) -> None:
    program = str(build_testbench(stored))
    equal = subprocess.run([program], cwd=stored.folder, capture_output=True, text=True, check=False)
    assert (equal.returncode, equal.stdout) == (0, "31 vectors, 0 differ\n")
    folder = shutil.copytree(stored.folder / "vectors", tmp_path / "vectors")
    lines = (folder / "golden.txt").read_text().splitlines()
    first, second = map(int, lines[3].split())
    lines[3] = f"{first} {second + 1}"
    (folder / "golden.txt").write_text("\n".join(lines))
    different = subprocess.run([program, str(folder)], capture_output=True, text=True, check=False)
    assert different.returncode == 1
    assert f"jet 2, output 1: got {second}, want {second + 1} (units of 2^-4)" in different.stdout
    missing = subprocess.run([program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert missing.returncode == 2 and "no such file" in missing.stderr


@pytest.mark.parametrize(("text", "status"), [("", -11), ("3 vectors, 1 differ\n", 0), ("3 vectors, 0 differ\n", 1)])
def test_a_testbench_that_crashes_or_contradicts_itself_has_failed(text: str, status: int) -> None:
    with pytest.raises(ToolFailed) as error:
        parse_testbench(text, status, 1.0, Path("testbench.log"))
    one_line(error, "testbench.log", str(status))


def test_a_full_disk_leaves_no_vectors(
    compiled: CompiledProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: Any, **__: Any) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savetxt", full)
    with pytest.raises(StorageError) as error:
        Vectors.of(compiled, np.zeros((1, 2, 3))).save(tmp_path, INPUT, OUTPUT)
    one_line(error, "the disk is full")
    assert list(tmp_path.iterdir()) == []


def test_no_vectors_at_all_are_refused() -> None:
    with pytest.raises(DataError) as error:
        Vectors(np.zeros((0, 6), np.int64), np.zeros((0, 2), np.int64))
    one_line(error, "0 inputs")


def test_stored_outputs_name_what_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(InputError) as missing:
        load_outputs(tmp_path, np.array([1], np.uint64))
    one_line(missing, "outputs.npz")
    path = tmp_path / "csim/outputs.npz"
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, ids=np.array([7, 3], np.uint64), outputs=np.array([[0.5], [1.5]]))
    assert load_outputs(tmp_path, np.array([3, 7], np.uint64)).tolist() == [[1.5], [0.5]]
    with pytest.raises(DataError) as absent:
        load_outputs(tmp_path, np.array([3, 4], np.uint64))
    one_line(absent, "jet 4", "run the csim stage again")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(LayoutError) as damaged:
        load_outputs(tmp_path, np.array([3], np.uint64))
    one_line(damaged, "outputs.npz")


def test_a_result_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"auc": 1}')
    with pytest.raises(LayoutError) as error:
        CsimResult.load(tmp_path / "result.json")
    one_line(error, "result.json")


def test_the_student_without_jets_is_a_programming_error(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="both the student and the jets"):
        run_csim(project, tmp_path)
