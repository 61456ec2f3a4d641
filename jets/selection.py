"""Some classes of a jets file, several of them as one if asked: the jets of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from jets.config import did_you_mean
from jets.dataset import JetsFile, JetsWriter
from jets.errors import ConfigError


def select_classes(file: JetsFile, named: Sequence[str], out: Path) -> Path:
    """Write the jets of the classes that are named, NAME or NAME=STORED+STORED…, in this order, into a file `out`.

    Jets keep their ids, and so their split.

    Raises:
        ConfigError: fewer than two classes, a class that the file does not have, or one that is named twice.
        StorageError: the disk is full or the place cannot be written.
    """
    labels = _labels(file, named)
    classes = tuple(name.partition("=")[0] for name in named)
    provenance = {**file.provenance, "selection": list(named)}
    with JetsWriter(out) as writer:
        for jets in file.slices():
            found = labels[jets.labels]
            chosen = replace(jets, labels=found, classes=classes, provenance=provenance)[found >= 0]
            if len(chosen):
                writer.append(chosen)
    return Path(out)


def _labels(file: JetsFile, named: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """The new label of every stored one, (n_stored,); -1 where its jets are left out."""
    pairs = [(name, (stored or name).split("+")) for name, _, stored in (text.partition("=") for text in named)]
    stored = [part for _, parts in pairs for part in parts]
    for what, given in (("class", [name for name, _ in pairs]), ("stored class", stored)):
        for name in given:
            if given.count(name) > 1:
                raise ConfigError(f"the {what} {name!r} is named twice", None, "name it once")
    if len(pairs) < 2:
        raise ConfigError("a task needs at least two classes", None, "e.g. classes: [QCD=g+q, top=t]")
    labels = np.full(len(file.classes), -1, np.int16)
    for label, (_, parts) in enumerate(pairs):
        for name in parts:
            if name not in file.classes:
                remedy = did_you_mean(name, file.classes, "its classes are ")
                raise ConfigError(f"{file.path} has no class {name!r}", None, remedy)
            labels[file.classes.index(name)] = label
    return labels
