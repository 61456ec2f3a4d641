"""Aspen Open Jets: CMS open data of 2016, recorded AK8 jets with their particle-flow candidates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import IMPACT, Jets
from jets.hdf5 import open_hdf5
from jets.readers.momenta import MM_PER_CM, Rows, constituents_of_padded, identities, jets_from_momenta, spans
from jets.readers.reader import Reader
from jets.readers.table import require_dataset

Array = NDArray[Any]

CLASSES = ("unlabelled",)
CANDIDATES, KINEMATICS = "PFCands", "jet_kinematics"
REMEDY = "give files of Aspen Open Jets (RunG_batch0.h5, ...)"


def count(path: Path) -> int:
    """The number of jets in a file; LayoutError if it is not in the format."""
    with open_hdf5(path, REMEDY) as file:
        candidates = require_dataset(file, path, CANDIDATES, (None, None, 11), REMEDY)
        require_dataset(file, path, KINEMATICS, (len(candidates), 4), REMEDY)
        return len(candidates)


def read(path: Path, rows: range, size: int) -> Iterator[Jets]:
    """The jets of some rows of a file in blocks of at most `size`, in its order, of one class.

    `PFCands` (n_jets, 150, 11), zero where padded: px, py, pz, E (GeV), d0, d0Err, dz, dzErr (cm), charge, PDG code,
    PUPPI weight, as doi:10.25592/uhhfdm.16505 and arXiv:2412.10504 describe them. Momenta are scaled by the weight, as
    they enter AK8 jets; impact parameters of neutral candidates are 0. pT, axis and mass are those of the sum.

    Raises:
        LayoutError: not HDF5, or a dataset is missing or has another shape.
        DataError: NaN, a negative energy, or a jet without constituents.
    """
    with open_hdf5(path, REMEDY) as file:
        dataset = require_dataset(file, path, CANDIDATES, (None, None, 11), REMEDY)
        for span in spans(rows, size):
            values = dataset[span].astype(np.float64)
            energy_last, tracks, (charge, code, weight) = (
                values[..., :4],
                values[..., 4:8],
                np.moveaxis(values[..., 8:], -1, 0),
            )
            momenta = energy_last[..., [3, 0, 1, 2]] * weight[..., None]
            further = {"charge": charge, "identity": identities(code)}
            further |= dict(zip(IMPACT, np.moveaxis(tracks * MM_PER_CM * (charge != 0)[..., None], -1, 0), strict=True))
            found = constituents_of_padded(momenta, further)
            labels = np.zeros(len(values))
            yield jets_from_momenta(found, labels, CLASSES, Rows(path, CANDIDATES, span.start), values.shape[1])


READER = Reader(count, read, CLASSES, "Amram et al., Aspen Open Jets, doi:10.25592/uhhfdm.16505, arXiv:2412.10504")
