"""What is in a package: the same bytes wherever the project lies, and nothing of the machine it is from."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from hls.package import Finished, package
from hls.package.archive import open_archive
from hls.package.components import COMPONENTS, TEXTS, component_of
from hls.project import Project
from hls.rtl.design import Design
from jets.errors import InputError, LayoutError
from tests.documentation import ROOT, lines, types_in
from tests.hls.firmware import edited
from tests.hls.package.finished import N_VECTORS
from tests.hls.package.finished import finished as finished_in


def contents(archive: Path) -> dict[str, str]:
    with ZipFile(archive) as stream:
        return {name.partition("/")[2]: stream.read(name).decode() for name in stream.namelist()}


@pytest.fixture
def copy(finished: Finished, tmp_path: Path) -> Finished:
    shutil.copytree(finished.config.parent, tmp_path / "copy")
    return finished_in(tmp_path / "copy")


def test_the_same_project_elsewhere_gives_the_same_bytes(archive: Path, copy: Finished, tmp_path: Path) -> None:
    again = package(copy, tmp_path / "again.zip")
    assert again.read_bytes() == archive.read_bytes()


@pytest.mark.long
@types_in(ROOT / "docs/package.md")
def test_the_emulator_is_built_and_checked_as_the_page_says(archive: Path, tmp_path: Path) -> None:
    with open_archive(archive) as opened:
        opened.extract(tmp_path)
    typed = "\n".join(lines(ROOT / "docs/package.md"))
    done = subprocess.run(["sh", "-e"], input=typed, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"{N_VECTORS} vectors, 0 differ" in done.stdout


def test_another_weight_gives_another_version(archive: Path, copy: Finished, tmp_path: Path) -> None:
    project = Project.load(copy.firmware)
    changed = edited(project, tmp_path / "changed", "firmware/weights/w3.h", r"= \{", "= {0.125 + ")
    shutil.copytree(copy.firmware / "vectors", changed.folder / "vectors")
    other = package(dataclasses.replace(copy, firmware=changed.folder), folder=tmp_path)
    assert re.fullmatch(r"chain-[0-9a-f]{12}\.zip", other.name) and other.name != archive.name


def test_no_file_names_an_absolute_path(archive: Path) -> None:
    absolute = re.compile(r"""(?:^|[\s"'=(:,])/(?:home|root|tmp|work|usr|opt|Users|mnt|var)/""", re.MULTILINE)
    assert absolute.search("at /tmp/x")
    assert not [name for name, text in contents(archive).items() if absolute.search(text)]


def test_every_part_is_there_with_its_licence(archive: Path) -> None:
    files = contents(archive)
    parts = {"hls/firmware/chain.cpp", "hls/build_prj.tcl", "hls/csim/testbench.cpp", "hls/vectors/golden.txt"}
    parts |= {"rtl/rtl/chain.v", "rtl/chain.xdc", "rtl/PORTS.md", "rtl/design.json"}
    parts |= {f"testbench/{name}" for name in ("testbench.sv", "Makefile", "inputs.hex", "golden.hex")}
    parts |= {f"report/report.{kind}" for kind in ("json", "html")}
    parts |= {f"comparison/comparison.{kind}" for kind in ("json", "html")}
    parts |= {
        "emulator/library/emulator.cpp",
        "emulator/hls4ml/emulator.h",
        "emulator/check/loader.cpp",
        "project.yaml",
    }
    assert parts | {"MODEL_CARD.md", "manifest.json"} <= files.keys()
    manifest = json.loads(files["manifest.json"])
    assert manifest["files"].keys() == files.keys() - {"manifest.json"}
    assert set(manifest["components"]) == {record["component"] for record in manifest["files"].values()}
    origin = {name: record["component"] for name, record in manifest["files"].items()}
    assert origin["hls/firmware/ap_types/etc/ap_private.h"] == "ap_types"
    assert origin["hls/firmware/nnet_utils/nnet_dense.h"] == origin["hls/firmware/parameters.h"] == "hls4ml"
    assert origin["hls/firmware/weights/w3.h"] == "project"
    assert origin["rtl/rtl/alkaid_mux.v"] == "alkaid" and origin["rtl/rtl/chain.v"] == "tagware"
    assert {name for name in files if name.startswith("licences/")} == {f"licences/{p.name}" for p in TEXTS.iterdir()}
    for header in ("nnet_exact_lstm.h", "nnet_exact_recurrent.h", "nnet_masked_mean.h"):
        assert component_of(f"hls/firmware/nnet_utils/{header}") == "tagware", header
    assert manifest["versions"]["qkeras-v3"] == "1.2.1" and set(manifest["components"]) == set(COMPONENTS)


def test_the_card_states_data_inputs_bits_and_resources(archive: Path) -> None:
    card = contents(archive)["MODEL_CARD.md"]
    assert "| seed | 3 |" not in card and "6,000 jets to train" in card
    assert "| input 0 | 0.5 | -1 | -15.5 | 16.46875 | 0.03125 |" in card  # 10 bits, 6 of them fraction, doubled
    assert "the logit of top against QCD" in card and "50,012 LUT" in card and "ap_fixed<10,4" in card
    assert "AP_SAT" in card and "takes that value" in card
    assert "LGPL-3.0-or-later" in card and "\n\n\n" not in card


def test_a_package_without_rtl_has_none(copy: Finished, tmp_path: Path) -> None:
    files = contents(package(dataclasses.replace(copy, design=None), tmp_path / "a.zip"))
    assert not [name for name in files if name.startswith("rtl/")]
    assert "rtl/" not in files["MODEL_CARD.md"] and "alkaid" not in files["MODEL_CARD.md"]
    assert "licences/LGPL-3.0.txt" not in files


def refused(finished: Finished, folder: Path, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as raised:
        package(finished, folder / "out" / "a.zip")
    assert getattr(raised.value, "remedy", None)
    assert not (folder / "out").exists()


def test_a_file_that_names_a_place_of_this_machine_is_refused(copy: Finished, tmp_path: Path) -> None:
    copy.config.write_text(f"jets: {{file: {copy.config.parent}/jets.h5}}\n")
    refused(copy, tmp_path, InputError, "project.yaml|a place of this machine")


@pytest.mark.parametrize(
    ("path", "error", "match"),
    [
        ("firmware/vectors/golden.txt", InputError, "file of vectors"),
        ("firmware/project.json", InputError, "firmware project"),
        ("firmware/firmware/weights/w3.h", LayoutError, "missing"),
        ("design/PORTS.md", InputError, "RTL source"),
        ("report.json", InputError, "no such file"),
        ("report.html", InputError, "part of the package"),
        ("comparison/comparison.html", InputError, "part of the package"),
        ("tagger.json", InputError, "no such file"),
        ("project.yaml", InputError, "part of the package"),
    ],
)
def test_a_missing_part_is_named(copy: Finished, tmp_path: Path, path: str, error: type[Exception], match: str) -> None:
    (tmp_path / "copy" / path).unlink()
    refused(copy, tmp_path, error, match)


def test_a_changed_part_is_refused(copy: Finished, tmp_path: Path) -> None:
    source = tmp_path / "copy/design/rtl/chain.v"
    source.write_text(source.read_text() + "// changed\n")
    refused(copy, tmp_path, LayoutError, "was changed")


def test_a_simulation_of_another_design_is_refused(
    copy: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated: Any = type("Result", (), {"design": "of another", "tool": "verilator", "tool_version": "5.048"})
    monkeypatch.setattr("hls.package.contents.CosimResult.load", lambda path: simulated)
    other = dataclasses.replace(copy, cosim=tmp_path / "cosim.json")
    refused(other, tmp_path, LayoutError, "another design")
    assert copy.design is not None
    simulated.design = Design.load(copy.design).digest
    manifest = json.loads(contents(package(other, tmp_path / "a.zip"))["manifest.json"])
    assert manifest["versions"]["verilator"] == "5.048"


@pytest.mark.parametrize("name", ["my project", "../chain", ".hidden", "", "a/b"])
def test_a_name_that_cannot_be_a_folders_is_refused(copy: Finished, tmp_path: Path, name: str) -> None:
    refused(dataclasses.replace(copy, name=name), tmp_path, InputError, "cannot be called")
