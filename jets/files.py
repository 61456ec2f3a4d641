"""Writing without half-written results: temporary names, renames, digests and folders that are ours."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jets.errors import InputError, LayoutError, StorageError

OWNER_MARK = ".tagware"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block succeeds.

    Works for a file or a folder (create the folder inside the block, with `OWNER_MARK` if it is to be replaced
    later). On any failure the temporary is removed and what stood at `path` is untouched.

    Raises:
        StorageError: the disk is full, the place cannot be written, or a folder there is not ours.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    if path.is_dir():
        _check_ours(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(temporary)
        yield temporary
        if path.is_dir():
            _swap_folder(temporary, path)
        else:
            os.replace(temporary, path)
    except OSError as error:
        _remove(temporary)
        if storage := storage_error(error, path):
            raise storage from error
        raise
    except BaseException:
        _remove(temporary)
        raise


FULL = (errno.ENOSPC, errno.EDQUOT)
UNWRITABLE = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
)  # fmt: skip


def storage_error(error: OSError, path: Path) -> StorageError | None:
    """The StorageError for a failure to write `path`; None when the error is about something else.

    h5py reports a failed write without setting `errno`, so its message is read as well.
    """
    text = str(error).lower()
    if error.errno in FULL or "no space left" in text:
        return StorageError("the disk is full", path, "free some space and run the same command again")
    if error.errno == errno.EFBIG or "file too large" in text:
        return StorageError("the file may not grow any larger", path, "raise the limit (ulimit -f) or write elsewhere")
    if error.errno in UNWRITABLE and _concerns(error, Path(path)):
        return StorageError("cannot be written", path, "choose a place you may write to")
    return None


def _concerns(error: OSError, path: Path) -> bool:
    """Whether the error is about `path`, a temporary beside it, or a folder above it, not about an input file."""
    if not isinstance(error.filename, (str, bytes)):
        return True
    named, target = Path(os.fsdecode(error.filename)).absolute(), path.absolute()
    if target.is_relative_to(named):
        return True
    beside = named.relative_to(target.parent).parts[0] if named.is_relative_to(target.parent) else ""
    return beside == target.name or beside.startswith(f".{target.name}.")


def _check_ours(folder: Path) -> None:
    if not (folder / OWNER_MARK).is_file() and any(folder.iterdir()):
        raise StorageError("holds files that tagware did not write", folder, "name a new or an empty output folder")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _swap_folder(new: Path, old: Path) -> None:
    if not new.is_dir():
        raise StorageError("is a folder, not a file", old, "name another output file")
    retired = old.with_name(f".{old.name}.{os.getpid()}.old")
    os.replace(old, retired)
    try:
        os.replace(new, old)
    except OSError:
        os.replace(retired, old)
        raise
    _remove(retired)


def claim_folder(folder: Path) -> Path:
    """Make `folder` ours to write in: new, empty, or marked by an earlier run.

    Raises:
        StorageError: the folder holds files that tagware did not write, or is a file.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise StorageError("is a file, not a folder", folder, "name another output folder")
    try:
        if folder.is_dir():
            _check_ours(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / OWNER_MARK).exists():
            (folder / OWNER_MARK).touch()
    except OSError as error:
        raise storage_error(error, folder) or error from error
    return folder


def existing_file(path: str | Path, what: str = "file", remedy: str = "check the path") -> Path:
    """Return `path` as a Path; raise InputError when there is no such file."""
    path = Path(path)
    try:
        found = path.is_file()
    except OSError:  # a name that is too long
        found = False
    if not found:
        raise InputError(f"no such {what}", path, remedy)
    return path


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON text, as hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; raise LayoutError when it is not JSON, InputError when it is not there or may not be read."""
    try:
        return json.loads(existing_file(path).read_text())
    except PermissionError:
        raise InputError("cannot be read", path, "correct its permissions") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, a number of 5,000 digits, or too deep
        raise LayoutError(f"is not JSON ({error})", path, "make it again with the stage that writes it") from None
