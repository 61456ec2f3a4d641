"""What a jet is: the `Jets` arrays, and their one HDF5 layout."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from jets import hdf5
from jets.errors import DataError, LayoutError
from jets.files import existing_file
from jets.hdf5 import HDF5Writer, open_hdf5
from jets.splits import SPLIT_FRACTIONS, split_index, split_of

Floats = NDArray[np.floating[Any]]

LAYOUT = "tagware-jets-1"
KINEMATICS = ("pt_gev", "eta", "phi", "mass_gev", "n_constituents")
FOUR_VECTOR = ("pt_gev", "deta", "dphi", "mass_gev")
IDENTITY = ("charge", "identity")
IMPACT = ("d0_mm", "d0_error_mm", "dz_mm", "dz_error_mm")
IDENTITIES = ("unknown", "charged_hadron", "neutral_hadron", "photon", "electron", "muon")


@dataclass(frozen=True)
class Jets:
    """A block of labelled jets.

    Attributes:
        constituents: (n_jets, n_constituents, n_features) float32, pT-ordered, zero where padded.
        mask: (n_jets, n_constituents) bool, True where there is a constituent.
        kinematics: (n_jets, 5) float32: pT (GeV), eta, phi, mass (GeV), number of constituents before truncation.
        labels: (n_jets,) int16, an index into `classes`.
        ids: (n_jets,) uint64, the jet's own id, which decides its split.
        classes: names of the classes.
        constituent_features: names of the last axis of `constituents`: `FOUR_VECTOR` always
            (deta, dphi relative to the jet axis), then any of `IDENTITY` and `IMPACT`.
        high_level: (n_jets, n_high_level) float32 or None.
        high_level_features: names of the last axis of `high_level`.
        weights: (n_jets,) float32.
        provenance: where the jets come from (JSON-serialisable).
        events: (n_jets,) uint64, the hard event that a jet is of: jets of one event are in one split. None where every
            jet is on its own.
        views: (n_jets,) int8, an index into `view_names`: in which of several simulations of one hard event a jet was
            made. The views of a jet have consecutive ids (`hard_ids`). None where there was one.
        view_names: names of the views, "nominal" first.
    """

    constituents: NDArray[np.float32]
    mask: NDArray[np.bool_]
    kinematics: NDArray[np.float32]
    labels: NDArray[np.int16]
    ids: NDArray[np.uint64]
    classes: tuple[str, ...]
    constituent_features: tuple[str, ...] = FOUR_VECTOR + IDENTITY
    high_level: NDArray[np.float32] | None = None
    high_level_features: tuple[str, ...] = ()
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    provenance: Mapping[str, Any] = field(default_factory=dict)
    events: NDArray[np.uint64] | None = None
    views: NDArray[np.int8] | None = None
    view_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.weights) == 0 and len(self) > 0:
            object.__setattr__(self, "weights", np.ones(len(self), np.float32))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: slice | NDArray[Any]) -> Jets:
        """The jets that a slice, a boolean mask or an index array selects."""
        return replace(self, **{name: getattr(self, name)[which] for name in _present(self)})

    @property
    def split_keys(self) -> NDArray[np.uint64]:
        """(n_jets,) what decides the split of each jet: its event, or its own id where it is alone."""
        return self.ids if self.events is None else self.events

    @property
    def hard_ids(self) -> NDArray[np.uint64]:
        """(n_jets,) one number for all views of the jet of one hard parton, the id of its first view."""
        return self.ids if self.views is None else self.ids - self.views.astype(np.uint64)

    def view_rows(self, where: str | Path | None = None) -> NDArray[np.int64]:
        """(n_partons, n_views) the rows of the views of each hard parton's jet, of those that are here in all.

        Raises:
            DataError: the jets were simulated once, or none is here in all views.
        """
        if self.views is None:
            remedy = "simulate them with views, or import RS3L's as rs3l_views"
            raise DataError("the jets have one view each", where, remedy)
        order, n_views = np.lexsort((self.views, self.hard_ids)), len(self.view_names)
        _, first, count = np.unique(self.hard_ids[order], return_index=True, return_counts=True)
        rows: NDArray[np.int64] = order[first[count == n_views][:, None] + np.arange(n_views)]
        if len(rows) == 0:
            raise DataError(f"no jet is here in all {n_views} views", where, "keep the views of a jet together")
        return rows

    def feature(self, name: str) -> NDArray[np.float32]:
        """One constituent feature, (n_jets, n_constituents).

        Raises:
            DataError: these jets do not carry the feature.
        """
        if name not in self.constituent_features:
            have = ", ".join(self.constituent_features)
            raise DataError(f"the jets carry no constituent feature {name!r}", None, f"they carry {have}")
        column: NDArray[np.float32] = self.constituents[:, :, self.constituent_features.index(name)]
        return column

    def jet(self, name: str) -> NDArray[np.float32]:
        """One jet-level quantity of `KINEMATICS`, (n_jets,)."""
        column: NDArray[np.float32] = self.kinematics[:, KINEMATICS.index(name)]
        return column

    def resized(self, n_constituents: int) -> Jets:
        """These jets with that many constituents: the hardest, or padded with zeros."""
        extra = max(n_constituents - self.mask.shape[1], 0)
        constituents = np.pad(self.constituents[:, :n_constituents], ((0, 0), (0, extra), (0, 0)))
        return replace(
            self, constituents=constituents, mask=np.pad(self.mask[:, :n_constituents], ((0, 0), (0, extra)))
        )

    def require_classes(self, where: str | Path | None = None) -> Jets:
        """Return self if every class has jets; raise DataError naming the first that has none."""
        require_labels(self.labels, self.classes, where)
        return self

    def split(self, name: str, fractions: Sequence[float] = SPLIT_FRACTIONS) -> Jets:
        """The jets of one split, chosen by a hash of each jet's event, or of its id where it is alone."""
        return self[split_of(self.split_keys, fractions) == split_index(name)]

    def check(self, where: str | Path | None = None) -> Jets:
        """Return self if every jet can be used.

        Raises:
            DataError: no jets, arrays of different lengths, NaN or infinity, a negative pT or weight, a jet without
                constituents, a padded place before one, constituents not in falling pT order, or a label or a view
                outside those that are named.
        """
        if len(self) == 0:
            raise DataError("there are no jets", where, "check the selection or the input files")
        for name in _present(self):
            values = getattr(self, name)
            if len(values) != len(self):
                raise DataError(f"{len(values)} rows of {name} for {len(self)} jets", where, "give one row per jet")
            if not np.isfinite(values).all():
                jet = int(np.argwhere(~np.isfinite(values))[0][0])
                raise DataError(f"NaN or infinity in {name} of jet {jet}", where, "repair or drop that jet")
        pt = self.feature("pt_gev")
        for complaint, bad in (
            ("negative or zero pT", (self.jet("pt_gev") <= 0) | (pt < 0).any(axis=1)),
            ("a gap among the constituents", (self.mask[:, 1:] & ~self.mask[:, :-1]).any(axis=1)),
            ("no constituent", ~self.mask.any(axis=1)),
            ("constituents not in falling pT order", (self.mask[:, 1:] & (pt[:, 1:] > pt[:, :-1])).any(axis=1)),
            ("a negative weight", self.weights < 0),
            (f"a label outside the {len(self.classes)} classes", _outside(self.labels, self.classes)),
            (f"a view outside the {len(self.view_names)} named", _outside(self.views, self.view_names)),
        ):
            if bad.any():
                raise DataError(f"{complaint} in jet {int(bad.argmax())}", where, "repair or drop that jet")
        return self


def require_labels(labels: NDArray[Any], classes: Sequence[str], where: str | Path | None = None) -> None:
    """Raise DataError naming the first class that none of the labels points to."""
    for label, name in enumerate(classes):
        if not (labels == label).any():
            raise DataError(f"class {name!r} has no jets", where, "add jets of that class or drop it")


STORED_ROWS = 4096
PER_JET = ("constituents", "mask", "kinematics", "labels", "ids", "weights")
OPTIONAL = ("high_level", "events", "views")
"""Also one row a jet, in files that have them."""


def _present(jets: Jets) -> tuple[str, ...]:
    return PER_JET + tuple(name for name in OPTIONAL if getattr(jets, name) is not None)


def _outside(index: NDArray[Any] | None, names: Sequence[str]) -> NDArray[np.bool_]:
    return np.zeros(1, bool) if index is None else ~np.isin(index, np.arange(len(names)))


def concatenate(blocks: Sequence[Jets]) -> Jets:
    """One block from several with the same classes and features (the first one's provenance is kept).

    Raises:
        DataError: no blocks, or blocks that differ in classes, features or number of constituents.
    """
    if not blocks:
        raise DataError("there are no jets", None, "check the selection or the input files")
    first = blocks[0]
    for other in blocks[1:]:
        _check_same_layout(first, other)
    return replace(
        first, **{name: np.concatenate([getattr(block, name) for block in blocks]) for name in _present(first)}
    )


def in_turn(views: Sequence[Jets]) -> Jets:
    """The views of each jet one after the other, from blocks of one view each with the same jets in the same order."""
    together = concatenate(views)
    if len(views) == 1:
        return together
    order = np.arange(len(together)).reshape(len(views), -1).T.ravel()
    numbers = np.repeat(np.arange(len(views), dtype=np.int8), len(views[0]))
    return replace(together, views=numbers)[order]


def require_replaceable(path: Path) -> None:
    """Raise StorageError when there is a file at `path` and it is not a jets file of ours."""
    hdf5.require_replaceable(path, "tagware-jets-", "a jets file")


class JetsWriter:
    """Writes blocks of jets to one HDF5 file that appears under its name only when complete.

    Use as a context manager. Raises StorageError on a full disk and DataError for unusable jets; either way
    an older file at `path` stays as it was.

    Example:
        >>> with JetsWriter(path) as writer:  # doctest: +SKIP
        ...     for block in blocks:
        ...         writer.append(block)
    """

    def __init__(self, path: Path, chunk: int = 1024, compression: hdf5.Compression = 4) -> None:
        self.path, self.n_jets = Path(path), 0
        self._file = HDF5Writer(self.path, chunk, compression)
        self._first: Jets | None = None
        self._digests: dict[str, Any] = {}

    def __enter__(self) -> JetsWriter:
        self._file.__enter__()
        return self

    def append(self, jets: Jets) -> None:
        """Add a block; all blocks of a file share classes and features.

        Raises:
            DataError: unusable jets (see `Jets.check`), or classes or features that differ from the first block's.
            StorageError: the disk is full.
        """
        jets.check(self.path)
        if self._first is None:
            self._first = jets[:0]
        _check_same_layout(self._first, jets, self.path)
        columns = _columns(jets)
        self._file.append(columns)
        _digest(self._digests, columns)
        self.n_jets += len(jets)

    def append_stored(
        self, stored: JetsFile, relabel: NDArray[np.int16], classes: tuple[str, ...], provenance: Mapping[str, Any]
    ) -> None:
        """Add all the jets of a file that a writer of the same settings wrote, without compressing them again.

        Args:
            stored: to be added after a whole number of chunks.
            relabel: (n_classes of `stored`,): the label among `classes` of each of its labels.
            classes: names of the classes.
            provenance: where the jets come from.

        Raises:
            DataError: other classes or features than the first block's.
            LayoutError: the file is damaged.
            StorageError: the disk is full.
        """
        like = replace(next(stored.slices(1))[:0], classes=classes, provenance=provenance)
        if self._first is None:
            self._first = like
        _check_same_layout(self._first, like, self.path)
        with open_hdf5(stored.path) as file:
            names = [f"constituents/{name}" for name in stored.constituent_features]
            for start in range(0, stored.n_jets, STORED_ROWS):
                columns = stored.columns(file, slice(start, min(start + STORED_ROWS, stored.n_jets)))
                columns["labels"] = relabel[columns["labels"]]
                _digest(self._digests, columns)
                self._file.append({name: values for name, values in columns.items() if name not in names})
            for name in names:
                self._file.append_chunks(name, file[name])
        self.n_jets += stored.n_jets

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._file.__exit__(kind, error, trace)
            return
        with ExitStack() as stack:
            stack.push(self._file.__exit__)
            self._file.attributes["tagware"] = json.dumps(self._header())

    def _header(self) -> dict[str, Any]:
        if self._first is None:
            raise DataError("there are no jets", self.path, "check the selection or the input files")
        header = _layout(self._first) | {"n_jets": self.n_jets}
        return header | {"checksum": _combine(self._digests, header), "provenance": dict(self._first.provenance)}


def _columns(jets: Jets) -> dict[str, NDArray[Any]]:
    """The datasets of a block: one per constituent feature (small integers stored as such), then per jet."""
    columns: dict[str, NDArray[Any]] = {}
    for name in jets.constituent_features:
        columns[f"constituents/{name}"] = jets.feature(name).astype(_stored_as(name))
    columns["mask_length"] = jets.mask.sum(axis=1).astype(np.int16)
    for name, kind in STORED_AS.items():
        if (values := getattr(jets, name)) is not None:
            columns[name] = np.asarray(values, kind)
    return columns


STORED_AS = {
    "kinematics": np.float32, "labels": np.int16, "ids": np.uint64, "weights": np.float32, "high_level": np.float32,
    "events": np.uint64, "views": np.int8,
}  # fmt: skip


def _stored_as(feature: str) -> Any:
    return np.int8 if feature in IDENTITY else np.float32


def _stored(file: h5py.File, name: str, rows: slice, kind: Any) -> NDArray[Any]:
    """Rows of a dataset; TypeError when it is not of the kind that is written, which a checksum may not tell."""
    hdf5.require_filters(file[name], Path(file.filename))
    values: NDArray[Any] = file[name][rows]
    if values.dtype != kind:
        raise TypeError(f"{name} is of type {values.dtype}")
    return values


def _layout(jets: Jets) -> dict[str, Any]:
    """What all the blocks of a file have in common, as its header holds it."""
    return {
        "layout": LAYOUT,
        "classes": list(jets.classes),
        "constituent_features": list(jets.constituent_features),
        "high_level_features": list(jets.high_level_features),
        **({"views": list(jets.view_names)} if jets.view_names else {}),
    }


def _check_same_layout(first: Jets, other: Jets, where: str | Path | None = None) -> None:
    sizes = [(jets.mask.shape[1], _present(jets)) for jets in (first, other)]
    if _layout(first) != _layout(other) or sizes[0] != sizes[1]:
        differing = [name for name, value in _layout(first).items() if _layout(other).get(name) != value]
        what = differing[0] if differing else "number of constituents or in having high-level features, events or views"
        raise DataError(f"blocks of jets differ in {what}", where, "write them to separate files")


def _digest(digests: dict[str, Any], columns: Mapping[str, NDArray[Any]]) -> None:
    for name, values in columns.items():
        digests.setdefault(name, hashlib.sha256()).update(np.ascontiguousarray(values))


def _combine(digests: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """One checksum of what every dataset holds and of the header, whatever the blocks they were appended in."""
    lines = [f"{name} {digests[name].hexdigest()}\n" for name in sorted(digests)]
    return hashlib.sha256("".join([json.dumps(header, sort_keys=True), *lines]).encode()).hexdigest()


class JetsFile:
    """A jets HDF5 file, read in slices.

    Raises:
        InputError: no such file.
        LayoutError: not HDF5, not our layout, or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = existing_file(path, "jets file", "make it with `tagware simulate` or `tagware import`")
        with open_hdf5(self.path) as file:
            if "tagware" not in file.attrs:
                raise LayoutError("is not a tagware jets file", self.path, "convert it with `tagware import`")
            text = file.attrs["tagware"]
        try:
            self._take(json.loads(text))
        except (ValueError, TypeError, KeyError) as error:
            raise LayoutError(f"has a damaged header ({error})", self.path, "make or copy it again") from None

    def _take(self, header: Mapping[str, Any]) -> None:
        if header["layout"] != LAYOUT:
            raise LayoutError(f"has layout {header['layout']!r}, not {LAYOUT!r}", self.path, "import it again")
        self.classes = tuple(header["classes"])
        self.constituent_features = tuple(header["constituent_features"])
        self.high_level_features = tuple(header["high_level_features"])
        self.view_names = tuple(header.get("views", ()))
        self.provenance: dict[str, Any] = header["provenance"]
        self.checksum: str = header["checksum"]
        self.n_jets = operator.index(header["n_jets"])

    def __len__(self) -> int:
        return self.n_jets

    def slices(self, size: int = 20_000, split: str | None = None) -> Iterator[Jets]:
        """Blocks of at most `size` jets in file order, of one split or of all, never empty; memory stays bounded.

        Raises:
            LayoutError: the file is damaged.
        """
        starts = range(0, self.n_jets, size)
        blocks = self.blocks((slice(start, min(start + size, self.n_jets)) for start in starts), split)
        return (block for block in blocks if len(block))

    def blocks(self, rows: Iterable[slice], split: str | None = None, bare: bool = False) -> Iterator[Jets]:
        """The jets of each of these ranges of rows, of one split or of all; `bare` ones without what was measured.

        Raises:
            LayoutError: the file is damaged.
        """
        read = self._bare_block if bare else self._block
        with open_hdf5(self.path) as file:
            for some in rows:
                block = read(file, some)
                yield block if split is None else block.split(split)

    def rows_stored_together(self) -> int:
        """Rows that HDF5 compresses as one piece, so that fewer cost as much to read."""
        with open_hdf5(self.path) as file:
            return int((file["labels"].chunks or (STORED_ROWS,))[0])

    def labels(self) -> NDArray[np.int16]:
        """The labels of all jets, (n_jets,); LayoutError if the file is damaged."""
        with open_hdf5(self.path) as file:
            return _stored(file, "labels", slice(None), np.int16)

    def read(self, split: str | None = None, limit: int | None = None) -> Jets:
        """All jets (of one split), or the first `limit` of them, in memory.

        Raises:
            DataError: there are none.
        """
        blocks, count = [], 0
        for block in self.slices(split=split):
            blocks.append(block)
            count += len(block)
            if limit is not None and count >= limit:
                break
        if not blocks:
            raise DataError(f"there are no jets{f' in split {split!r}' if split else ''}", self.path, "add jets")
        return concatenate(blocks)[:limit]

    def verify(self) -> None:
        """Raise LayoutError unless header and arrays still have the checksum they were written with."""
        digests: dict[str, Any] = {}
        for block in self.slices():
            _digest(digests, _columns(block))
            header = _layout(block) | {"n_jets": self.n_jets}
        if not digests or _combine(digests, header) != self.checksum:
            raise LayoutError("does not have the checksum it was written with", self.path, "make or copy it again")

    def columns(self, file: h5py.File, rows: slice, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Rows of every dataset of the open file, or of those named, as stored; LayoutError if it is damaged."""
        kinds = {f"constituents/{name}": _stored_as(name) for name in self.constituent_features}
        kinds |= {"mask_length": np.int16} | STORED_AS
        if names is not None:
            kinds = {name: kinds[name] for name in names}
        try:
            columns = {
                name: _stored(file, name, rows, kind)
                for name, kind in kinds.items()
                if name in file or name not in OPTIONAL
            }
        except (KeyError, TypeError, ValueError) as error:
            raise LayoutError(f"is damaged ({error})", self.path, "make or copy it again") from None
        if {len(values) for values in columns.values()} != {rows.stop - rows.start}:
            raise LayoutError("is damaged (jets are missing)", self.path, "make or copy it again")
        return columns

    def _block(self, file: h5py.File, rows: slice) -> Jets:
        columns = self.columns(file, rows)
        features = [columns[f"constituents/{name}"] for name in self.constituent_features]
        try:
            constituents = np.stack(features, axis=-1, dtype=np.float32)
        except ValueError as error:
            raise LayoutError(f"is damaged ({error})", self.path, "make or copy it again") from None
        mask = np.arange(constituents.shape[1]) < columns["mask_length"][:, None]
        return Jets(
            constituents=constituents, mask=mask, constituent_features=self.constituent_features,
            high_level_features=self.high_level_features, **self._described(columns),
        )  # fmt: skip

    def _bare_block(self, file: h5py.File, rows: slice) -> Jets:
        columns = self.columns(file, rows, ("labels", "ids", "weights", "events", "views"))
        n = len(columns["labels"])
        return Jets(
            constituents=np.zeros((n, 0, 0), np.float32), mask=np.zeros((n, 0), bool), constituent_features=(),
            kinematics=np.zeros((n, 0), np.float32), **self._described(columns),
        )  # fmt: skip

    def _described(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        stored = {name: columns[name] for name in STORED_AS if name in columns}
        return stored | {"classes": self.classes, "provenance": self.provenance, "view_names": self.view_names}


def rows_of(known: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The row of each wanted id (n_wanted,) among the known ones (n_known,); -1 where it is not there."""
    if len(known) == 0:
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(known, kind="stable")
    rows = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(order) - 1)]
    return np.where(known[rows] == wanted, rows, -1)
