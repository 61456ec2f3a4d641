"""Public files to one jets file: in parts, by several processes, each part kept until all are there."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jets.config import did_you_mean
from jets.dataset import JetsFile, JetsWriter, require_replaceable
from jets.errors import ConfigError, DataError, InputError, StorageError
from jets.files import claim_folder, json_digest
from jets.hdf5 import Compression
from jets.readers.formats import READERS
from jets.readers.reader import Reader
from jets.workers import run_tasks, worker_count

CHUNK = 1024
BLOCK = 2 * CHUNK
PART = 16 * CHUNK
COMPRESSION: Compression = "zstd"


@dataclass(frozen=True)
class ImportConfig:
    """How to import.

    Attributes:
        classes: classes of the jets file in its order, NAME, or NAME=STORED where the format calls it STORED; None for
            all of the format's. Jets of any other class are an error.
        n_constituents: the hardest constituents to keep; None for the width of the format.
        processes: that read at a time; None for one a core. The result does not depend on it.
        cluster: the Dask cluster that reads instead: "local", or a scheduler's address.

    Raises:
        ConfigError: no constituents, or a class named twice.
    """

    classes: tuple[str, ...] | None = None
    n_constituents: int | None = None
    processes: int | None = None
    cluster: str | None = None

    def __post_init__(self) -> None:
        if self.n_constituents is not None and self.n_constituents < 1:
            raise ConfigError(f"n_constituents is {self.n_constituents}, it must be at least 1", None, "correct it")
        for names in zip(*self.pairs, strict=True):
            for name in names:
                if names.count(name) > 1:
                    raise ConfigError(f"the class {name!r} is named twice", None, "name each class once")

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Each chosen class, and what the format calls it."""
        parted = [name.partition("=") for name in self.classes or ()]
        return [(name, stored or name) for name, _, stored in parted]


@dataclass(frozen=True)
class _Source:
    """A public file; `name` is the class of its jets when the user says so, and `n_jets` how many it holds."""

    path: Path
    name: str | None
    n_jets: int = 0

    @property
    def entry(self) -> dict[str, Any]:
        """What the jets file's provenance says about it."""
        named = {} if self.name is None else {"class": self.name}
        return {"name": self.path.name, "bytes": self.path.stat().st_size, "n_jets": self.n_jets} | named


@dataclass(frozen=True)
class _Piece:
    """Some rows of one file."""

    source: _Source
    start: int
    stop: int


@dataclass(frozen=True)
class _Part:
    """Consecutive rows of all the files together, and the file that keeps them until all parts are joined."""

    format: str
    pieces: tuple[_Piece, ...]
    classes: tuple[str, ...]
    n_constituents: int | None
    path: Path

    def make(self) -> list[int]:
        """Read and store the part unless that was done before; return the number of jets of each class."""
        if not self._is_whole():
            self._write()
        return [int(n) for n in np.bincount(JetsFile(self.path).labels(), minlength=len(self.classes))]

    def _is_whole(self) -> bool:
        try:
            JetsFile(self.path).verify()
        except InputError:
            return False
        return True

    def _write(self) -> None:
        reader = READERS[self.format]
        with JetsWriter(self.path, CHUNK, COMPRESSION) as writer:
            for piece in self.pieces:
                for block in reader.read(piece.source.path, range(piece.start, piece.stop), BLOCK):
                    if piece.source.name is not None:
                        labels = np.full(len(block), self.classes.index(piece.source.name), np.int16)
                        block = replace(block, labels=labels, classes=self.classes)
                    if self.n_constituents is not None:
                        block = block.resized(self.n_constituents)
                    try:
                        writer.append(block)
                    except DataError as error:
                        raise error.at(piece.source.path) from None


def import_jets(format: str, paths: Sequence[str | Path], out: str | Path, config: ImportConfig | None = None) -> Path:
    """Read public files (or folders, searched for them) into one jets file at `out`.

    A path may be CLASS=PATH for formats whose files do not tell the class of a jet. The rows of all files, in their
    order, are cut into parts of `PART` jets, which processes read into `<out>.parts` and which are then joined without
    compressing them again: the result does not depend on the number of processes, memory on neither the number nor the
    size of the files, and an interrupted import goes on with the parts that are missing. A jet's id follows from its
    file's name and its row, so that its split does not depend on what else is imported.

    Raises:
        ConfigError: an unknown format or class, or options out of range.
        InputError: no files, or two of the same name.
        LayoutError: a file that is not in the format, or is damaged.
        DataError: a file without jets, NaN, a negative energy or pT, a class that no jet has or that is not asked for.
        StorageError: `out` cannot be written, or is a file that is not ours.
        ToolFailed: a worker process was killed.
        ToolNotFound: a package that the format needs is not installed.
    """
    config, out = config or ImportConfig(), Path(out)
    if format not in READERS:
        raise ConfigError(f"unknown format {format!r}", None, did_you_mean(format, READERS))
    reader, processes = READERS[format], worker_count(config.processes)
    sources = _sources(paths, reader, out)
    classes = _class_names(sources, reader)
    for _, stored in config.pairs:
        if stored not in classes:
            raise ConfigError(f"unknown class {stored!r}", f"format {format}", did_you_mean(stored, classes))
    require_replaceable(out)
    sources = [_counted(source, reader) for source in sources]
    with _parts_folder(out) as folder:
        parts = _parts(format, sources, classes, config.n_constituents, folder)
        _drop_others(folder, parts)
        found = _make(parts, processes, config.cluster)
        chosen = config.pairs or [(name, name) for name in classes if reader.every_class or found[name]]
        _check_found(found, chosen, sources)
        provenance = {
            "source": "tagware import",
            "format": format,
            "reference": reader.reference,
            "files": [source.entry for source in sources],
            "counts": {name: found[stored] for name, stored in chosen},
        }
        _join(parts, out, chosen, provenance)
    shutil.rmtree(folder, ignore_errors=True)
    return out


def _sources(paths: Sequence[str | Path], reader: Reader, out: Path) -> list[_Source]:
    """The files among and below `paths`, without `out` itself."""
    sources: list[_Source] = []
    for given in paths:
        name, path = _class_and_path(given)
        if name is not None and reader.labelled:
            what = f"{given}: the files of this format tell the class of each jet"
            raise ConfigError(what, None, "give the path alone; --classes renames classes")
        sources += [_Source(file, name) for file in _files(path, reader.suffixes, out)]
    if not sources:
        raise InputError("there are no files to import", None, "name files or folders")
    if out.resolve() in [source.path.resolve() for source in sources]:
        raise InputError("is both read and written", out, "name another output file")
    repeated = [name for name, times in Counter(source.path.name for source in sources).items() if times > 1]
    if repeated:
        raise InputError(
            f"two files are called {repeated[0]!r}, which jets' ids are made of", None, "rename one or name it once"
        )
    return sources


def _class_and_path(given: str | Path) -> tuple[str | None, Path]:
    name, sign, path = str(given).partition("=")
    return (name, Path(path)) if sign and "/" not in name and not Path(given).exists() else (None, Path(given))


def _files(path: Path, suffixes: tuple[str, ...], out: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError("no such file or folder", path, "check the path")
    ours = out.with_name(out.name + ".parts").resolve()
    found = sorted(file for file in path.rglob("*") if file.suffix in suffixes and file.is_file())
    if not found:
        raise InputError(f"holds no file that ends in {', '.join(suffixes)}", path, "name the files themselves")
    return [file for file in found if file.resolve() != out.resolve() and ours not in file.resolve().parents]


def _class_names(sources: Sequence[_Source], reader: Reader) -> tuple[str, ...]:
    """The format's classes, or those that the user named."""
    named = [source.name for source in sources if source.name is not None]
    if not named:
        return reader.classes
    if len(named) < len(sources):
        path = next(source.path for source in sources if source.name is None)
        raise ConfigError("has no class, but other files have", path, "give it as CLASS=PATH, too")
    return tuple(dict.fromkeys(named))


def _counted(source: _Source, reader: Reader) -> _Source:
    n_jets = reader.count(source.path)
    if n_jets == 0:
        raise DataError("there are no jets", source.path, "check that the file is whole, or leave it out")
    return replace(source, n_jets=n_jets)


@contextmanager
def _parts_folder(out: Path) -> Iterator[Path]:
    """The folder of finished parts, which outlives a failure only when there are any."""
    if out.is_dir():
        raise StorageError("is a folder, not a file", out, "name a file that ends in .h5")
    folder = claim_folder(out.with_name(out.name + ".parts"))
    try:
        yield folder
    except BaseException:
        if not list(folder.glob("[!.]*.h5")):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _parts(
    format: str, sources: Sequence[_Source], classes: tuple[str, ...], n_constituents: int | None, folder: Path
) -> list[_Part]:
    """The rows of all files, cut at every `PART`, whatever the files' own lengths."""
    groups: dict[int, list[_Piece]] = {}
    begin = 0
    for source in sources:
        start = 0
        while start < source.n_jets:
            group, used = divmod(begin + start, PART)
            stop = min(source.n_jets, start + PART - used)
            groups.setdefault(group, []).append(_Piece(source, start, stop))
            start = stop
        begin += source.n_jets
    return [_part(format, tuple(pieces), classes, n_constituents, folder) for pieces in groups.values()]


def _part(
    format: str, pieces: tuple[_Piece, ...], classes: tuple[str, ...], n_constituents: int | None, folder: Path
) -> _Part:
    contents = [
        (piece.source.entry, piece.source.path.stat().st_mtime_ns, piece.start, piece.stop, classes, n_constituents)
        for piece in pieces
    ]
    return _Part(format, pieces, classes, n_constituents, folder / f"{json_digest([format, contents])[:24]}.h5")


def _drop_others(folder: Path, parts: Sequence[_Part]) -> None:
    """Remove what an earlier import of other files left, or a process that was killed while it wrote."""
    wanted = {part.path for part in parts}
    for path in folder.glob("*"):
        if path not in wanted and ".h5" in path.name:
            path.unlink(missing_ok=True)


def _make(parts: Sequence[_Part], processes: int, cluster: str | None) -> Counter[str]:
    """Read the parts; the number of jets of each class."""
    found: Counter[str] = Counter()
    with tqdm(desc="read", total=_total(parts), unit="jets", disable=None) as bar:
        for counts in run_tasks([part.make for part in parts], processes, "an import", cluster):
            found.update(dict(zip(parts[0].classes, counts, strict=True)))
            bar.update(sum(counts))
    return found


def _total(parts: Sequence[_Part]) -> int:
    """The number of jets in all parts."""
    return sum(piece.stop - piece.start for part in parts for piece in part.pieces)


def _check_found(found: Mapping[str, int], chosen: Sequence[tuple[str, str]], sources: Sequence[_Source]) -> None:
    where = ", ".join(str(source.path) for source in sources[:3]) + (", ..." if len(sources) > 3 else "")
    for name, stored in chosen:
        if not found[stored]:
            remedy = "add files with jets of that class, or name the others with --classes"
            raise DataError(f"class {name!r} has no jets", where, remedy)
    known = [stored for _, stored in chosen]
    for stored, count in found.items():
        if count and stored not in known:
            remedy = "name that class, too, or leave the files with its jets out"
            raise DataError(f"{count} jets are of class {stored!r}, which --classes does not name", where, remedy)


def _join(parts: Sequence[_Part], out: Path, chosen: Sequence[tuple[str, str]], provenance: Mapping[str, Any]) -> None:
    relabel = np.zeros(len(parts[0].classes), np.int16)
    for label, (_, name) in enumerate(chosen):
        relabel[parts[0].classes.index(name)] = label
    classes = tuple(name for name, _ in chosen)
    with (
        JetsWriter(out, CHUNK, COMPRESSION) as writer,
        tqdm(desc="join", total=_total(parts), unit="jets", disable=None) as bar,
    ):
        for part in parts:
            stored = JetsFile(part.path)
            writer.append_stored(stored, relabel, classes, provenance)
            bar.update(stored.n_jets)
