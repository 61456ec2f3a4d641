"""Distillation on small jets: what it learns, what it leaves, how it resumes and what it refuses."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compress.distil
import compress.student_jets
from compress.distil import DistilConfig, distil
from compress.fit import Epoch, Split
from compress.objective import TEACHER, LossConfig
from compress.quantize.qkeras import Bits
from compress.teach import LAYOUT, StoredOutputs, TeacherOutputs
from jets.batches import Batches, StoredSplit
from jets.config import fill
from jets.dataset import JetsFile, JetsWriter
from jets.errors import ConfigError, DataError, InputError, StorageError
from jets.files import OWNER_MARK
from jets.hdf5 import HDF5Writer
from jets.metrics import auc
from models.curves import COLUMNS
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from tests.compress.conftest import MakeFile, wide_and_narrow

pytestmark = pytest.mark.xdist_group("distil")  # one training serves many tests

SPEC = RecurrentSpec(units=6, dense=(8,), n_constituents=5)
SOFT = LossConfig(temperature=4.0, alpha=0.5)
FAST = DistilConfig(loss=SOFT, float_epochs=6, quantized_epochs=3, batch_size=64, learning_rate=2e-2)
CONTROL = dataclasses.replace(FAST, loss=SOFT.without_teacher())
FitCalls = list[str]


@pytest.fixture(scope="module")
def outputs(jets_file: JetsFile) -> TeacherOutputs:
    """A teacher that knows the answer: the class, blurred by noise."""
    jets = jets_file.read()
    noise = np.random.default_rng(0).normal(0, 1, len(jets))
    logits = (6.0 * (jets.labels - 0.5) + noise).astype(np.float32)[:, None]
    return TeacherOutputs(logits, jets.ids, jets.classes, jets_file.checksum, provenance={"architecture": "oracle"})


@pytest.fixture(scope="module")
def finished(jets_file: JetsFile, outputs: TeacherOutputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("distil") / "student"
    distil(SPEC, Bits(), jets_file, outputs, FAST, out)
    return out


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "student"))


@pytest.fixture
def phases(monkeypatch: pytest.MonkeyPatch) -> FitCalls:
    """The phases that are trained, none of them really."""
    calls: FitCalls = []

    def fit(model: Any, train: Any, validation: Any, loss: Any, phase: Any, curve: Path) -> Any:
        calls.append(phase.name)
        curve.parent.mkdir(parents=True, exist_ok=True)
        return [Epoch(0, 1e-3, 0.5, 0.5, 0.7, 0.01, 1.0)]

    monkeypatch.setattr(compress.distil, "fit", fit)
    return calls


def test_both_students_learn_and_the_quantized_one_keeps_it(finished: Path, jets_file: JetsFile) -> None:
    jets = jets_file.read("test")
    areas = {
        name: auc(Tagger.load(finished / name).predict(jets)[:, 0], jets.labels) for name in ("float", "quantized")
    }
    assert areas["float"].value > 0.75
    assert areas["quantized"].value > areas["float"].value - 0.05


def test_the_quantized_tagger_says_how_it_is_quantized(finished: Path) -> None:
    quantized, plain = Tagger.load(finished / "quantized"), Tagger.load(finished / "float")
    assert plain.quantization is None
    assert quantized.quantization is not None
    assert quantized.quantization["front_end"] == "qkeras"
    assert fill(Bits, quantized.quantization["bits"], "tagger.json") == Bits()
    kernel = quantized.quantization["tensors"]["rnn/kernel"]
    assert 0 <= kernel.pop("zeros") < 0.5
    assert kernel == {"total": 8, "integer": 2, "signed": True, "size": 108}
    assert quantized.quantization["ebops"] > quantized.quantization["ebops_shared_cell"] > 0
    assert (quantized.scaling, quantized.classes) == (plain.scaling, ("QCD", "top"))
    assert quantized.provenance["teacher"]["architecture"] == "oracle"


@pytest.mark.parametrize(("name", "epochs"), [("float", 6), ("quantized", 3)])
def test_each_phase_leaves_its_curve_and_keeps_its_best_epoch(finished: Path, name: str, epochs: int) -> None:
    with open(finished / name / "curves.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == tuple(name for name in COLUMNS if name != "ebops")
    assert [int(row["epoch"]) for row in rows] == list(range(epochs))
    record = json.loads((finished / name / "tagger.json").read_text())["provenance"]
    best = min(rows, key=lambda row: float(row["validation_loss"]))
    assert record["best_epoch"] == int(best["epoch"])
    assert record["validation_auc"]["value"] == pytest.approx(float(best["validation_auc"]))


def test_the_weights_are_those_of_the_best_epoch(finished: Path, jets_file: JetsFile) -> None:
    tagger, jets = Tagger.load(finished / "quantized"), jets_file.read("validation")
    area = auc(tagger.predict(jets)[:, 0], jets.labels)
    assert area.value == pytest.approx(tagger.provenance["validation_auc"]["value"], abs=1e-6)


def test_what_is_learnt_of_many_windows_is_what_is_learnt_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of weighted jets in small blocks, with a teacher in memory or in a file."""
    jets = wide_and_narrow(2000)
    weighted = dataclasses.replace(jets, weights=np.linspace(0.5, 3.0, len(jets), dtype=np.float32))
    with JetsWriter(tmp_path / "jets.h5", chunk=64) as jets_writer:
        jets_writer.append(weighted)
    source = JetsFile(tmp_path / "jets.h5")
    logits = np.arange(len(jets), dtype=np.float32)[:, None]
    teacher = TeacherOutputs(logits, jets.ids, jets.classes, source.checksum)
    with HDF5Writer(tmp_path / "teacher.h5") as writer:
        writer.append({"logits": logits, "ids": jets.ids})
        header = {"layout": LAYOUT, "classes": jets.classes, "checksum": source.checksum, "provenance": {}}
        writer.attributes["tagware"] = json.dumps(header)
    ways: dict[str, tuple[int, TeacherOutputs | StoredOutputs]] = {
        "one": (50_000, teacher),
        "many": (150, teacher),
        "stored": (150, StoredOutputs([tmp_path / "teacher.h5"])),
    }
    seen: dict[str, tuple[bytes, bytes]] = {}
    sizes: dict[str, list[int]] = {}

    def fit(model: Any, train: Batches, validation: Split, loss: Any, phase: Any, curve: Path) -> list[Epoch]:
        if phase.name == "quantized":
            raise InterruptedError
        sizes[way] = [len(validation), *(len(window["labels"]) for window in train.windows())]
        batches = list(train.batches(100, np.random.default_rng(1).permutation))
        assert {len(batch["labels"]) for batch in batches[:-1]} == {100}
        targets = np.concatenate([batch["targets"] for batch in batches])
        order = np.argsort(targets[:, TEACHER])
        assert (order[1:] != order[:-1] + 1).mean() > 0.9
        inputs = np.concatenate([batch["inputs"] for batch in batches])
        seen[way] = (inputs[order].tobytes(), targets[order].tobytes())
        curve.parent.mkdir(parents=True, exist_ok=True)
        return [Epoch(0, 1e-3, 0.5, 0.5, 0.7, 0.01, 1.0)]

    monkeypatch.setattr(compress.distil, "fit", fit)
    records = []
    for way, (window, outputs) in ways.items():
        monkeypatch.setattr(compress.student_jets, "StoredSplit", partial(StoredSplit, window=window))
        with pytest.raises(InterruptedError):
            distil(SPEC, Bits(), source, outputs, FAST, tmp_path / way)
        records.append(Tagger.load(tmp_path / way / "float").provenance["digest"])
    assert seen["many"] == seen["one"] and seen["stored"] == seen["one"]
    assert sizes["one"] == [len(source.read(split)) for split in ("validation", "train")]
    assert len(sizes["many"]) > 5 and max(sizes["many"]) < 1.5 * 150
    assert len(set(records)) == 1


@pytest.mark.long
def test_the_same_seed_gives_the_same_student(
    finished: Path, jets_file: JetsFile, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    distil(SPEC, Bits(), jets_file, outputs, FAST, tmp_path / "again")
    for name in ("float", "quantized"):
        before, after = (Tagger.load(folder / name).network.get_weights() for folder in (finished, tmp_path / "again"))
        for ours, theirs in zip(before, after, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.long
def test_five_classes_are_distilled(make_file: MakeFile, tmp_path: Path) -> None:
    five = make_file("five_distil", wide_and_narrow(600, classes=("g", "q", "W", "Z", "t")))
    jets = five.read()
    logits = 3 * np.eye(5, dtype=np.float32)[jets.labels]
    teacher = TeacherOutputs(logits, jets.ids, jets.classes, five.checksum)
    config = dataclasses.replace(FAST, float_epochs=1, quantized_epochs=1)
    student = distil(SPEC, Bits(), five, teacher, config, tmp_path / "student")
    assert student.predict(jets).shape == (600, 5)


def test_a_finished_distillation_is_reused(
    copied: Path, jets_file: JetsFile, outputs: TeacherOutputs, phases: FitCalls
) -> None:
    distil(SPEC, Bits(), jets_file, outputs, FAST, copied)
    assert phases == []


def test_a_finished_float_phase_is_reused_and_an_interrupted_one_starts_over(
    copied: Path, jets_file: JetsFile, outputs: TeacherOutputs, phases: FitCalls
) -> None:
    (copied / "quantized" / "tagger.json").unlink()
    (copied / "quantized" / "left.over").touch()
    distil(SPEC, Bits(), jets_file, outputs, FAST, copied)
    assert phases == ["quantized"]
    assert not (copied / "quantized" / "left.over").exists()


@pytest.mark.parametrize(
    ("change", "trained"),
    [
        ({"quantized_epochs": 4}, ["quantized"]),
        ({"quantized_learning_rate": 1e-4}, ["quantized"]),
        ({"float_epochs": 7}, ["float", "quantized"]),
        ({"loss": LossConfig(temperature=2.0)}, ["float", "quantized"]),
        ({"seed": 2}, ["float", "quantized"]),
    ],
)
def test_other_settings_redo_the_phases_that_they_touch(
    change: dict[str, Any],
    trained: list[str],
    copied: Path,
    jets_file: JetsFile,
    outputs: TeacherOutputs,
    phases: FitCalls,
) -> None:
    distil(SPEC, Bits(), jets_file, outputs, dataclasses.replace(FAST, **change), copied)
    assert phases == trained


def test_another_teacher_or_other_bits_redo_what_they_touch(
    copied: Path, jets_file: JetsFile, outputs: TeacherOutputs, phases: FitCalls
) -> None:
    distil(SPEC, Bits(weights=(6, 2)), jets_file, outputs, FAST, copied)
    assert phases == ["quantized"]
    other = dataclasses.replace(outputs, logits=outputs.logits + np.float32(0.1))
    distil(SPEC, Bits(), jets_file, other, FAST, copied)
    assert phases == ["quantized", "float", "quantized"]


def test_the_control_ignores_the_teacher_and_its_settings(
    jets_file: JetsFile, outputs: TeacherOutputs, phases: FitCalls, tmp_path: Path
) -> None:
    out = tmp_path / "control"
    other = dataclasses.replace(CONTROL, quantized_epochs=5, loss=dataclasses.replace(CONTROL.loss, temperature=9.0))
    student = distil(SPEC, Bits(), jets_file, outputs, CONTROL, out)
    assert "teacher" not in student.provenance
    distil(SPEC, Bits(), jets_file, None, other, out)
    assert phases == ["float", "quantized", "quantized"]


def test_a_loss_that_needs_a_teacher_is_refused_without_one(jets_file: JetsFile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this loss needs a teacher"):
        distil(SPEC, Bits(), jets_file, None, FAST, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_teacher_of_other_jets_is_refused(make_file: MakeFile, outputs: TeacherOutputs, tmp_path: Path) -> None:
    other = make_file("not_taught", wide_and_narrow(60, seed=5))
    with pytest.raises(DataError, match="about other jets"):
        distil(SPEC, Bits(), other, outputs, FAST, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_class_absent_from_a_split_is_named(make_file: MakeFile, tmp_path: Path) -> None:
    jets = wide_and_narrow(400)
    lopsided = make_file("lopsided", jets[jets.labels == 0])
    with pytest.raises(DataError, match="class 'top' has no jets"):
        distil(SPEC, Bits(), lopsided, None, CONTROL, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*/*"))


def test_a_loss_that_is_not_finite_stops_with_the_batch_and_saves_nothing(
    jets_file: JetsFile, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    train = jets_file.read("train")
    logits = outputs.logits.copy()
    logits[np.isin(outputs.ids, train.ids[:1])] = np.inf
    with pytest.raises(ConfigError, match=r"the loss is nan in batch \d+ of epoch 0") as caught:
        distil(SPEC, Bits(), jets_file, dataclasses.replace(outputs, logits=logits), FAST, tmp_path / "out")
    assert caught.value.where == "distil: float"
    assert not list((tmp_path / "out").rglob("tagger.json"))


def test_a_folder_that_is_not_ours_is_refused(jets_file: JetsFile, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StorageError, match="did not write"):
        distil(SPEC, Bits(), jets_file, None, CONTROL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert OWNER_MARK not in [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("learning_rate", -1e-3, "learning_rate must be above 0"),
        ("quantized_learning_rate", 0.0, "quantized_learning_rate must be above 0"),
        ("float_epochs", 0, "float_epochs must be at least 1"),
        ("batch_size", 0, "batch_size must be at least 1"),
        ("seed", -1, "seed must be at least 0"),
        ("loss", {"temprature": 4}, "did you mean 'temperature'"),
        ("sed", 4, "did you mean 'seed'"),
    ],
)
def test_a_setting_out_of_range_names_its_key(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fill(DistilConfig, {key: value}, "project.yaml: compress: distil")
    assert message in str(caught.value)


def test_opening_the_module_does_not_import_a_tensor_library(run_python: Callable[[str], str]) -> None:
    code = "import sys, compress.distil; print([m for m in ('keras', 'torch', 'tensorflow') if m in sys.modules])"
    assert run_python(code) == "[]"


@pytest.mark.long
@pytest.mark.parametrize("embedding", ["relational", "hint"])
def test_the_teachers_embedding_teaches_and_leaves_no_trace_in_the_student(
    embedding: Any, jets_file: JetsFile, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    seen = np.random.default_rng(3).normal(size=(len(outputs), 7)).astype(np.float16)
    loss = dataclasses.replace(SOFT, embedding=embedding)
    config = dataclasses.replace(FAST, loss=loss, float_epochs=1, quantized_epochs=1)
    with pytest.raises(InputError, match="needs an embedding"):
        distil(SPEC, Bits(), jets_file, dataclasses.replace(outputs, embedding=None), config, tmp_path / "none")
    taught = distil(SPEC, Bits(), jets_file, dataclasses.replace(outputs, embedding=seen), config, tmp_path / "some")
    plain = distil(SPEC, Bits(), jets_file, outputs, dataclasses.replace(config, loss=SOFT), tmp_path / "plain")
    assert [layer.name for layer in taught.network.layers] == [layer.name for layer in plain.network.layers]
    jets = jets_file.read("test")
    assert not np.array_equal(taught.predict(jets), plain.predict(jets))
