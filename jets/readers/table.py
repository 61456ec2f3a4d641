"""Datasets of HDF5 files that must have a certain shape."""

from __future__ import annotations

from pathlib import Path

import h5py

from jets.errors import LayoutError


def require_dataset(file: h5py.File, path: Path, key: str, shape: tuple[int | None, ...], remedy: str) -> h5py.Dataset:
    """The dataset `key` of an open file; `shape` has None for axes of any length.

    Raises:
        LayoutError: it is not there, does not hold numbers, or has another shape.
    """
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise LayoutError(f"has no dataset {key!r} (it holds {', '.join(file) or 'nothing'})", path, remedy)
    where = f"{path}: {key}"
    if dataset.ndim != len(shape):
        raise LayoutError(f"has {dataset.ndim} axes, not {len(shape)}", where, remedy)
    if any(wanted not in (None, n) for n, wanted in zip(dataset.shape, shape, strict=True)):
        wanted = " × ".join("any" if n is None else str(n) for n in shape)
        raise LayoutError(f"has shape {' × '.join(map(str, dataset.shape))}, not {wanted}", where, remedy)
    if dataset.dtype.kind not in "fiub":
        raise LayoutError(f"holds {dataset.dtype}, not numbers", where, remedy)
    return dataset
