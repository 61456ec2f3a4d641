import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from jets.dataset import Jets, JetsFile, concatenate
from jets.errors import DataError, LayoutError, TagwareError, ToolNotFound
from jets.readers import import_jets, top_tagging

MakeTable = Callable[..., pd.DataFrame]


def save(table: pd.DataFrame, path: Path, **options: Any) -> Path:
    table.to_hdf(path, key="table", mode="w", format="table", **options)
    return path


def read(path: Path, size: int = 7) -> Jets:
    return concatenate(list(top_tagging.read(path, range(top_tagging.count(path)), size)))


def test_jets_are_those_of_the_table(tmp_path: Path, top_tagging_table: MakeTable) -> None:
    table = top_tagging_table(20)
    jets = read(save(table, tmp_path / "test.h5"))
    assert top_tagging.count(tmp_path / "test.h5") == len(jets) == 20
    assert jets.classes == ("QCD", "top")
    assert jets.labels.tolist() == table["is_signal_new"].tolist()
    assert jets.constituents.shape == (20, 200, 5)
    energy, px, py, pz = (
        table[[f"{axis}_{i}" for i in range(200)]].to_numpy(float) for axis in ("E", "PX", "PY", "PZ")
    )
    assert np.array_equal(jets.mask, energy > 0)
    assert jets.feature("pt_gev") == pytest.approx(np.hypot(px, py), rel=1e-6)
    total = [values.sum(axis=1) for values in (energy, px, py, pz)]
    assert jets.jet("pt_gev") == pytest.approx(np.hypot(total[1], total[2]), rel=1e-6)
    assert jets.jet("mass_gev") == pytest.approx(
        np.sqrt(total[0] ** 2 - (np.array(total[1:]) ** 2).sum(axis=0)), rel=1e-4
    )
    assert jets.jet("n_constituents").tolist() == (energy > 0).sum(axis=1).tolist()
    assert (jets.feature("identity") == 0).all()


def test_angles_are_relative_to_the_jet_axis(tmp_path: Path, top_tagging_table: MakeTable) -> None:
    jets = read(save(top_tagging_table(50), tmp_path / "test.h5"))
    pt, mask = jets.feature("pt_gev").astype(float), jets.mask
    phi = jets.jet("phi")[:, None] + jets.feature("dphi")
    eta = jets.jet("eta")[:, None] + jets.feature("deta")
    px, py, pz = ((values * mask).sum(axis=1) for values in (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)))
    assert np.hypot(px, py) == pytest.approx(jets.jet("pt_gev"), rel=1e-5)
    assert np.arctan2(py, px) == pytest.approx(jets.jet("phi"), abs=1e-5)
    assert np.arcsinh(pz / np.hypot(px, py)) == pytest.approx(jets.jet("eta"), abs=1e-5)
    assert (np.abs(jets.feature("dphi")) <= np.pi).all()


def test_constituents_are_ordered_by_falling_pt_whatever_the_file_does(
    tmp_path: Path, top_tagging_table: MakeTable
) -> None:
    table = top_tagging_table(20, 10)
    ordered = read(save(table, tmp_path / "test.h5"))
    turned = {f"{axis}_{i}": f"{axis}_{9 - i}" for i in range(10) for axis in ("E", "PX", "PY", "PZ")}
    shuffled = read(save(table.rename(columns=turned), tmp_path / "test.h5"))
    assert np.array_equal(ordered.constituents, shuffled.constituents)
    assert np.array_equal(ordered.mask, shuffled.mask)


@pytest.mark.parametrize("options", [{"data_columns": ["is_signal_new", "E_0"]}, {"complib": "zlib", "complevel": 5}])
def test_other_ways_in_which_pandas_stores_a_table_are_read(
    tmp_path: Path, top_tagging_table: MakeTable, options: dict[str, Any]
) -> None:
    table = top_tagging_table(10, 5)
    plain = read(save(table, tmp_path / "test.h5"))
    assert np.array_equal(read(save(table, tmp_path / "test.h5", **options)).constituents, plain.constituents)


def test_a_blosc_compressed_table_is_read_or_the_missing_package_named(
    tmp_path: Path, top_tagging_table: MakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(top_tagging_table(10, 5), tmp_path / "test.h5", complib="blosc", complevel=5)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "hdf5plugin", None)
        without.setattr("h5py.h5z.filter_avail", lambda number: False)
        with pytest.raises(ToolNotFound, match=r"test\.h5: .*needs the package 'hdf5plugin'; install it"):
            top_tagging.count(path)
    assert len(read(path)) == 10


def test_nothing_in_a_strangers_file_is_unpickled(tmp_path: Path, top_tagging_table: MakeTable) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    path = save(top_tagging_table(10, 5), tmp_path / "test.h5")
    with h5py.File(path, "a") as file:
        for key in ("values_block_0_kind", "values_block_1_kind"):
            file["table/table"].attrs[key] = np.bytes_(pickle.dumps(Evil(), 0))
    with pytest.raises(LayoutError, match="has no column 'is_signal_new'"):
        read(path)
    assert not (tmp_path / "ran").exists()


def spoil(table: pd.DataFrame, **cells: Any) -> pd.DataFrame:
    for name, value in cells.items():
        table.loc[13, name] = value
    return table


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda t: t.drop(columns="is_signal_new"), LayoutError, "table: has no column 'is_signal_new'"),
        (lambda t: t.drop(columns="PX_3"), LayoutError, "table: has no column 'PX_3'"),
        (lambda t: t[["ttv", "is_signal_new"]], LayoutError, "table: has no column 'E_0'"),
        (lambda t: spoil(t, E_0=np.nan), DataError, "table: NaN or infinity in row 13"),
        (lambda t: spoil(t, PZ_4=np.inf), DataError, "table: NaN or infinity in row 13"),
        (lambda t: spoil(t, E_1=-5.0), DataError, "table: a negative energy in row 13"),
        (lambda t: spoil(t, is_signal_new=2), DataError, "table: is_signal_new other than 0 and 1 in row 13"),
        (
            lambda t: spoil(t, **{f"{axis}_{i}": 0.0 for axis in ("E", "PX", "PY", "PZ") for i in range(5)}),
            DataError,
            "table: no constituent in row 13",
        ),
    ],
)
def test_a_bad_table_is_named_by_file_and_key_and_nothing_is_written(
    tmp_path: Path,
    top_tagging_table: MakeTable,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    kind: type[TagwareError],
    message: str,
) -> None:
    path = save(change(top_tagging_table(20, 5)), tmp_path / "train.h5")
    with pytest.raises(kind) as caught:
        import_jets("top_tagging", [path], tmp_path / "out" / "jets.h5")
    assert str(path) in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_table_without_rows_is_named(tmp_path: Path, top_tagging_table: MakeTable) -> None:
    path = save(top_tagging_table(4, 2), tmp_path / "train.h5")
    with h5py.File(path, "a") as file:
        file["table/table"].resize(0, axis=0)
    with pytest.raises(DataError, match=r"train\.h5: there are no jets"):
        import_jets("top_tagging", [path], tmp_path / "jets.h5")
    assert list(tmp_path.iterdir()) == [path]


def test_another_key_or_the_other_pandas_format_is_named(tmp_path: Path, top_tagging_table: MakeTable) -> None:
    path = tmp_path / "train.h5"
    top_tagging_table(4, 2).to_hdf(path, key="jets", mode="w", format="table")
    with pytest.raises(LayoutError, match=r"train\.h5: has no pandas table 'table' \(it holds jets\)"):
        top_tagging.count(path)
    top_tagging_table(4, 2).to_hdf(path, key="table", mode="w", format="fixed")
    with pytest.raises(LayoutError, match=r"train\.h5: has no pandas table 'table'"):
        top_tagging.count(path)


def test_an_imported_file_holds_the_same_jets(tmp_path: Path, top_tagging_table: MakeTable) -> None:
    path = save(top_tagging_table(30, 12), tmp_path / "test.h5")
    file = JetsFile(import_jets("top_tagging", [path], tmp_path / "jets.h5"))
    file.verify()
    jets, direct = file.read(), read(path)
    assert np.array_equal(jets.constituents, direct.constituents) and np.array_equal(jets.ids, direct.ids)
    assert file.provenance["format"] == "top_tagging"
    assert file.provenance["files"] == [{"name": "test.h5", "bytes": path.stat().st_size, "n_jets": 30}]
