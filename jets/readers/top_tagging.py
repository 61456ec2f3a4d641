"""The Top Tagging Reference Dataset: top against QCD jets as pandas tables of constituent four-momenta."""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets
from jets.errors import LayoutError
from jets.hdf5 import open_hdf5, require_filters
from jets.readers.momenta import Rows, constituents_of_padded, jets_from_momenta, spans, unidentified
from jets.readers.reader import Reader

Array = NDArray[Any]

CLASSES = ("QCD", "top")
REFERENCE = "Kasieczka, Plehn, Thompson, Russell, Top Quark Tagging Reference Dataset, doi:10.5281/zenodo.2603256"
KEY = "table"
LABEL = "is_signal_new"
REMEDY = "give a file of the Top Tagging Reference Dataset (train.h5, val.h5, test.h5)"


def count(path: Path) -> int:
    """The number of jets in a file; LayoutError if it is not in the format."""
    with open_hdf5(path, REMEDY) as file:
        return len(_table(file, path))


def read(path: Path, rows: range, size: int) -> Iterator[Jets]:
    """The jets of some rows of a file in blocks of at most `size`, in its order.

    Columns `E_i, PX_i, PY_i, PZ_i` (GeV; i = 0 ... 199 in the public files, zero where padded) and `is_signal_new`;
    others are ignored.

    Raises:
        LayoutError: not HDF5, no pandas table `table`, or a column is missing.
        DataError: NaN, a negative energy, a jet without constituents, or a label other than 0 and 1.
        ToolNotFound: the file is compressed with a filter that needs the package hdf5plugin.
    """
    with open_hdf5(path, REMEDY) as file:
        table = _table(file, path)
        columns = _columns(table)
        names = _constituent_columns(columns, path)
        for span in spans(rows, size):
            place = Rows(path, KEY, span.start)
            block = table[span]
            labels = _column(block, columns[LABEL])
            place.refuse(f"{LABEL} other than 0 and 1", ~np.isin(labels, (0, 1)))
            values = np.stack([_column(block, columns[name]) for name in names], axis=1).reshape(len(block), -1, 4)
            momenta = unidentified(constituents_of_padded(values))
            yield jets_from_momenta(momenta, labels, CLASSES, place, values.shape[1])


def _table(file: h5py.File, path: Path) -> h5py.Dataset:
    table = file.get(f"{KEY}/table")
    if not isinstance(table, h5py.Dataset) or table.dtype.names is None:
        found = ", ".join(map(str, file)) or "nothing"
        raise LayoutError(f"has no pandas table {KEY!r} (it holds {found})", path, REMEDY)
    require_filters(table, path)
    return table


def _columns(table: h5py.Dataset) -> dict[str, tuple[str, int | None]]:
    """The field of the table and the place in it of each column, by name.

    pandas keeps columns of one type together in fields `values_block_N` and their names in a pickled list, of which
    only the text is taken: unpickling a stranger's file could run its code.
    """
    columns: dict[str, tuple[str, int | None]] = {}
    for field in table.dtype.names:
        kind = table.attrs.get(f"{field}_kind")
        if table.dtype[field].shape and isinstance(kind, bytes):
            columns |= {name: (field, place) for place, name in enumerate(_pickled_texts(kind))}
        else:
            columns[field] = (field, None)
    return columns


def _pickled_texts(pickled: bytes) -> list[str]:
    try:
        operations = list(pickletools.genops(pickled))
    except ValueError:
        return []
    return [str(value) for code, value, _ in operations if "UNICODE" in code.name or "STRING" in code.name]


def _constituent_columns(columns: dict[str, Any], path: Path) -> list[str]:
    """E_0, PX_0, PY_0, PZ_0, E_1, ... as far as the file goes."""
    places = [int(match[1]) for name in columns if (match := re.fullmatch(r"(?:E|PX|PY|PZ)_(\d+)", name))]
    names = [f"{axis}_{i}" for i in range(max(places, default=0) + 1) for axis in ("E", "PX", "PY", "PZ")]
    for name in (LABEL, *names):
        if name not in columns:
            raise LayoutError(f"has no column {name!r}", f"{path}: {KEY}", REMEDY)
    return names


def _column(block: Array, place: tuple[str, int | None]) -> Array:
    field, index = place
    values: Array = block[field] if index is None else block[field][:, index]
    return values


READER = Reader(count, read, CLASSES, REFERENCE)
