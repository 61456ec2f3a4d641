"""RS3L: jets of one hard parton in five simulations of its shower; each view is a format, and all of them are one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets, in_turn
from jets.errors import LayoutError
from jets.hdf5 import open_hdf5
from jets.readers.momenta import Constituents, Rows, constituents_of_padded, identities, jets_from_momenta, spans
from jets.readers.reader import Reader
from jets.readers.table import require_dataset

Array = NDArray[Any]

CLASSES = ("q", "c", "b", "H_bb", "g_qq", "g_cc", "g_bb", "g_gg", "W_qq", "Z_qq", "Z_bb")
"""Their numbers in the files begin at 1."""
VIEWS = ("rs3l", "rs3l_seed", "rs3l_fsr_down", "rs3l_fsr_up", "rs3l_herwig")
"""Pythia 8; with another seed; with the scale of final-state radiation times 1/√2 and √2; Herwig 7."""
VIEW_NAMES = ("nominal", "seed", "fsr_down", "fsr_up", "herwig")
JETS, CANDIDATES = "singletons", "jet_pflow_cands"
JET_TYPE = 0
PT, ETA, PHI, ENERGY, CHARGE, CODE, D0, DZ = 0, 2, 3, 5, 7, 8, 9, 10
N_FEATURES = 11
REMEDY = "give files of RS3L (rs3l_0.h5, ...)"


def count(view: int, path: Path) -> int:
    """The number of jets in a file; LayoutError if it is not in the format or has no such view."""
    with open_hdf5(path, REMEDY) as file:
        return len(_datasets(file, path, view)[0])


def read(view: int, path: Path, rows: range, size: int) -> Iterator[Jets]:
    """The jets of some rows and one view of a file in blocks of at most `size`, in its order.

    `singletons` (n_jets, n_views, n): the type of the jet in column 0, from 1; `jet_pflow_cands` (n_jets, n_views, 11
    or more, n_candidates), zero where padded: pT (GeV), pT / pT(jet), eta, phi, dR, E (GeV), E / E(jet), charge, PDG
    code, d0, dz (mm). Columns as public code reads the files of arXiv:2403.07066 (load_rs3l of the RODEM group at
    Geneva). The views of a jet have the same id, by which files of several views are matched. pT, axis and mass are
    those of the sum.

    Raises:
        LayoutError: not HDF5, a dataset is missing or has another shape, or there is no such view.
        DataError: NaN, a negative energy, a jet without constituents or of an unknown type.
    """
    with open_hdf5(path, REMEDY) as file:
        jets, candidates = _datasets(file, path, view)
        for span in spans(rows, size):
            kinds, place = jets[span, view, JET_TYPE], Rows(path, CANDIDATES, span.start)
            known = np.isin(kinds, 1 + np.arange(len(CLASSES)))
            Rows(path, JETS, span.start).refuse(f"a type other than 1 to {len(CLASSES)}", ~known)
            values = candidates[span, view, :N_FEATURES].astype(np.float64)
            place.refuse("NaN or infinity", ~np.isfinite(values).all(axis=1))
            yield jets_from_momenta(_momenta(values), kinds.astype(int) - 1, CLASSES, place, values.shape[2])


def count_views(path: Path) -> int:
    """The number of jets in a file, each view counted; LayoutError as for the last of them."""
    return len(VIEW_NAMES) * count(len(VIEW_NAMES) - 1, path)


def read_views(path: Path, rows: range, size: int) -> Iterator[Jets]:
    """Some rows of a file where the views of each jet follow one another, with consecutive ids; else as `read`."""
    n_views = len(VIEW_NAMES)
    for span in spans(rows, size):
        jets = range(span.start // n_views, -(-span.stop // n_views))
        views = [next(read(view, path, jets, len(jets))) for view in range(n_views)]
        block = in_turn([replace(view, view_names=VIEW_NAMES) for view in views])
        first = n_views * jets.start
        ids = Rows(path, CANDIDATES, first).ids(len(block))
        block = replace(block, ids=ids)
        yield replace(block, events=block.hard_ids)[span.start - first : span.stop - first]


def _momenta(values: Array) -> Constituents:
    pt, eta, phi, energy = (values[:, place] for place in (PT, ETA, PHI, ENERGY))
    there = pt > 0
    momenta = np.stack([energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1) * there[..., None]
    further = {"charge": values[:, CHARGE], "identity": identities(values[:, CODE])}
    return constituents_of_padded(momenta, further | {"d0_mm": values[:, D0], "dz_mm": values[:, DZ]})


def _datasets(file: h5py.File, path: Path, view: int) -> tuple[h5py.Dataset, h5py.Dataset]:
    jets = require_dataset(file, path, JETS, (None, None, None), REMEDY)
    candidates = require_dataset(file, path, CANDIDATES, (len(jets), jets.shape[1], None, None), REMEDY)
    if jets.shape[1] <= view:
        raise LayoutError(f"has {jets.shape[1]} views, not number {view}", f"{path}: {JETS}", "import another view")
    if candidates.shape[2] < N_FEATURES:
        what = f"has {candidates.shape[2]} features, not at least {N_FEATURES}"
        raise LayoutError(what, f"{path}: {CANDIDATES}", REMEDY)
    return jets, candidates


REFERENCE = "Harris, Kagan, Krupa, Maier, Woodward, RS3L, doi:10.5281/zenodo.10633814, arXiv:2403.07066"
READERS = {
    name: Reader(partial(count, view), partial(read, view), CLASSES, REFERENCE, every_class=False)
    for view, name in enumerate(VIEWS)
} | {"rs3l_views": Reader(count_views, read_views, CLASSES, REFERENCE, every_class=False)}
