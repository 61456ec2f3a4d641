from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jets.dataset import IDENTITIES, Jets, JetsFile, concatenate
from jets.errors import DataError, LayoutError, TagwareError
from jets.readers import ImportConfig, import_jets, omnilearned
from tests.jets.readers.public_files import assert_refused, put, save

ONE = ImportConfig(processes=1)
Arrays = dict[str, Any]


def arrays(n: int = 20, width: int = 30, features: int = 9, seed: int = 0) -> Arrays:
    """What a file of OmniLearned holds: massless particles of jets at eta 0.7, and two classes, numbers 2 and 11."""
    rng = np.random.default_rng(seed)
    mask = np.arange(width) < rng.integers(1, width + 1, n)[:, None]
    pt = -np.sort(-rng.exponential(20, (n, width)) - 1.5, axis=1)
    deta, dphi = rng.normal(0, 0.2, (2, n, width))
    tracks = rng.normal(0, 0.3, (4, n, width))
    columns = [deta, dphi, np.log(pt), np.log(pt * np.cosh(0.7 + deta)), rng.integers(0, 9, (n, width))]
    columns += [np.tanh(tracks[0]), np.abs(tracks[1]), np.tanh(tracks[2]), np.abs(tracks[3])]
    data = np.stack(columns, axis=-1)[..., :features] * mask[..., None]
    return {"data": data.astype(np.float32), "pid": np.where(np.arange(n) % 2, 11, 2), "global": np.zeros((n, 4))}


def read(path: Path, size: int = 7) -> Jets:
    return concatenate(list(omnilearned.read(path, range(omnilearned.count(path)), size)))


def test_particles_are_those_of_the_file(tmp_path: Path) -> None:
    content = arrays()
    jets = read(save(tmp_path / "train.h5", content))
    jets.check()
    data, mask = content["data"], content["data"][:, :, 2] != 0
    assert np.array_equal(jets.mask, mask)
    assert jets.feature("pt_gev")[mask] == pytest.approx(np.exp(data[..., 2])[mask], rel=1e-5)
    assert jets.feature("deta")[mask] == pytest.approx(data[..., 0][mask])
    assert np.tanh(jets.feature("d0_mm"))[mask] == pytest.approx(data[..., 5][mask], abs=1e-5)
    assert jets.feature("dz_error_mm")[mask] == pytest.approx(data[..., 8][mask])
    assert jets.labels.tolist() == content["pid"].tolist()


def test_codes_are_the_places_of_sorted_pdg_codes(tmp_path: Path) -> None:
    codes = [-211, -13, -11, 0, 11, 13, 22, 130, 211]
    names = {211: "charged_hadron", 130: "neutral_hadron", 22: "photon", 11: "electron", 13: "muon", 0: "unknown"}
    content = arrays()
    jets = read(save(tmp_path / "train.h5", content))
    place = content["data"][..., 4][jets.mask].astype(int)
    kinds = jets.feature("identity")[jets.mask].astype(int)
    assert [IDENTITIES[kind] for kind in kinds] == [names[abs(codes[i])] for i in place]
    sign = {-211: -1, -13: 1, -11: 1, 11: -1, 13: -1, 211: 1}
    assert jets.feature("charge")[jets.mask].tolist() == [sign.get(codes[i], 0) for i in place]


def test_the_jet_is_where_energies_fit_transverse_momenta(tmp_path: Path) -> None:
    jets = read(save(tmp_path / "train.h5", arrays()))
    assert jets.jet("eta") == pytest.approx(0.7, abs=2e-3)
    pt, dphi = jets.feature("pt_gev").astype(float), jets.feature("dphi")
    assert jets.jet("pt_gev") == pytest.approx(abs((pt * np.exp(1j * dphi)).sum(axis=1)), rel=1e-5)
    assert jets.jet("mass_gev")[jets.jet("n_constituents") > 2].min() > 1


@pytest.mark.parametrize(("features", "kept"), [(4, 5), (5, 6), (9, 10)])
def test_files_with_fewer_features_are_read(tmp_path: Path, features: int, kept: int) -> None:
    jets = read(save(tmp_path / "train.h5", arrays(features=features)))
    assert jets.constituents.shape == (20, 30, kept)


def test_classes_that_occur_are_taken_and_can_be_named(tmp_path: Path) -> None:
    path = save(tmp_path / "train.h5", arrays())
    file = JetsFile(import_jets("omnilearned", [path], tmp_path / "jets.h5", ONE))
    file.verify()
    assert file.classes == ("2", "11") and file.provenance["counts"] == {"2": 10, "11": 10}
    named = ImportConfig(classes=("Tbl=11", "QCD=2"), processes=1)
    jets = JetsFile(import_jets("omnilearned", [path], tmp_path / "jets.h5", named)).read()
    assert jets.classes == ("Tbl", "QCD") and jets.labels.tolist() == [1, 0] * 10


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda a: {"pid": a["pid"]}, LayoutError, "has no dataset 'data' (it holds pid)"),
        (lambda a: {"data": a["data"]}, LayoutError, "has no dataset 'pid' (it holds data)"),
        (lambda a: a | {"pid": a["pid"][:5]}, LayoutError, "pid: has shape 5, not 20"),
        (lambda a: a | {"data": a["data"][..., :7]}, LayoutError, "data: has 7 features, not 4, 5 or 9"),
        (lambda a: a | {"pid": a["pid"] + 0.5}, LayoutError, "pid: holds other values than class numbers from 0"),
        (lambda a: a | {"pid": -a["pid"]}, LayoutError, "pid: holds other values than class numbers from 0"),
        (lambda a: a | {"data": put(a["data"], (13, 0, 1), np.nan)}, DataError, "data: NaN or infinity in row 13"),
        (lambda a: a | {"data": put(a["data"], 13, 0)}, DataError, "data: no constituent in row 13"),
    ],
)
def test_a_bad_file_is_named_with_its_key_and_nothing_is_written(
    tmp_path: Path, change: Callable[[Arrays], Arrays], kind: type[TagwareError], message: str
) -> None:
    path = save(tmp_path / "train.h5", change(arrays()))
    assert_refused("omnilearned", path, kind, message)
