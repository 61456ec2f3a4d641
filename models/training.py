"""Training of every torch tagger: jets file in, `Tagger` folder out, interruptible at any point."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jets.dataset import Jets, JetsFile
from jets.errors import ConfigError, InputError, StorageError
from jets.files import claim_folder, json_digest, read_json, replacing, write_json
from models.curves import read_curves
from models.registry import Architecture, architecture
from models.tagger import Tagger
from models.training_config import TrainConfig

if TYPE_CHECKING:
    from models.lightning_loop import JetTensors

__all__ = ["TrainConfig", "train"]

CLAIM_SECONDS = 300


def train(name: str, model_config: Any, jets_file: str | Path, config: TrainConfig, out: Path) -> Tagger:
    """Train a torch architecture on the train split and keep the epoch of the lowest validation loss.

    `out` becomes a `Tagger` folder that also holds `curves.csv` and `tensorboard/`. They grow in `checkpoints/` until
    training is complete, so that an earlier tagger in `out` stays whole; the same call after an interruption goes on
    from the last complete epoch, a call with other settings or jets starts over. The train and validation splits are
    held in memory: about 2 kB a jet of 20 constituents, three times that while their features are computed.

    Args:
        name: a torch architecture of `models.registry`.
        model_config: its config dataclass.
        jets_file: jets in our HDF5 layout; its classes become the tagger's.
        config: how to train.
        out: a new, an empty, or an earlier folder of ours.

    Raises:
        ConfigError: not a torch architecture, or the loss does not stay finite.
        DataError: a split without jets of one of the classes.
        StorageError: `out` is not ours, or the disk is full.
    """
    design = architecture(name)
    if design.framework != "torch":
        raise ConfigError(f"{name!r} is not a torch architecture", None, "train it with `tagware distil`")
    if not isinstance(model_config, design.config_class):
        raise ConfigError(f"{name!r} takes a {design.config_class.__name__}", None, "give one")
    source = JetsFile(jets_file)
    splits = {split: _read_split(source, split) for split in ("train", "validation")}
    run = {
        "architecture": name,
        "config": dataclasses.asdict(model_config),
        "training": dataclasses.asdict(config),
        "jets_checksum": source.checksum,
    }
    first = _is_first_process(config)
    checkpoints = _claim_checkpoints(claim_folder(out), json_digest(run)) if first else _await_checkpoints(out, run)
    scaling = design.fit_scaling(splits["train"], model_config)
    untrained = Tagger(name, model_config, source.classes, scaling, None, "torch")
    network = _fit(design, untrained, splits, config, checkpoints)
    record = _provenance(run, source, splits, checkpoints)
    tagger = dataclasses.replace(untrained, network=network, provenance=record)
    _meet()  # every process has read the best checkpoint
    if first:
        _keep_curves(checkpoints, out)
        tagger.save(out)
        shutil.rmtree(checkpoints)
    _meet()
    return tagger


def _is_first_process(config: TrainConfig) -> bool:
    """Whether this process writes `out`: with "ddp" each runs all of `train`, and the first part before they meet."""
    ranks = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    return config.resolved_strategy() != "ddp" or all(os.environ.get(name, "0") == "0" for name in ranks)


def _meet() -> None:
    """Wait until every process of a "ddp" training is here."""
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.barrier()


def _read_split(source: JetsFile, split: str) -> Jets:
    return source.read(split).require_classes(f"{source.path} (split {split!r})")


def _claim_checkpoints(out: Path, digest: str) -> Path:
    """The folder of checkpoints, emptied unless an interrupted run with the same digest left it."""
    folder = out / "checkpoints"
    if not _is_claimed(folder, digest):
        shutil.rmtree(folder, ignore_errors=True)
        write_json(folder / "run.json", {"digest": digest})
    return folder


def _await_checkpoints(out: Path, run: dict[str, Any]) -> Path:
    """The folder of checkpoints, once the first process, maybe on another machine, has claimed it for this run."""
    folder = Path(out) / "checkpoints"
    give_up = time.monotonic() + CLAIM_SECONDS
    while not _is_claimed(folder, json_digest(run)):
        if time.monotonic() > give_up:
            what = f"the first process of the training did not claim it in {CLAIM_SECONDS} s"
            raise StorageError(what, folder, "start all of them on one shared disk")
        time.sleep(0.2)
    return folder


def _is_claimed(folder: Path, digest: str) -> bool:
    try:
        return bool(read_json(folder / "run.json") == {"digest": digest})
    except InputError:
        return False


def _keep_curves(checkpoints: Path, out: Path) -> None:
    """Copied, so that the same call can do it again if it is interrupted before the tagger is saved."""
    with replacing(out / "curves.csv") as temporary:
        shutil.copyfile(checkpoints / "curves.csv", temporary)
    shutil.rmtree(out / "tensorboard", ignore_errors=True)
    shutil.copytree(checkpoints / "tensorboard", out / "tensorboard")


def _fit(design: Architecture, tagger: Tagger, splits: dict[str, Jets], config: TrainConfig, checkpoints: Path) -> Any:
    """The network with the weights of its best epoch."""
    import torch

    from models.lightning_loop import FitModule, fit
    from models.training_curves import TrainingCurves

    train_jets, validation_jets = (_tensors(design, tagger, splits[split]) for split in ("train", "validation"))
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        network = design.build(tagger.config, tagger.n_outputs)
        module = FitModule(network, train_jets, validation_jets, config)
        fit(module, config, checkpoints, [TrainingCurves(checkpoints, len(splits["train"]))])
    best = torch.load(checkpoints / "best.ckpt", map_location="cpu", weights_only=True)
    module.cpu().load_state_dict(best["state_dict"])
    return network.eval()


def _tensors(design: Architecture, tagger: Tagger, jets: Jets) -> JetTensors:
    from models.lightning_loop import JetTensors

    return JetTensors(design.inputs(jets, tagger.config, tagger.scaling), jets.labels, jets.weights)


def _provenance(run: dict[str, Any], source: JetsFile, splits: dict[str, Jets], checkpoints: Path) -> dict[str, Any]:
    rows = read_curves(checkpoints / "curves.csv")
    best = min(rows, key=lambda row: row["validation_loss"])
    return run | {
        "jets": str(source.path),
        "jets_per_split": {split: len(jets) for split, jets in splits.items()},
        "epochs": len(rows),
        "best_epoch": int(best["epoch"]),
        "validation_loss": best["validation_loss"],
        "validation_auc": {"value": best["validation_auc"], "error": best["validation_auc_error"]},
        "seconds": sum(row["seconds"] for row in rows),
        "versions": {package: version(package) for package in ("torch", "lightning", "numpy")},
    }
