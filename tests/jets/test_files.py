import errno
import hashlib
from pathlib import Path

import pytest

from jets.errors import InputError, LayoutError, StorageError
from jets.files import (
    OWNER_MARK,
    claim_folder,
    existing_file,
    file_digest,
    json_digest,
    read_json,
    replacing,
    storage_error,
    write_json,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("failure", [ValueError("x"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises((type(failure), StorageError)), replacing(path) as temporary:
        temporary.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_failure_keeps_the_old_folder_and_leaves_nothing_else(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "project")
    (folder / "a").write_text("old")
    with pytest.raises(ValueError, match="stop"), replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / "a").write_text("half")
        raise ValueError("stop")
    assert (folder / "a").read_text() == "old"
    assert names(tmp_path) == ["project"]


def test_a_folder_of_ours_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "project")
    (folder / "old").touch()
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert names(folder) == ["new"]
    assert names(tmp_path) == ["project"]


def test_a_folder_that_is_not_ours_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter").touch()
    with pytest.raises(StorageError, match=r"thesis: holds files that tagware did not write"), replacing(folder):
        pytest.fail("the block must not run")
    with pytest.raises(StorageError, match="thesis: holds files"):
        claim_folder(folder)
    assert names(folder) == ["chapter"]


def test_a_folder_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "project")
    with pytest.raises(StorageError, match="is a folder, not a file"), replacing(folder) as temporary:
        temporary.write_text("x")
    assert names(folder) == [OWNER_MARK]
    assert names(tmp_path) == ["project"]


def test_a_folder_that_was_not_made_leaves_the_old_one(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "project")
    with pytest.raises(StorageError), replacing(folder):
        pass
    assert names(folder) == [OWNER_MARK]


def test_a_file_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"), replacing(tmp_path / "file" / "below") as temporary:
        temporary.touch()
    with pytest.raises(StorageError, match="is a file, not a folder"):
        claim_folder(tmp_path / "file")
    with pytest.raises(StorageError, match="cannot be written"):
        claim_folder(tmp_path / "file" / "below")


def test_an_input_that_may_not_be_read_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "input.h5"))
    assert storage_error(denied, tmp_path / "output.h5") is None
    with pytest.raises(PermissionError), replacing(tmp_path / "output.h5"):
        raise denied


@pytest.mark.parametrize("name", ["output.h5", ".output.h5.123.part", ""])
def test_an_output_that_may_not_be_written_is_named(tmp_path: Path, name: str) -> None:
    error = storage_error(PermissionError(errno.EACCES, "denied", str(tmp_path / name)), tmp_path / "output.h5")
    assert error is not None
    assert str(error) == f"{tmp_path}/output.h5: cannot be written; choose a place you may write to"


def test_a_full_disk_is_named_with_and_without_errno(tmp_path: Path) -> None:
    for full in (OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x"), OSError("write failed: No space left on")):
        assert "the disk is full" in str(storage_error(full, tmp_path))
    assert "may not grow" in str(storage_error(OSError(errno.EFBIG, "x"), tmp_path))
    assert storage_error(OSError(errno.ECONNRESET, "x"), tmp_path) is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_truly_full_device_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the disk is full"), replacing(tmp_path / "a.txt") as temporary:
        temporary.touch()
        with open("/dev/full", "w") as full:
            full.write("x")
    assert names(tmp_path) == []


def test_a_new_or_empty_folder_or_one_of_ours_can_be_claimed(tmp_path: Path) -> None:
    for folder in (tmp_path / "a" / "new", tmp_path):
        if folder == tmp_path:
            folder = tmp_path / "empty"
            folder.mkdir()
        assert claim_folder(folder) == folder
        (folder / "result").touch()
        claim_folder(folder)
        assert names(folder) == [OWNER_MARK, "result"]


def test_json_goes_round_and_bad_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": [1, 2.5], "a": None})
    assert read_json(path) == {"b": [1, 2.5], "a": None}
    path.write_text("{")
    with pytest.raises(LayoutError, match=r"a\.json: is not JSON"):
        read_json(path)
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(InputError, match="no such YAML file"):
        existing_file(tmp_path, "YAML file")
    with pytest.raises(InputError, match="no such file"):
        existing_file(tmp_path / ("9" * 5000))


def test_json_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (tmp_path / "a.json").write_text("1")
    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(InputError, match=r"a\.json: cannot be read; correct its permissions"):
        read_json(tmp_path / "a.json")


def test_json_that_cannot_be_written_keeps_the_old(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(TypeError):
        write_json(path, object())
    assert read_json(path) == 1


def test_digests_are_sha256_and_ignore_the_order_of_keys(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"jets")
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"jets").hexdigest()
    assert json_digest({"a": 1, "b": 2}) == json_digest({"b": 2, "a": 1}) != json_digest({"a": 1, "b": 3})
