"""Datasets of HDF5 files that must have a certain shape."""

from __future__ import annotations

from pathlib import Path

import h5py

from jets.errors import LayoutError
from jets.hdf5 import require_filters

NUMBERS, TEXT = "fiub", "SO"
"""Kinds of a dataset's values, as numpy calls them."""


def require_dataset(
    file: h5py.File, path: Path, key: str, shape: tuple[int | None, ...], remedy: str, kinds: str = NUMBERS
) -> h5py.Dataset:
    """The dataset `key` of an open file; `shape` has None for axes of any length.

    Raises:
        LayoutError: it is not there, does not hold values of these `kinds`, or has another shape.
        ToolNotFound: it is compressed with a filter that needs the package hdf5plugin.
    """
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise LayoutError(f"has no dataset {key!r} (it holds {', '.join(map(str, file)) or 'nothing'})", path, remedy)
    where = f"{path}: {key}"
    if dataset.ndim != len(shape):
        raise LayoutError(f"has {dataset.ndim} axes, not {len(shape)}", where, remedy)
    if any(wanted not in (None, n) for n, wanted in zip(dataset.shape, shape, strict=True)):
        wanted = " × ".join("any" if n is None else str(n) for n in shape)
        raise LayoutError(f"has shape {' × '.join(map(str, dataset.shape))}, not {wanted}", where, remedy)
    if dataset.dtype.kind not in kinds:
        raise LayoutError(f"holds {dataset.dtype}, not {'numbers' if kinds == NUMBERS else 'text'}", where, remedy)
    require_filters(dataset, path)
    return dataset
