"""JetNet: jets of five types with three features a particle, one type a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets
from jets.errors import LayoutError
from jets.hdf5 import open_hdf5
from jets.readers.momenta import Rows, constituents_of_padded, jets_about_axis, spans, unidentified
from jets.readers.reader import Reader
from jets.readers.table import require_dataset

Array = NDArray[Any]

CLASSES = ("g", "q", "t", "w", "z")
PARTICLES, JETS = "particle_features", "jet_features"
REMEDY = "give files of JetNet (g.hdf5, q.hdf5, t150.hdf5, ...)"


def count(path: Path) -> int:
    """The number of jets in a file; LayoutError if it is not in the format."""
    _label(path)
    with open_hdf5(path, REMEDY) as file:
        particles = require_dataset(file, path, PARTICLES, (None, None, 4), REMEDY)
        return len(require_dataset(file, path, JETS, (len(particles), 4), REMEDY))


def read(path: Path, rows: range, size: int) -> Iterator[Jets]:
    """The jets of some rows of a file in blocks of at most `size`, in its order; their type is in the file's name.

    `particle_features` (n_jets, 30 or 150, 4): etarel, phirel, ptrel = pT / pT(jet), mask, as in arXiv:2106.11535,
    sec. 2; `jet_features` (n_jets, 4): pT (GeV), eta, mass (GeV), number of particles. phi of the jet is not in the
    files (here 0) and the particles are massless. Particles beyond the 30 or 150 hardest are lost, so the kinematics
    are the stored ones.

    Raises:
        LayoutError: not HDF5, a dataset is missing or has another shape, or the file's name does not tell the type.
        DataError: NaN, a negative pT, or a jet without constituents.
    """
    label = _label(path)
    with open_hdf5(path, REMEDY) as file:
        particles = require_dataset(file, path, PARTICLES, (None, None, 4), REMEDY)
        jets = require_dataset(file, path, JETS, (len(particles), 4), REMEDY)
        for span in spans(rows, size):
            place = Rows(path, PARTICLES, span.start)
            deta, dphi, share, mask = np.moveaxis(particles[span].astype(np.float64), -1, 0)
            pt, eta, mass, number = np.moveaxis(jets[span].astype(np.float64), -1, 0)
            Rows(path, JETS, span.start).refuse("a pT that is not positive", ~(pt > 0))
            there = (mask > 0) & (share != 0)
            columns = np.stack([share * pt[:, None], deta, dphi, np.zeros_like(deta)], axis=-1) * there[:, :, None]
            relative = unidentified(constituents_of_padded(columns))
            kinematics = np.stack([pt, eta, np.zeros_like(pt), mass, number], axis=1)
            labels = np.full(len(pt), label)
            yield jets_about_axis(relative, kinematics, labels, CLASSES, place, deta.shape[1])


def _label(path: Path) -> int:
    found = re.match(rf"([{''.join(CLASSES)}])(\d*)$", path.stem)
    if found is None:
        raise LayoutError("the file's name does not tell the type of its jets", path, REMEDY)
    return CLASSES.index(found[1])


READER = Reader(count, read, CLASSES, "Kansal et al., JetNet, doi:10.5281/zenodo.6975118 (30 particles), 6975117 (150)")
