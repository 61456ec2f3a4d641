"""Candidates and hard objects of a batch of events in, matched jets with their constituents out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.features import wrapped
from jets.simulate.detector import Candidates, Particles
from jets.simulation_packages import import_simulation

Array = NDArray[Any]


@dataclass(frozen=True)
class Clustered:
    """Jets of a batch of events, (n_jets,) each, and which candidates they hold.

    `constituent` lists candidates jet by jet, in order of falling pT; jet `i` has `count[i]` of them.
    """

    event: Array
    pt: Array
    eta: Array
    phi: Array
    mass: Array
    count: Array
    constituent: Array

    def __getitem__(self, which: Array) -> Clustered:
        """The jets that a boolean mask selects."""
        kept = np.repeat(which, self.count)
        columns = {name: getattr(self, name)[which] for name in ("event", "pt", "eta", "phi", "mass", "count")}
        return Clustered(**columns, constituent=self.constituent[kept])


def cluster(candidates: Candidates, n_events: int, radius: float, pt_min_gev: float) -> Clustered:
    """The anti-kT jets above `pt_min_gev` (Cacciari, Salam, Soyez, arXiv:0802.1189), by FastJet.

    Raises:
        ToolNotFound: fastjet or awkward is not installed.
    """
    fastjet, awkward = import_simulation("fastjet"), import_simulation("awkward")
    per_event = np.bincount(candidates.event, minlength=n_events)
    pt, eta, phi = candidates.pt, candidates.eta, candidates.phi
    momenta = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    momenta["E"] = np.sqrt((pt * np.cosh(eta)) ** 2 + candidates.mass**2)
    events = awkward.unflatten(awkward.zip(momenta, with_name="Momentum4D"), per_event)
    sequence = fastjet.ClusterSequence(events, fastjet.JetDefinition(fastjet.antikt_algorithm, radius))
    jets, members = sequence.inclusive_jets(pt_min_gev), sequence.constituent_index(pt_min_gev)
    event = np.repeat(np.arange(n_events), awkward.to_numpy(awkward.num(jets, axis=1)))
    px, py, pz, energy = (awkward.to_numpy(awkward.flatten(jets[name])) for name in ("px", "py", "pz", "E"))
    members = awkward.flatten(members, axis=1)
    count = awkward.to_numpy(awkward.num(members, axis=1)).astype(np.int64)
    first = np.cumsum(per_event) - per_event
    constituent = awkward.to_numpy(awkward.flatten(members)) + np.repeat(first[event], count)
    order = np.lexsort((-pt[constituent], np.repeat(np.arange(len(event)), count)))
    jet_pt = np.hypot(px, py)
    return Clustered(
        event=event, pt=jet_pt, eta=np.arcsinh(pz / jet_pt), phi=np.arctan2(py, px),
        mass=np.sqrt(np.maximum(energy**2 - jet_pt**2 - pz**2, 0.0)), count=count, constituent=constituent[order],
    )  # fmt: skip


def matched(jets: Clustered, hard: Particles, n_events: int, distance: float) -> Array:
    """(n_jets,) the row in `hard` of the nearest hard object of the jet's event in (eta, phi); -1 beyond `distance`."""
    per_event = np.bincount(hard.event, minlength=n_events)
    first = np.cumsum(per_event) - per_event
    nearest, smallest = np.full(len(jets.event), -1), np.full(len(jets.event), distance)
    eta, phi = hard.eta, hard.phi
    for k in range(int(per_event.max(initial=0))):
        has = per_event[jets.event] > k
        which = np.where(has, first[jets.event] + k, 0)
        away = np.hypot(eta[which] - jets.eta, wrapped(phi[which] - jets.phi))
        nearer = has & (away < smallest)
        nearest[nearer], smallest[nearer] = which[nearer], away[nearer]
    return nearest


def constituents_of(
    jets: Clustered, candidates: Candidates, impact_parameters: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """All constituents, (n_jets, n_constituents, n_features) in the order of `jets.dataset`, and their mask."""
    jet = np.repeat(np.arange(len(jets.count)), jets.count)
    place = np.arange(len(jet)) - np.repeat(np.cumsum(jets.count) - jets.count, jets.count)
    which = jets.constituent
    columns = [
        candidates.pt[which],
        candidates.eta[which] - jets.eta[jet],
        wrapped(candidates.phi[which] - jets.phi[jet]),
        candidates.mass[which],
        candidates.charge[which],
        candidates.identity[which],
    ]
    if impact_parameters:
        tracks = (candidates.d0, candidates.d0_error, candidates.dz, candidates.dz_error)
        columns += [column[which] for column in tracks]
    width = int(jets.count.max(initial=1))
    padded = np.zeros((len(jets.count), width, len(columns)), np.float32)
    padded[jet, place] = np.stack(columns, axis=-1)
    return padded, np.arange(width) < jets.count[:, None]
