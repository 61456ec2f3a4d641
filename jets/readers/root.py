"""Branches of ROOT trees through uproot, with one-line errors for files that are not what they should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.errors import InputError, LayoutError, ToolNotFound
from jets.files import existing_file

Array = NDArray[Any]


@dataclass(frozen=True)
class Tree:
    """An open tree of a ROOT file.

    Attributes:
        path: the file.
        name: the tree.
        remedy: what to do when something is missing.
        tree: uproot's.
    """

    path: Path
    name: str
    remedy: str
    tree: Any

    def __len__(self) -> int:
        return int(self.tree.num_entries)

    def require(self, branches: Sequence[str]) -> None:
        """Raise LayoutError for the first branch that is not there."""
        there = set(self.tree.keys())
        for branch in branches:
            if branch not in there:
                raise LayoutError(f"has no branch {branch!r}", f"{self.path}: {self.name}", self.remedy)

    def flat(self, branch: str, rows: range) -> Array:
        """A branch with one number an entry, (n_rows,)."""
        values: Array = self._read(branch, rows, "np")
        if values.dtype == object:
            raise self._not_numbers(branch, "number")
        return values

    def jagged(self, branch: str, rows: range) -> tuple[Array, Array]:
        """A branch with a list of numbers an entry: the lengths, (n_rows,), and all numbers, one after the other."""
        values = self._read(branch, rows, "ak")
        if values.ndim != 2:
            raise self._not_numbers(branch, "list of numbers")
        import awkward

        return awkward.to_numpy(awkward.num(values)), awkward.to_numpy(awkward.flatten(values))

    def lists(self, branches: Sequence[str], rows: range) -> tuple[Array, list[Array]]:
        """Several such branches with lists of the same lengths: the lengths, and each branch's numbers.

        Raises:
            LayoutError: lengths that differ, or damage.
        """
        count, first = self.jagged(branches[0], rows)
        columns = [first]
        for branch in branches[1:]:
            other, values = self.jagged(branch, rows)
            if not np.array_equal(count, other):
                what = f"the lists of {branch!r} are not as long as those of {branches[0]!r}"
                raise LayoutError(what, f"{self.path}: {self.name}", self.remedy)
            columns.append(values)
        return count, columns

    def _read(self, branch: str, rows: range, library: str) -> Any:
        # Damaged bytes surface as almost anything: zlib, struct, index and value errors, assertions.
        try:
            return self.tree[branch].array(entry_start=rows.start, entry_stop=rows.stop, library=library)
        except MemoryError:
            raise
        except Exception as error:
            raise LayoutError(f"is damaged in {branch!r} ({_first_line(error)})", self.path, COPY) from None

    def _not_numbers(self, branch: str, wanted: str) -> LayoutError:
        what = f"branch {branch!r} does not hold a {wanted} an entry"
        return LayoutError(what, f"{self.path}: {self.name}", self.remedy)


COPY = "make or copy it again"


@contextmanager
def open_tree(path: Path, name: str, remedy: str) -> Iterator[Tree]:
    """A tree of an existing ROOT file, to read.

    Raises:
        InputError: no such file, or it may not be read.
        LayoutError: not ROOT, damaged, truncated, or without the tree.
        ToolNotFound: uproot is not installed.
    """
    path = existing_file(path)
    file = _open(path, remedy)
    with file:
        known = file.classnames(recursive=False)
        kinds = {key.partition(";")[0]: kind for key, kind in known.items()}
        if kinds.get(name) != "TTree":
            held = ", ".join(f"{kind} {key}" for key, kind in sorted(kinds.items())) or "nothing"
            raise LayoutError(f"has no tree {name!r} (it holds {held})", path, remedy)
        try:
            tree = file[name]
        except Exception as error:
            raise LayoutError(f"is damaged ({_first_line(error)})", path, COPY) from None
        yield Tree(path, name, remedy, tree)


def _open(path: Path, remedy: str) -> Any:
    try:
        uproot: Any = import_module("uproot")
    except ImportError:
        what = "the package 'uproot', which reads ROOT files, is not installed"
        raise ToolNotFound(what, None, "install it with `pip install uproot`") from None
    try:
        file = uproot.open(path, object_cache=None, array_cache=None)  # every branch is read once
    except PermissionError:
        raise InputError("cannot be read", path, "correct its permissions") from None
    except Exception:
        raise LayoutError("is not a ROOT file or is damaged", path, remedy) from None
    if (missing := int(file.file.fEND) - path.stat().st_size) > 0:
        file.close()
        raise LayoutError(f"is truncated ({missing} bytes are missing)", path, COPY)
    return file


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
