from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jets.dataset import Jets, JetsFile, concatenate
from jets.errors import DataError, LayoutError, TagwareError
from jets.readers import READERS, ImportConfig, import_jets, rs3l
from tests.jets.readers.public_files import assert_refused, put, random_momenta, save

ONE = ImportConfig(processes=1)
Arrays = dict[str, Any]


def file_arrays() -> Arrays:
    """What a file of RS3L holds: 20 jets, light (1), H -> bb (4) and g -> gg (8), in five views."""
    momenta, rng = random_momenta(100, 40).reshape(20, 5, 40, 4), np.random.default_rng(2)
    energy, px, py, pz = np.moveaxis(momenta, -1, 0)
    pt, mask = np.hypot(px, py), energy > 0
    eta, zero = np.arcsinh(np.divide(pz, pt, out=np.zeros_like(pz), where=mask)), np.zeros_like(pt)
    code = rng.choice([211, 130, 22], pt.shape) * mask
    columns = [
        pt,
        zero,
        eta,
        np.arctan2(py, px),
        zero,
        energy,
        zero,
        code == 211,
        code,
        *rng.normal(size=(2, 20, 5, 40)),
    ]
    jets = np.ones((20, 5, 14))
    jets[:, :, 0] = np.array([1, 4, 8])[np.arange(20) % 3][:, None]
    candidates = np.stack(columns, axis=2) * mask[:, :, None]
    return {"singletons": jets, "jet_pflow_cands": candidates.astype(np.float32)}


@pytest.fixture
def arrays() -> Arrays:
    return file_arrays()


def read(path: Path, name: str = "rs3l", size: int = 7) -> Jets:
    reader = READERS[name]
    return concatenate(list(reader.read(path, range(reader.count(path)), size)))


@pytest.mark.parametrize(("view", "name"), list(enumerate(rs3l.VIEWS)))
def test_each_view_holds_its_own_candidates_under_the_same_ids(
    tmp_path: Path, arrays: Arrays, view: int, name: str
) -> None:
    path = save(tmp_path / "rs3l_0.h5", arrays)
    jets = read(path, name)
    jets.check()
    values = arrays["jet_pflow_cands"][:, view]
    pt = values[:, 0]
    assert np.array_equal(jets.mask, pt > 0)
    assert jets.feature("pt_gev") == pytest.approx(pt, rel=1e-5)
    assert jets.feature("charge")[jets.mask].tolist() == values[:, 7][jets.mask].tolist()
    assert jets.feature("dz_mm")[jets.mask].tolist() == values[:, 10][jets.mask].tolist()
    total = (pt.astype(float) * np.exp(1j * values[:, 3])).sum(axis=1)
    assert jets.jet("pt_gev") == pytest.approx(abs(total), rel=1e-4)
    assert np.array_equal(jets.ids, read(path).ids) and len(set(jets.ids.tolist())) == 20


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_all_views_follow_one_another_in_one_split_wherever_blocks_begin(
    tmp_path: Path, arrays: Arrays, size: int
) -> None:
    path = save(tmp_path / "rs3l_0.h5", arrays)
    reader = READERS["rs3l_views"]
    jets = concatenate(list(reader.read(path, range(3, 98), size))).check()
    assert reader.count(path) == 100 and jets.view_names == rs3l.VIEW_NAMES
    rows = jets.view_rows()
    assert len(rows) == 18 and jets.events is not None and np.array_equal(jets.events, jets.hard_ids)
    for view, name in enumerate(rs3l.VIEWS):
        alone = read(path, name)[1:19]
        assert np.array_equal(jets[rows[:, view]].constituents, alone.constituents)
        assert np.array_equal(jets[rows[:, view]].labels, alone.labels)


def test_types_that_occur_are_the_classes(tmp_path: Path, arrays: Arrays) -> None:
    path = save(tmp_path / "rs3l_0.h5", arrays)
    file = JetsFile(import_jets("rs3l", [path], tmp_path / "jets.h5", ONE))
    file.verify()
    assert file.classes == ("q", "H_bb", "g_gg")
    assert file.read().labels.tolist() == (np.arange(20) % 3).tolist()


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda a: {"singletons": a["singletons"]}, LayoutError, "has no dataset 'jet_pflow_cands'"),
        (lambda a: {"jet_pflow_cands": a["jet_pflow_cands"]}, LayoutError, "has no dataset 'singletons'"),
        (
            lambda a: {key: values[:, :2] for key, values in a.items()},
            LayoutError,
            "singletons: has 2 views, not number 4; import another view",
        ),
        (
            lambda a: a | {"jet_pflow_cands": a["jet_pflow_cands"][:, :, :9]},
            LayoutError,
            "jet_pflow_cands: has 9 features, not at least 11",
        ),
        (
            lambda a: a | {"singletons": put(a["singletons"], (13, 4, 0), 12)},
            DataError,
            "singletons: a type other than 1 to 11 in row 13",
        ),
        (
            lambda a: a | {"jet_pflow_cands": put(a["jet_pflow_cands"], (13, 4, 2, 0), np.nan)},
            DataError,
            "jet_pflow_cands: NaN or infinity in row 13",
        ),
        (
            lambda a: a | {"jet_pflow_cands": put(a["jet_pflow_cands"], (13, 4, 5, 0), -1)},
            DataError,
            "jet_pflow_cands: a negative energy in row 13",
        ),
        (
            lambda a: a | {"jet_pflow_cands": put(a["jet_pflow_cands"], (13, 4), 0)},
            DataError,
            "jet_pflow_cands: no constituent in row 13",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_key_and_nothing_is_written(
    tmp_path: Path, arrays: Arrays, change: Callable[[Arrays], Arrays], kind: type[TagwareError], message: str
) -> None:
    path = save(tmp_path / "rs3l_0.h5", change(arrays))
    assert_refused("rs3l_herwig", path, kind, message)
