"""The HDF5 files of OmniLearned: particles about the jet axis in logarithms, and a number for the class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from jets.dataset import IDENTITIES, IMPACT, Jets
from jets.errors import LayoutError
from jets.hdf5 import open_hdf5
from jets.readers.momenta import Constituents, Rows, constituents_of_padded, jets_about_axis, spans
from jets.readers.reader import Reader
from jets.readers.table import require_dataset

Array = NDArray[Any]

CLASSES = tuple(map(str, range(1000)))
PARTICLES, LABELS = "data", "pid"
REMEDY = "give a file of OmniLearned with the datasets data and pid"
# The sorted PDG codes -211, -13, -11, 0, 11, 13, 22, 130, 211 that the files number.
CODES = (
    ("charged_hadron", -1), ("muon", 1), ("electron", 1), ("unknown", 0), ("electron", -1), ("muon", -1), ("photon", 0),
    ("neutral_hadron", 0), ("charged_hadron", 1),
)  # fmt: skip
LARGEST_TANH = 1 - 1e-6
N_KINEMATIC, WITH_CODE, WITH_TRACKS = 4, 5, 9


def count(path: Path) -> int:
    """The number of jets in a file; LayoutError if it is not in the format."""
    with open_hdf5(path, REMEDY) as file:
        return len(_particles(file, path))


def read(path: Path, rows: range, size: int) -> Iterator[Jets]:
    """The jets of some rows of a file in blocks of at most `size`, in its order; a class is called by its number.

    `data` (n_jets, n_particles, 4, 5 or 9): deta, dphi, ln pT, ln E (GeV), the place of the PDG code in `CODES`, tanh
    d0, its error, tanh dz, its error (mm), as the loader of the package omnilearned 0.2.0 takes them apart; ln pT = 0
    is padding. `pid` (n_jets,): the number of the class. The jet's axis is not stored: its eta is the one at which the
    energies fit the transverse momenta, whatever its sign, phi is 0, pT and mass are those of the particles' sum.

    Raises:
        LayoutError: not HDF5, a dataset is missing or has another shape, or pid is not a number from 0 to 999.
        DataError: NaN, or a jet without constituents.
    """
    with open_hdf5(path, REMEDY) as file:
        particles = _particles(file, path)
        labels = require_dataset(file, path, LABELS, (len(particles),), REMEDY)
        for span in spans(rows, size):
            values, place = particles[span].astype(np.float64), Rows(path, PARTICLES, span.start)
            place.refuse("NaN or infinity", ~np.isfinite(values).all(axis=2))
            relative, kinematics = _jets(values)
            place.refuse("no constituent", relative.count == 0)
            yield jets_about_axis(relative, kinematics, _numbers(labels[span], path), CLASSES, place, values.shape[1])


def _particles(file: h5py.File, path: Path) -> h5py.Dataset:
    particles = require_dataset(file, path, PARTICLES, (None, None, None), REMEDY)
    require_dataset(file, path, LABELS, (len(particles),), REMEDY)
    if particles.shape[2] not in (N_KINEMATIC, WITH_CODE, WITH_TRACKS):
        sizes = f"{N_KINEMATIC}, {WITH_CODE} or {WITH_TRACKS}"
        raise LayoutError(f"has {particles.shape[2]} features, not {sizes}", f"{path}: {PARTICLES}", REMEDY)
    return particles


def _numbers(labels: Array, path: Path) -> Array:
    if not np.isin(labels, np.arange(len(CLASSES))).all():
        what = f"holds other values than class numbers from 0 to {len(CLASSES) - 1}"
        raise LayoutError(what, f"{path}: {LABELS}", "give a file made for classification")
    return labels


def _jets(values: Array) -> tuple[Constituents, Array]:
    """Constituents about the axis, and the kinematics of massless particles with these energies."""
    deta, dphi, log_pt, log_energy = np.moveaxis(values[..., :N_KINEMATIC], -1, 0)
    there = log_pt != 0
    pt, energy = np.exp(log_pt) * there, np.exp(log_energy) * there
    columns = np.stack([pt, deta * there, dphi * there, np.zeros_like(pt)], axis=-1)
    px, py = (pt * np.cos(dphi)).sum(axis=1), (pt * np.sin(dphi)).sum(axis=1)
    total = energy.sum(axis=1)
    eta = _axis(total, (pt * np.cosh(deta)).sum(axis=1), (pt * np.sinh(deta)).sum(axis=1))
    pz = (pt * np.sinh(eta[:, None] + deta)).sum(axis=1)
    mass = np.sqrt(np.maximum(total**2 - px**2 - py**2 - pz**2, 0))
    kinematics = np.stack([np.hypot(px, py), eta, np.zeros_like(eta), mass, there.sum(axis=1)], axis=1)
    return constituents_of_padded(columns, _further(values)), kinematics


def _axis(energy: Array, even: Array, odd: Array) -> Array:
    """The jet eta that solves E = sum pT cosh(eta + deta) = even cosh(eta) + odd sinh(eta), the larger of two."""
    scale = np.sqrt(np.maximum(even**2 - odd**2, np.finfo(float).tiny))
    tilt = np.arctanh(np.clip(odd / np.maximum(even, np.finfo(float).tiny), -LARGEST_TANH, LARGEST_TANH))
    return np.asarray(np.arccosh(np.maximum(energy / scale, 1)) - tilt)


def _further(values: Array) -> dict[str, Array]:
    if values.shape[2] == N_KINEMATIC:
        return {"identity": np.zeros(values.shape[:2], np.int8)}
    place = np.clip(values[..., N_KINEMATIC].astype(int), 0, len(CODES) - 1)
    further = {
        "charge": np.array([charge for _, charge in CODES])[place],
        "identity": np.array([IDENTITIES.index(name) for name, _ in CODES])[place],
    }
    if values.shape[2] == WITH_TRACKS:
        d0, d0_error, dz, dz_error = np.moveaxis(values[..., WITH_CODE:], -1, 0)
        distances = (np.arctanh(np.clip(value, -LARGEST_TANH, LARGEST_TANH)) for value in (d0, dz))
        further |= dict(zip(IMPACT, (next(distances), d0_error, next(distances), dz_error), strict=True))
    return further


READER = Reader(
    count, read, CLASSES, "Bhimji et al., OmniLearned, arXiv:2510.24066; the package omnilearned", every_class=False
)
