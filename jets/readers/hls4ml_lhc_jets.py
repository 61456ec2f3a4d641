"""The hls4ml LHC jet data: gluon, light-quark, W, Z and top jets with constituents and high-level features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets
from jets.errors import LayoutError
from jets.hdf5 import open_hdf5
from jets.high_level import HIGH_LEVEL_FEATURES
from jets.readers.momenta import Rows, constituents_of_padded, jets_from_momenta, spans, unidentified
from jets.readers.reader import Reader
from jets.readers.table import TEXT, require_dataset

Array = NDArray[Any]

CLASSES = ("g", "q", "W", "Z", "t")
REFERENCE = "Pierini, Duarte, Tran, Freytsis, HLS4ML LHC Jet dataset (150 particles), doi:10.5281/zenodo.3602260"
CONSTITUENTS, JETS = "jetConstituentList", "jets"
PARTICLE_NAMES, JET_NAMES = "particleFeatureNames", "jetFeatureNames"
MOMENTA = ("j1_e", "j1_px", "j1_py", "j1_pz")
LABELS = ("j_g", "j_q", "j_w", "j_z", "j_t")
REMEDY = "give files of the hls4ml LHC jet data (jetImage_*_150p_*.h5)"

WITHOUT_SUFFIX = ("zlogz", "multiplicity", "mass_mmdt")


def public_name(feature: str) -> str:
    """What the public files call one of our `HIGH_LEVEL_FEATURES`, e.g. j_c1_b0_mmdt for c1_b0."""
    return f"j_{feature}" if feature in WITHOUT_SUFFIX else f"j_{feature}_mmdt"


def count(path: Path) -> int:
    """The number of jets in a file; LayoutError if it is not in the format."""
    with open_hdf5(path, REMEDY) as file:
        return len(_datasets(file, path)[1])


def read(path: Path, rows: range, size: int) -> Iterator[Jets]:
    """The jets of some rows of a file in blocks of at most `size`, in its order, with high-level features as stored.

    `jetConstituentList` (n_jets, 150, 16) and `jets` (n_jets, 59), their last axes named by `particleFeatureNames`
    and `jetFeatureNames` (the former names one more column, j1_pdgid, than there are). Momenta are taken from
    j1_px, j1_py, j1_pz, j1_e; identities are not in the files.

    Raises:
        LayoutError: not HDF5, a dataset or a column is missing, or the names do not fit the columns.
        DataError: NaN, a negative energy or pT, a jet without constituents or not of exactly one class.
    """
    with open_hdf5(path, REMEDY) as file:
        constituents, jets = _datasets(file, path)
        momentum_columns = _places(file, path, PARTICLE_NAMES, constituents, (*MOMENTA, "j1_pt"))
        label_columns = _places(file, path, JET_NAMES, jets, LABELS)
        feature_columns = _places(file, path, JET_NAMES, jets, tuple(map(public_name, HIGH_LEVEL_FEATURES)))
        for span in spans(rows, size):
            place, jet_place = Rows(path, CONSTITUENTS, span.start), Rows(path, JETS, span.start)
            momenta = constituents[span][:, :, momentum_columns]
            values = jets[span]
            _check_pt(momenta, place)
            labels = _labels(values[:, label_columns], jet_place)
            features = values[:, feature_columns].astype(np.float32)
            jet_place.refuse("NaN or infinity", ~np.isfinite(features).all(axis=1))
            found = unidentified(constituents_of_padded(momenta[:, :, :4]))
            block = jets_from_momenta(found, labels, CLASSES, place, momenta.shape[1])
            yield replace(block, high_level=features, high_level_features=HIGH_LEVEL_FEATURES)


def _datasets(file: h5py.File, path: Path) -> tuple[h5py.Dataset, h5py.Dataset]:
    constituents = require_dataset(file, path, CONSTITUENTS, (None, None, None), REMEDY)
    jets = require_dataset(file, path, JETS, (None, None), REMEDY)
    if len(constituents) != len(jets):
        lengths = f"{len(constituents)} rows of {CONSTITUENTS} for {len(jets)} of {JETS}"
        raise LayoutError(f"has {lengths}", path, REMEDY)
    return constituents, jets


def _places(file: h5py.File, path: Path, key: str, dataset: h5py.Dataset, wanted: tuple[str, ...]) -> list[int]:
    """The places on the last axis of `dataset` of the wanted columns, by the names that `key` lists."""
    stored = require_dataset(file, path, key, (None,), REMEDY, TEXT)
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in stored[:]]
    names = names[: dataset.shape[-1]]
    for name in wanted:
        if name not in names:
            raise LayoutError(f"does not name a column {name!r}", f"{path}: {key}", REMEDY)
    return [names.index(name) for name in wanted]


def _check_pt(momenta: Array, rows: Rows) -> None:
    """That j1_pt is what px and py say: the names would otherwise belong to other columns."""
    px, py, pt = (momenta[:, :, place].astype(np.float64) for place in (1, 2, 4))
    rows.refuse("NaN or infinity", ~np.isfinite(px + py + pt))
    rows.refuse("a negative j1_pt", pt < 0)
    if not np.allclose(np.hypot(px, py), pt, rtol=1e-2, atol=1e-2):
        raise LayoutError("j1_pt is not the pT of j1_px and j1_py", rows.where, f"check {PARTICLE_NAMES} of the file")


def _labels(flags: Array, rows: Rows) -> Array:
    rows.refuse(f"not exactly one of {', '.join(LABELS)} set", (flags != 0).sum(axis=1) != 1)
    labels: Array = (flags != 0).argmax(axis=1)
    return labels


READER = Reader(count, read, CLASSES, REFERENCE)
