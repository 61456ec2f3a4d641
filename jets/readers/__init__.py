"""Public data sets in, our jets file out; one module a format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jets.config import did_you_mean
from jets.dataset import Jets, JetsWriter, require_replaceable
from jets.errors import ConfigError, DataError, InputError
from jets.readers import hls4ml_lhc_jets, top_tagging

BLOCK = 2_000
SUFFIXES = (".h5", ".hdf5", ".hdf")


@dataclass(frozen=True)
class Reader:
    """How to read one public format.

    Attributes:
        count: the number of jets in a file.
        read: the jets of a file in blocks of at most a given size.
        classes: names of the classes.
        reference: where the data are described.
    """

    count: Callable[[Path], int]
    read: Callable[[Path, int], Iterator[Jets]]
    classes: tuple[str, ...]
    reference: str


READERS: Mapping[str, Reader] = {
    "top_tagging": Reader(top_tagging.count, top_tagging.read, top_tagging.CLASSES, top_tagging.REFERENCE),
    "hls4ml_lhc_jets": Reader(
        hls4ml_lhc_jets.count, hls4ml_lhc_jets.read, hls4ml_lhc_jets.CLASSES, hls4ml_lhc_jets.REFERENCE
    ),
}


def import_jets(format: str, paths: Sequence[Path], out: Path) -> Path:
    """Read public files (or folders of them, searched for HDF5) into one jets file at `out`, block by block.

    A jet's id follows from its file's name and its row, so that its split does not depend on what else is imported.

    Raises:
        ConfigError: an unknown format.
        InputError: no files, or two of the same name.
        LayoutError: a file that is not in the format, or is damaged.
        DataError: no jets, NaN, negative energy or pT, or a class that no jet has.
        StorageError: `out` cannot be written, or is a file that is not ours.
    """
    from tqdm import tqdm

    reader = _reader(format)
    files = _files(paths, Path(out))
    require_replaceable(Path(out))
    counts = {path: reader.count(path) for path in files}
    where = ", ".join(map(str, files[:3])) + (", ..." if len(files) > 3 else "")
    if not any(counts.values()):
        raise DataError("there are no jets", where, "check that the files are whole")
    provenance = _provenance(format, reader, counts)
    labels: Counter[int] = Counter()
    with JetsWriter(out) as writer, tqdm(total=sum(counts.values()), disable=None, unit="jets") as bar:
        for path in files:
            for block in reader.read(path, BLOCK):
                writer.append(replace(block, provenance=provenance))
                labels.update(block.labels.tolist())
                bar.update(len(block))
        for label, name in enumerate(reader.classes):
            if not labels[label]:
                raise DataError(f"class {name!r} has no jets", where, "add files with jets of that class")
    return Path(out)


def _reader(name: str) -> Reader:
    if name not in READERS:
        raise ConfigError(f"unknown format {name!r}", None, did_you_mean(name, READERS))
    return READERS[name]


def _files(paths: Sequence[Path], out: Path) -> list[Path]:
    """The files among and below `paths`, without `out` itself."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
            files += [file for file in found if file.resolve() != out.resolve()]
            if not found:
                raise InputError(f"holds no file that ends in {', '.join(SUFFIXES)}", path, "name the files themselves")
        elif path.is_file():
            files.append(path)
        else:
            raise InputError("no such file or folder", path, "check the path")
    if not files:
        raise InputError("there are no files to import", None, "name files or folders")
    if out.resolve() in [file.resolve() for file in files]:
        raise InputError("is both read and written", out, "name another output file")
    repeated = [name for name, times in Counter(file.name for file in files).items() if times > 1]
    if repeated:
        raise InputError(
            f"two files are called {repeated[0]!r}, which jets' ids are made of", None, "rename one or name it once"
        )
    return files


def _provenance(format: str, reader: Reader, counts: Mapping[Path, int]) -> dict[str, Any]:
    files = [{"name": path.name, "bytes": path.stat().st_size, "n_jets": n} for path, n in counts.items()]
    return {"source": "tagware import", "format": format, "reference": reader.reference, "files": files}
