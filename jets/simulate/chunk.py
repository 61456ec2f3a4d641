"""One chunk of jets of one class: the unit that is seeded, stored and resumed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets, concatenate, in_turn
from jets.errors import ConfigError
from jets.simulate.batch import Reconstruction
from jets.simulate.config import SimulateConfig
from jets.simulate.pile_up import PileUp
from jets.simulate.processes import PROCESSES, start_pythia
from jets.simulate.record import event_record
from jets.simulate.resimulation import Resimulation

PT_BINS = 10
EVENTS_PER_BATCH = (100, 500)
CROSSINGS_PER_BATCH = 100
"""Where there is pile-up, whose particles are many."""
PYTHIA_SEEDS = 900_000_000
PILE_UP_REACH = 2.0
"""In jet radii: more than a jet holds that is matched to a hard object."""


def simulate_chunk(config: SimulateConfig, name: str, chunk: int, n_jets: int) -> Jets:
    """`n_jets` jets of the class `name` in every view; the same arguments always give the same jets.

    The pT spectrum is made flat by a quota: each of `PT_BINS` equal bins of the window takes the same number of jets,
    in the order in which they are made, and jets of a bin that is full are dropped. Inside a bin nothing is changed.
    With several views this is so in the first one, and the views of a jet follow one another.

    Raises:
        ToolNotFound: a package of the simulation is not installed.
        ConfigError: hardly any event has a jet in the window.
    """
    source = _source(config, name, chunk)
    quota = _Quota(config, n_jets)
    first_id = np.uint64(_digest(config.seed, name, chunk))
    blocks: list[Jets] = []
    n_events = 0
    most = CROSSINGS_PER_BATCH if any(view.pile_up for view in config.simulations) else EVENTS_PER_BATCH[1]
    while quota.missing.any():
        batch = min(quota.batch_size(n_events), most)
        views = source.make(batch)
        kept = quota.take(views[0].jet("pt_gev"))
        block = in_turn([view[kept].resized(config.n_constituents) for view in views])
        assert block.events is not None
        blocks.append(replace(block, events=first_id + np.uint64(n_events) + block.events))
        n_events += batch
        if _too_many_events(n_events, n_jets):
            raise ConfigError(
                f"too few jets of class {name!r} fall into pt_gev {list(config.pt_gev)}", None, "widen it"
            )
    made = concatenate(blocks)
    return replace(made, ids=first_id + np.arange(len(made), dtype=np.uint64))


def _source(config: SimulateConfig, name: str, chunk: int) -> _Simulation | Resimulation:
    rng = np.random.default_rng(_digest(config.seed, name, chunk))
    views, pile_up = config.simulations, None
    if any(view.pile_up for view in views):
        seed = _pythia_seed(config.seed, f"{name}/pile-up", chunk)
        pile_up = PileUp(config.energy_tev, seed, PILE_UP_REACH * config.jet_radius)
    reconstructions = [Reconstruction(config, name, view, rng, pile_up) for view in views]
    seed = _pythia_seed(config.seed, name, chunk)
    if not config.views:
        return _Simulation(reconstructions[0], seed)
    seeds = [_pythia_seed(config.seed, f"{name}/{view.name}", chunk) for view in views]
    return Resimulation(reconstructions, seed, seeds)


class _Simulation:
    """Events that are simulated once, from beginning to end."""

    def __init__(self, reconstruction: Reconstruction, seed: int) -> None:
        self._reconstruction = reconstruction
        settings = [*reconstruction.hard_settings, *reconstruction.shower_settings]
        self._generator = start_pythia(reconstruction.name, settings, seed)

    def make(self, n_events: int) -> list[Jets]:
        """The jets of the next events in their only view, without ids, `events` counted from 0."""
        particles, n_made = event_record(self._generator.nextBatch(n_events)["prt"])
        outgoing = np.isin(np.abs(particles.status), (22, 23))
        partons = PROCESSES[self._reconstruction.name].partons
        hard = particles[outgoing & np.isin(np.abs(particles.pdg_id), partons)]
        return [self._reconstruction.jets(particles, n_made, hard, self._generator.particleData)[0]]


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


def _digest(seed: int, name: str, chunk: int | str) -> int:
    """64 bits that belong to one chunk alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}/{chunk}".encode(), digest_size=8).digest(), "big")


def _pythia_seed(seed: int, name: str, chunk: int) -> int:
    """A Pythia seed; chunks of one class and seed never share theirs."""
    return 1 + (_digest(seed, name, "first") + chunk) % (PYTHIA_SEEDS - 1)
