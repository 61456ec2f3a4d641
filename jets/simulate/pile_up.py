"""Pile-up: other proton-proton collisions of the same bunch crossing, laid over a hard event before it is detected."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jets.features import wrapped
from jets.simulate.detector import Array, Candidates, Particles
from jets.simulate.processes import start_minimum_bias
from jets.simulate.record import event_record

POOL = 1000
"""Collisions that are simulated; those of every bunch crossing are drawn from them."""
BEAM_SPOT_MM = 50.0
"""Spread of the collisions along the beam, a standard deviation."""
VERTEX_MM, VERTEX_ERRORS = 1.0, 3.0
"""A track is of the hard collision if its dz is within either: a distance, or that many times its error."""


class PileUp:
    """Inelastic collisions, of which each bunch crossing draws some, each turned about the beam and moved along it."""

    def __init__(self, energy_tev: float, seed: int, reach: float) -> None:
        """Simulate the collisions to draw from; `reach` is how far in (eta, phi) from a hard object they matter.

        Raises:
            ToolNotFound: pythia8mc or awkward is not installed.
        """
        particles, n_made = event_record(start_minimum_bias(energy_tev, seed).nextBatch(POOL)["prt"])
        self._particles = particles[particles.status > 0]
        self._eta, self._phi = self._particles.eta, self._particles.phi
        self._count = np.bincount(self._particles.event, minlength=n_made)
        self._first = np.cumsum(self._count) - self._count
        self._reach = reach

    def near(self, hard: Particles, n_events: int, mean: float, rng: np.random.Generator) -> Particles:
        """Particles of a Poisson number of collisions in each event, those within reach of one of its hard objects."""
        edges = np.searchsorted(hard.event, np.arange(n_events + 1))
        objects = [hard[low:high] for low, high in pairwise(edges)]
        return Particles.joined([self._crossing(event, own, mean, rng) for event, own in enumerate(objects)])

    def _crossing(self, event: int, hard: Particles, mean: float, rng: np.random.Generator) -> Particles:
        drawn = rng.integers(0, len(self._count), rng.poisson(mean))
        count = self._count[drawn]
        collision = np.repeat(np.arange(len(drawn)), count)
        rows = np.arange(len(collision)) + np.repeat(self._first[drawn] - (np.cumsum(count) - count), count)
        turn = rng.uniform(-np.pi, np.pi, len(drawn))[collision]
        shift = rng.normal(0, BEAM_SPOT_MM, len(drawn))[collision]
        near = np.zeros(len(rows), bool)
        for eta, phi in zip(hard.eta, hard.phi, strict=True):
            near |= np.hypot(self._eta[rows] - eta, wrapped(self._phi[rows] + turn - phi)) < self._reach
        return _moved(self._particles[rows[near]], event, turn[near], shift[near])


def of_the_hard_collision(candidates: Candidates) -> NDArray[np.bool_]:
    """(n_candidates,) True for neutral candidates and for tracks that come from z = 0, as far as can be measured."""
    window = np.maximum(VERTEX_MM, VERTEX_ERRORS * candidates.dz_error)
    return np.asarray((candidates.charge == 0) | (np.abs(candidates.dz) < window))


def _moved(particles: Particles, event: int, turn: Array, shift_mm: Array) -> Particles:
    """Particles turned about the beam and shifted along it, in an event of this number."""
    cosine, sine = np.cos(turn), np.sin(turn)
    x, y, z = particles.vertex.T
    return replace(
        particles,
        event=np.full(len(turn), event),
        px=particles.px * cosine - particles.py * sine,
        py=particles.px * sine + particles.py * cosine,
        vertex=np.stack([x * cosine - y * sine, x * sine + y * cosine, z + shift_mm], axis=-1),
    )
