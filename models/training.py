"""Training of every torch tagger: jets file in, `Tagger` folder out, interruptible at any point."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from jets.batches import Arrays, Batches, StoredBatches, StoredSplit
from jets.dataset import Jets, JetsFile
from jets.errors import ConfigError, InputError, StorageError
from jets.files import claim_folder, json_digest, read_json, replacing, write_json
from models.curves import read_curves
from models.registry import Architecture, architecture
from models.tagger import Tagger
from models.training_config import PretrainConfig, TrainConfig

__all__ = ["PretrainConfig", "TrainConfig", "load_start", "pretrain", "train"]

CLAIM_SECONDS = 300

Objectives = Mapping[str, Callable[[Any, int], Any]]


def train(
    name: str, model_config: Any, jets_file: str | Path, config: TrainConfig, out: Path, start: Tagger | None = None
) -> Tagger:
    """Train a torch architecture on the train split and keep the epoch of the lowest validation loss.

    `out` becomes a `Tagger` folder that also holds `curves.csv` and `tensorboard/`. They grow in `checkpoints/` until
    training is complete, so that an earlier tagger in `out` stays whole; the same call after an interruption goes on
    from the last complete epoch, a call with other settings or jets starts over. Of each split one window
    (`jets.batches.WINDOW_JETS`) is in memory at a time, of the validation split always the same one; the order of the
    jets depends on the seed and the epoch only.

    Args:
        name: a torch architecture of `models.registry`.
        model_config: its config dataclass.
        jets_file: jets in our HDF5 layout; its classes become the tagger's.
        config: how to train.
        out: a new, an empty, or an earlier folder of ours.
        start: a tagger of the same architecture and sizes to fine-tune; its output layer is kept or made anew
            (`config.output`).

    Raises:
        ConfigError: not a torch architecture, a `start` of another architecture, other sizes or, with its output kept,
            other classes, or the loss does not stay finite.
        DataError: a split without jets of one of the classes.
        StorageError: `out` is not ours, or the disk is full.
    """
    from models.objective import Classification

    run = _Run(_torch_architecture(name, model_config), model_config, JetsFile(jets_file), config, start)
    if start is not None:
        _check_start(start, run)
    elif _keeps_output(config):
        what = "epochs: 0 and output: keep need a tagger to start from"
        raise ConfigError(what, "training", "name one, or train a new output for at least an epoch")
    if config.epochs == 0 and start is not None:
        start.save(claim_folder(out))
        return start
    return _run(run, {"": lambda network, _: Classification(network)}, out)


def pretrain(name: str, model_config: Any, jets_file: str | Path, config: PretrainConfig, out: Path) -> Tagger:
    """Pre-train an architecture as its paper does; `out` becomes the folder of a tagger to start from.

    It is interruptible as `train` is, and done only once: the same call reads what the first one left. A tagger whose
    head pre-training does not need cannot predict until it is fine-tuned.

    Raises:
        ConfigError: the architecture has no pre-training, an unknown key of `config.objective`, or the loss does not
            stay finite.
        DataError: a split without jets of one of the classes.
        StorageError: `out` is not ours, or the disk is full.
    """
    design = _torch_architecture(name, model_config)
    options = design.fill_objective(config.objective, "pretrain: objective")
    run = _Run(design, model_config, JetsFile(jets_file), config, None)
    if (Path(out) / "tagger.json").is_file():
        earlier = Tagger.load(out)
        if earlier.provenance.get("digest") == run.digest:
            return earlier
    assert design.pretraining is not None
    return _run(run, design.pretraining.objectives(options), out)


def load_start(name: str, model_config: Any, path: str | Path) -> Tagger:
    """A tagger to start from: a folder of ours, or a public checkpoint that the architecture can read.

    Raises:
        InputError: nothing there.
        ConfigError: the architecture has no public checkpoints.
        LayoutError: damaged, not safe to read, or another architecture's.
    """
    path = Path(path)
    if path.is_dir():
        return Tagger.load(path)
    design = architecture(name)
    if design.read_checkpoint is None:
        what = f"{name!r} reads no public checkpoints"
        raise ConfigError(what, path, "name the folder of a tagger, or another architecture")
    return design.read_checkpoint(path, model_config)


@dataclass(frozen=True)
class _Run:
    """What decides the outcome of a training."""

    design: Architecture
    model_config: Any
    source: JetsFile
    config: TrainConfig
    start: Tagger | None

    @property
    def by_view(self) -> bool:
        """Whether what is asked of a jet needs all its views."""
        asked = self.design.pretraining if isinstance(self.config, PretrainConfig) else None
        return asked is not None and asked.by_view

    @property
    def record(self) -> dict[str, Any]:
        """JSON-serialisable; `start` by its weights."""
        return {
            "architecture": self.design.name,
            "config": dataclasses.asdict(self.model_config),
            "training": dataclasses.asdict(self.config),
            "jets_checksum": self.source.checksum,
        } | ({} if self.start is None else {"start": _start_record(self.start)})

    @property
    def digest(self) -> str:
        return json_digest(self.record)


def _torch_architecture(name: str, model_config: Any) -> Architecture:
    design = architecture(name)
    if design.framework != "torch":
        raise ConfigError(f"{name!r} is not a torch architecture", None, "train it with `tagware distil`")
    if not isinstance(model_config, design.config_class):
        raise ConfigError(f"{name!r} takes a {design.config_class.__name__}", None, "give one")
    return design


def _check_start(start: Tagger, run: _Run) -> None:
    where = "training: start"
    if start.architecture != run.design.name:
        what = f"is a {start.architecture!r} tagger, not a {run.design.name!r}"
        raise ConfigError(what, where, "start from one of the same architecture")
    for field in dataclasses.fields(start.config):
        theirs, ours = getattr(start.config, field.name), getattr(run.model_config, field.name)
        if theirs != ours:
            raise ConfigError(f"has {field.name} {theirs}, not {ours}", where, "use the same preset and config")
    if not _keeps_output(run.config):
        return
    if start.untrained:
        raise ConfigError(f"its {', '.join(start.untrained)} was never trained", where, "train with output: new")
    if start.classes != run.source.classes:
        what = f"knows the classes {', '.join(start.classes)}, the jets {', '.join(run.source.classes)}"
        raise ConfigError(what, where, "train with output: new for other classes")


def _keeps_output(config: TrainConfig) -> bool:
    return config.output == "keep" or config.epochs == 0


def _start_record(start: Tagger) -> dict[str, Any]:
    digest = hashlib.sha256()
    for name, values in start.network.state_dict().items():
        digest.update(name.encode() + values.cpu().numpy().tobytes())
    provenance = {"provenance": dict(start.provenance)}
    return {"classes": list(start.classes), "weights": digest.hexdigest()} | provenance


def _run(run: _Run, objectives: Objectives, out: Path) -> Tagger:
    """Fit one objective after the other, each from its own checkpoints, and save the tagger."""
    splits = {split: _stored_split(run, split) for split in ("train", "validation")}
    first = _is_first_process(run.config)
    digest = run.digest
    checkpoints = _claim_checkpoints(claim_folder(out), digest) if first else _await_checkpoints(out, digest)
    scaling = (
        run.design.fit_scaling(splits["train"].sample(), run.model_config) if run.start is None else run.start.scaling
    )
    untrained = Tagger(run.design.name, run.model_config, run.source.classes, scaling, None, "torch")
    network = _fit_all(run, untrained, splits, objectives, checkpoints)
    pretraining = run.design.pretraining
    is_pretraining = isinstance(run.config, PretrainConfig)
    record = _provenance(run, splits, checkpoints / list(objectives)[-1])
    tagger = dataclasses.replace(
        untrained,
        network=network,
        provenance=record | {"digest": digest},
        untrained=("head",) if is_pretraining and pretraining and not pretraining.trains_head else (),
    )
    _meet()  # every process has read the best checkpoint
    if first:
        for stage in objectives:
            _keep_curves(checkpoints / stage, out / stage)
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


def _stored_split(run: _Run, split: str) -> StoredSplit:
    jets, config = StoredSplit(run.source, split, run.by_view), run.config
    if split == "validation":
        return jets.one_window(config.seed)
    return jets if config.max_jets is None else jets.drawn(config.max_jets, config.seed)


def _claim_checkpoints(out: Path, digest: str) -> Path:
    """The folder of checkpoints, emptied unless an interrupted run with the same digest left it."""
    folder = out / "checkpoints"
    if not _is_claimed(folder, digest):
        shutil.rmtree(folder, ignore_errors=True)
        write_json(folder / "run.json", {"digest": digest})
    return folder


def _await_checkpoints(out: Path, digest: str) -> Path:
    """The folder of checkpoints, once the first process, maybe on another machine, has claimed it for this run."""
    folder = Path(out) / "checkpoints"
    give_up = time.monotonic() + CLAIM_SECONDS
    while not _is_claimed(folder, digest):
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


def _fit_all(
    run: _Run, tagger: Tagger, splits: dict[str, StoredSplit], objectives: Objectives, checkpoints: Path
) -> Any:
    """The network with the weights of the best epoch of each objective in turn."""
    import torch

    data = {split: StoredBatches(jets, _Feed(tagger, jets)) for split, jets in splits.items()}
    with torch.random.fork_rng():
        torch.manual_seed(run.config.seed)
        network = run.design.build(tagger.config, tagger.n_outputs)
        if run.start is not None:
            _take_over(network, run.start.network, with_output=run.config.output == "keep")
        learns = [(weight, weight.requires_grad) for weight in network.parameters()]
        for stage, make in objectives.items():
            _fit(make(network, len(tagger.classes)), data, run.config, checkpoints / stage)
            for weight, learns_after in learns:
                weight.requires_grad_(learns_after)
    return network.eval()


def _fit(objective: Any, data: Mapping[str, Batches], config: TrainConfig, folder: Path) -> None:
    """Fit an objective and leave the weights of its best epoch in it."""
    import torch

    from models.lightning_loop import FitModule, fit
    from models.training_curves import TrainingCurves

    for weight in objective.backbone():
        weight.requires_grad_(weight.requires_grad and config.backbone_rate > 0)
    module = FitModule(objective, data["train"], data["validation"], config)
    if not (folder / "fitted").is_file():
        fit(module, config, folder, [TrainingCurves(folder, len(data["train"]))])
        _meet()
        (folder / "fitted").touch()
    best = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
    module.cpu().load_state_dict(best["state_dict"])


def _take_over(network: Any, start: Any, with_output: bool) -> None:
    """The weights of `start` into a network of the same sizes that may be for other classes."""
    from models.objective import is_per_class

    taken = {
        name: values for name, values in start.state_dict().items() if with_output or not is_per_class(start, name)
    }
    network.load_state_dict(network.state_dict() | taken)


@dataclass(frozen=True)
class _Feed:
    """What a batch holds of a split's jets; a spawned process finds the architecture by its name."""

    tagger: Tagger
    split: StoredSplit

    def __call__(self, jets: Jets, rows: slice) -> Arrays:
        arrays = architecture(self.tagger.architecture).inputs(jets, self.tagger.config, self.tagger.scaling)
        if self.split.by_view:
            shape = (-1, self.split.n_views)
            arrays = {name: values.reshape(*shape, *values.shape[1:]) for name, values in arrays.items()}
        once = slice(None, None, self.split.n_views)
        weights = (jets.weights[once] / self.split.mean_weight).astype(np.float32)
        return arrays | {"labels": jets.labels[once].astype(np.int64), "weights": weights}


def _provenance(run: _Run, splits: dict[str, StoredSplit], checkpoints: Path) -> dict[str, Any]:
    rows = read_curves(checkpoints / "curves.csv")
    best = min(rows, key=lambda row: row["validation_loss"])
    area = (
        {"value": best["validation_auc"], "error": best["validation_auc_error"]} if "validation_auc" in best else None
    )
    return run.record | {
        "jets": str(run.source.path),
        "constituent_features": list(run.source.constituent_features),
        "jets_per_split": {split: jets.n_jets for split, jets in splits.items()},
        "epochs": len(rows),
        "best_epoch": int(best["epoch"]),
        "validation_loss": best["validation_loss"],
        "validation_auc": area,
        "seconds": sum(row["seconds"] for row in rows),
        "versions": {package: version(package) for package in ("torch", "lightning", "numpy")},
    }
