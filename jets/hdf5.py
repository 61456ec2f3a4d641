"""HDF5 files that survive a full disk, and one-line errors for those that are damaged."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from jets.errors import InputError, LayoutError
from jets.files import existing_file, replacing, storage_error


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
    """A stream for a new HDF5 file that appears at `path`, replacing an older one, only when the block succeeds.

    Raises:
        StorageError: the disk is full or the place cannot be written.

    Example:
        >>> with hdf5_stream(path) as stream, h5py.File(stream, "w") as file:  # doctest: +SKIP
        ...     file["scores"] = scores
    """
    path = Path(path)
    with replacing(path) as temporary, temporary.open("w+b", buffering=0) as raw:
        stream = UnfailingStream(raw.fileno(), path)
        yield stream
        stream.check()


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
    except OSError:
        raise LayoutError("is not an HDF5 file or is damaged", path, remedy) from None
    with file:
        try:
            yield file
        except OSError as error:
            if error.errno not in (None, errno.EIO):
                raise
            raise LayoutError(f"is damaged ({error})", path, remedy) from None
