"""Archives: their bytes follow from their files alone, and nothing of a stranger's leaves its folder."""

from __future__ import annotations

import stat
from pathlib import Path
from zipfile import ZIP_LZMA, ZipFile, ZipInfo

import pytest

import hls.package.archive
from hls.package.archive import open_archive, write_archive
from jets.errors import InputError, LayoutError, StorageError

FILES = {"b.txt": b"two", "a/c.sh": b"#!/bin/sh\n", "a/b.txt": b"one" * 1000}


def test_the_order_of_the_files_and_the_name_of_the_archive_change_no_byte(tmp_path: Path) -> None:
    first = write_archive(FILES, "top-1", tmp_path / "first.zip")
    second = write_archive(dict(reversed(FILES.items())), "top-1", tmp_path / "else" / "second.zip")
    assert first.read_bytes() == second.read_bytes()
    assert write_archive(FILES | {"b.txt": b"too"}, "top-1", first).read_bytes() != second.read_bytes()


def test_entries_have_fixed_times_and_modes_and_come_out_as_they_went_in(tmp_path: Path) -> None:
    path = write_archive(FILES, "top-1", tmp_path / "archive.zip")
    with ZipFile(path) as stream:
        entries = stream.infolist()
    assert [entry.filename for entry in entries] == ["top-1/a/b.txt", "top-1/a/c.sh", "top-1/b.txt"]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [oct(entry.external_attr >> 16) for entry in entries] == ["0o100644", "0o100755", "0o100644"]
    with open_archive(path) as archive:
        archive.extract(tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in FILES} == FILES


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> ZipInfo:
    info = ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        (["top/../../evil.txt"], "evil.txt"),
        (["top/a", "/etc/evil"], "2 folders"),
        (["/evil"], "/evil"),
        (["top/.hidden"], "hidden"),
        (["top/a\\b"], "no plain file"),
        (["top/link", "other/a"], "2 folders"),
        (["top/a", "top/a"], "two files of one name"),
        (["top/a", "top/a/b"], "the name of a folder"),
        (["top/folder/"], "no plain file"),
        (["top"], "no plain file"),
        (["top/" + "a" * 300], "no plain file"),
        ([], "0 folders"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_that_would_write_elsewhere_is_refused(tmp_path: Path, entries: list[str], named: str) -> None:
    with ZipFile(tmp_path / "evil.zip", "w") as stream:
        for name in entries:
            stream.writestr(entry(name), b"evil")
    refused(tmp_path / "evil.zip", named)


def refused(path: Path, named: str) -> None:
    with pytest.raises(LayoutError) as raised, open_archive(path):
        pass
    assert named in str(raised.value) and str(path) in str(raised.value) and raised.value.remedy


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o755, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path: Path, mode: int) -> None:
    with ZipFile(tmp_path / "link.zip", "w") as stream:
        stream.writestr(entry("top/link", mode), b"/etc/passwd")
    refused(tmp_path / "link.zip", "'top/link'")


def test_what_is_too_large_or_packed_otherwise_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ZipFile(tmp_path / "other.zip", "w", ZIP_LZMA) as stream:
        stream.writestr("top/a", b"a" * 1000)
    refused(tmp_path / "other.zip", "top/a")
    path = write_archive({"zeros": bytes(100_000)}, "top", tmp_path / "bomb.zip")
    monkeypatch.setattr(hls.package.archive, "MOST_BYTES", 50_000)
    refused(path, "more than")
    monkeypatch.setattr(hls.package.archive, "MOST_BYTES", 50)
    refused(path, "is larger than")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("not one")
    refused(tmp_path / "text.zip", "is not a ZIP archive")
    with pytest.raises(InputError, match="no such archive"), open_archive(tmp_path / "none.zip"):
        pass


def test_an_archive_is_not_written_over_a_folder(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").mkdir()
    (tmp_path / "archive.zip" / "mine").touch()
    with pytest.raises(StorageError):
        write_archive(FILES, "top", tmp_path / "archive.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["archive.zip"]
