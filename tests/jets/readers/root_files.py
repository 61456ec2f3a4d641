"""ROOT trees written as the public files are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward
import numpy as np
import uproot

from jets.readers import jetclass

Branches = dict[str, Any]


def write_tree(path: Path, tree: str, branches: Mapping[str, Any]) -> Path:
    """A file with one tree of numbers and of lists of numbers an entry."""
    with uproot.recreate(path) as file:
        kinds = {
            name: values.type.content if isinstance(values, awkward.Array) else values.dtype
            for name, values in branches.items()
        }
        file.mktree(tree, kinds)
        file[tree].extend(branches)
    return path


def lists(padded: Any, mask: Any, kind: Any = np.float32) -> awkward.Array:
    """The values under a mask, a list an entry."""
    return awkward.unflatten(padded[mask].astype(kind), mask.sum(axis=1))


def jetclass_branches(random_momenta: Callable[..., Any]) -> Branches:
    """Twenty jets, two of each class, with the branches of JetClass that are read and one that is not."""
    momenta = random_momenta(20, 12).astype(np.float32)
    mask, rng = momenta[:, :, 0] > 0, np.random.default_rng(1)
    kind = rng.integers(0, 6, mask.shape)  # 0: none of the five flags
    charged = np.isin(kind, (1, 4, 5))
    found = {f"part_{name}": lists(momenta[:, :, i], mask) for i, name in enumerate(("energy", "px", "py", "pz"))}
    found["part_charge"] = lists(np.where(charged, rng.choice([-1, 1], mask.shape), 0), mask)
    for place, name in enumerate(("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")):
        found[f"part_is{name}"] = lists(kind == place + 1, mask, np.int32)
    for name in ("d0val", "d0err", "dzval", "dzerr"):
        found[f"part_{name}"] = lists(np.where(charged, rng.normal(size=mask.shape), 0), mask)
    for place, name in enumerate(jetclass.CLASSES):
        found[f"label_{name}"] = np.arange(20) % 10 == place
    return found | {"jet_pt": np.ones(20, np.float32)}


def per_event(values: Any, counts: Any, kind: Any = np.float32) -> awkward.Array:
    return awkward.unflatten(np.asarray(values).astype(kind), counts)


def pfnano_branches() -> Branches:
    """Four events with 2, 0, 1 and 2 AK8 jets; the candidates are shuffled, and some belong to no jet."""
    rng = np.random.default_rng(3)
    n_jets, n_candidates = np.array([2, 0, 1, 2]), np.array([30, 5, 20, 40])
    total = n_candidates.sum()
    links = [(event, jet, candidate) for event, jet, candidate in _links(rng, n_jets, n_candidates)]
    event = np.array([link[0] for link in links])
    n_links = np.bincount(event, minlength=4)
    code = rng.choice([211, -211, 130, 22, 11, -13, 1, 2], total)
    charge = np.where(np.isin(np.abs(code), (11, 13)), -np.sign(code), np.where(np.abs(code) == 211, np.sign(code), 0))
    columns = {
        "pt": rng.exponential(20, total) + 1, "eta": rng.normal(0, 1, total), "phi": rng.uniform(-3, 3, total),
        "mass": rng.choice([0.0, 0.1396, -0.002], total), "d0": rng.normal(size=total), "dz": rng.normal(size=total),
        "d0Err": np.where(charge == 0, -1, 0.1), "dzErr": np.where(charge == 0, -1, 0.2),
        "puppiWeight": rng.choice([0.0, 0.5, 1.0], total),
    }  # fmt: skip
    found = {f"PFCands_{name}": per_event(values, n_candidates) for name, values in columns.items()}
    found |= {"PFCands_charge": per_event(charge, n_candidates, np.int32)}
    found |= {"PFCands_pdgId": per_event(code, n_candidates, np.int32)}
    for name, place in (("jetIdx", 1), ("pFCandsIdx", 2)):
        found[f"FatJetPFCands_{name}"] = per_event([link[place] for link in links], n_links, np.int32)
    return found | {"nFatJet": n_jets.astype(np.uint32)}


def _links(rng: np.random.Generator, n_jets: Any, n_candidates: Any) -> list[tuple[int, int, int]]:
    links = []
    for event in range(4):
        owner = rng.integers(-1, n_jets[event], n_candidates[event]) if n_jets[event] else np.full(5, -1)
        here = [(event, int(owner[i]), i) for i in rng.permutation(n_candidates[event]) if owner[i] >= 0]
        links += sorted(here, key=lambda link: rng.random())
    return links
