"""JetClass: ten classes of jets with identities and impact parameters, as ROOT trees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import IDENTITIES, IMPACT, Jets
from jets.readers.momenta import Constituents, Rows, jets_from_momenta, spans
from jets.readers.reader import Reader
from jets.readers.root import Tree, open_tree

Array = NDArray[Any]

TREE = "tree"
CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
LABELS = tuple(f"label_{name}" for name in CLASSES)
MOMENTA = ("part_energy", "part_px", "part_py", "part_pz")
KINDS = {
    "part_isChargedHadron": "charged_hadron",
    "part_isNeutralHadron": "neutral_hadron",
    "part_isPhoton": "photon",
    "part_isElectron": "electron",
    "part_isMuon": "muon",
}
TRACKS = dict(zip(IMPACT, ("part_d0val", "part_d0err", "part_dzval", "part_dzerr"), strict=True))
LISTS = (*MOMENTA, "part_charge", *KINDS, *TRACKS.values())
WIDTH = 128
REMEDY = "give ROOT files of JetClass (HToBB_000.root, ...)"


def count(path: Path) -> int:
    """The number of jets in a file; LayoutError if it is not in the format."""
    with open_tree(path, TREE, REMEDY) as tree:
        tree.require((*LISTS, *LABELS))
        return len(tree)


def read(path: Path, rows: range, size: int) -> Iterator[Jets]:
    """The jets of some rows of a file in blocks of at most `size`, in its order, the hardest `WIDTH` constituents each.

    Branches of the tree `tree`, as in the data configs of github.com/jet-universe/particle_transformer
    (data/JetClass/JetClass_full.yaml): lists `part_px, part_py, part_pz, part_energy` (GeV), `part_charge`, five flags
    `part_is...`, `part_d0val, part_d0err, part_dzval, part_dzerr` (mm), and ten flags `label_...`, numbers or booleans.
    The axis is that of the constituents' sum; `part_deta`, whose sign JetClass turns with that of the jet's eta, is not
    read.

    Raises:
        LayoutError: not ROOT, damaged, no tree, or a branch is missing.
        DataError: NaN, a negative energy, a jet without constituents or not of exactly one class.
    """
    with open_tree(path, TREE, REMEDY) as tree:
        tree.require((*LISTS, *LABELS))
        flags = np.stack([tree.flat(name, rows) for name in LABELS], axis=1) != 0
        Rows(path, TREE, rows.start).refuse(f"not exactly one of {', '.join(LABELS)} set", flags.sum(axis=1) != 1)
        labels, constituents = flags.argmax(axis=1), _constituents(tree, rows)
    for span in spans(range(len(rows)), size):
        place = Rows(path, TREE, rows.start + span.start)
        yield jets_from_momenta(constituents.of_jets(span), labels[span], CLASSES, place, WIDTH)


def _constituents(tree: Tree, rows: range) -> Constituents:
    count, columns = tree.lists(LISTS, rows)
    named = dict(zip(LISTS, columns, strict=True))
    identity = np.zeros(len(columns[0]), np.int8)
    for branch, name in KINDS.items():
        identity[named[branch] != 0] = IDENTITIES.index(name)
    further = {"charge": named["part_charge"], "identity": identity}
    further |= {name: named[branch] for name, branch in TRACKS.items()}
    energy, px, py, pz = (named[name].astype(np.float64) for name in MOMENTA)
    return Constituents(count, (energy, px, py, pz), further)


READER = Reader(
    count, read, CLASSES, "Qu, Li, Qian, JetClass, doi:10.5281/zenodo.6619768, arXiv:2202.03772", (".root",)
)
