from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jets.dataset import IDENTITIES, Jets, JetsFile, concatenate
from jets.errors import DataError, LayoutError, TagwareError
from jets.readers import ImportConfig, aspen_open_jets, import_jets
from tests.jets.readers.public_files import assert_refused, put, random_momenta, save

ONE = ImportConfig(processes=1)
Arrays = dict[str, Any]
CODES = np.array([211, -211, 130, 22, 11, -13])
CHARGES = np.array([1, -1, 0, 0, -1, 1])


def file_arrays() -> Arrays:
    """What a file of Aspen Open Jets holds: 150 candidates with 11 features, and three tables of jets."""
    momenta, rng = random_momenta(20, 150), np.random.default_rng(2)
    mask = momenta[..., :1] > 0
    kind = rng.integers(0, 6, (20, 150))
    tracks = np.where(CHARGES[kind][..., None] != 0, rng.normal(0, 0.1, (20, 150, 4)), -1)
    weight = rng.choice([0, 0.5, 1], (20, 150))
    weight[:, 0] = 1
    others = np.stack([CHARGES[kind], CODES[kind], weight], axis=-1)
    candidates = np.concatenate([momenta[..., [1, 2, 3, 0]], tracks, others], axis=-1) * mask
    return {
        "PFCands": candidates.astype(np.float32), "jet_kinematics": np.ones((20, 4)),
        "event_info": np.ones((20, 3)), "jet_tagging": np.ones((20, 13)),
    }  # fmt: skip


@pytest.fixture
def arrays() -> Arrays:
    return file_arrays()


def read(path: Path, size: int = 7) -> Jets:
    return concatenate(list(aspen_open_jets.read(path, range(aspen_open_jets.count(path)), size)))


def test_candidates_are_those_of_the_file_scaled_by_their_weight(tmp_path: Path, arrays: Arrays) -> None:
    jets = read(save(tmp_path / "RunG_batch0.h5", arrays))
    jets.check()
    for row, candidates in enumerate(arrays["PFCands"].astype(float)):
        weight = candidates[:, 10]
        pt = np.hypot(candidates[:, 0], candidates[:, 1]) * weight
        order = np.argsort(-pt, kind="stable")[: (pt > 0).sum()]
        there = jets.mask[row]
        assert jets.feature("pt_gev")[row, there] == pytest.approx(pt[order], rel=1e-6)
        assert jets.feature("charge")[row, there].tolist() == candidates[order, 8].tolist()
        charged = candidates[order, 8] != 0
        assert jets.feature("d0_mm")[row, there] == pytest.approx(10 * candidates[order, 4] * charged, rel=1e-6)
        assert jets.feature("dz_error_mm")[row, there] == pytest.approx(10 * candidates[order, 7] * charged, rel=1e-6)
        total = (candidates[:, :2] * weight[:, None]).sum(axis=0)
        assert jets.jet("pt_gev")[row] == pytest.approx(np.hypot(*total), rel=1e-5)
    kinds = {IDENTITIES[int(kind)] for kind in jets.feature("identity")[jets.mask]}
    assert kinds == set(IDENTITIES) - {"unknown"}


def test_recorded_jets_have_one_class_or_that_of_the_user(tmp_path: Path, arrays: Arrays) -> None:
    path, out = save(tmp_path / "RunG_batch0.h5", arrays), tmp_path / "jets.h5"
    file = JetsFile(import_jets("aspen_open_jets", [path], out, ONE))
    file.verify()
    assert file.classes == ("unlabelled",) and len(file) == 20
    assert JetsFile(import_jets("aspen_open_jets", [f"data={path}"], out, ONE)).classes == ("data",)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda a: {"jet_kinematics": a["jet_kinematics"]}, LayoutError, "has no dataset 'PFCands'"),
        (lambda a: {"PFCands": a["PFCands"]}, LayoutError, "has no dataset 'jet_kinematics' (it holds PFCands)"),
        (
            lambda a: a | {"PFCands": a["PFCands"][..., :4]},
            LayoutError,
            "PFCands: has shape 20 × 150 × 4, not any × any × 11",
        ),
        (
            lambda a: a | {"PFCands": put(a["PFCands"], (13, 0, 3), np.nan)},
            DataError,
            "PFCands: NaN or infinity in row 13",
        ),
        (
            lambda a: a | {"PFCands": put(a["PFCands"], (13, 0, 3), -1)},
            DataError,
            "PFCands: a negative energy in row 13",
        ),
        (lambda a: a | {"PFCands": put(a["PFCands"], 13, 0)}, DataError, "PFCands: no constituent in row 13"),
    ],
)
def test_a_bad_file_is_named_with_its_key_and_nothing_is_written(
    tmp_path: Path, arrays: Arrays, change: Callable[[Arrays], Arrays], kind: type[TagwareError], message: str
) -> None:
    path = save(tmp_path / "RunG_batch0.h5", change(arrays))
    assert_refused("aspen_open_jets", path, kind, message)
