"""The doctor finds what is here and says how to get what is not."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

import tagware
from flow.doctor import examine


def fake_program(folder: Path, name: str, text: str, status: int = 0) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
    path.chmod(0o755)
    return path


def test_every_missing_tool_says_what_it_adds_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    findings = {finding.name: finding for finding in examine()}
    assert findings["vivado"].version is None
    assert all(finding.adds and finding.get for finding in findings.values())


def test_a_vendor_tool_on_path_is_found_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(tmp_path, "vivado", "vivado v2023.2 (64-bit)")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert {f.name: f.version for f in examine()}["vivado"] == "2023.2"


def test_an_environment_variable_wins_over_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGWARE_VIVADO", str(fake_program(tmp_path, "my_vivado", "Vivado v2024.1")))
    assert {f.name: f.version for f in examine()}["vivado"] == "2024.1"


def test_a_program_that_fails_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGWARE_VIVADO", str(fake_program(tmp_path, "vivado", "licence error v1.2", status=1)))
    assert {f.name: f.version for f in examine()}["vivado"] is None


def test_a_qkeras_whose_files_hgq2_overwrote_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"its own").digest()).rstrip(b"=").decode()
    information = tmp_path / "qkeras_v3-9.0.dist-info"
    for path, text in {
        information / "METADATA": "Metadata-Version: 2.1\nName: qkeras-v3\nVersion: 9.0\n",
        information / "RECORD": f"qkeras/__init__.py,sha256={digest},7\nqkeras_v3-9.0.dist-info/RECORD,,\n",
        tmp_path / "qkeras" / "__init__.py": "its own",
    }.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {f.name: f.version for f in examine()}["qkeras-v3"] == "9.0"
    (tmp_path / "qkeras" / "__init__.py").write_text("of hgq2")
    assert {f.name: f.version for f in examine()}["qkeras-v3"] is None


def test_the_doctor_fails_when_a_required_tool_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tagware.main(["doctor", "--json"]) == 0
    assert {entry["name"] for entry in json.loads(capsys.readouterr().out)} >= {"g++", "hls4ml", "torch"}
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CXX", raising=False)
    assert tagware.main(["doctor"]) == 2
    assert "apt install g++" in " ".join(capsys.readouterr().out.split())
