"""HDF5 files that are written whole or not at all, and one-line errors for those that are damaged."""

from __future__ import annotations

import errno
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import h5py
from numpy.typing import NDArray

from jets.errors import InputError, LayoutError, StorageError, ToolNotFound
from jets.files import existing_file, replacing, storage_error
from jets.interrupts import interrupts_deferred


class UnfailingStream:
    """A file for h5py to write to that keeps the first failed write to itself until `check` is called.

    HDF5 does not survive a write that fails: it loses the error while closing, leaves the file open and may crash
    the interpreter. From the first failure on this stream keeps what is written in memory, so that HDF5 can
    close in peace; call `check` after every block of data to stop there.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self._path = descriptor, path
        self._position = self._size = 0
        self._failure: OSError | None = None
        self._unwritten: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise StorageError (or the OSError itself when it is of another kind) if a write has failed."""
        if self._failure is not None:
            raise storage_error(self._failure, self._path) or self._failure

    def write(self, data: memoryview) -> int:
        """Write at the current position; never fails."""
        start, view = self._position, memoryview(data).cast("B")
        if not self._attempt(lambda: self._write_all(view, start)):
            self._unwritten.append((start, bytes(view)))
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Whether the action was done; once one has failed none is tried."""
        if self._failure is None:
            try:
                action()
            except OSError as error:
                self._failure = error
        return self._failure is None

    def _write_all(self, view: memoryview, position: int) -> None:
        while view:
            written = os.pwrite(self._descriptor, view, position)
            view, position = view[written:], position + written

    def read(self, size: int) -> bytes:
        """What was written at the current position, on disk or not; zeros where nothing was."""
        start, end = self._position, self._position + size
        content = bytearray(os.pread(self._descriptor, size, start).ljust(size, b"\0"))
        for position, data in self._unwritten:
            first, last = max(start, position), min(end, position + len(data))
            if first < last:
                content[first - start : last - start] = data[first - position : last - position]
        self._position = end
        return bytes(content)

    def truncate(self, size: int) -> int:
        """Set the size of the file; never fails."""
        self._attempt(lambda: os.ftruncate(self._descriptor, size))
        self._size = size
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        """The current position."""
        return self._position

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def hdf5_stream(path: Path) -> Iterator[UnfailingStream]:
    """A stream for a new HDF5 file that appears at `path`, replacing an older one, only when the block succeeds."""
    path = Path(path)
    with replacing(path) as temporary, temporary.open("w+b", buffering=0) as raw:
        stream = UnfailingStream(raw.fileno(), path)
        yield stream
        stream.check()


INDEX_BYTES = 2**16

Compression = int | Literal["zstd"] | None
"""Level of gzip, which any HDF5 program reads; Blosc with Zstandard, three times as fast; or none."""


def _filters(compression: Compression) -> dict[str, Any]:
    if compression == "zstd":
        import hdf5plugin

        return dict(hdf5plugin.Blosc(cname="zstd", clevel=1, shuffle=hdf5plugin.Blosc.SHUFFLE))
    return {} if compression is None else {"compression": "gzip", "compression_opts": compression, "shuffle": True}


def require_filters(dataset: h5py.Dataset, path: Path) -> None:
    """Make the filters known to HDF5 that a dataset is compressed with; ToolNotFound when that needs a package."""
    stored = dataset.id.get_create_plist()
    filters = [stored.get_filter(place)[0] for place in range(stored.get_nfilters())]
    missing = [number for number in filters if not h5py.h5z.filter_avail(number)]
    if missing:
        try:
            import hdf5plugin  # noqa: F401  (registers the filters)
        except ImportError:
            what = f"is compressed with HDF5 filter {missing[0]}, which needs the package 'hdf5plugin'"
            raise ToolNotFound(what, path, "install it with `pip install hdf5plugin`") from None


class HDF5Writer:
    """Appends arrays to the datasets of a new HDF5 file that appears under its name only when complete.

    Use as a context manager. On any failure, a full disk and Ctrl-C among them, nothing is left behind and an older
    file at `path` stays as it was. What is in `attributes` at the end becomes the file's attributes.

    Raises:
        StorageError: the disk is full, or `path` is a folder or cannot be written.

    Example:
        >>> with HDF5Writer(path) as writer:  # doctest: +SKIP
        ...     for block in blocks:
        ...         writer.append({"logits": predict(block), "ids": block.ids})
        ...     writer.attributes["classes"] = "QCD top"
    """

    def __init__(self, path: Path, chunk: int = 1024, compression: Compression = 4) -> None:
        self.path, self._chunk, self._compression = Path(path), chunk, compression
        self.attributes: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self.path.is_dir():
            raise StorageError("is a folder, not a file", self.path, "name another output file")
        try:
            with interrupts_deferred():  # HDF5 does not survive one while it calls a Python stream
                self._open()
        except KeyboardInterrupt as interrupt:
            self.__exit__(type(interrupt), interrupt, None)
            raise
        return self

    def _open(self) -> None:
        with ExitStack() as stack:
            self._stream = stack.enter_context(hdf5_stream(self.path))
            self._file = stack.enter_context(h5py.File(self._stream, "w"))
            self._stack = stack.pop_all()

    def append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Add rows (n, ...) to each dataset, which is made when it is first named.

        Raises:
            StorageError: the disk is full.
        """
        with interrupts_deferred():
            for name, values in columns.items():
                self._extend(name, values)
            self._stream.check()

    def _extend(self, name: str, values: NDArray[Any]) -> None:
        if name not in self._file:
            self._file.create_dataset(
                name, data=values, maxshape=(None, *values.shape[1:]), chunks=(self._chunk, *values.shape[1:]),
                fletcher32=True, **_filters(self._compression),
            )  # fmt: skip
            return
        dataset = self._file[name]
        dataset.resize(len(dataset) + len(values), axis=0)
        dataset[len(dataset) - len(values) :] = values

    def append_chunks(self, name: str, source: h5py.Dataset) -> None:
        """Add all rows of a dataset that a writer of the same settings wrote, as they are compressed.

        The rows so far must be a whole number of chunks.

        Raises:
            StorageError: the disk is full.
        """
        with interrupts_deferred():
            if name not in self._file:
                self._extend(name, source[:0])
            dataset = self._file[name]
            if (start := len(dataset)) % self._chunk:
                raise ValueError(f"{start} rows are no whole number of chunks")
            dataset.resize(start + len(source), axis=0)
            for place in range(source.id.get_num_chunks()):
                offset = source.id.get_chunk_info(place).chunk_offset
                mask, content = source.id.read_direct_chunk(offset)
                dataset.id.write_direct_chunk((start + offset[0], *offset[1:]), content, mask)
            self._stream.check()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with interrupts_deferred():
            if error is not None:
                self._stack.__exit__(kind, error, trace)
                return
            with self._stack:
                self._file.attrs.update(self.attributes)


def require_replaceable(path: Path, layout: str, what: str) -> None:
    """Refuse to overwrite what is not ours: a file at `path` must have a layout that starts with `layout`.

    Raises:
        StorageError: another file is there (a folder is left to the writer to refuse).
    """
    if not path.exists() or path.is_dir():
        return
    try:
        with open_hdf5(path) as file:
            ours = str(json.loads(file.attrs["tagware"])["layout"]).startswith(layout)
    except (InputError, ValueError, TypeError, KeyError):
        ours = False
    if not ours:
        raise StorageError(f"is not {what} that tagware wrote", path, "name another output file")


@contextmanager
def open_hdf5(path: Path, remedy: str = "make or copy it again") -> Iterator[h5py.File]:
    """An existing HDF5 file to read; what HDF5 finds wrong inside the block becomes one line.

    Raises:
        InputError: no such file, or it may not be read.
        LayoutError: not HDF5, or damaged.
    """
    path = existing_file(path)
    try:
        file = h5py.File(path, "r")
    except PermissionError:
        raise InputError("cannot be read", path, "correct its permissions") from None
    except (OSError, *DAMAGE):
        raise LayoutError("is not an HDF5 file or is damaged", path, remedy) from None
    with file:
        _bound_index(file)
        try:
            yield file
        except OSError as error:
            if error.errno not in (None, errno.EIO):
                raise
            raise LayoutError(f"is damaged ({error})", path, remedy) from None
        except DAMAGE as error:
            if not _is_from_h5py(error):
                raise
            raise LayoutError(f"is damaged ({error})", path, remedy) from None


def _bound_index(file: h5py.File) -> None:
    """Let HDF5 keep little of where the pieces of a dataset are: of ten million jets it would keep 13 MB."""
    config = file.id.get_mdc_config()
    config.set_initial_size = True
    config.initial_size = config.min_size = config.max_size = INDEX_BYTES
    file.id.set_mdc_config(config)


# What h5py raises, besides OSError, where metadata are damaged (MemoryError: an absurd shape).
DAMAGE = (KeyError, RuntimeError, ValueError, TypeError, MemoryError)


def _is_from_h5py(error: BaseException) -> bool:
    files = [Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any("h5py" in file.parts for file in files)
