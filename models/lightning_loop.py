"""The Lightning side of training, whatever its objective: batches, steps, validation, curves and checkpoints."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor
from torch.multiprocessing.spawn import ProcessRaisedException

import jets.errors
from jets.batches import Arrays, Batches, Permutation
from jets.errors import ConfigError, LayoutError, TagwareError
from jets.files import read_json, replacing, write_json
from models.checkpoint import write_weights
from models.objective import Batch, Classification, Objective, head_modules
from models.optimizer import make_optimizer, warm_up_and_cosine
from models.training_config import TrainConfig


class Loader:
    """`n` batches, made anew for each epoch when its first one is asked for."""

    def __init__(self, n: int, make: Callable[[], Iterator[Arrays]]) -> None:
        self.n, self.make = n, make

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Batch]:
        for batch in islice(self.make(), self.n):
            yield {name: torch.from_numpy(values) for name, values in batch.items()}


class FitModule(lightning.LightningModule):  # type: ignore[misc]
    """One objective, its two splits and how it is fitted.

    With k processes each takes every k-th jet of one common permutation, so that a step sees the same jets
    whatever k is. The permutation depends on the seed and the epoch only, the dropout on the process as well: a run
    resumed with as many processes repeats what the interrupted one would have done.

    What is kept of steps and of validation jets has a place from the start: pieces allocated in turn with what a step
    needs would leave gaps, and memory would grow with every step.
    """

    def __init__(self, objective: Objective, train: Batches, validation: Batches, config: TrainConfig) -> None:
        super().__init__()
        self.objective, self.config = objective, config
        self._train, self._validation = train, validation
        self._train_losses = torch.zeros(0)
        self._observed: dict[str, Tensor] = {}
        self._n_observed = 0
        self.validated: dict[str, float] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpickled first thing in a spawned process, which is to be as quiet as its parent."""
        super().__setstate__(state)
        silence_lightning()

    def train_dataloader(self) -> Loader:
        """This process's share of each global batch."""
        rank, world = self.trainer.global_rank, self.trainer.world_size
        share = max(1, self._global_batch() // world)
        return Loader(
            len(self._train) // world // share,
            lambda: self._train.batches(share, _permutation(self.config.seed + self.current_epoch), rank, world),
        )

    def val_dataloader(self) -> Loader:
        """Every k-th validation jet."""
        rank, world, size = self.trainer.global_rank, self.trainer.world_size, self._global_batch()
        n_batches = -(-self._n_validation() // size)
        return Loader(n_batches, lambda: self._validation.batches(size, None, rank, world))

    def _n_validation(self) -> int:
        """This process's share of the validation jets."""
        return len(range(self.trainer.global_rank, len(self._validation), self.trainer.world_size))

    def _global_batch(self) -> int:
        return min(self.config.batch_size, len(self._train))

    def on_train_epoch_start(self) -> None:
        """Seed this epoch's dropout, and leave a frozen backbone without any."""
        self._train_losses = torch.zeros(int(self.trainer.num_training_batches), device=self.device)
        epoch_seed = np.random.SeedSequence([self.config.seed, self.current_epoch, self.global_rank])
        torch.manual_seed(int(epoch_seed.generate_state(1)[0]))
        if self.config.backbone_rate == 0 and isinstance(self.objective, Classification):
            self.objective.network.eval()
            for module in head_modules(self.objective.network):
                module.train()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The weighted mean loss of a batch; ConfigError naming the batch when it is not finite."""
        loss: Tensor = (batch["weights"] * self.objective(batch)).mean()
        finite = bool(torch.isfinite(loss.detach()))
        if not self.trainer.strategy.reduce_boolean_decision(finite, all=True):
            what = f"the loss is not finite at batch {index} of epoch {self.current_epoch}"
            raise ConfigError(what, "training", f"lower learning_rate ({self.config.learning_rate})")
        self._train_losses[index] = loss.detach()
        return loss

    def on_validation_epoch_start(self) -> None:
        """Seed what an objective draws at random, so that epochs can be compared."""
        torch.manual_seed(int(np.random.SeedSequence([self.config.seed, self.global_rank]).generate_state(1)[0]))

    def validation_step(self, batch: Batch, index: int) -> None:
        """Keep what the objective observes, and the weights, for the end of the epoch."""
        observed = self.objective.observe(batch) | {"weights": batch["weights"]}
        start = index * self._global_batch()
        self._n_observed = start + len(batch["weights"])
        for name, values in observed.items():
            if name not in self._observed:
                self._observed[name] = torch.empty((self._n_validation(), *values.shape[1:]))
            self._observed[name][start : self._n_observed] = values

    def on_validation_epoch_end(self) -> None:
        """Loss and measures over the validation jets of all processes."""
        observed = _from_all_processes({name: values[: self._n_observed] for name, values in self._observed.items()})
        loss = float((observed["weights"] * observed["loss"]).mean())
        self.validated = {"validation_loss": loss, **self.objective.measures(observed)}
        self.log("validation_loss", loss, sync_dist=True)

    def mean_train_loss(self) -> float:
        """Mean loss of the epoch's batches over all processes."""
        return float(self.trainer.strategy.reduce(self._train_losses.mean()))

    def configure_optimizers(self) -> dict[str, Any]:
        """The optimizer with a linear warm-up and a cosine to zero, step by step."""
        optimizer = make_optimizer(self.objective.parameters(), self.objective.backbone(), self.config)
        steps = self.config.epochs * max(1, len(self._train) // self._global_batch())
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warm_up_and_cosine(steps, self.config.warmup))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _permutation(seed: int) -> Permutation:
    generator = torch.Generator().manual_seed(seed)
    return lambda n: torch.randperm(n, generator=generator).numpy()


def _from_all_processes(mine: dict[str, Tensor]) -> dict[str, Tensor]:
    if not torch.distributed.is_initialized():
        return mine
    gathered: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(gathered, mine)
    return {name: torch.cat([part[name] for part in gathered]) for name in mine}


EXPECTED_WARNINGS = (
    r"Found \d+ module\(s\) in eval mode at the start of training",  # parts that another training has finished
    r"Checkpoint directory .* exists and is not empty",  # an interrupted run goes on
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning 2.6 on torch 2.13
)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's banners and the warnings that our own choices cause from the user."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        silence_lightning()
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def silence_lightning() -> None:
    """What `quiet_lightning` does, for good: a spawned process has nobody to restore it for."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)


class SafeCheckpoints(TorchCheckpointIO):  # type: ignore[misc]
    """Checkpoints that appear only when complete and are read without unpickling code."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write all or nothing; StorageError on a full disk."""
        with replacing(Path(path)) as temporary:
            write_weights(checkpoint, temporary)

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True) -> dict[str, Any]:
        """Tensors and plain values only; LayoutError for anything else."""
        try:
            checkpoint: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
        except Exception as error:  # torch raises pickle errors, EOFError, RuntimeError… for damaged or unsafe files
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise LayoutError(f"cannot be read ({reason})", path, "remove it to start over") from None
        return checkpoint


def fit(module: FitModule, config: TrainConfig, folder: Path, callbacks: Sequence[Callback]) -> None:
    """Run the loop; `folder` holds "best.ckpt" and "last.ckpt" afterwards, and a "last.ckpt" there is taken up.

    Raises:
        ConfigError: the loss is not finite, the machine lacks the accelerator or the devices, or the batches cannot be
            shared among the processes.
        StorageError: the disk is full.
        KeyboardInterrupt: Ctrl-C; "last.ckpt" is that of the last complete epoch.
    """
    every_epoch = {"dirpath": folder, "save_on_train_epoch_end": True, "enable_version_counter": False}
    best = ModelCheckpoint(filename="best", monitor="validation_loss", save_weights_only=True, **every_epoch)
    last = ModelCheckpoint(filename="last", **every_epoch)
    stop = EarlyStopping("validation_loss", patience=config.patience, check_on_train_epoch_end=True)
    failure = folder / "failure.json"
    with quiet_lightning(), _interruptible(), own_errors(failure):
        trainer = _trainer(config, [*callbacks, Failures(failure), stop, best, last])
        checkpoint = folder / "last.ckpt"
        trainer.fit(module, ckpt_path=checkpoint if checkpoint.is_file() else None, weights_only=True)


def _trainer(config: TrainConfig, callbacks: list[Callback]) -> lightning.Trainer:
    try:
        trainer = lightning.Trainer(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.num_nodes,
            strategy=config.resolved_strategy(),
            precision=config.precision,
            max_epochs=config.epochs,
            gradient_clip_val=config.gradient_clip,
            callbacks=callbacks,
            plugins=[SafeCheckpoints()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        what = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(what, "training", "correct accelerator, devices or strategy") from None
    if config.batch_size % trainer.world_size:
        what = f"batch_size {config.batch_size} cannot be shared among {trainer.world_size} processes"
        raise ConfigError(what, "training", "make it a multiple of their number")
    return trainer


class Failures(Callback):  # type: ignore[misc]
    """Leaves our own error of a spawned process in a file, since only its traceback's text reaches the parent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Write what, where and remedy."""
        if isinstance(exception, TagwareError):
            where = None if exception.where is None else str(exception.where)
            write_json(self.path, [type(exception).__name__, exception.what, where, exception.remedy])


@contextmanager
def own_errors(path: Path) -> Iterator[None]:
    """Raise again what `Failures` left of a spawned process."""
    try:
        yield
    except ProcessRaisedException:
        if not path.is_file():
            raise
        kind, what, where, remedy = read_json(path)
        raise getattr(jets.errors, kind)(what, where, remedy) from None
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Undo what Lightning makes of Ctrl-C (it ignores further ones and exits with status 1)."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
