from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from jets.dataset import Jets, JetsFile, concatenate
from jets.errors import DataError, LayoutError, TagwareError
from jets.readers import ImportConfig, import_jets, jetnet
from tests.jets.readers.public_files import assert_refused, put, save

ONE = ImportConfig(processes=1)
Arrays = dict[str, Any]


def arrays(n: int = 20, width: int = 30, seed: int = 0) -> Arrays:
    """What a file of JetNet holds: relative features and a mask of particles, and four features of jets."""
    rng = np.random.default_rng(seed)
    mask = np.arange(width) < rng.integers(1, width + 1, n)[:, None]
    share = -np.sort(-rng.exponential(1, (n, width)), axis=1) * mask
    share /= share.sum(axis=1, keepdims=True)
    particles = np.stack([*(rng.normal(0, 0.2, (2, n, width)) * mask), share, mask], axis=-1)
    jets = np.stack([rng.normal(1000, 50, n), rng.normal(0, 0.5, n), rng.uniform(50, 200, n), mask.sum(axis=1)], axis=1)
    return {"particle_features": particles.astype(np.float32), "jet_features": jets.astype(np.float32)}


def read(path: Path, size: int = 7) -> Jets:
    return concatenate(list(jetnet.read(path, range(jetnet.count(path)), size)))


@pytest.mark.parametrize(("name", "width", "label"), [("g.hdf5", 30, 0), ("t.hdf5", 30, 2), ("z150.hdf5", 150, 4)])
def test_jets_are_those_of_the_file_and_of_the_type_in_its_name(
    tmp_path: Path, name: str, width: int, label: int
) -> None:
    content = arrays(width=width)
    jets = read(save(tmp_path / name, content))
    jets.check()
    assert jets.classes == ("g", "q", "t", "w", "z") and set(jets.labels) == {label}
    deta, dphi, share, mask = np.moveaxis(content["particle_features"], -1, 0)
    pt, eta, mass, number = content["jet_features"].T
    assert np.array_equal(jets.mask, mask > 0)
    assert jets.feature("pt_gev") == pytest.approx(share * pt[:, None], rel=1e-6)
    assert np.array_equal(jets.feature("deta"), deta) and np.array_equal(jets.feature("dphi"), dphi)
    for feature, values in (("pt_gev", pt), ("eta", eta), ("mass_gev", mass), ("n_constituents", number)):
        assert np.array_equal(jets.jet(feature), values), feature
    assert (jets.jet("phi") == 0).all() and (jets.feature("mass_gev") == 0).all()


def test_masked_particles_are_left_out_wherever_they_are(tmp_path: Path) -> None:
    content = arrays()
    content["particle_features"][4, 0, 3] = 0
    jets = read(save(tmp_path / "g.hdf5", content))
    assert jets.mask[4].sum() == (content["particle_features"][4, :, 3] > 0).sum()
    assert jets.feature("deta")[4, 0] == content["particle_features"][4, 1, 0]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda a: {"jet_features": a["jet_features"]}, LayoutError, "has no dataset 'particle_features'"),
        (lambda a: {"particle_features": a["particle_features"]}, LayoutError, "has no dataset 'jet_features'"),
        (
            lambda a: a | {"jet_features": a["jet_features"][:5]},
            LayoutError,
            "jet_features: has shape 5 × 4, not 20 × 4",
        ),
        (
            lambda a: a | {"particle_features": a["particle_features"][..., :3]},
            LayoutError,
            "particle_features: has shape 20 × 30 × 3, not any × any × 4",
        ),
        (lambda a: a | {"particle_features": a["jet_features"]}, LayoutError, "particle_features: has 2 axes, not 3"),
        (
            lambda a: a | {"particle_features": np.full((20, 30, 4), b"x")},
            LayoutError,
            "particle_features: holds |S1, not numbers",
        ),
        (
            lambda a: a | {"particle_features": put(a["particle_features"], (13, 0, 0), np.nan)},
            DataError,
            "particle_features: NaN or infinity in row 13",
        ),
        (
            lambda a: a | {"particle_features": put(a["particle_features"], (13, 0, 2), -1)},
            DataError,
            "particle_features: a negative pT in row 13",
        ),
        (
            lambda a: a | {"particle_features": put(a["particle_features"], 13, 0)},
            DataError,
            "particle_features: no constituent in row 13",
        ),
        (
            lambda a: a | {"jet_features": put(a["jet_features"], (13, 0), np.nan)},
            DataError,
            "jet_features: a pT that is not positive in row 13",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_key_and_nothing_is_written(
    tmp_path: Path, change: Callable[[Arrays], Arrays], kind: type[TagwareError], message: str
) -> None:
    path = save(tmp_path / "g.hdf5", change(arrays()))
    assert_refused("jetnet", path, kind, message)


def test_a_name_that_tells_no_type_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "jets.hdf5", arrays())
    with pytest.raises(LayoutError, match=r"jets\.hdf5: the file's name does not tell the type of its jets"):
        import_jets("jetnet", [path], tmp_path / "out.h5", ONE)


def test_files_of_all_types_make_one_file(tmp_path: Path) -> None:
    for seed, name in enumerate(jetnet.CLASSES):
        save(tmp_path / f"{name}.hdf5", arrays(seed=seed))
    file = JetsFile(import_jets("jetnet", [tmp_path], tmp_path / "out" / "jets.h5", ONE))
    file.verify()
    assert file.provenance["counts"] == dict.fromkeys("gqtwz", 20)


def test_names_that_are_no_text_are_shown_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "g.hdf5"
    with h5py.File(path, "w") as file:
        file[b"\x80particle_features"] = np.zeros(3)
    assert_refused("jetnet", path, LayoutError, "it holds b'\\x80particle_features'")
