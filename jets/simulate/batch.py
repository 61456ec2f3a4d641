"""A batch of events as Pythia hands it over, and the jets that are found in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import FOUR_VECTOR, IDENTITY, IMPACT, Jets
from jets.high_level import HIGH_LEVEL_FEATURES, high_level_features
from jets.simulate.cluster import Clustered, cluster, constituents_of, matched
from jets.simulate.config import SimulateConfig
from jets.simulate.detector import Detector, Particles, detect
from jets.simulate.processes import PROCESSES, spectrum_settings
from jets.simulation_packages import import_simulation

MATCH_DISTANCE = 0.75
"""Of the jet radius: how far from its hard object a jet may point."""


@dataclass(frozen=True)
class Reconstruction:
    """From the particles of a batch to jets of one class: detector, clustering and matching."""

    config: SimulateConfig
    name: str
    detector: Detector
    rng: np.random.Generator

    @property
    def shower_settings(self) -> list[str]:
        """Settings of Pythia for what follows the hard process."""
        return [f"PartonLevel:MPI={'on' if self.config.multiple_interactions else 'off'}"]

    @property
    def hard_settings(self) -> list[str]:
        """Settings of Pythia for the hard process, other than the process itself."""
        config = self.config
        spectrum = spectrum_settings(PROCESSES[self.name], config.pt_gev, config.flatten_pt)
        return [f"Beams:eCM={1000 * config.energy_tev}", *spectrum]

    def jets(
        self, particles: Particles, n_events: int, hard: Particles, particle_data: Any, in_window: bool = True
    ) -> tuple[Jets, NDArray[Any]]:
        """The matched jets, without ids, and for each the row in `hard` of the object that it is of.

        With `in_window` those in the windows of pT and eta, else all above half the lower pT.
        """
        config = self.config
        final = particles[particles.status > 0]
        candidates = detect(final, _charges(final.pdg_id, particle_data), self.detector, self.rng)
        low, high = config.pt_gev
        found = cluster(candidates, n_events, config.jet_radius, low if in_window else low / 2)
        if in_window:
            found = found[(found.pt < high) & (np.abs(found.eta) < config.eta_max)]
        places = matched(found, hard, n_events, MATCH_DISTANCE * config.jet_radius)
        found, places = found[places >= 0], places[places >= 0]
        constituents, mask = constituents_of(found, candidates, config.impact_parameters)
        block = Jets(
            constituents=constituents, mask=mask, kinematics=_kinematics(found), classes=config.classes,
            labels=np.full(len(places), config.classes.index(self.name), np.int16),
            ids=np.zeros(len(places), np.uint64), events=found.event.astype(np.uint64), view_names=config.view_names,
            constituent_features=FOUR_VECTOR + IDENTITY + (IMPACT if config.impact_parameters else ()),
        )  # fmt: skip
        if config.high_level:
            block = replace(block, high_level=high_level_features(block), high_level_features=HIGH_LEVEL_FEATURES)
        return block, places


def event_record(record: Any) -> tuple[Particles, int]:
    """The particles of a batch as flat columns, and the number of events."""
    awkward = import_simulation("awkward")
    per_event = awkward.to_numpy(awkward.num(record, axis=1))
    flat = awkward.flatten(record, axis=1)
    vertex = flat["vProd"]
    momentum = {name: awkward.to_numpy(flat["p"][key]) for name, key in _MOMENTUM.items()}
    return Particles(
        event=np.repeat(np.arange(len(per_event)), per_event),
        pdg_id=awkward.to_numpy(flat["id"]),
        status=awkward.to_numpy(flat["status"]),
        vertex=np.stack(
            [awkward.to_numpy(awkward.fill_none(vertex[axis], 0.0)) for axis in ("px", "py", "pz")], axis=-1
        ),
        **momentum,
    ), len(per_event)


_MOMENTUM = {"px": "px", "py": "py", "pz": "pz", "energy": "e"}


def _charges(pdg_id: NDArray[Any], particle_data: Any) -> NDArray[Any]:
    kinds, inverse = np.unique(pdg_id, return_inverse=True)
    return np.array([round(particle_data.charge(int(kind))) for kind in kinds], float)[inverse]


def _kinematics(jets: Clustered) -> NDArray[np.float32]:
    return np.stack([jets.pt, jets.eta, jets.phi, jets.mass, jets.count], axis=-1).astype(np.float32)
