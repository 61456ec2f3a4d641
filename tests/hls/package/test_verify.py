"""Verification: what is right passes, and one wrong bit anywhere fails and is named."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tagware
from hls.package import Verification, verification, verify
from hls.package.archive import open_archive, write_archive
from hls.package.manifest import NAME, Manifest
from jets.errors import LayoutError, ToolFailed
from tests.hls.package.finished import N_VECTORS

VECTORS, WEIGHTS = "hls/vectors/golden.txt", "hls/firmware/weights/w3.h"
EQUAL = f"{N_VECTORS} vectors, 0 differ"


def rewritten(archive: Path, out: Path, name: str, change: Callable[[bytes], bytes], honest: bool = False) -> Path:
    """The archive with one file changed, in a valid ZIP; with `honest`, its manifest says so."""
    with open_archive(archive) as opened:
        files = {name: opened.read(name) for name in opened.names}
        top = opened.top
    files[name] = change(files[name])
    if honest:
        old = Manifest.read(files.pop(NAME))
        manifest = Manifest.of(old.project, old.versions, files)
        top, files[NAME] = manifest.folder, manifest.text().encode()
    return write_archive(files, top, out)


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def outcomes(result: Verification) -> dict[str, str]:
    return {check.name: check.outcome for check in result.checks}


@pytest.fixture
def no_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_runs", lambda folder: pytest.fail("something was run"))


def test_a_whole_package_is_verified_in_all_its_parts(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tagware.main(["verify", str(archive)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [name, "verified"] for name in ("files", "C simulation", "emulator", "RTL", "RTL testbench")
    ]
    assert all(EQUAL in line for line in lines[1:]) and "Verilator 5." in lines[3]
    assert list(tmp_path.iterdir()) == []


def test_a_golden_output_that_nobody_gives_fails_every_run_and_is_named(archive: Path, tmp_path: Path) -> None:
    def wrong(content: bytes) -> bytes:
        header, first, *rest = content.decode().splitlines()
        return "\n".join([header, str(int(first) ^ 1), *rest, ""]).encode()

    result = verify(rewritten(archive, tmp_path / "wrong.zip", VECTORS, wrong, honest=True))
    assert not result.agrees
    assert outcomes(result) == {
        "files": "verified", "C simulation": "failed", "emulator": "failed", "RTL": "failed",
        "RTL testbench": "failed",
    }  # fmt: skip
    for check in result.checks[1:4]:
        assert f"{N_VECTORS} vectors, 1 differ" in check.found and "jet 0" in check.found
    assert result.checks[4].found == "testbench/golden.hex holds other vectors than the HLS project"


@pytest.mark.parametrize(
    "name", [VECTORS, WEIGHTS, NAME, "hls/vectors/inputs.txt", "report/report.json", "emulator/Makefile"]
)
def test_a_flipped_bit_is_found_before_anything_runs_and_named(
    archive: Path, tmp_path: Path, no_runs: None, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = rewritten(archive, tmp_path / "changed.zip", name, flipped)
    assert tagware.main(["verify", str(changed)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("files: failed: ") and name in line


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda m: m["versions"].update(python="2.7"), "its digest is another"),
        (lambda m: m["files"].pop(WEIGHTS), "its digest is another"),
        (lambda m: m.update(layout="tagware-package-9"), "layout"),
        (lambda m: m.update(extra=1), "extra"),
        (lambda m: m["files"][WEIGHTS].update(sha256="0"), "sha256"),
    ],
)
def test_a_manifest_that_says_something_else_fails(
    archive: Path, tmp_path: Path, no_runs: None, change: Callable[[Any], Any], named: str
) -> None:
    def changed(content: bytes) -> bytes:
        manifest = json.loads(content)
        change(manifest)
        return (json.dumps(manifest, indent=1) + "\n").encode()

    (check,) = verify(rewritten(archive, tmp_path / "changed.zip", NAME, changed)).checks
    assert check.outcome == "failed" and check.found.startswith("manifest.json") and named in check.found


def test_missing_added_and_renamed_files_fail_by_name(archive: Path, tmp_path: Path, no_runs: None) -> None:
    with open_archive(archive) as opened:
        files = {name: opened.read(name) for name in opened.names}
        top = opened.top
    for others, folder, named in (
        ({name: files[name] for name in files if name != WEIGHTS}, top, f"{WEIGHTS}: is missing"),
        ({**files, "hls/more.h": b""}, top, "hls/more.h: is not in the manifest"),
        (files, "chain-000000000000", f"should be called {top}"),
        ({name: files[name] for name in files if name != NAME}, top, "manifest.json: is not JSON"),
    ):
        (check,) = verify(write_archive(others, folder, tmp_path / "other.zip")).checks
        assert check.outcome == "failed" and named in check.found


def test_any_damaged_byte_of_the_archive_is_found_or_harmless(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_runs", lambda folder: ())
    content = archive.read_bytes()
    with open_archive(archive) as opened:
        files = {name: opened.read(name) for name in opened.names}
    places = random.Random(2).sample(range(len(content)), 60) + list(range(len(content) - 22, len(content)))
    found = 0
    for place in places:
        damaged = tmp_path / "damaged.zip"
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            agrees = verify(damaged).agrees
        except LayoutError:
            agrees = False
        found += not agrees
        if agrees:  # in a field that tells nothing about the files, e.g. their times
            with open_archive(damaged) as opened:
                assert {name: opened.read(name) for name in opened.names} == files
    assert found > 50


def test_what_no_tool_is_there_for_is_said_not_to_be_verified(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "no_compiler"))
    monkeypatch.setenv("TAGWARE_VERILATOR", str(tmp_path / "no_verilator"))
    result = verify(archive)
    assert result.agrees
    assert set(outcomes(result).values()) == {"verified", "not verified"}
    assert ["no_compiler" in check.found for check in result.checks] == [False, True, True, False, False]
    assert all("no_verilator" in check.found for check in result.checks[3:])


def test_sources_that_do_not_compile_and_are_not_the_projects_fail(archive: Path, tmp_path: Path) -> None:
    broken = rewritten(archive, tmp_path / "a.zip", "hls/firmware/chain.cpp", lambda _: b"#error broken\n", honest=True)
    files, *runs = verify(broken).checks
    assert files.outcome == "verified" and [check.outcome for check in runs] == ["failed"] * 4
    assert [check.found.split(":")[0] for check in runs] == [
        "hls/make.log",
        "emulator/make.log",
        "hls/firmware/chain.cpp",
        "hls/firmware/chain.cpp",
    ]
    assert all("error broken" in check.found for check in runs[:2])
    assert all("was changed" in check.found for check in runs[2:])


def test_a_testbench_that_says_nothing_of_the_vectors_fails(archive: Path, tmp_path: Path) -> None:
    with open_archive(archive) as opened:
        opened.extract(tmp_path)
    for script, told in (("true", "it says nothing"), ("echo 1 vectors, 0 differ", "1 vectors, 0 differ")):
        (tmp_path / "testbench" / "Makefile").write_text(f"check:\n\t@{script}\n")
        agrees, found = verification._rtl_testbench(tmp_path)
        assert not agrees and told in found
    (tmp_path / "testbench" / "Makefile").write_text("check:\n\t@false\n")
    with pytest.raises(ToolFailed, match="make ended with status 2"):
        verification._rtl_testbench(tmp_path)


def test_the_verb_refuses_what_is_no_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.zip").write_text("text")
    assert tagware.main(["verify", str(tmp_path / "a.zip")]) == 2
    assert "is not a ZIP archive" in capsys.readouterr().err
    assert tagware.main(["verify", str(tmp_path / "none.zip")]) == 2
