"""Training: what is learnt, what is kept, what an interruption costs, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from torch.multiprocessing.spawn import ProcessRaisedException

import models.training
from jets.batches import StoredSplit
from jets.config import fill
from jets.dataset import Jets, JetsFile, JetsWriter
from jets.errors import ConfigError, DataError, InputError, LayoutError, StorageError
from jets.metrics import auc
from models.curves import read_curves
from models.lightning_loop import Failures, own_errors
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from models.teachers.particle_transformer import ParticleTransformerConfig
from models.teachers.recurrent import RecurrentConfig
from models.training import TrainConfig, train
from models.training_curves import TrainingCurves
from tests.synthetic import synthetic_jets

GRU = RecurrentConfig(units=8, dense=(8,), n_constituents=12)
QUICK = TrainConfig(epochs=4, batch_size=100, learning_rate=1e-2, accelerator="cpu")


def weights(tagger: Tagger) -> np.ndarray:
    return np.concatenate([values.numpy().ravel() for values in tagger.network.state_dict().values()])


@pytest.fixture(scope="module")
def trained(jets_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tagger, Path]:
    out = tmp_path_factory.mktemp("trained") / "gru"
    return train("gru", GRU, jets_file, QUICK, out), out


@pytest.mark.parametrize(
    ("name", "config"), [("gru", GRU), ("particle_transformer", ParticleTransformerConfig(n_constituents=12, width=16))]
)
def test_a_trained_network_separates_the_classes(name: str, config: Any, jets_file: Path, tmp_path: Path) -> None:
    tagger = train(name, config, jets_file, dataclasses.replace(QUICK, epochs=6), tmp_path / "out")
    jets = JetsFile(jets_file).read("test")
    assert auc(tagger.predict(jets)[:, 0], jets.labels).value > 0.9


def test_five_classes_are_trained_on_five_logits(tmp_path: Path) -> None:
    jets = synthetic_jets(600, classes=("g", "q", "W", "Z", "t"))
    tagger = train("gru", GRU, written(jets, tmp_path), QUICK, tmp_path / "out")
    assert tagger.predict(jets).shape == (600, 5)
    assert tagger.provenance["validation_auc"]["value"] > 0.6


def test_the_folder_holds_the_tagger_that_is_returned_and_its_curves(trained: tuple[Tagger, Path], jets: Jets) -> None:
    tagger, out = trained
    assert sorted(path.name for path in out.iterdir()) == [
        ".tagware", "curves.csv", "tagger.json", "tensorboard", "weights.pt"
    ]  # fmt: skip
    np.testing.assert_array_equal(Tagger.load(out).predict(jets), tagger.predict(jets))
    rows = read_curves(out / "curves.csv")
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert list((out / "tensorboard").glob("events.out.tfevents*"))


def test_the_epoch_of_the_lowest_validation_loss_is_kept(trained: tuple[Tagger, Path], jets_file: Path) -> None:
    tagger, out = trained
    best = min(read_curves(out / "curves.csv"), key=lambda row: row["validation_loss"])
    jets = JetsFile(jets_file).read("validation")
    assert tagger.provenance["best_epoch"] == best["epoch"]
    assert auc(tagger.predict(jets)[:, 0], jets.labels).value == pytest.approx(best["validation_auc"], abs=1e-6)


def test_the_same_seed_gives_the_same_weights(trained: tuple[Tagger, Path], jets_file: Path, tmp_path: Path) -> None:
    again = train("gru", GRU, jets_file, QUICK, tmp_path / "again")
    other = train("gru", GRU, jets_file, dataclasses.replace(QUICK, seed=2), tmp_path / "other")
    np.testing.assert_array_equal(weights(again), weights(trained[0]))
    assert not np.array_equal(weights(other), weights(trained[0]))


def test_training_leaves_the_random_state_of_the_caller(jets_file: Path, tmp_path: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    train("gru", GRU, jets_file, dataclasses.replace(QUICK, epochs=1), tmp_path / "out")
    assert torch.equal(torch.rand(3), expected)


def test_training_stops_early_when_validation_gets_no_better(jets_file: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(QUICK, epochs=30, patience=1, learning_rate=0.1)
    tagger = train("gru", GRU, jets_file, config, tmp_path / "out")
    assert tagger.provenance["epochs"] < 30
    assert tagger.provenance["best_epoch"] == tagger.provenance["epochs"] - 2


def interrupt_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the first batch after this epoch, once."""

    def press(curves: TrainingCurves, trainer: Any, *_: object) -> None:
        if trainer.current_epoch == epoch + 1:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(TrainingCurves, "on_train_batch_end", press)


@pytest.fixture(params=[10_000, 100], ids=["one_window", "several_windows"])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Jets that are in memory at a time."""
    monkeypatch.setattr(models.training, "StoredSplit", partial(StoredSplit, window=request.param))
    return int(request.param)


def test_an_interrupted_run_goes_on_to_the_result_of_an_uninterrupted_one(
    window: int, jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ParticleTransformerConfig(n_constituents=12, width=16, dropout=0.1)
    whole = train("particle_transformer", config, jets_file, QUICK, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(KeyboardInterrupt):
            train("particle_transformer", config, jets_file, QUICK, tmp_path / "resumed")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not (tmp_path / "resumed" / "tagger.json").exists()
    resumed = train("particle_transformer", config, jets_file, QUICK, tmp_path / "resumed")
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    curves, expected = (read_curves(tmp_path / name / "curves.csv") for name in ("resumed", "whole"))
    for rows in (curves, expected):
        for row in rows:
            del row["seconds"]
    assert curves == expected


def test_other_settings_start_over(jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(KeyboardInterrupt):
            train("gru", GRU, jets_file, QUICK, tmp_path / "out")
    config = dataclasses.replace(QUICK, epochs=2)
    expected = train("gru", GRU, jets_file, config, tmp_path / "expected")
    np.testing.assert_array_equal(weights(train("gru", GRU, jets_file, config, tmp_path / "out")), weights(expected))


def test_an_interrupted_retraining_leaves_the_earlier_tagger_whole(
    trained: tuple[Tagger, Path], jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(trained[1], out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    interrupt_after(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train("gru", GRU, jets_file, dataclasses.replace(QUICK, seed=5), out)
    left = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and "checkpoints" not in path.parts}
    assert left == before


def test_a_run_interrupted_while_it_is_saved_is_saved_by_the_next_call(
    jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    config = dataclasses.replace(QUICK, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(Tagger, "save", press)
        with pytest.raises(KeyboardInterrupt):
            train("gru", GRU, jets_file, config, tmp_path / "out")
    assert train("gru", GRU, jets_file, config, tmp_path / "out").provenance["epochs"] == 1
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_a_damaged_checkpoint_is_named(jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        with pytest.raises(KeyboardInterrupt):
            train("gru", GRU, jets_file, QUICK, tmp_path / "out")
    checkpoint = tmp_path / "out" / "checkpoints" / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    with pytest.raises(LayoutError, match=r"last\.ckpt: cannot be read.*remove it to start over"):
        train("gru", GRU, jets_file, QUICK, tmp_path / "out")


def test_a_loss_that_is_not_finite_names_the_batch(jets_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not finite at batch \d+ of epoch \d+.*lower learning_rate") as caught:
        train("gru", GRU, jets_file, dataclasses.replace(QUICK, learning_rate=1e38), tmp_path / "out")
    assert caught.value.exit_status == 2
    assert not (tmp_path / "out" / "tagger.json").exists()


def test_a_full_disk_is_named(jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StorageError, match="the disk is full"):
        train("gru", GRU, jets_file, QUICK, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.part"))


def written(jets: Jets, folder: Path) -> Path:
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(jets)
    return folder / "jets.h5"


def test_a_class_absent_from_a_split_is_named(tmp_path: Path) -> None:
    jets = synthetic_jets(600)
    keep = (jets.labels == 0) | ~np.isin(jets.ids, jets.split("validation").ids)
    with pytest.raises(DataError, match=r"jets\.h5.*validation.*class 'top' has no jets"):
        train("gru", GRU, written(jets[keep], tmp_path), QUICK, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_jets_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.h5"):
        train("gru", GRU, tmp_path / "absent.h5", QUICK, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_else_is_not_touched(jets_file: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match="tagware did not write"):
        train("gru", GRU, jets_file, QUICK, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_keras_architecture_is_refused(jets_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'recurrent_student' is not a torch architecture"):
        train("recurrent_student", RecurrentSpec(), jets_file, QUICK, tmp_path / "out")


def test_the_config_of_another_architecture_is_refused(jets_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ParticleTransformerConfig"):
        train("particle_transformer", GRU, jets_file, QUICK, tmp_path / "out")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"epochs": -1}, "epochs"),
        ({"max_jets": 0}, "max_jets"),
        ({"backbone_rate": -0.1}, "backbone_rate"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"warmup": 1.0}, "warmup"),
        ({"devices": 0}, "devices"),
        ({"batch_size": 101, "devices": 2}, "101 is not a multiple of 2 processes"),
        ({"precision": "8"}, "precision"),
        ({"strategy": "nonsense"}, "strategy"),
        ({"epoch": 3}, "'epochs'"),
    ],
)
def test_training_settings_out_of_range_are_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        fill(TrainConfig, wrong, "project.yaml: teacher: training")


@pytest.mark.parametrize("wrong", [{"accelerator": "gpu"}, {"devices": -1}], ids=["accelerator", "devices"])
def test_devices_that_the_machine_lacks_are_refused_in_one_line(
    wrong: dict[str, Any], jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match=r"training: .*; correct accelerator, devices or strategy") as caught:
        train("gru", GRU, jets_file, dataclasses.replace(QUICK, **wrong), tmp_path / "out")
    assert "\n" not in caught.value.what
    assert not (tmp_path / "out" / "tagger.json").exists()


def test_a_batch_that_the_processes_found_cannot_share_is_refused(
    jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lightning.Trainer, "world_size", property(lambda trainer: 3))
    with pytest.raises(ConfigError, match="batch_size 100 cannot be shared among 3 processes"):
        train("gru", GRU, jets_file, QUICK, tmp_path / "out")


def test_two_processes_take_the_steps_of_one_and_say_as_little(
    window: int, jets_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = dataclasses.replace(QUICK, epochs=2)
    one = train("gru", GRU, jets_file, config, tmp_path / "one")
    two = train("gru", GRU, jets_file, dataclasses.replace(config, devices=2), tmp_path / "two")
    np.testing.assert_allclose(weights(two), weights(one), rtol=0, atol=1e-5)
    losses = [[row["train_loss"] for row in read_curves(tmp_path / name / "curves.csv")] for name in ("one", "two")]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    assert capfd.readouterr() == ("", "")


TWO_PROCESSES = """
import os, sys, time
from pathlib import Path
import torch
from models.teachers.recurrent import RecurrentConfig
from models.training import TrainConfig, train

if os.environ.get("LOCAL_RANK") == "1":  # the slower one
    load = torch.load
    torch.load = lambda *args, **kinds: (time.sleep(3), load(*args, **kinds))[1]
config = TrainConfig(epochs=1, batch_size=100, accelerator="cpu", devices=2, strategy="ddp")
train("gru", RecurrentConfig(units=4, dense=(4,), n_constituents=12), sys.argv[1], config, Path(sys.argv[2]))
torch.distributed.barrier()
"""


@pytest.mark.long
def test_of_processes_that_run_the_same_command_only_the_first_writes(jets_file: Path, tmp_path: Path) -> None:
    script, out = tmp_path / "two.py", tmp_path / "out"
    script.write_text(TWO_PROCESSES)
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in ranks}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, str(script), str(jets_file), str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        ".tagware", "curves.csv", "tagger.json", "tensorboard", "weights.pt"
    ]  # fmt: skip
    assert Tagger.load(out).provenance["epochs"] == 1


def test_a_later_process_waits_for_the_folder_of_the_first(
    jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setattr(models.training, "CLAIM_SECONDS", 0)
    config = dataclasses.replace(QUICK, devices=2, strategy="ddp")
    with pytest.raises(StorageError, match="checkpoints: the first process of the training did not claim it"):
        train("gru", GRU, jets_file, config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_error_of_a_spawned_process_is_our_own(tmp_path: Path) -> None:
    failure = tmp_path / "failure.json"
    Failures(failure).on_exception(None, None, ConfigError("the loss is not finite", "training", "lower it"))
    with pytest.raises(ConfigError, match="training: the loss is not finite; lower it"), own_errors(failure):
        raise ProcessRaisedException("-- Process 0 terminated with the following error", 0, 1)
    assert not failure.exists()
