from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from jets.dataset import Jets, JetsFile, concatenate
from jets.errors import DataError, LayoutError, TagwareError
from jets.high_level import HIGH_LEVEL_FEATURES
from jets.readers import hls4ml_lhc_jets, import_jets
from tests.jets.readers.public_files import assert_refused, put

Write = Callable[..., dict[str, Any]]

# The sixteen features as published code picks them from the 59 columns.
SIXTEEN = [12, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 48, 52]


def read(path: Path, size: int = 7) -> Jets:
    return concatenate(list(hls4ml_lhc_jets.read(path, range(hls4ml_lhc_jets.count(path)), size)))


def test_jets_labels_and_features_are_those_of_the_file(tmp_path: Path, write_hls4ml: Write) -> None:
    path = tmp_path / "jetImage_7_150p_0_10000.h5"
    arrays = write_hls4ml(path, 20)
    jets = read(path)
    assert hls4ml_lhc_jets.count(path) == len(jets) == 20
    assert jets.classes == ("g", "q", "W", "Z", "t")
    assert jets.labels.tolist() == arrays["jets"][:, -6:-1].argmax(axis=1).tolist()
    assert jets.high_level_features == HIGH_LEVEL_FEATURES
    assert jets.high_level is not None
    assert np.array_equal(jets.high_level, arrays["jets"][:, SIXTEEN].astype(np.float32))
    constituents = arrays["jetConstituentList"]
    assert np.array_equal(jets.mask, constituents[:, :, 5] > 0)
    assert jets.feature("pt_gev") == pytest.approx(constituents[:, :, 5], rel=1e-6)
    assert jets.feature("mass_gev")[jets.mask] == pytest.approx(0.14, abs=0.01)
    assert jets.jet("pt_gev") == pytest.approx(np.hypot(*constituents[:, :, :2].sum(axis=1).T), rel=1e-5)
    phi = np.arctan2(constituents[:, :, 1], constituents[:, :, 0])
    turned = jets.jet("phi")[:, None] + jets.feature("dphi") - phi
    assert np.cos(turned[jets.mask]) == pytest.approx(1)


def without(names: Any, name: str) -> Any:
    return np.array([b"other" if known == name.encode() else known for known in names])


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda a: {"jetConstituentList": None}, LayoutError, "has no dataset 'jetConstituentList'"),
        (lambda a: {"jets": None}, LayoutError, "has no dataset 'jets'"),
        (lambda a: {"jetFeatureNames": None}, LayoutError, "has no dataset 'jetFeatureNames'"),
        (lambda a: {"particleFeatureNames": None}, LayoutError, "has no dataset 'particleFeatureNames'"),
        (
            lambda a: {"particleFeatureNames": without(a["particleFeatureNames"], "j1_e")},
            LayoutError,
            "particleFeatureNames: does not name a column 'j1_e'",
        ),
        (
            lambda a: {"jetFeatureNames": without(a["jetFeatureNames"], "j_c1_b0_mmdt")},
            LayoutError,
            "jetFeatureNames: does not name a column 'j_c1_b0_mmdt'",
        ),
        (
            lambda a: {"jetFeatureNames": without(a["jetFeatureNames"], "j_t")},
            LayoutError,
            "jetFeatureNames: does not name a column 'j_t'",
        ),
        (
            lambda a: {"particleFeatureNames": a["particleFeatureNames"][[0, 1, 2, 5, 4, 3, *range(6, 17)]]},
            LayoutError,
            "jetConstituentList: j1_pt is not the pT of j1_px and j1_py",
        ),
        (lambda a: {"jets": a["jets"][:10]}, LayoutError, "has 20 rows of jetConstituentList for 10 of jets"),
        (lambda a: {"jetConstituentList": a["jets"]}, LayoutError, "jetConstituentList: has 2 axes, not 3"),
        (
            lambda a: {"jetConstituentList": put(a["jetConstituentList"], (13, 0, 3), np.nan)},
            DataError,
            "jetConstituentList: NaN or infinity in row 13",
        ),
        (
            lambda a: {"jetConstituentList": put(a["jetConstituentList"], (13, 0, 5), -1)},
            DataError,
            "jetConstituentList: a negative j1_pt in row 13",
        ),
        (
            lambda a: {"jetConstituentList": put(a["jetConstituentList"], (13, 0, 3), -1)},
            DataError,
            "jetConstituentList: a negative energy in row 13",
        ),
        (
            lambda a: {"jetConstituentList": put(a["jetConstituentList"], (13,), 0)},
            DataError,
            "jetConstituentList: no constituent in row 13",
        ),
        (lambda a: {"jets": put(a["jets"], (13, 12), np.nan)}, DataError, "jets: NaN or infinity in row 13"),
        (lambda a: {"jets": put(a["jets"], (13, slice(53, 59)), 0)}, DataError, "jets: not exactly one of j_g, j_q"),
        (lambda a: {"jets": put(a["jets"], (13, slice(53, 59)), 1)}, DataError, "jets: not exactly one of j_g, j_q"),
        (
            lambda a: {key: a[key][:0] for key in ("jets", "jetConstituentList")},
            DataError,
            "there are no jets",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_key_and_nothing_is_written(
    tmp_path: Path,
    write_hls4ml: Write,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    kind: type[TagwareError],
    message: str,
) -> None:
    path = tmp_path / "jetImage.h5"
    write_hls4ml(path, **change(write_hls4ml(path)))
    assert_refused("hls4ml_lhc_jets", path, kind, message)


def test_a_damaged_file_is_named_and_nothing_is_written(tmp_path: Path, write_hls4ml: Write) -> None:
    path = tmp_path / "jetImage.h5"
    write_hls4ml(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(LayoutError, match=r"jetImage\.h5: is not an HDF5 file or is damaged; give files of the hls4ml"):
        import_jets("hls4ml_lhc_jets", [path], tmp_path / "jets.h5")
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_cannot_be_decompressed_is_named_and_nothing_is_written(
    tmp_path: Path, write_hls4ml: Write
) -> None:
    path = tmp_path / "jetImage.h5"
    constituents = write_hls4ml(path, 20)["jetConstituentList"]
    with h5py.File(path, "a") as file:
        del file["jetConstituentList"]
        stored = file.create_dataset("jetConstituentList", data=constituents, chunks=(5, 150, 16), fletcher32=True)
        place = stored.id.get_chunk_info(2).byte_offset
    with open(path, "r+b") as raw:
        raw.seek(place + 100)
        raw.write(b"flipped!")
    with pytest.raises(LayoutError, match=r"jetImage\.h5: is damaged"):
        import_jets("hls4ml_lhc_jets", [path], tmp_path / "jets.h5")
    assert list(tmp_path.iterdir()) == [path]


def test_an_imported_folder_holds_the_jets_of_its_files(tmp_path: Path, write_hls4ml: Write) -> None:
    (tmp_path / "train").mkdir()
    write_hls4ml(tmp_path / "train" / "jetImage_0_150p_0_10000.h5", 20, seed=0)
    write_hls4ml(tmp_path / "train" / "jetImage_0_150p_10000_20000.h5", 10, seed=1)
    file = JetsFile(import_jets("hls4ml_lhc_jets", [tmp_path / "train"], tmp_path / "jets.h5"))
    file.verify()
    assert len(file) == 30 and file.high_level_features == HIGH_LEVEL_FEATURES
    assert [entry["n_jets"] for entry in file.provenance["files"]] == [20, 10]
