"""Students of every kind in a project.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow.project import ProjectFolder, layer_names
from flow.steps import stages
from jets.errors import ConfigError
from models.students.feed_forward import AttentionSpec, MlpSpec, ParticleSpec
from models.students.recurrent import RecurrentSpec
from models.students.student import StudentSpec

LSTM_BITS = "compress: {bits: {state: [12, 4]}}\n"


def load(folder: Path, text: str) -> ProjectFolder:
    (folder / "project.yaml").write_text("jets: {sample: top_qcd}\n" + text)
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
