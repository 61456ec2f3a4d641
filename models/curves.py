"""Training curves on disk: one row an epoch, the same columns for teachers and students (no AUC in pre-training; EBOPs
where learnt bits have a budget; of students, 1 for the best epoch, which is not always that of the lowest loss)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from jets.files import replacing

COLUMNS = (
    "epoch", "learning_rate", "train_loss", "validation_loss", "validation_auc", "validation_auc_error", "ebops",
    "sparsity", "seconds", "best",
)  # fmt: skip


def write_curves(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write rows of (some of the) `COLUMNS` as CSV, all or nothing."""
    with replacing(path) as temporary, open(temporary, "w", newline="") as stream:
        table = csv.DictWriter(stream, [name for name in COLUMNS if name in rows[0]])
        table.writeheader()
        table.writerows(rows)


def read_curves(path: Path) -> list[dict[str, float]]:
    """The rows of a `curves.csv`, one an epoch; ValueError or TypeError for a cell that is not a number."""
    with open(path, newline="") as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
