import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from jets.errors import InputError, LayoutError, StorageError
from jets.hdf5 import HDF5Writer, UnfailingStream, hdf5_stream, open_hdf5
from jets.interrupts import interrupts_deferred

# Appends jets that do not compress until the place is full, and prints what came of it.
FILL = """
import os, sys
from pathlib import Path
import numpy as np
from jets.dataset import FOUR_VECTOR, Jets, JetsWriter
from jets.errors import TagwareError

def block(rng, n=1000):
    constituents = -np.sort(-rng.uniform(1, 2, (n, 20, 4)).astype("f4"), axis=1)
    return Jets(constituents, np.ones((n, 20), bool), np.ones((n, 5), "f4"), np.zeros(n, "i2"),
                rng.integers(0, 2**63, n).astype("u8"), ("QCD",), FOUR_VECTOR)

def limit_file_size(n_bytes):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

np.random.default_rng()  # numpy loads its generators on first use, and that import loses a Ctrl-C
folder = Path(sys.argv[1])
if sys.argv[2] == "limit":
    limit_file_size(200_000)
try:
    with JetsWriter(folder / "jets.h5") as writer:
        for _ in range(int(sys.argv[3])):
            writer.append(block(np.random.default_rng(writer.n_jets)))
except TagwareError as error:
    print(type(error).__name__, error)
print(sorted(os.listdir(folder)))
"""


def run_fill(*arguments: str, before: tuple[str, ...] = ()) -> list[str]:
    command = [*before, sys.executable, "-c", FILL, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("n_blocks", ["1", "20"])
def test_a_file_that_may_not_grow_is_a_storage_error_and_leaves_nothing(tmp_path: Path, n_blocks: str) -> None:
    error, left = run_fill(str(tmp_path), "limit", n_blocks)
    assert error.startswith(f"StorageError {tmp_path}/jets.h5: the file may not grow any larger")
    assert left == "[]"


def private_disk_can_be_made() -> bool:
    command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not private_disk_can_be_made(), reason="the system lets no user mount a disk of his own")
@pytest.mark.parametrize("n_blocks", ["1", "20"])
@pytest.mark.parametrize("size", ["0", "100k", "200k"])
def test_a_truly_full_disk_is_a_storage_error_and_leaves_nothing(size: str, n_blocks: str) -> None:
    size = "4k" if size == "0" else size  # a tmpfs of size 0 is unlimited
    mount = f'mount -t tmpfs -o size={size} none /mnt && exec "$@"'
    error, left = run_fill("/mnt", "disk", n_blocks, before=("unshare", "-rm", "sh", "-c", mount, "sh"))
    assert error == "StorageError /mnt/jets.h5: the disk is full; free some space and run the same command again"
    assert left == "[]"


def test_an_older_file_survives_a_failed_write(tmp_path: Path) -> None:
    (tmp_path / "jets.h5").write_text("old")
    run_fill(str(tmp_path), "limit", "20")
    assert (tmp_path / "jets.h5").read_text() == "old"


def test_the_stream_writes_what_hdf5_itself_would(tmp_path: Path) -> None:
    values = np.arange(100_000, dtype=np.int32).reshape(-1, 10)
    with hdf5_stream(tmp_path / "a.h5") as stream, h5py.File(stream, "w") as file:
        file.create_dataset("values", data=values, chunks=(100, 10), compression="gzip")
        file.attrs["long"] = "x" * 100_000
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["values"][:], values)
        assert file.attrs["long"] == "x" * 100_000
    assert list(tmp_path.iterdir()) == [tmp_path / "a.h5"]


def test_appended_rows_and_attributes_come_back(tmp_path: Path) -> None:
    values = np.arange(1000, dtype=np.float16).reshape(-1, 5)
    for compression in (None, 4):
        with HDF5Writer(tmp_path / "a.h5", chunk=16, compression=compression) as writer:
            for start in range(0, 200, 30):
                writer.append({"teacher/logits": values[start : start + 30], "ids": np.arange(200)[start : start + 30]})
            writer.append({"teacher/logits": values[:0]})
            writer.attributes["classes"] = "QCD top"
        with open_hdf5(tmp_path / "a.h5") as file:
            assert np.array_equal(file["teacher/logits"][:], values) and file["teacher/logits"].dtype == np.float16
            assert np.array_equal(file["ids"][:], np.arange(200))
            assert dict(file.attrs) == {"classes": "QCD top"}


def test_ctrl_c_waits_until_a_deferred_block_has_ended() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), interrupts_deferred():
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_file_can_be_written_from_a_thread(tmp_path: Path) -> None:
    def write() -> None:
        with HDF5Writer(tmp_path / "a.h5") as writer:
            writer.append({"ids": np.arange(3)})

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    with open_hdf5(tmp_path / "a.h5") as file:
        assert file["ids"][:].tolist() == [0, 1, 2]


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.1, 0.2])
def test_ctrl_c_while_writing_leaves_nothing_and_does_not_crash(tmp_path: Path, delay: float) -> None:
    command = [sys.executable, "-c", FILL, str(tmp_path), "disk", "100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            deadline = time.monotonic() + 60
            while not any(tmp_path.iterdir()):
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.01)
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "Exception ignored" not in errors
    assert process.returncode in (-signal.SIGINT, 130)
    assert list(tmp_path.iterdir()) == []


def test_after_a_failure_the_stream_reads_back_what_was_written(tmp_path: Path) -> None:
    with open(tmp_path / "a", "w+b", buffering=0) as raw:
        stream = UnfailingStream(raw.fileno(), tmp_path / "a")
        stream.write(memoryview(b"0123456789"))
        stream._failure = OSError(errno.ENOSPC, "No space left on device")
        stream.seek(4)
        stream.write(memoryview(b"abc"))
        stream.seek(6)
        stream.write(memoryview(b"XYZ___"))
        stream.seek(2)
        assert stream.read(12) == b"23abXYZ___\0\0"
        assert stream.seek(0, os.SEEK_END) == 12
        with pytest.raises(StorageError, match="the disk is full"):
            stream.check()
    assert (tmp_path / "a").read_bytes() == b"0123456789"


@pytest.mark.parametrize("bug", [RuntimeError, ValueError, TypeError, KeyError])
def test_an_error_of_our_own_is_not_taken_for_damage(tmp_path: Path, bug: type[Exception]) -> None:
    with HDF5Writer(tmp_path / "a.h5") as writer:
        writer.append({"ids": np.arange(3)})
    with pytest.raises(bug), open_hdf5(tmp_path / "a.h5"):
        raise bug("ours")


def test_what_h5py_raises_about_contents_is_a_layout_error(tmp_path: Path) -> None:
    with HDF5Writer(tmp_path / "a.h5") as writer:
        writer.append({"ids": np.arange(3)})
    with pytest.raises(LayoutError, match=r"a\.h5: is damaged \(.*labels"), open_hdf5(tmp_path / "a.h5") as file:
        file["labels"]


def test_opening_names_what_is_missing_or_not_hdf5(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.h5: no such file"), open_hdf5(tmp_path / "none.h5"):
        pass
    (tmp_path / "a.h5").write_text("E_0,PX_0")
    with pytest.raises(LayoutError, match=r"a\.h5: is not an HDF5 file or is damaged"), open_hdf5(tmp_path / "a.h5"):
        pass
