"""Students of every kind in a project.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tagware
from flow.project import ProjectFolder, layer_names
from flow.steps import stages
from jets.errors import ConfigError, InputError
from models.students.feed_forward import AttentionSpec, MlpSpec, ParticleSpec
from models.students.recurrent import RecurrentSpec
from models.students.student import StudentSpec

JETS = "jets: {sample: top_qcd}\n"
LSTM_BITS = "compress: {bits: {state: [12, 4]}}\n"


def load(folder: Path, text: str) -> ProjectFolder:
    (folder / "project.yaml").write_text(JETS + text)
    return ProjectFolder.load(folder)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("", RecurrentSpec()),
        ("student: {cell: gru, units: 5}\n", RecurrentSpec(units=5)),
        ("student: {kind: lstm}\n" + LSTM_BITS, RecurrentSpec(cell="lstm")),
        ("student: {kind: mlp, dense: [8]}\n", MlpSpec(dense=(8,))),
        ("student: {kind: deep_sets, features: 16}\n", ParticleSpec(features=16)),
        ("student: {kind: jedi_linear, n_constituents: 8}\n", ParticleSpec("jedi_linear", n_constituents=8)),
        ("student: {kind: linear_attention, width: 8}\ncompress: {front_end: hgq2}\n", AttentionSpec(width=8)),
    ],
)
def test_a_project_has_the_student_of_its_kind(tmp_path: Path, text: str, spec: StudentSpec) -> None:
    assert load(tmp_path, text).config.student == spec


def test_a_layer_of_particles_may_have_options_of_its_own(tmp_path: Path) -> None:
    text = "student: {kind: jedi_linear}\nhls: {reuse_factor: 2, layers: {particle_0: &one {reuse_factor: 1},"
    project = load(tmp_path, text + " particle_1: *one, exchange_1: *one}}\n")
    assert set(project.config.hls.layers) < set(layer_names(project.config.student))


def test_students_of_two_kinds_are_two_inputs_of_their_stage(tmp_path: Path) -> None:
    def distilled(text: str) -> object:
        return next(stage.config["student"] for stage in stages(load(tmp_path, text)) if stage.name == "distil")

    sizes = "n_constituents: 8, particle: [4, 4]"
    assert distilled(f"student: {{kind: deep_sets, {sizes}}}\n") != distilled(
        f"student: {{kind: jedi_linear, {sizes}}}\n"
    )


def test_the_student_of_augmented_jets_also_depends_on_the_teacher_itself(tmp_path: Path) -> None:
    def read(text: str) -> tuple[str, ...]:
        return next(stage.after for stage in stages(load(tmp_path, text)) if stage.name == "distil")

    assert read("") == ("jets", "teach")
    assert read("compress: {augment: {rotate: true}}\n") == ("jets", "teach", "teacher")
    with pytest.raises(ConfigError, match=r"augment.*smear_pt must be from 0 to 1"):
        load(tmp_path, "compress: {augment: {smear_pt: 5}}\n")


@pytest.mark.parametrize("link", ["build", "build/jets.work/seconds", "build/search", "build/distil.work/float"])
@pytest.mark.parametrize("target", ["folder", "folder/file", "nothing"])
@pytest.mark.parametrize("verb", ["run", "status", "search", "report", "package"])
def test_no_verb_follows_a_link_that_leads_out_of_the_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: str, target: str, verb: str
) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "project"
    (outside / "folder").mkdir(parents=True)
    (outside / "folder/file").write_text("mine")
    (folder / link).parent.mkdir(parents=True)
    (folder / link).symlink_to(Path("../" * (1 + link.count("/"))) / "outside" / target)
    (folder / "project.yaml").write_text(JETS)
    assert tagware.main([verb, str(folder)]) == 2
    assert f"{folder / link}: is a link that leads out of the project" in capsys.readouterr().err
    assert sorted(outside.rglob("*")) == [outside / "folder", outside / "folder/file"]
    assert (outside / "folder/file").read_text() == "mine"


def test_links_within_a_project_and_to_the_project_are_followed(tmp_path: Path) -> None:
    (tmp_path / "mine/build/search").mkdir(parents=True)
    load(tmp_path / "mine", "")
    (tmp_path / "mine/build/trials").symlink_to("search")
    (tmp_path / "yours").symlink_to("mine")
    assert ProjectFolder.load(tmp_path / "yours").config == ProjectFolder.load(tmp_path / "mine").config


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ("jets: {sample: ../../outside}", "unknown sample"),
        ("jets: {simulate: {classes: [../../outside]}}", "unknown class"),
        ("jets: {simulate: {views: [../../outside]}}", "unknown view"),
        ("teacher: {architecture: ../../outside}", "unknown architecture"),
        ("teacher: {preset: ../../outside}", "has no preset"),
        ("student: {kind: ../../outside}", "kind"),
        ("hls: {name: ../../outside}", "is not a C++ name"),
        ("hls: {name: 'a; system(\"touch owned\")'}", "is not a C++ name"),
        ('hls: {name: "a\\n#include </etc/passwd>"}', "is not a C++ name"),
        ("hls: {namespace: '../../outside'}", "is not a C++ name"),
        ("hls: {backend: ../../outside}", "backend"),
        ("hls: {io_type: ../../outside}", "io_type"),
        ("hls: {strategy: ../../outside}", "strategy"),
        ("hls: {layers: {../../outside: {reuse_factor: 2}}}", "layers"),
        ("hls: {part: ../../outside}", "is no name of an FPGA"),
        ('hls: {part: "a\\nexec touch owned"}', "is no name of an FPGA"),
        ("hls: {part: '[exec touch owned]'}", "is no name of an FPGA"),
        ("rtl: {part: ../../outside}", "part"),
        ("rtl: {language: ../../outside}", "language"),
        ("rtl: {interface: ../../outside}", "interface"),
        ("cosim: {trace: ../../outside}", "trace"),
        ("synth: {families: [../../outside]}", "is not known"),
        ("vendor: [{tool: ../../outside, steps: []}]", "no vendor's tool"),
        ("vendor: [{tool: vivado, steps: [../../outside]}]", "has no step"),
        ("vendor: [{tool: vivado, steps: [synthesis], design: ../../outside}]", "design"),
        ("vendor: [{tool: vivado, steps: [synthesis], config: {part: '$(touch owned)'}}]", "is no name of an FPGA"),
        ("search: {options: {student.units: [1, 2]}, budget: {part: '[exec touch owned]'}}", "is no name of an FPGA"),
    ],
)
def test_no_name_in_a_project_is_a_path_or_a_command(tmp_path: Path, section: str, named: str) -> None:
    (tmp_path / "project.yaml").write_text(section if section.startswith("jets") else f"{JETS}{section}")
    with pytest.raises(InputError, match=re.escape(named)):
        stages(ProjectFolder.load(tmp_path))
