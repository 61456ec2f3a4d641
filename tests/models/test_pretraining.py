"""Pre-training and fine-tuning: what is taken over, what is frozen, what is refused."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models.lightning_loop
from jets.dataset import Jets, JetsFile, JetsWriter
from jets.errors import ConfigError, InputError
from models.curves import read_curves
from models.tagger import Tagger
from models.teachers.omnijet import OmniJetConfig
from models.teachers.pet import PetConfig
from models.teachers.recurrent import RecurrentConfig
from models.teachers.tokenizer import TokenizerConfig
from models.training import PretrainConfig, TrainConfig, load_start, pretrain, train
from models.training_curves import TrainingCurves
from tests.synthetic import synthetic_jets

PET = PetConfig(n_constituents=10, width=8, heads=2, neighbours=3, blocks=1, class_blocks=1)
TUNE = TrainConfig(epochs=1, batch_size=100, learning_rate=1e-2, accelerator="cpu")
PRETRAIN = PretrainConfig(epochs=2, batch_size=100, learning_rate=3e-3, optimizer="lion", accelerator="cpu")


@pytest.fixture(scope="module")
def pretrained(jets_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tagger, Path]:
    out = tmp_path_factory.mktemp("pretrained") / "pet"
    return pretrain("pet", PET, jets_file, PRETRAIN, out), out


@pytest.fixture(scope="module")
def five_class_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jets") / "five.h5"
    with JetsWriter(path) as writer:
        writer.append(synthetic_jets(600, classes=("g", "q", "W", "Z", "t")))
    return path


def state(tagger: Tagger) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in tagger.network.state_dict().items()}


def test_pretraining_leaves_a_tagger_and_curves_without_an_auc(pretrained: tuple[Tagger, Path], jets: Jets) -> None:
    tagger, out = pretrained
    rows = read_curves(out / "joint" / "curves.csv")
    assert len(rows) == 2 and rows[1]["train_loss"] < rows[0]["train_loss"]
    assert "validation_auc" not in rows[0]
    np.testing.assert_array_equal(Tagger.load(out).predict(jets), tagger.predict(jets))
    assert tagger.provenance["training"]["objective"] == {}
    assert not (out / "checkpoints").exists()


def test_pretraining_is_done_once(
    pretrained: tuple[Tagger, Path], jets_file: Path, jets: Jets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.lightning_loop, "fit", lambda *_: pytest.fail("it trained again"))
    again = pretrain("pet", PET, jets_file, PRETRAIN, pretrained[1])
    np.testing.assert_array_equal(again.predict(jets), pretrained[0].predict(jets))


def test_fine_tuning_starts_from_all_but_the_output(
    pretrained: tuple[Tagger, Path], five_class_file: Path, tmp_path: Path
) -> None:
    still = dataclasses.replace(TUNE, learning_rate=1e-30)
    tagger = train("pet", PET, five_class_file, still, tmp_path / "out", pretrained[0])
    before, after = state(pretrained[0]), state(tagger)
    for name, values in after.items():
        if "classifier.output" not in name and "generator.label" not in name:
            np.testing.assert_array_equal(values, before[name])
    assert tagger.classes == ("g", "q", "W", "Z", "t") and after["classifier.output.weight"].shape == (5, 8)
    assert tagger.provenance["start"]["classes"] == ["QCD", "top"]


def test_a_frozen_backbone_does_not_change_and_the_head_does(
    pretrained: tuple[Tagger, Path], jets_file: Path, tmp_path: Path
) -> None:
    frozen = dataclasses.replace(TUNE, backbone_rate=0.0)
    tagger = train("pet", PET, jets_file, frozen, tmp_path / "out", pretrained[0])
    before, after = state(pretrained[0]), state(tagger)
    body = [name for name in after if name.startswith("body.")]
    assert body and all(np.array_equal(after[name], before[name]) for name in body)
    assert not np.array_equal(after["classifier.gather.token"], before["classifier.gather.token"])
    assert tagger.n_parameters == Tagger.load(tmp_path / "out").n_parameters == pretrained[0].n_parameters


def test_a_slow_backbone_moves_less_than_a_free_one(
    pretrained: tuple[Tagger, Path], jets_file: Path, tmp_path: Path
) -> None:
    moved = {}
    for rate in (1.0, 0.01):
        config = dataclasses.replace(TUNE, backbone_rate=rate)
        tagger = train("pet", PET, jets_file, config, tmp_path / str(rate), pretrained[0])
        name = "body.blocks.0.attention.query.weight"
        moved[rate] = np.abs(state(tagger)[name] - state(pretrained[0])[name]).max()
    assert 0 < moved[0.01] < 0.1 * moved[1.0]


def test_the_output_can_be_kept_for_the_same_classes_only(
    pretrained: tuple[Tagger, Path], jets_file: Path, five_class_file: Path, tmp_path: Path
) -> None:
    keep = dataclasses.replace(TUNE, output="keep", learning_rate=1e-30)
    tagger = train("pet", PET, jets_file, keep, tmp_path / "same", pretrained[0])
    np.testing.assert_array_equal(
        state(tagger)["classifier.output.weight"], state(pretrained[0])["classifier.output.weight"]
    )
    with pytest.raises(ConfigError, match="knows the classes QCD, top, the jets g, q, W, Z, t; train with output: new"):
        train("pet", PET, five_class_file, keep, tmp_path / "other", pretrained[0])
    assert not (tmp_path / "other").exists()


def test_no_epochs_take_a_tagger_as_it_is(
    pretrained: tuple[Tagger, Path], jets_file: Path, five_class_file: Path, jets: Jets, tmp_path: Path
) -> None:
    as_it_is = dataclasses.replace(TUNE, epochs=0)
    train("pet", PET, jets_file, as_it_is, tmp_path / "same", load_start("pet", PET, pretrained[1]))
    np.testing.assert_array_equal(Tagger.load(tmp_path / "same").predict(jets), pretrained[0].predict(jets))
    with pytest.raises(ConfigError, match="knows the classes"):
        train("pet", PET, five_class_file, as_it_is, tmp_path / "other", pretrained[0])
    with pytest.raises(ConfigError, match="need a tagger to start from"):
        train("pet", PET, jets_file, as_it_is, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_start_of_another_architecture_or_size_is_refused(
    pretrained: tuple[Tagger, Path], jets_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="start: is a 'pet' tagger, not a 'gru'"):
        train("gru", RecurrentConfig(), jets_file, TUNE, tmp_path / "out", pretrained[0])
    wider = dataclasses.replace(PET, width=16)
    with pytest.raises(ConfigError, match="start: has width 8, not 16; use the same preset and config"):
        train("pet", wider, jets_file, TUNE, tmp_path / "out", pretrained[0])
    assert not (tmp_path / "out").exists()


def test_a_head_that_was_never_trained_cannot_predict_or_be_kept(
    pretrained: tuple[Tagger, Path], jets_file: Path, jets: Jets, tmp_path: Path
) -> None:
    headless = dataclasses.replace(pretrained[0], untrained=("head",))
    headless.save(tmp_path / "headless")
    loaded = Tagger.load(tmp_path / "headless")
    assert loaded.untrained == ("head",)
    with pytest.raises(InputError, match="head of this 'pet' tagger was never trained; fine-tune it"):
        loaded.predict(jets)
    with pytest.raises(ConfigError, match="its head was never trained"):
        train("pet", PET, jets_file, dataclasses.replace(TUNE, output="keep"), tmp_path / "out", loaded)


def test_pretraining_that_there_is_not_is_refused(jets_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'gru' has no pre-training"):
        pretrain("gru", RecurrentConfig(), jets_file, PRETRAIN, tmp_path / "out")
    wrong = dataclasses.replace(PRETRAIN, objective={"feature_dorp": 0.1})
    with pytest.raises(ConfigError, match=r"pretrain: objective: unknown key 'feature_dorp'.*'feature_drop'"):
        pretrain("pet", PET, jets_file, wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"epochs": 0}, "epochs"), ({"backbone_rate": 0.5}, "fine-tuning"), ({"output": "keep"}, "fine-tuning")],
)
def test_pretraining_settings_out_of_range_are_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        PretrainConfig(**wrong)


def test_fewer_training_jets_are_drawn_with_the_seed(jets_file: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(TUNE, max_jets=150)
    gru = RecurrentConfig(units=4, dense=(4,), n_constituents=8)
    taggers = [train("gru", gru, jets_file, config, tmp_path / name) for name in ("once", "again")]
    splits = taggers[0].provenance["jets_per_split"]
    assert splits == {"train": 150, "validation": len(JetsFile(jets_file).read("validation"))}
    np.testing.assert_array_equal(*(state(tagger)["output.weight"] for tagger in taggers))


def test_interrupted_pretraining_goes_on_to_the_result_of_an_uninterrupted_one(
    pretrained: tuple[Tagger, Path], jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(curves: TrainingCurves, trainer: Any, *_: object) -> None:
        if trainer.current_epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingCurves, "on_train_batch_end", press)
        with pytest.raises(KeyboardInterrupt):
            pretrain("pet", PET, jets_file, PRETRAIN, tmp_path / "out")
    assert not (tmp_path / "out" / "tagger.json").exists()
    resumed = state(pretrain("pet", PET, jets_file, PRETRAIN, tmp_path / "out"))
    for name, values in state(pretrained[0]).items():
        np.testing.assert_array_equal(resumed[name], values)


def test_the_random_state_of_the_caller_is_left_alone(jets_file: Path, tmp_path: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    pretrain("pet", PET, jets_file, dataclasses.replace(PRETRAIN, epochs=1), tmp_path / "out")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.long
def test_two_processes_pretrain_one_network(jets_file: Path, tmp_path: Path) -> None:
    config = OmniJetConfig(
        n_constituents=8, width=8, heads=2, blocks=1, tokenizer=TokenizerConfig(codebook=16, width=8)
    )
    how = dataclasses.replace(PRETRAIN, optimizer="adamw", devices=2)
    tagger = pretrain("omnijet", config, jets_file, how, tmp_path / "out")
    for stage in ("tokenizer", "next_token"):
        rows = read_curves(tmp_path / "out" / stage / "curves.csv")
        assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    for name, values in state(Tagger.load(tmp_path / "out")).items():
        np.testing.assert_array_equal(values, state(tagger)[name])
