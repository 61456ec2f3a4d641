"""ZIP archives whose bytes depend on the names and contents of their files alone, and safe reading of any."""

from __future__ import annotations

import re
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from jets.errors import LayoutError
from jets.files import existing_file, replacing

EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
FILE, SCRIPT = stat.S_IFREG | 0o644, stat.S_IFREG | 0o755
MOST_FILES, MOST_BYTES, LONGEST_NAME = 10_000, 1 << 30, 200
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*(/[A-Za-z0-9_][\w.+-]*)*", re.ASCII)
UNREADABLE = (BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError)
"""What `zipfile` raises for damaged archives."""
REMEDY = "get the archive again from where it was made"


@dataclass(frozen=True)
class Archive:
    """An open archive of files below one folder, each checked to be a plain file that stays below it."""

    top: str
    names: tuple[str, ...]
    _stream: ZipFile

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            LayoutError: it is damaged; names it.
        """
        try:
            return self._stream.read(f"{self.top}/{name}")
        except UNREADABLE as error:
            raise LayoutError(f"is damaged ({error})", name, REMEDY) from None

    def extract(self, folder: Path) -> None:
        """Write every file below `folder`, as a plain file."""
        for name in self.names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(name))


def write_archive(files: Mapping[str, bytes], top: str, out: Path) -> Path:
    """Write files by path below the folder `top`; the same files give the same bytes."""
    with replacing(out) as temporary, ZipFile(temporary, "w") as archive:
        for name in sorted(files):
            entry = ZipInfo(f"{top}/{name}", EPOCH)
            entry.compress_type, entry.create_system = ZIP_DEFLATED, UNIX
            entry.external_attr = (SCRIPT if name.endswith(".sh") else FILE) << 16
            archive.writestr(entry, files[name], compresslevel=9)
    return out


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive; nothing is unpacked before every entry's name, kind and size were looked at.

    Raises:
        InputError: no such file.
        LayoutError: it is no ZIP, or an entry is a link, leads out of the folder, stands twice or is too large.
    """
    if existing_file(path, "archive").stat().st_size > MOST_BYTES:
        raise LayoutError(f"is larger than {MOST_BYTES >> 20} MB", path, REMEDY)
    try:
        stream = ZipFile(path)
    except UNREADABLE as error:
        raise LayoutError(f"is not a ZIP archive ({error})", path, REMEDY) from None
    with stream:
        yield _checked(stream, path)


def _checked(stream: ZipFile, path: Path) -> Archive:
    entries = stream.infolist()
    names = tuple(entry.filename.partition("/")[2] for entry in entries)
    tops = {entry.filename.partition("/")[0] for entry in entries}
    folders = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    if len(tops) != 1:
        raise LayoutError(f"holds {len(tops)} folders where it should hold one", path, REMEDY)
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise LayoutError(f"holds more than {MOST_FILES} files or {MOST_BYTES >> 20} MB", path, REMEDY)
    for entry in entries:
        if not _is_plain(entry):
            raise LayoutError(f"holds {entry.filename[:LONGEST_NAME]!r}, which is no plain file", path, REMEDY)
    if len({*names}) < len(names) or folders & {*names}:
        raise LayoutError("holds two files of one name, or a file with the name of a folder", path, REMEDY)
    return Archive(tops.pop(), names, stream)


def _is_plain(entry: ZipInfo) -> bool:
    """Whether an entry is a file, packed as ours are, with a name that cannot lead out of the archive's folder."""
    mode = entry.external_attr >> 16
    name = entry.filename
    named = entry.orig_filename == name and "/" in name and len(name) <= LONGEST_NAME
    kind = entry.compress_type in (ZIP_STORED, ZIP_DEFLATED) and (not mode or stat.S_ISREG(mode))
    return named and kind and PLAIN_NAME.fullmatch(name) is not None
