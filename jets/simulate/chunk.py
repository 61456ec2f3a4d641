"""One chunk of jets of one class: the unit that is seeded, stored and resumed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import FOUR_VECTOR, IDENTITY, IMPACT, Jets, concatenate
from jets.errors import ConfigError
from jets.high_level import HIGH_LEVEL_FEATURES, high_level_features
from jets.simulate.cluster import Clustered, cluster, constituents_of, matched
from jets.simulate.config import SimulateConfig
from jets.simulate.detector import Detector, Particles, detect, load_detector
from jets.simulate.processes import PROCESSES, spectrum_settings, start_pythia
from jets.simulation_packages import import_simulation

PT_BINS = 10
EVENTS_PER_BATCH = (100, 500)
MATCH_DISTANCE = 0.75
"""Of the jet radius: how far from its hard object a jet may point."""
PYTHIA_SEEDS = 900_000_000


def simulate_chunk(config: SimulateConfig, name: str, chunk: int, n_jets: int) -> Jets:
    """`n_jets` jets of the class `name`; the same arguments always give the same jets.

    The pT spectrum is made flat by a quota: each of `PT_BINS` equal bins of the window takes the same number of jets,
    in the order in which they are made, and jets of a bin that is full are dropped. Inside a bin nothing is changed.

    Raises:
        ToolNotFound: a package of the simulation is not installed.
        ConfigError: hardly any event has a jet in the window.
    """
    extra = [
        f"Beams:eCM={1000 * config.energy_tev}",
        f"PartonLevel:MPI={'on' if config.multiple_interactions else 'off'}",
    ]
    extra += spectrum_settings(PROCESSES[name], config.pt_gev, config.flatten_pt)
    generator = start_pythia(name, extra, _pythia_seed(config.seed, name, chunk))
    rng, detector = np.random.default_rng(_digest(config.seed, name, chunk)), load_detector(config.detector)
    quota = _Quota(config, n_jets)
    blocks: list[Jets] = []
    n_events = 0
    while quota.missing.any():
        batch = quota.batch_size(n_events)
        jets = _jets_of_batch(config, name, generator, batch, detector, rng)
        blocks.append(jets[quota.take(jets.jet("pt_gev"))])
        n_events += batch
        if _too_many_events(n_events, n_jets):
            raise ConfigError(
                f"too few jets of class {name!r} fall into pt_gev {list(config.pt_gev)}", None, "widen it"
            )
    made = _joined(blocks, config.n_constituents)
    ids = np.uint64(_digest(config.seed, name, chunk)) + np.arange(n_jets, dtype=np.uint64)
    return replace(made, ids=ids)


def _too_many_events(n_events: int, n_jets: int) -> bool:
    return n_events > 50 * n_jets + 20_000


class _Quota:
    """How many jets each pT bin still takes."""

    def __init__(self, config: SimulateConfig, n_jets: int) -> None:
        bins = PT_BINS if config.flatten_pt else 1
        self.edges = np.linspace(*config.pt_gev, bins + 1)
        self.missing = n_jets // bins + (np.arange(bins) < n_jets % bins)
        self._taken = np.zeros(bins, int)

    def take(self, pt: NDArray[Any]) -> NDArray[np.bool_]:
        """(n_jets,) True for the jets that are kept, first come first served."""
        chosen = np.zeros(len(pt), bool)
        index = np.searchsorted(self.edges, pt, side="right") - 1
        for k in range(len(self.missing)):
            here = np.flatnonzero(index == k)
            self._taken[k] += len(here)
            chosen[here[: self.missing[k]]] = True
            self.missing[k] -= min(len(here), self.missing[k])
        return chosen

    def batch_size(self, n_events: int) -> int:
        """Events to make next: enough for the emptiest bin at the rate seen so far."""
        smallest, largest = EVENTS_PER_BATCH
        if n_events == 0:
            return int(np.clip(self.missing.sum(), smallest, largest))
        wanted = (self.missing * n_events / np.maximum(self._taken, 1)).max()
        return int(np.clip(wanted, smallest, largest))


def _jets_of_batch(
    config: SimulateConfig, name: str, generator: Any, n_events: int, detector: Detector, rng: np.random.Generator
) -> Jets:
    particles, n_events = _event_record(generator.nextBatch(n_events)["prt"])
    final = particles[particles.status > 0]
    candidates = detect(final, _charges(final.pdg_id, generator.particleData), detector, rng)
    jets = cluster(candidates, n_events, config.jet_radius, config.pt_gev[0])
    jets = jets[(jets.pt < config.pt_gev[1]) & (np.abs(jets.eta) < config.eta_max)]
    outgoing = np.isin(np.abs(particles.status), (22, 23))
    hard = particles[outgoing & np.isin(np.abs(particles.pdg_id), PROCESSES[name].partons)]
    jets = jets[matched(jets, hard, n_events, MATCH_DISTANCE * config.jet_radius)]
    constituents, mask = constituents_of(jets, candidates, config.impact_parameters)
    block = Jets(
        constituents=constituents, mask=mask, kinematics=_kinematics(jets), classes=config.classes,
        labels=np.full(len(jets.event), config.classes.index(name), np.int16),
        ids=np.zeros(len(jets.event), np.uint64),
        constituent_features=FOUR_VECTOR + IDENTITY + (IMPACT if config.impact_parameters else ()),
    )  # fmt: skip
    if not config.high_level:
        return block
    return replace(block, high_level=high_level_features(block), high_level_features=HIGH_LEVEL_FEATURES)


def _event_record(record: Any) -> tuple[Particles, int]:
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


def _joined(blocks: list[Jets], n_constituents: int) -> Jets:
    """The blocks with exactly `n_constituents` constituents each, cut or padded."""
    return concatenate([block.resized(n_constituents) for block in blocks])


def _digest(seed: int, name: str, chunk: int | str) -> int:
    """64 bits that belong to one chunk alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}/{chunk}".encode(), digest_size=8).digest(), "big")


def _pythia_seed(seed: int, name: str, chunk: int) -> int:
    """A Pythia seed; chunks of one class and seed never share theirs."""
    return 1 + (_digest(seed, name, "first") + chunk) % (PYTHIA_SEEDS - 1)
