"""Teacher outputs: what is stored is what the teacher says, and nothing is used for other jets."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from compress.teach import StoredOutputs, TeacherOutputs, average, teach
from jets.dataset import JetsFile
from jets.errors import DataError, InputError, LayoutError, StorageError
from models.registry import architecture
from models.tagger import Tagger
from tests.compress.conftest import MakeFile, wide_and_narrow


def tagger_for(jets_file: JetsFile, name: str = "gru") -> Tagger:
    torch.manual_seed(3)
    design = architecture(name)
    config = design.config_class()
    scaling = design.fit_scaling(jets_file.read(), config)
    network = design.build(config, 1 if len(jets_file.classes) == 2 else len(jets_file.classes))
    return Tagger(name, config, jets_file.classes, scaling, network, design.framework, provenance={"seed": 3})


@pytest.fixture(scope="module")
def teacher(jets_file: JetsFile) -> Tagger:
    return tagger_for(jets_file)


@pytest.fixture(scope="module")
def outputs_path(teacher: Tagger, jets_file: JetsFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teach") / "teacher.h5"
    teach(teacher, jets_file, path, block=500)
    return path


def test_stored_logits_and_embedding_are_the_teachers_own(
    outputs_path: Path, teacher: Tagger, jets_file: JetsFile
) -> None:
    jets = jets_file.read()
    outputs = TeacherOutputs.load(outputs_path, embedding=True)
    np.testing.assert_allclose(outputs.logits, teacher.predict(jets), rtol=1e-5, atol=1e-6)
    assert outputs.embedding is not None
    np.testing.assert_allclose(outputs.embedding, teacher.outputs(jets)[1], rtol=1e-3, atol=1e-3)
    assert (outputs.classes, outputs.checksum) == (jets_file.classes, jets_file.checksum)
    np.testing.assert_array_equal(outputs.ids, jets.ids)


def test_outputs_follow_the_jets_in_any_order(outputs_path: Path, jets_file: JetsFile) -> None:
    outputs, jets = TeacherOutputs.load(outputs_path), jets_file.read()
    order = np.random.default_rng(0).permutation(len(jets))[:200]
    np.testing.assert_array_equal(outputs.for_jets(jets[order]).logits, outputs.logits[order])
    np.testing.assert_array_equal(outputs.for_jets(jets[order]).ids, jets.ids[order])


def test_jets_are_not_overwritten_with_teacher_outputs(teacher: Tagger, jets_file: JetsFile) -> None:
    content = jets_file.path.read_bytes()
    with pytest.raises(StorageError, match="is not a file of teacher outputs that tagware wrote"):
        teach(teacher, jets_file, jets_file.path)
    assert jets_file.path.read_bytes() == content


def test_a_keras_teacher_leaves_out_the_embedding(jets_file: JetsFile, tmp_path: Path) -> None:
    outputs = teach(tagger_for(jets_file, "recurrent_student"), jets_file, tmp_path / "t.h5")
    assert len(outputs) == len(jets_file)
    assert TeacherOutputs.load(tmp_path / "t.h5", embedding=True).embedding is None


def test_five_classes_have_five_logits(make_file: MakeFile, tmp_path: Path) -> None:
    five = make_file("five", wide_and_narrow(100, classes=("g", "q", "W", "Z", "t")))
    assert teach(tagger_for(five), five, tmp_path / "t.h5").logits.shape == (100, 5)


def test_an_unknown_jet_is_named(outputs_path: Path, jets_file: JetsFile) -> None:
    jets = jets_file.read()[:3]
    strange = replace(jets, ids=np.array([1000, 77, 78], np.uint64))
    with pytest.raises(DataError, match=r"have no jet 77 \(2 are missing\)"):
        TeacherOutputs.load(outputs_path).for_jets(strange)


def test_other_classes_are_refused(outputs_path: Path, teacher: Tagger, make_file: MakeFile, tmp_path: Path) -> None:
    other = make_file("other_classes", wide_and_narrow(40, classes=("q", "g")))
    for attempt in (
        lambda: TeacherOutputs.load(outputs_path).check(other),
        lambda: TeacherOutputs.load(outputs_path).for_jets(other.read()),
        lambda: teach(teacher, other, tmp_path / "t.h5"),
    ):
        with pytest.raises(DataError, match="the teacher knows the classes QCD, top, the jets q, g"):
            attempt()
    assert not list(tmp_path.iterdir())


def test_other_jets_of_the_same_classes_are_refused(outputs_path: Path, make_file: MakeFile) -> None:
    other = make_file("other_jets", wide_and_narrow(1200, seed=9))
    with pytest.raises(DataError, match=f"about other jets.*not {other.checksum[:12]}") as caught:
        TeacherOutputs.load(outputs_path).check(other)
    assert caught.value.where == other.path


def test_twins_are_refused_and_nothing_is_written(teacher: Tagger, make_file: MakeFile, tmp_path: Path) -> None:
    jets = wide_and_narrow(10)
    twins = make_file("twins", replace(jets, ids=np.full(10, 5, np.uint64)))
    with pytest.raises(DataError, match="two jets share the id 5"):
        teach(teacher, twins, tmp_path / "t.h5")
    assert not list(tmp_path.iterdir())


def test_a_teacher_that_says_nan_is_refused_and_nothing_is_written(jets_file: JetsFile, tmp_path: Path) -> None:
    broken = tagger_for(jets_file)
    with torch.no_grad():
        next(broken.network.parameters()).fill_(float("nan"))
    with pytest.raises(DataError, match="output for jet 1000 is NaN"):
        teach(broken, jets_file, tmp_path / "t.h5")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_the_older_outputs(
    outputs_path: Path, teacher: Tagger, jets_file: JetsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = outputs_path.read_bytes()
    (tmp_path / "t.h5").write_bytes(older)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match="the disk is full"):
        teach(teacher, jets_file, tmp_path / "t.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["t.h5"]
    assert (tmp_path / "t.h5").read_bytes() == older


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such teacher outputs") as caught:
        TeacherOutputs.load(tmp_path / "t.h5")
    assert "tagware teach" in str(caught.value)


@pytest.mark.parametrize("damage", ["text", "cut", "jets", "header"])
def test_a_damaged_or_foreign_file_is_refused(
    damage: str, outputs_path: Path, jets_file: JetsFile, tmp_path: Path
) -> None:
    path = tmp_path / "t.h5"
    path.write_bytes(outputs_path.read_bytes())
    if damage == "text":
        path.write_text("logits")
    elif damage == "cut":
        path.write_bytes(outputs_path.read_bytes()[:3000])
    elif damage == "jets":
        path.write_bytes(jets_file.path.read_bytes())
    else:
        with h5py.File(path, "a") as file:
            file.attrs["tagware"] = "{"
    with pytest.raises(LayoutError, match=r"damaged|teacher outputs") as caught:
        TeacherOutputs.load(path)
    assert caught.value.where == path


def test_an_ensemble_says_the_mean_logits_of_its_teachers_whatever_their_order(outputs_path: Path) -> None:
    first = TeacherOutputs.load(outputs_path, embedding=True)
    turned = replace(first.for_ids(first.ids[::-1]), provenance={"seed": 2})
    second = replace(turned, logits=turned.logits + np.float32(2.0))
    both = average([first, second])
    np.testing.assert_allclose(both.logits, first.logits + 1.0, rtol=1e-6)
    assert both.embedding is not None and first.embedding is not None
    np.testing.assert_array_equal(both.embedding, np.concatenate([first.embedding, first.embedding], axis=1))
    assert both.provenance == {"ensemble": [first.provenance, {"seed": 2}]}
    np.testing.assert_array_equal(average([first]).logits, first.logits)


def test_teachers_of_other_jets_are_no_ensemble(outputs_path: Path) -> None:
    first = TeacherOutputs.load(outputs_path)
    with pytest.raises(DataError, match="other jets"):
        average([first, replace(first, checksum="0" * 64)])
    with pytest.raises(DataError, match="no teacher outputs"):
        average([])


def test_the_mean_of_stored_teachers_is_read_in_pieces(outputs_path: Path, jets_file: JetsFile, tmp_path: Path) -> None:
    torch.manual_seed(4)
    teach(tagger_for(jets_file, "particle_transformer"), jets_file, tmp_path / "other.h5")
    paths = [outputs_path, tmp_path / "other.h5"]
    whole = average([TeacherOutputs.load(path, embedding=True) for path in paths])
    stored = StoredOutputs(paths, embedding=True)
    pieces = [stored[start : start + 500] for start in range(0, len(whole), 500)]
    assert [len(piece) for piece in pieces] == [500, 500, 200]
    for name in ("logits", "ids", "embedding"):
        found = np.concatenate([getattr(piece, name) for piece in pieces])
        np.testing.assert_array_equal(found, getattr(whole, name))
    assert stored[:0].provenance == whole.provenance
    with pytest.raises(InputError, match="no such teacher outputs"):
        StoredOutputs([outputs_path, tmp_path / "none.h5"])
