"""CMS PFNano: jets of NanoAOD with all their particle-flow candidates, AK8 and AK4."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import IMPACT, Jets
from jets.errors import LayoutError
from jets.readers.momenta import (
    MM_PER_CM,
    PDG_IDENTITIES,
    Constituents,
    Rows,
    identities,
    jets_from_momenta,
    spans,
)  # fmt: skip
from jets.readers.reader import Reader
from jets.readers.root import Tree, open_tree

Array = NDArray[Any]

TREE = "Events"
CLASSES = ("unlabelled",)
CANDIDATES = tuple(f"PFCands_{name}" for name in ("pt", "eta", "phi", "mass", "charge", "pdgId"))
TRACKS = dict(zip(IMPACT, (f"PFCands_{name}" for name in ("d0", "d0Err", "dz", "dzErr")), strict=True))
WEIGHT = "PFCands_puppiWeight"
CODES = PDG_IDENTITIES | {1: "neutral_hadron", 2: "photon"}
WIDTH = 150
EVENTS = 1000
REMEDY = "give files that PFNano wrote (github.com/cms-jet/PFNano)"


def count(jets: str, path: Path) -> int:
    """The number of jets in a file; LayoutError if it is not PFNano."""
    with open_tree(path, TREE, REMEDY) as tree:
        _require(tree, jets)
        return int(_per_event(tree, jets).sum())


def read(jets: str, path: Path, rows: range, size: int) -> Iterator[Jets]:
    """Some of the jets of a file in blocks of at most `size`, event by event, of one class.

    Branches of `Events` (github.com/cms-jet/PFNano): `PFCands_{pt, eta, phi, mass, charge, pdgId, d0, d0Err, dz,
    dzErr}` (GeV, cm), and which jet has which candidate: `FatJetPFCands_{jetIdx, pFCandsIdx}` for AK8,
    `JetPFCands_...` for AK4. AK8 jets are PUPPI jets: momenta are scaled by `PFCands_puppiWeight`. pT, axis and mass
    are those of the candidates' sum, before jet energy corrections; impact parameters of neutral candidates are 0.

    Raises:
        LayoutError: not ROOT, damaged, no tree, a branch is missing, or an index points to nothing.
        DataError: NaN or a jet without constituents.
    """
    with open_tree(path, TREE, REMEDY) as tree:
        _require(tree, jets)
        ends = np.cumsum(_per_event(tree, jets))
        first, last = (int(np.searchsorted(ends, row, side="right")) for row in (rows.start, rows.stop - 1))
        for start in range(first, last + 1, EVENTS):
            events = range(start, min(start + EVENTS, last + 1))
            before = int(ends[start - 1]) if start else 0
            here = range(max(rows.start - before, 0), min(rows.stop, int(ends[events.stop - 1])) - before)
            constituents = _constituents(tree, jets, events)
            for span in spans(here, size):
                place = Rows(path, f"{TREE}: {jets}", before + span.start)
                labels = np.zeros(span.stop - span.start)
                yield jets_from_momenta(constituents.of_jets(span), labels, CLASSES, place, WIDTH)


def _require(tree: Tree, jets: str) -> None:
    links = (f"n{jets}", f"{jets}PFCands_jetIdx", f"{jets}PFCands_pFCandsIdx")
    weight = (WEIGHT,) if _is_puppi(jets) else ()
    if CANDIDATES[0] not in tree.tree:
        what = "is NanoAOD without PFCands, the particle-flow candidates that jets are made of"
        if "PFCand_pt" in tree.tree:
            what += " (its PFCand lists only those of some jets, without charge and impact parameters)"
        raise LayoutError(what, tree.path, REMEDY)
    tree.require((*CANDIDATES, *TRACKS.values(), *weight, *links))


def _is_puppi(jets: str) -> bool:
    return jets == "FatJet"


def _per_event(tree: Tree, jets: str) -> Array:
    return tree.flat(f"n{jets}", range(len(tree))).astype(np.int64)


def _constituents(tree: Tree, jets: str, events: range) -> Constituents:
    """The constituents of all jets of some events."""
    n_jets = tree.flat(f"n{jets}", events).astype(np.int64)
    n_links, (jet, candidate) = tree.lists((f"{jets}PFCands_jetIdx", f"{jets}PFCands_pFCandsIdx"), events)
    names = (*CANDIDATES, *TRACKS.values(), *((WEIGHT,) if _is_puppi(jets) else ()))
    n_candidates, columns = tree.lists(names, events)
    event = np.repeat(np.arange(len(events)), n_links)
    for index, available in ((jet, n_jets), (candidate, n_candidates)):
        if ((index < 0) | (index >= available[event])).any():
            raise LayoutError(f"{jets}PFCands points to a jet or a candidate that is not there", tree.path, REMEDY)
    jet = jet + (np.cumsum(n_jets) - n_jets)[event]
    candidate = candidate + (np.cumsum(n_candidates) - n_candidates)[event]
    order = np.argsort(jet, kind="stable")
    count = np.bincount(jet, minlength=int(n_jets.sum()))
    return _momenta(count, dict(zip(names, (column[candidate[order]] for column in columns), strict=True)))


def _momenta(count: Array, of: dict[str, Array]) -> Constituents:
    pt, eta, phi, mass, charge, code = (of[name].astype(np.float64) for name in CANDIDATES)
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + np.maximum(mass, 0) ** 2)
    weight = of.get(WEIGHT, np.ones_like(pt)).astype(np.float64)
    momenta = (energy * weight, pt * np.cos(phi) * weight, pt * np.sin(phi) * weight, pt * np.sinh(eta) * weight)
    further = {"charge": charge, "identity": identities(code, CODES)}
    further |= {name: of[branch] * MM_PER_CM * (charge != 0) for name, branch in TRACKS.items()}
    return Constituents(count, momenta, further)


REFERENCE = "CMS PFNano, github.com/cms-jet/PFNano"
READERS = {
    name: Reader(partial(count, jets), partial(read, jets), CLASSES, REFERENCE, (".root",))
    for name, jets in (("cms_pfnano", "FatJet"), ("cms_pfnano_ak4", "Jet"))
}
