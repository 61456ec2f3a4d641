"""The firmware project artefact: manifest, digests, configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hls.project import MANIFEST, HlsConfig, LayerRecord, Project, SelfCheckConfig, Tensor, digests, write_files
from jets.config import fill
from jets.errors import ConfigError, InputError, LayoutError, StorageError

FILES = {"firmware/tagger.cpp": b"void tagger();\n", "build_lib.sh": b"#!/bin/bash\n"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = write_files(FILES, tmp_path / "project")
    made = Project(
        folder=folder,
        name="tagger",
        config=fill(HlsConfig, {"clock_ns": 4, "layers": {"rnn": {"strategy": "Resource", "reuse_factor": 5}}}, "hls"),
        tagger_digest="ab",
        inputs=(Tensor("constituents", (20, 6), "ap_fixed<10,4>", 10, 6, True),),
        outputs=(Tensor("logit", (1,), "ap_fixed<16,6>", 16, 10, True),),
        layers=(LayerRecord("rnn", "GRU", {"weight": "fixed<8,1>"}, "Resource", 5, 5, 1024),),
        files=digests(FILES),
        estimates=({"tool": "x", "lut": 3, "ff": None},),
        ebops=12.0,
    )
    (folder / MANIFEST).write_text(made.manifest())
    return made


def test_a_project_is_read_back_as_it_was_saved(project: Project) -> None:
    loaded = Project.load(project.folder)
    assert loaded == project
    assert loaded.digest == project.digest
    assert loaded.config.of_layer("rnn") == ("Resource", 5)
    assert loaded.config.of_layer("dense_0") == ("Latency", 1)


def test_the_digest_follows_every_byte(project: Project) -> None:
    other = digests(FILES | {"firmware/tagger.cpp": b"void tagger() ;\n"})
    assert other != dict(project.files)


def test_the_build_script_can_be_executed(project: Project) -> None:
    assert (project.folder / "build_lib.sh").stat().st_mode & 0o100


def test_a_changed_file_is_named(project: Project) -> None:
    (project.folder / "firmware/tagger.cpp").write_text("void other();\n")
    with pytest.raises(LayoutError, match=r"tagger\.cpp.*was changed"):
        Project.load(project.folder)


def test_a_missing_file_is_named(project: Project) -> None:
    (project.folder / "build_lib.sh").unlink()
    with pytest.raises(LayoutError, match=r"build_lib\.sh.*missing"):
        Project.load(project.folder)


def test_a_folder_without_manifest_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such firmware project"):
        Project.load(tmp_path)


@pytest.mark.parametrize("damage", ["not json", "{}", "[]", '{"digest": "x", "name": 3}'])
def test_a_damaged_manifest_is_refused(project: Project, damage: str) -> None:
    (project.folder / "project.json").write_text(damage)
    with pytest.raises(LayoutError, match=r"project\.json"):
        Project.load(project.folder)


def test_a_list_of_files_that_was_edited_is_refused(project: Project) -> None:
    path = project.folder / "project.json"
    manifest = json.loads(path.read_text())
    del manifest["files"]["build_lib.sh"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(LayoutError, match="digest does not match"):
        Project.load(project.folder)


def test_a_folder_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(StorageError, match="did not write"):
        write_files(FILES, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("backend", "Quartus", "backend must be one of Vitis, Vivado"),
        ("io_type", "io_serial", "io_type must be one of io_parallel, io_stream, not 'io_serial'"),
        ("strategy", "Fast", "strategy must be one of"),
        ("reuse_factor", 0, "reuse_factor must be at least 1"),
        ("clock_ns", 0.0, "clock_ns must be between"),
        ("clock_uncertainty_percent", 100.0, "clock_uncertainty_percent"),
        ("table_size", 1000, "power of two"),
        ("table_bits", 40, "table_bits must be between"),
        ("name", "7up", "not a C\\+\\+ name"),
        ("name", "float", "not a C\\+\\+ name"),
        ("name", "parameters", "one of hls4ml's own"),
        ("name", "Defines", "one of hls4ml's own"),
        ("name", "weights", "one of hls4ml's own"),
        ("namespace", "a-b", "not a C\\+\\+ name"),
        ("namespace", "class", "not a C\\+\\+ name"),
        ("clock", 5.0, "did you mean 'clock_ns'"),
        ("layers", {"rnn": {"reuse": 2}}, "did you mean 'reuse_factor'"),
        ("layers", {"rnn": {"reuse_factor": -1}}, "reuse_factor must be at least 1"),
        ("self_check", {"n_jets": 1999}, "n_jets must be at least 2000, not 1999"),
        ("self_check", {"max_difference": float("inf")}, "max_difference must be 0 or more and finite, not inf"),
        ("self_check", {"max_difference": -0.1}, "max_difference must be 0 or more"),
    ],
)
def test_a_wrong_configuration_names_the_key(key: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fill(HlsConfig, {key: value}, "project.yaml: hls")


def test_a_stream_has_no_cell_for_each_step() -> None:
    with pytest.raises(ConfigError, match="a stream brings one step at a time; use io_parallel"):
        HlsConfig(io_type="io_stream", static_recurrent=False)


def test_a_limit_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_difference"):
        SelfCheckConfig(max_difference=float("nan"))
