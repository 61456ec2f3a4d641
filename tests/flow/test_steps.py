"""The tagger sections of a project: presets, pre-training and a start, each relative to the project."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from flow.project import CompressSection, ProjectFolder, fill_architecture
from flow.steps import distil_student, tagger_inputs, train_tagger
from jets.augment import Augmentation
from jets.config import fill
from jets.dataset import JetsWriter
from jets.errors import ConfigError, InputError
from models.registry import ARCHITECTURE_NAMES, architecture
from models.tagger import Tagger
from tests.synthetic import synthetic_jets

SIZES = "config: {width: 8, heads: 2, blocks: 1, class_blocks: 1, n_constituents: 10, neighbours: 3}"
QUICK = "{epochs: 1, batch_size: 100, accelerator: cpu}"


def project(folder: Path, teacher: str) -> ProjectFolder:
    """A project with this teacher section."""
    folder.mkdir(exist_ok=True)
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(synthetic_jets(400))
    (folder / "project.yaml").write_text(f"jets: {{file: jets.h5}}\nteacher: {{{teacher}}}\n")
    return ProjectFolder.load(folder)


def test_a_teacher_is_pretrained_fine_tuned_and_started_from(tmp_path: Path) -> None:
    first = project(tmp_path / "a", f"architecture: pet, {SIZES}, pretrain: {QUICK}, train: {QUICK}")
    train_tagger(first.config.teacher, first.folder / "jets.h5", tmp_path / "teacher", first.folder)
    pretrained = Tagger.load(tmp_path / "teacher" / "pretrained")
    tagger = Tagger.load(tmp_path / "teacher")
    assert pretrained.provenance["training"]["objective"] == {}
    assert tagger.provenance["start"]["classes"] == ["QCD", "top"]
    as_it_is = f"architecture: pet, {SIZES}, start: ../teacher, train: {{epochs: 0}}"
    second = project(tmp_path / "b", as_it_is)
    train_tagger(second.config.teacher, second.folder / "jets.h5", tmp_path / "same", second.folder)
    jets = synthetic_jets(20)
    np.testing.assert_array_equal(Tagger.load(tmp_path / "same").predict(jets), tagger.predict(jets))
    before = tagger_inputs(second, second.config.teacher)
    (tmp_path / "teacher" / "tagger.json").write_text("{}")
    assert tagger_inputs(second, second.config.teacher) != before


def test_other_jets_to_pretrain_on_decide_the_teacher(tmp_path: Path) -> None:
    mine = project(tmp_path, f"architecture: pet, pretrain: {{jets: other.h5}}, train: {QUICK}")
    inputs = []
    for seed in (1, 2):
        with JetsWriter(tmp_path / "other.h5") as writer:
            writer.append(synthetic_jets(50, seed=seed))
        inputs.append(tagger_inputs(mine, mine.config.teacher))
    assert inputs[0] != inputs[1]


def test_a_start_that_is_not_there_is_named_before_anything_runs(tmp_path: Path) -> None:
    mine = project(tmp_path, "architecture: particle_net, preset: published, start: ParticleNet_kin.pt")
    with pytest.raises(InputError, match=r"ParticleNet_kin\.pt: no such file"):
        tagger_inputs(mine, mine.config.teacher)


@pytest.mark.parametrize(
    ("teacher", "named"),
    [
        ("architecture: pet, preset: large", "'pet' has no preset 'large'; use one of tiny, published"),
        ("architecture: pet, start: a, pretrain: {}", "takes start or pretrain, not both"),
        ("architecture: gru, pretrain: {}", "pretrain: objective: 'gru' has no pre-training"),
        ("architecture: pet, pretrain: {objective: {feature_dropp: 0}}", "did you mean 'feature_drop'"),
        ("architecture: pet, config: {widht: 8}", "did you mean 'width'"),
        ("architecture: pet, preset: published, config: {heads: 5}", "width 128 is not a multiple of heads 5"),
    ],
)
def test_a_teacher_section_that_cannot_be_is_refused(teacher: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=named):
        project(tmp_path, teacher)


def test_a_key_deep_in_a_preset_is_replaced_alone(tmp_path: Path) -> None:
    teacher = "architecture: omnijet, preset: published, config: {tokenizer: {codebook: 2048}}"
    config = fill_architecture(project(tmp_path, teacher).config.teacher, "project.yaml")
    assert (config.tokenizer.codebook, config.tokenizer.width, config.blocks) == (2048, 128, 3)


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ("rtl: {clock_ns: 2.5}", "rtl: RTL has no clock_ns of its own; set clock_ns in the section hls"),
        ("rtl: {part: xc7k410t}", "rtl: RTL has no part of its own"),
        ("vendor: [{tool: vivad, steps: [synthesis]}]", "vendor: no vendor's tool 'vivad'; did you mean 'vivado'"),
        (
            "vendor: [{tool: vivado, steps: [synthesis], config: {prefix: [sh, -c, touch owned]}}]",
            "prefix may run anything, and a project.yaml may be a stranger's; set TAGWARE_PREFIX",
        ),
        ("hls: {part: 'x}; exec touch owned; #'}", "part 'x}; exec touch owned; #' is no name of an FPGA"),
        ("vendor: [{tool: vivado, steps: [sinthesis]}]", "vivado has no step 'sinthesis'; did you mean 'synthesis'"),
        ("rtl: null\nvendor: [{tool: vivado, design: rtl, steps: [synthesis]}]", "asked about RTL, and rtl is null"),
        ("vendor: [{tool: vivado, steps: [synthesis]}, {tool: vivado, steps: [implementation]}]", "asked twice"),
    ],
)
def test_hardware_that_cannot_be_is_refused_before_anything_runs(sections: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text(f"jets: {{sample: top_qcd}}\n{sections}\n")
    with pytest.raises(ConfigError, match=named):
        ProjectFolder.load(tmp_path)


def test_the_rtl_may_repeat_the_clock_of_the_hls(tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text("jets: {sample: top_qcd}\nhls: {clock_ns: 4.0}\nrtl: {clock_ns: 4.0}\n")
    assert ProjectFolder.load(tmp_path).config.hls.clock_ns == 4.0


TEACHERS = (Path(__file__).parents[2] / "docs/teachers.md").read_text()


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", TEACHERS, flags=re.S))
def test_a_teacher_section_of_the_documentation_can_be_used(block: str, tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text(f"jets: {{sample: top_qcd}}\n{block}")
    assert ProjectFolder.load(tmp_path).config.teacher.architecture in ARCHITECTURE_NAMES


def test_the_teacher_of_augmented_jets_is_the_tagger_in_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = project(tmp_path, "architecture: gru")
    design, config = architecture("gru"), architecture("gru").config_class()
    scaling = design.fit_scaling(synthetic_jets(50), config)
    tagger = Tagger("gru", config, ("QCD", "top"), scaling, design.build(config, 1), "torch", provenance={"seed": 1})
    tagger.save(tmp_path / "teacher")
    asked = []
    monkeypatch.setattr("compress.distil.distil", lambda *arguments: asked.append(arguments[-1]))
    section = fill(CompressSection, {"augment": {"reflect": True}}, "compress")
    distil_student(mine.config.student, section, tmp_path / "jets.h5", [], tmp_path / "a", teacher=tmp_path / "teacher")
    distil_student(mine.config.student, mine.config.compress, tmp_path / "jets.h5", [], tmp_path / "b")
    assert asked[1] is None
    assert asked[0].augmentation == Augmentation(reflect=True)
    assert asked[0].teacher.provenance == {"seed": 1}
