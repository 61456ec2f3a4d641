"""What a format must offer to be imported: the one interface of all readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jets.dataset import Jets

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")


@dataclass(frozen=True)
class Reader:
    """How to read one public format.

    Attributes:
        count: the number of jets in a file; LayoutError for a file that is not in the format.
        read: the jets of some rows of a file, in blocks of at most a given size, of `classes`; their ids follow from
            the file's name and the row (`momenta.Rows.ids`).
        classes: names of the classes; a single one when the files do not tell the class of a jet, which the user then
            names (CLASS=PATH).
        reference: where the data are described.
        suffixes: of its files, when a folder is searched.
        every_class: whether every class must have jets, unless the user names fewer; else those that occur are taken.
    """

    count: Callable[[Path], int]
    read: Callable[[Path, range, int], Iterator[Jets]]
    classes: tuple[str, ...]
    reference: str
    suffixes: tuple[str, ...] = HDF5_SUFFIXES
    every_class: bool = True

    @property
    def labelled(self) -> bool:
        """Whether the files tell the class of a jet."""
        return len(self.classes) > 1
