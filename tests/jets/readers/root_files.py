"""ROOT trees written as the public files are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward
import numpy as np
import uproot


def write_tree(path: Path, tree: str, branches: Mapping[str, Any]) -> Path:
    """A file with one tree of numbers and of lists of numbers an entry."""
    with uproot.recreate(path) as file:
        kinds = {
            name: values.type.content if isinstance(values, awkward.Array) else values.dtype
            for name, values in branches.items()
        }
        file.mktree(tree, kinds)
        file[tree].extend(branches)
    return path


def lists(padded: Any, mask: Any, kind: Any = np.float32) -> awkward.Array:
    """The values under a mask, a list an entry."""
    return awkward.unflatten(padded[mask].astype(kind), mask.sum(axis=1))
