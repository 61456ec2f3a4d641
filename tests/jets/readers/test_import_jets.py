import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jets.dataset import JetsFile
from jets.errors import ConfigError, DataError, InputError, LayoutError, StorageError
from jets.readers import READERS, import_jets, top_tagging

MakeTable = Callable[..., pd.DataFrame]


@pytest.fixture
def files(tmp_path: Path, top_tagging_table: MakeTable) -> list[Path]:
    """Two files of ten and twenty jets."""
    paths = [tmp_path / "in" / name for name in ("train.h5", "val.h5")]
    paths[0].parent.mkdir()
    for seed, path in enumerate(paths):
        top_tagging_table(10 * (seed + 1), 6, seed).to_hdf(path, key="table", format="table")
    return paths


def test_files_and_folders_of_files_merge_in_order(tmp_path: Path, files: list[Path]) -> None:
    named = JetsFile(import_jets("top_tagging", files, tmp_path / "a.h5"))
    folder = JetsFile(import_jets("top_tagging", [tmp_path / "in"], tmp_path / "b.h5"))
    assert len(named) == 30
    assert named.checksum == folder.checksum
    assert named.provenance["reference"] == top_tagging.REFERENCE


def test_blocks_do_not_change_what_is_imported(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = JetsFile(import_jets("top_tagging", files, tmp_path / "a.h5"))
    monkeypatch.setattr("jets.readers.BLOCK", 7)
    assert JetsFile(import_jets("top_tagging", files, tmp_path / "b.h5")).checksum == whole.checksum


def test_an_id_depends_on_file_name_and_row_alone(tmp_path: Path, files: list[Path]) -> None:
    both = JetsFile(import_jets("top_tagging", files, tmp_path / "a.h5")).read().ids
    assert len(set(both.tolist())) == 30
    turned = JetsFile(import_jets("top_tagging", files[::-1], tmp_path / "b.h5")).read().ids
    assert np.array_equal(both, np.roll(turned, 10))
    moved = files[0].rename(tmp_path / files[0].name)
    alone = JetsFile(import_jets("top_tagging", [moved], tmp_path / "c.h5")).read().ids
    assert np.array_equal(alone, both[:10])


def test_a_second_import_into_the_folder_does_not_read_its_own_output(tmp_path: Path, files: list[Path]) -> None:
    out = tmp_path / "in" / "jets.h5"
    first = JetsFile(import_jets("top_tagging", [tmp_path / "in"], out)).checksum
    assert JetsFile(import_jets("top_tagging", [tmp_path / "in"], out)).checksum == first


@pytest.mark.parametrize("named_alone", [True, False])
def test_a_public_file_is_never_overwritten(tmp_path: Path, files: list[Path], named_alone: bool) -> None:
    content = files[1].read_bytes()
    with pytest.raises(StorageError, match=r"val\.h5: is not a jets file that tagware wrote; name another output file"):
        import_jets("top_tagging", files[:1] if named_alone else [tmp_path / "in"], files[1])
    assert files[1].read_bytes() == content


def test_an_unknown_format_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown format 'top_taging'; did you mean 'top_tagging'"):
        import_jets("top_taging", [], tmp_path / "jets.h5")
    with pytest.raises(ConfigError, match="unknown format 'csv'; use one of top_tagging, hls4ml_lhc_jets"):
        import_jets("csv", [], tmp_path / "jets.h5")


@pytest.mark.parametrize("format", READERS)
def test_files_that_are_not_there_are_named(tmp_path: Path, format: str) -> None:
    out = tmp_path / "jets.h5"
    with pytest.raises(InputError, match="there are no files to import"):
        import_jets(format, [], out)
    with pytest.raises(InputError, match=r"none\.h5: no such file or folder"):
        import_jets(format, [tmp_path / "none.h5"], out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no file that ends in \.h5"):
        import_jets(format, [tmp_path / "empty"], out)
    assert not out.exists()


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("content", [b"", b"E_0,PX_0\n", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_file_that_is_not_hdf5_is_named(tmp_path: Path, format: str, content: bytes) -> None:
    (tmp_path / "bad.h5").write_bytes(content)
    with pytest.raises(LayoutError, match=r"bad\.h5: is not an HDF5 file or is damaged; give"):
        import_jets(format, [tmp_path / "bad.h5"], tmp_path / "jets.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.h5"]


def test_files_of_another_format_are_named(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(LayoutError, match=r"train\.h5: has no dataset 'jets' \(it holds table\)"):
        import_jets("hls4ml_lhc_jets", files, tmp_path / "jets.h5")


def test_files_of_the_same_name_or_named_twice_are_refused(tmp_path: Path, files: list[Path]) -> None:
    (tmp_path / "train.h5").write_bytes(files[0].read_bytes())
    with pytest.raises(InputError, match=r"two files are called 'train\.h5'"):
        import_jets("top_tagging", [files[0], tmp_path / "train.h5"], tmp_path / "jets.h5")
    with pytest.raises(InputError, match=r"two files are called 'train\.h5'"):
        import_jets("top_tagging", [files[0], files[0]], tmp_path / "jets.h5")


def test_an_input_is_never_overwritten(files: list[Path]) -> None:
    before = files[0].read_bytes()
    with pytest.raises(InputError, match=r"train\.h5: is both read and written"):
        import_jets("top_tagging", files, files[0])
    assert files[0].read_bytes() == before


def test_files_with_other_numbers_of_constituents_are_refused(
    tmp_path: Path, files: list[Path], top_tagging_table: MakeTable
) -> None:
    top_tagging_table(10, 9).to_hdf(files[1], key="table", format="table", mode="w")
    with pytest.raises(DataError, match=r"jets\.h5: blocks of jets differ in number of constituents"):
        import_jets("top_tagging", files, tmp_path / "jets.h5")
    assert not (tmp_path / "jets.h5").exists()


def test_a_bad_second_file_leaves_the_old_output(
    tmp_path: Path, files: list[Path], top_tagging_table: MakeTable
) -> None:
    out = import_jets("top_tagging", files, tmp_path / "jets.h5")
    before = out.read_bytes()
    table = top_tagging_table(20, 6)
    table.loc[19, "E_0"] = np.nan
    table.to_hdf(files[1], key="table", format="table", mode="w")
    with pytest.raises(DataError, match=r"val\.h5: table: NaN or infinity in row 19"):
        import_jets("top_tagging", files, out)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "jets.h5"]


def test_an_output_folder_in_the_way_is_a_storage_error(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(StorageError, match="is a folder, not a file"):
        import_jets("top_tagging", files, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_importing_the_readers_is_quick() -> None:
    """Nothing heavy comes along: it would slow down every command."""
    heavy = "{'pandas', 'tables', 'torch', 'keras', 'fastjet', 'pythia8mc', 'matplotlib', 'scipy'}"
    code = f"import sys, jets.readers, jets.metrics, jets.features; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.stdout == "[]\n", done.stderr
