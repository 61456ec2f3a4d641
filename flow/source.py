"""The jets of a project: a packaged sample, a file of the user's, or a simulation, checked before any training."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from flow.project import JetsSection, ProjectFolder
from jets.dataset import JetsFile
from jets.errors import DataError, LayoutError
from jets.files import read_json, write_json
from jets.samples import SAMPLES, sample_path
from jets.selection import select_classes
from jets.splits import SPLITS, split_of

POINTER = "jets.json"
SIMULATED, SELECTED = "jets.h5", "selected.h5"


def given_path(project: ProjectFolder) -> Path | None:
    """The jets file that the project names; None when it asks for a simulation."""
    section = project.config.jets
    if section.sample is not None:
        return sample_path(section.sample)
    return None if section.file is None else (project.folder / section.file).resolve()


def jets_inputs(project: ProjectFolder) -> dict[str, Any]:
    """What decides the jets stage: the config, and the checksum of a given file or the content of the detector cards.

    Raises:
        InputError, LayoutError: the file is missing or is not a jets file.
    """
    path = given_path(project)
    inputs = dataclasses.asdict(project.config.jets)
    if path is not None:
        name = inputs["file"] and path.name  # the same jets elsewhere are the same jets
        return {**inputs, "file": name, "checksum": JetsFile(path).checksum}
    assert project.config.jets.simulate is not None
    return {**inputs, "views": [dataclasses.asdict(view) for view in project.config.jets.simulate.simulations]}


def provide_jets(project: ProjectFolder, folder: Path) -> None:
    """Simulate or find the jets, check them, and write the pointer that the other stages open.

    Raises:
        DataError: a class has no jets in a split.
        ConfigError: the jets do not have a class that is chosen.
        LayoutError: the file does not have the checksum it was written with.
    """
    path = given_path(project)
    if path is None:
        path = _simulate(project.config.jets, folder.resolve())
    file = JetsFile(path)
    if path != folder.resolve() / SIMULATED:
        file.verify()
    if project.config.jets.classes:
        file = JetsFile(select_classes(file, project.config.jets.classes, folder.resolve() / SELECTED))
    counts = count_jets(file)
    write_json(
        folder / POINTER,
        {
            "sample": project.config.jets.sample if file.path == path else None,
            "path": os.path.relpath(file.path, folder.resolve()),
            "source": _source(project.config.jets),
            "checksum": file.checksum,
            "classes": list(file.classes),
            "counts": counts,
        },
    )


def open_jets(folder: Path) -> JetsFile:
    """The jets file that a finished jets stage points to.

    Raises:
        InputError: it is no longer there.
        LayoutError: it holds other jets than when the stage ran, or the pointer is damaged.
    """
    pointer = read_json(folder / POINTER)
    try:
        sample, checksum = pointer.get("sample"), pointer["checksum"]
        where = folder.resolve() / pointer["path"]
    except (TypeError, AttributeError, KeyError):
        raise LayoutError("names no jets", folder / POINTER, "run the project again") from None
    # A sample lies where tagware is installed, and not where it did when the project ran.
    file = JetsFile(sample_path(sample) if sample in SAMPLES else where)
    if file.checksum != checksum:
        raise LayoutError("holds other jets than when the project ran", file.path, "run the project again")
    return file


def count_jets(file: JetsFile) -> dict[str, dict[str, int]]:
    """Jets of each class in each split.

    Raises:
        DataError: a class has none in a split.
    """
    counts = np.zeros((len(SPLITS), len(file.classes)), np.int64)
    for block in file.slices():
        np.add.at(counts, (split_of(block.split_keys), block.labels), 1)
    for split, row in zip(SPLITS, counts, strict=True):
        for name, count in zip(file.classes, row, strict=True):
            if count == 0:
                raise DataError(f"class {name!r} has no jets in the {split} split", file.path, "add jets of that class")
    return {
        split: {name: int(count) for name, count in zip(file.classes, row, strict=True)}
        for split, row in zip(SPLITS, counts, strict=True)
    }


def _simulate(section: JetsSection, folder: Path) -> Path:
    from jets.simulate import simulate

    assert section.simulate is not None
    return simulate(section.simulate, folder / SIMULATED)


def _source(section: JetsSection) -> str:
    if section.sample is not None:
        return f"packaged sample {section.sample}"
    return "simulation" if section.file is None else f"file {Path(section.file).name}"
