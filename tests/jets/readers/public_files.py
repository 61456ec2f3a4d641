"""HDF5 files in public layouts, whole or with something wrong in them, and what an import must make of those."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import pytest

from jets.errors import TagwareError
from jets.readers import ImportConfig, import_jets


def save(path: Path, content: Mapping[str, Any]) -> Path:
    """A file with these datasets."""
    with h5py.File(path, "w") as file:
        for key, values in content.items():
            file[key] = values
    return path


def put(values: Any, place: Any, value: float) -> Any:
    """A copy with another value in one place."""
    values = values.copy()
    values[place] = value
    return values


def assert_refused(format: str, path: Path, kind: type[TagwareError], message: str) -> None:
    """An import of the file, alone in its folder, is one line that names it, and leaves nothing behind."""
    with pytest.raises(kind) as caught:
        import_jets(format, [path], path.parent / "jets.h5", ImportConfig(processes=1))
    assert str(path) in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)
    assert list(path.parent.iterdir()) == [path]
