"""What a training leaves to look at: one row an epoch, and a progress bar."""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from models.curves import write_curves


class TrainingCurves(Callback):  # type: ignore[misc]
    """One row an epoch into `curves.csv` and TensorBoard, and a progress bar on a terminal.

    The rows travel in the checkpoint, so that a resumed run keeps those of the interrupted one.
    """

    def __init__(self, folder: Path, n_train: int) -> None:
        self.folder, self.n_train = folder, n_train
        self.rows: list[dict[str, float]] = []
        self._writer: Any = None
        self._bar: Any = None
        self._started = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the rows of the interrupted run."""
        self.rows = state["rows"]

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Open the bar and the event file, in the first process only."""
        if trainer.is_global_zero:
            from tqdm import tqdm

            total, done = trainer.max_epochs * self.n_train, trainer.current_epoch * self.n_train
            self._bar = tqdm(total=total, initial=done, desc="train", unit="jets", unit_scale=True, disable=None)
            self._writer = _summary_writer(self.folder / "tensorboard", trainer.current_epoch)

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """Start the epoch's clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Mapping[str, Any], index: int) -> None:
        """Advance the bar."""
        if self._bar is not None:
            self._bar.update(len(batch["labels"]) * trainer.world_size)

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Add the row of the epoch and write it out."""
        row = {
            "epoch": trainer.current_epoch,
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "train_loss": module.mean_train_loss(),
            **module.validated,
            "seconds": time.perf_counter() - self._started,
        }
        self.rows.append(row)
        if self._writer is not None:
            write_curves(self.folder / "curves.csv", self.rows)
            for name, value in row.items():
                if name != "epoch":
                    self._writer.add_scalar(name, value, row["epoch"])
            self._writer.flush()
            self._bar.set_postfix_str(f"epoch {row['epoch']} {_last_measure(row)}")

    def teardown(self, trainer: Any, module: Any, stage: str) -> None:
        """Close the bar and the event file."""
        for opened in (self._bar, self._writer):
            if opened is not None:
                opened.close()


def _last_measure(row: Mapping[str, float]) -> str:
    """The AUC where tagging is trained, else the loss."""
    name = "validation_auc" if "validation_auc" in row else "validation_loss"
    return f"{name.replace('_', ' ')} {row[name]:.4f}"


def _summary_writer(folder: Path, first_epoch: int) -> Any:
    """A TensorBoard writer; an empty module `notf` tells TensorBoard to do without importing TensorFlow (5 s)."""
    name = "tensorboard.compat.notf"
    if "tensorflow" not in sys.modules:
        sys.modules.setdefault(name, types.ModuleType(name))
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder, purge_step=first_epoch)
