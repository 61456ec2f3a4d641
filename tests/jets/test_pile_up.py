"""Pile-up: as many collisions as asked for, spread along the beam, and of their tracks few are kept."""

from __future__ import annotations

from functools import cache
from unittest import mock

import numpy as np

from jets.features import wrapped
from jets.simulate import pile_up
from jets.simulate.detector import Candidates, Particles
from jets.simulate.pile_up import BEAM_SPOT_MM, PileUp, of_the_hard_collision

N_EVENTS, MEAN, REACH, POOL = 40, 25.0, 1.6, 60


@cache
def pool() -> PileUp:
    with mock.patch.object(pile_up, "POOL", POOL):
        return PileUp(13.0, seed=3, reach=REACH)


def hard(n_events: int) -> Particles:
    """One object an event at eta 0.5, except in the first event."""
    events = np.arange(1, n_events)
    one, zero = np.ones(n_events - 1), np.zeros(n_events - 1)
    return Particles(events, zero + 21, one, 500 * one, zero, 500 * np.sinh(0.5) * one, one, np.zeros((len(events), 3)))


def test_collisions_are_as_many_as_asked_for_and_near_the_hard_objects() -> None:
    added = pool().near(hard(N_EVENTS), N_EVENTS, MEAN, np.random.default_rng(1))
    assert (np.diff(added.event) >= 0).all() and set(added.event) == set(range(1, N_EVENTS))
    assert np.hypot(added.eta - 0.5, wrapped(added.phi)).max() < REACH
    all_of_it = pool()._particles
    inside = (np.abs(all_of_it.eta - 0.5) < 0.2).sum() / POOL / 0.4 * np.pi * REACH**2 / (2 * np.pi)
    per_event = np.bincount(added.event)[1:] / MEAN
    assert abs(per_event.mean() / inside - 1) < 0.3 and per_event.std() > 0.1 * inside


def test_each_collision_is_turned_about_the_beam_and_moved_along_it() -> None:
    added = pool().near(hard(N_EVENTS), N_EVENTS, MEAN, np.random.default_rng(1))
    assert np.isin(added.pt.round(9), pool()._particles.pt.round(9)).mean() > 0.99
    prompt = np.hypot(added.vertex[:, 0], added.vertex[:, 1]) < 0.01
    assert abs(added.vertex[prompt, 2].std() / BEAM_SPOT_MM - 1) < 0.15


def test_without_a_mean_nothing_is_added_and_the_same_seed_adds_the_same() -> None:
    assert len(pool().near(hard(9), 9, 0.0, np.random.default_rng(1)).event) == 0
    first, again, other = (pool().near(hard(9), 9, MEAN, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.px, again.px) and not np.array_equal(first.px[:50], other.px[:50])


def test_tracks_of_other_collisions_are_dropped_unless_their_dz_cannot_tell() -> None:
    dz, error, charge = np.array([[0.9, -40.0, 40.0, 2.0, 2.0], [0.1, 0.1, 0.0, 0.1, 1.0], [1, -1, 0, 1, 1]])
    rest = {name: np.zeros(5) for name in ("event", "pt", "eta", "phi", "mass", "identity", "d0", "d0_error")}
    candidates = Candidates(**rest, charge=charge, dz=dz, dz_error=error)
    assert of_the_hard_collision(candidates).tolist() == [True, False, True, False, True]
