import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

import tagware
from jets.dataset import JetsFile
from jets.errors import ConfigError, DataError, InputError, LayoutError, StorageError
from jets.files import file_digest
from jets.readers import READERS, ImportConfig, import_jets, importing, top_tagging

MakeTable = Callable[..., pd.DataFrame]


ONE = ImportConfig(processes=1)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 8 jets and parts of 16, so that the two files have two parts, of which one holds rows of both."""
    for name, size in (("CHUNK", 8), ("BLOCK", 5), ("PART", 16)):
        monkeypatch.setattr(importing, name, size)


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
    monkeypatch.setattr("jets.readers.importing.BLOCK", 7)
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
    with pytest.raises(InputError, match=rf"empty: holds no file that ends in \{READERS[format].suffixes[0]}"):
        import_jets(format, [tmp_path / "empty"], out)
    assert not out.exists()


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize("content", [b"", b"E_0,PX_0\n", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_file_of_another_kind_is_named(tmp_path: Path, format: str, content: bytes) -> None:
    (tmp_path / "q").write_bytes(content)
    kind = "a ROOT" if READERS[format].suffixes == (".root",) else "an HDF5"
    with pytest.raises(LayoutError, match=rf"q: is not {kind} file or is damaged; give"):
        import_jets(format, [tmp_path / "q"], tmp_path / "jets.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["q"]


def test_files_of_another_format_are_named(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(LayoutError, match=r"train\.h5: has no dataset 'jetConstituentList' \(it holds table\)"):
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
    with pytest.raises(DataError, match=r"val\.h5: blocks of jets differ in number of constituents"):
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


@pytest.mark.parametrize("format", READERS)
def test_every_format_is_documented_with_its_reference(format: str) -> None:
    table = (Path(__file__).parents[3] / "docs" / "data.md").read_text()
    row = next(line for line in table.splitlines() if line.startswith("|") and f"`{format}`" in line.split("|")[1])
    reference = READERS[format].reference.replace(",", " ").replace(";", " ").split()
    assert any(word in row for word in reference if word.startswith(("doi:", "arXiv:", "github.com")))


def test_importing_the_readers_is_quick() -> None:
    """Nothing heavy comes along: it would slow down every command."""
    heavy = "{'uproot', 'awkward', 'pandas', 'tables', 'torch', 'keras', 'fastjet', 'pythia8mc', 'matplotlib', 'scipy'}"
    code = f"import sys, jets.readers, jets.metrics, jets.features; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.stdout == "[]\n", done.stderr


def test_the_file_depends_neither_on_the_number_of_processes_nor_on_what_was_done_before(
    tmp_path: Path, many_files: list[Path]
) -> None:
    one = import_jets("top_tagging", many_files, tmp_path / "a.h5", ONE)
    two = import_jets("top_tagging", many_files, tmp_path / "b.h5", ImportConfig(processes=2))
    dask = import_jets("top_tagging", many_files, tmp_path / "c.h5", ImportConfig(processes=1, cluster="local"))
    assert file_digest(one) == file_digest(two) == file_digest(dask)
    JetsFile(one).verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5", "c.h5", "in"]


@pytest.fixture
def many_files(tmp_path: Path, top_tagging_table: MakeTable) -> list[Path]:
    """Three files of 13,000 jets, so that there are three parts, two of which hold rows of two files."""
    paths = [tmp_path / "in" / f"{name}.h5" for name in ("one", "two", "three")]
    paths[0].parent.mkdir()
    for seed, path in enumerate(paths):
        top_tagging_table(13_000, 3, seed).to_hdf(path, key="table", format="table")
    return paths


@pytest.mark.usefixtures("small_parts")
def test_parts_hold_the_same_jets_as_one_piece(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts = JetsFile(import_jets("top_tagging", files, tmp_path / "a.h5", ONE))
    monkeypatch.undo()
    whole = JetsFile(import_jets("top_tagging", files, tmp_path / "b.h5", ONE))
    assert in_parts.checksum == whole.checksum
    in_parts.verify()


@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_import_goes_on_with_the_missing_parts(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = import_jets("top_tagging", files, tmp_path / "whole.h5", ONE)
    written: list[Path] = []
    real = importing._Part._write

    def interrupted_at_second(part: importing._Part) -> None:
        written.append(part.path)
        if len(written) == 2:
            raise KeyboardInterrupt
        real(part)

    monkeypatch.setattr(importing._Part, "_write", interrupted_at_second)
    out = tmp_path / "jets.h5"
    with pytest.raises(KeyboardInterrupt):
        import_jets("top_tagging", files, out, ONE)
    assert not out.exists() and written[0].is_file()
    import_jets("top_tagging", files, out, ONE)
    assert written[2:] == written[1:2]
    assert out.read_bytes() == whole.read_bytes()
    assert not out.with_name("jets.h5.parts").exists()


@pytest.mark.usefixtures("small_parts")
def test_a_damaged_part_is_read_again(tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = import_jets("top_tagging", files, tmp_path / "whole.h5", ONE)
    with monkeypatch.context() as stopped:
        stopped.setattr(importing, "_join", lambda *_: sys.exit(1))
        with pytest.raises(SystemExit):
            import_jets("top_tagging", files, tmp_path / "jets.h5", ONE)
    part = next((tmp_path / "jets.h5.parts").glob("*.h5"))
    part.write_bytes(part.read_bytes()[:-2000])
    assert import_jets("top_tagging", files, tmp_path / "jets.h5", ONE).read_bytes() == whole.read_bytes()


def test_a_killed_import_goes_on_to_the_same_file(tmp_path: Path, many_files: list[Path]) -> None:
    whole = import_jets("top_tagging", many_files, tmp_path / "whole.h5", ONE)
    out, parts = tmp_path / "jets.h5", tmp_path / "jets.h5.parts"
    command = [sys.executable, "-m", "tagware", "import", "top_tagging", *map(str, many_files), str(out)]
    root = Path(__file__).parents[3]
    with subprocess.Popen([*command, "--processes", "1"], cwd=root, stderr=subprocess.DEVNULL) as process:
        limit = time.monotonic() + 60
        while not list(parts.glob("[!.]*.h5")) and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    finished = {path: path.stat().st_mtime_ns for path in parts.glob("[!.]*.h5")}
    assert finished and not out.exists()
    import_jets("top_tagging", many_files, out, ONE)
    assert file_digest(out) == file_digest(whole)
    assert not parts.exists()


def test_a_file_without_jets_in_a_list_is_named(tmp_path: Path, files: list[Path]) -> None:
    with h5py.File(files[1], "a") as file:
        file["table/table"].resize(0, axis=0)
    with pytest.raises(DataError, match=r"val\.h5: there are no jets; .* leave it out"):
        import_jets("top_tagging", files, tmp_path / "jets.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_class_without_jets_is_named_and_can_be_left_out(tmp_path: Path, top_tagging_table: MakeTable) -> None:
    table, out = top_tagging_table(20, 5), tmp_path / "jets.h5"
    table[table["is_signal_new"] == 1].to_hdf(tmp_path / "top.h5", key="table", format="table")
    with pytest.raises(DataError, match=r"top\.h5: class 'QCD' has no jets; .*--classes"):
        import_jets("top_tagging", [tmp_path / "top.h5"], out)
    assert not out.exists()
    file = JetsFile(import_jets("top_tagging", [tmp_path / "top.h5"], out, ImportConfig(classes=("top",))))
    assert file.classes == ("top",) and file.provenance["counts"] == {"top": 10}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jets.h5", "top.h5"]


def test_classes_are_ordered_and_renamed(tmp_path: Path, files: list[Path]) -> None:
    plain = JetsFile(import_jets("top_tagging", files, tmp_path / "a.h5")).read()
    config = ImportConfig(classes=("signal=top", "background=QCD"))
    file = JetsFile(import_jets("top_tagging", files, tmp_path / "b.h5", config))
    file.verify()
    assert file.classes == ("signal", "background")
    assert file.read().labels.tolist() == (1 - plain.labels).tolist()
    assert file.provenance["counts"] == {"signal": 15, "background": 15}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("top", "QDC"), "format top_tagging: unknown class 'QDC'; did you mean 'QCD'"),
        (("top", "top"), "the class 'top' is named twice"),
        (("a=top", "b=top"), "the class 'top' is named twice"),
        (("top",), "15 jets are of class 'QCD', which --classes does not name"),
    ],
)
def test_a_wrong_list_of_classes_is_refused(
    tmp_path: Path, files: list[Path], classes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        import_jets("top_tagging", files, tmp_path / "jets.h5", ImportConfig(classes=classes))
    assert not (tmp_path / "jets.h5").exists()


def test_only_files_without_labels_are_given_a_class(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(ConfigError, match="the files of this format tell the class of each jet"):
        import_jets("top_tagging", [f"QCD={files[0]}"], tmp_path / "jets.h5")


def test_the_hardest_constituents_are_kept(tmp_path: Path, files: list[Path], top_tagging_table: MakeTable) -> None:
    top_tagging_table(10, 9).to_hdf(files[1], key="table", format="table", mode="w")
    config = ImportConfig(n_constituents=7)
    jets = JetsFile(import_jets("top_tagging", files, tmp_path / "jets.h5", config)).read()
    assert jets.constituents.shape == (20, 7, 5)
    assert jets.jet("n_constituents").max() == 8
    assert not jets.mask[:10, 6].any()


def test_a_wrong_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="n_constituents is 0, it must be at least 1"):
        ImportConfig(n_constituents=0)


def test_no_processes_is_an_error(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(ConfigError, match="processes is 0, it must be at least 1"):
        import_jets("top_tagging", files, tmp_path / "jets.h5", ImportConfig(processes=0))


def test_the_verb_says_counts_and_checksum(
    tmp_path: Path, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "jets.h5"
    arguments = [
        "import",
        "top_tagging",
        *map(str, files),
        str(out),
        "--classes",
        "top",
        "QCD",
        "--n-constituents",
        "3",
    ]
    assert tagware.main(arguments) == 0
    said = capsys.readouterr().out
    assert "30 jets (top 15, QCD 15)" in said and JetsFile(out).checksum in said
    assert tagware.main(["import", "top_taging", str(files[0]), str(out)]) == 2
    assert "did you mean 'top_tagging'" in capsys.readouterr().err
