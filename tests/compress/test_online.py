"""A teacher that is asked about augmented jets: what the student then learns from, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import compress.distil
from compress.distil import DistilConfig, distil
from compress.fit import Epoch, Phase, Split
from compress.objective import LossConfig
from compress.online import Online
from compress.quantize.qkeras import Bits
from compress.teach import TeacherOutputs, answers, average, teach
from jets.augment import Augmentation, augment
from jets.batches import Batches
from jets.dataset import JetsFile, in_turn
from jets.errors import ConfigError, DataError, InputError, TagwareError
from models.registry import architecture
from models.students.feed_forward import MlpSpec, ParticleSpec
from models.students.student import StudentSpec
from models.tagger import Tagger
from tests.compress.conftest import MakeFile, wide_and_narrow

SPEC = ParticleSpec("deep_sets", n_constituents=5, features=3, particle=(4,), dense=(4,))
QUICK = DistilConfig(float_epochs=1, quantized_epochs=1, batch_size=64)
LABELS = dataclasses.replace(QUICK, loss=LossConfig(logits="cross_entropy"))
SEEN = Augmentation(rotate=True, reflect=True, smear_pt=0.1, smear_angle_gev=0.1)
Renewed = dict[str, tuple[Phase, Split]]


@pytest.fixture(scope="module")
def tagger(jets_file: JetsFile) -> Tagger:
    torch.manual_seed(3)
    design = architecture("particle_transformer")
    config = design.config_class(n_constituents=8)
    network = design.build(config, 1)
    scaling = design.fit_scaling(jets_file.read(), config)
    return Tagger(design.name, config, jets_file.classes, scaling, network, "torch", provenance={"seed": 3})


@pytest.fixture(scope="module")
def outputs(tagger: Tagger, jets_file: JetsFile, tmp_path_factory: pytest.TempPathFactory) -> TeacherOutputs:
    """Stored outputs; of the train split as the teacher answers about it alone: torch's last bits follow the batch."""
    path = tmp_path_factory.mktemp("teach") / "teacher.h5"
    teach(tagger, jets_file, path)
    stored = TeacherOutputs.load(path, embedding=True)
    alone = answers(tagger, jets_file.read("train"), jets_file.path)
    assert stored.embedding is not None
    for name in ("logits", "embedding"):
        np.testing.assert_allclose(getattr(stored.for_ids(alone["ids"]), name), alone[name], atol=1e-3)
        getattr(stored, name)[np.isin(stored.ids, alone["ids"])] = alone[name]
    return stored


@pytest.fixture
def phases(monkeypatch: pytest.MonkeyPatch) -> Renewed:
    """What each phase would have trained on, and nothing trained."""
    found: Renewed = {}

    def fit(model: Any, train: Batches, validation: Split, loss: Any, phase: Phase, curve: Path) -> list[Epoch]:
        found[phase.name] = phase, Split(**next(train.windows()))
        curve.parent.mkdir(parents=True, exist_ok=True)
        return [Epoch(0, 1e-3, 0.5, 0.5, 0.7, 0.01, 1.0)]

    monkeypatch.setattr(compress.distil, "fit", fit)
    return found


def renewed(phase: Phase, epoch: int, train: Split) -> Split:
    return Split(**next(phase.renewed(epoch, train).windows()))


def weights(folder: Path) -> list[list[bytes]]:
    networks = [Tagger.load(folder / phase).network for phase in ("float", "quantized")]
    return [[np.asarray(values).tobytes() for values in network.get_weights()] for network in networks]


@pytest.mark.long
def test_with_nothing_augmented_the_student_is_that_of_stored_outputs_bit_for_bit(
    tagger: Tagger, outputs: TeacherOutputs, jets_file: JetsFile, tmp_path: Path
) -> None:
    config = dataclasses.replace(QUICK, loss=LossConfig(embedding="relational"))
    ways = {"stored": None, "asked": Online(Augmentation(), tagger), "augmented": Online(SEEN, tagger)}
    for way, online in ways.items():
        distil(SPEC, Bits(), jets_file, outputs, config, tmp_path / way, online=online)
    found = {way: weights(tmp_path / way) for way in ways}
    assert found["asked"] == found["stored"]
    for first, second in zip(found["augmented"], found["stored"], strict=True):
        assert first != second


def test_every_epoch_asks_the_teacher_about_the_very_jets_that_the_student_sees(
    tagger: Tagger, outputs: TeacherOutputs, jets_file: JetsFile, tmp_path: Path, phases: Renewed
) -> None:
    distil(SPEC, Bits(), jets_file, outputs, QUICK, tmp_path / "student", online=Online(SEEN, tagger))
    stored, scaling = jets_file.read("train"), Tagger.load(tmp_path / "student" / "float").scaling
    seen = []
    for number, (phase, train) in enumerate(phases.values()):
        for epoch in (0, 1):
            split = renewed(phase, epoch, train)
            jets = augment(stored, SEEN, np.random.default_rng((QUICK.seed, number, epoch)))
            (inputs,) = architecture("particle_student").inputs(jets, SPEC, scaling).values()
            np.testing.assert_array_equal(split.inputs, inputs)
            np.testing.assert_array_equal(split.targets[:, 2:], answers(tagger, jets, jets_file.path)["logits"])
            np.testing.assert_array_equal(split.targets[:, :2], train.targets[:, :2])
            seen.append(split.inputs.tobytes())
    assert len({*seen, train.inputs.tobytes()}) == 5


def test_a_student_of_the_labels_sees_augmented_jets_and_needs_no_teacher(
    jets_file: JetsFile, tmp_path: Path, phases: Renewed
) -> None:
    distil(SPEC, Bits(), jets_file, None, LABELS, tmp_path / "student", online=Online(SEEN))
    phase, train = phases["float"]
    assert renewed(phase, 0, train).targets.shape == train.targets.shape == (len(train), 2)
    assert not np.array_equal(renewed(phase, 0, train).inputs, train.inputs)


def test_an_epoch_sees_one_view_of_each_parton(make_file: MakeFile, tmp_path: Path, phases: Renewed) -> None:
    first = dataclasses.replace(wide_and_narrow(600), view_names=("nominal", "seed"))
    first = dataclasses.replace(first, ids=first.ids * np.uint64(2))
    first = dataclasses.replace(first, events=first.ids)
    second = dataclasses.replace(first, ids=first.ids + np.uint64(1))
    source = make_file("two_views", in_turn([first, second]))
    distil(SPEC, Bits(), source, None, LABELS, tmp_path / "student", online=Online(Augmentation(views=True)))
    phase, train = phases["float"]
    assert 2 * len(phase.renewed(0, train)) == len(train) == len(source.read("train"))


def test_another_augmentation_trains_anew_and_the_same_one_does_not(
    jets_file: JetsFile, tmp_path: Path, phases: Renewed
) -> None:
    out = tmp_path / "student"
    distil(SPEC, Bits(), jets_file, None, LABELS, out, online=Online(SEEN))
    for online, trained in ((Online(SEEN), False), (Online(Augmentation(reflect=True)), True), (None, True)):
        phases.clear()
        distil(SPEC, Bits(), jets_file, None, LABELS, out, online=online)
        assert bool(phases) == trained


OTHER = {"provenance": {"seed": 4}}


@pytest.mark.parametrize(
    ("spec", "seen", "teacher", "error", "named"),
    [
        (SPEC, SEEN, None, InputError, "the teacher itself is needed"),
        (SPEC, SEEN, OTHER, DataError, "not those of the teacher"),
        (SPEC, Augmentation(views=True), {}, DataError, "one view each"),
        (MlpSpec(), SEEN, {}, ConfigError, "high-level features"),
        (SPEC, SEEN, {"config": MlpSpec()}, ConfigError, "high-level features"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(
    tagger: Tagger, outputs: TeacherOutputs, jets_file: JetsFile, tmp_path: Path, spec: StudentSpec, seen: Augmentation,
    teacher: dict[str, Any] | None, error: type[TagwareError], named: str,
) -> None:  # fmt: skip
    online = Online(seen, None if teacher is None else dataclasses.replace(tagger, **teacher))
    with pytest.raises(error, match=named):
        distil(spec, Bits(), jets_file, outputs, QUICK, tmp_path / "student", online=online)
    assert not (tmp_path / "student" / "float").exists()


def test_an_ensemble_is_not_asked(tagger: Tagger, outputs: TeacherOutputs, jets_file: JetsFile, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="an ensemble is not asked"):
        distil(SPEC, Bits(), jets_file, average([outputs] * 2), QUICK, tmp_path / "s", online=Online(SEEN, tagger))
