"""The jets that are found in a batch of events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import FOUR_VECTOR, IDENTITY, IMPACT, Jets
from jets.high_level import HIGH_LEVEL_FEATURES, high_level_features
from jets.simulate.cluster import Clustered, cluster, constituents_of, matched
from jets.simulate.config import SimulateConfig
from jets.simulate.detector import Candidates, Particles, detect
from jets.simulate.pile_up import PileUp, of_the_hard_collision
from jets.simulate.processes import PROCESSES, spectrum_settings
from jets.simulate.views import View

MATCH_DISTANCE = 0.75
"""Of the jet radius: how far from its hard object a jet may point."""


@dataclass(frozen=True)
class Reconstruction:
    """From the particles of a batch to jets of one class in one view: pile-up, detector, clustering and matching."""

    config: SimulateConfig
    name: str
    view: View
    rng: np.random.Generator
    pile_up: PileUp | None = None

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
        candidates = self._candidates(particles[particles.status > 0], n_events, hard, particle_data)
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

    def _candidates(self, final: Particles, n_events: int, hard: Particles, particle_data: Any) -> Candidates:
        """What the detector sees of the events, with their pile-up where there is any."""
        if self.pile_up is not None and self.view.pile_up:
            final = Particles.joined([final, self.pile_up.near(hard, n_events, self.view.pile_up, self.rng)])
        candidates = detect(final, _charges(final.pdg_id, particle_data), self.view.detector, self.rng)
        return candidates[of_the_hard_collision(candidates)] if self.view.pile_up else candidates


def _charges(pdg_id: NDArray[Any], particle_data: Any) -> NDArray[Any]:
    kinds, inverse = np.unique(pdg_id, return_inverse=True)
    return np.array([round(particle_data.charge(int(kind))) for kind in kinds], float)[inverse]


def _kinematics(jets: Clustered) -> NDArray[np.float32]:
    return np.stack([jets.pt, jets.eta, jets.phi, jets.mass, jets.count], axis=-1).astype(np.float32)
