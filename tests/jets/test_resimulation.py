"""Re-simulated jets: the views of one hard parton are of the same parton, and of another shower."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jets.dataset import Jets, JetsFile, JetsWriter
from jets.features import wrapped
from jets.simulate import SimulateConfig, chunk, pile_up
from jets.simulate.batch import Reconstruction
from jets.simulate.chunk import simulate_chunk
from jets.simulate.detector import Particles
from jets.simulate.processes import start_pythia
from jets.simulate.views import SHOWERS
from jets.splits import SPLITS

CONFIG = SimulateConfig(classes=("g",), views=("fsr_down", "fsr_up"), pt_gev=(900.0, 1100.0))
N_JETS = 60


@cache
def jets() -> Jets:
    return simulate_chunk(CONFIG, "g", 0, N_JETS)


def view(name: str) -> Jets:
    return jets()[jets().view_rows()[:, jets().view_names.index(name)]]


def test_each_hard_parton_has_a_jet_in_every_view_next_to_one_another() -> None:
    assert jets().view_names == ("nominal", "fsr_down", "fsr_up") and len(jets()) == 3 * N_JETS
    assert jets().view_rows().tolist() == np.arange(3 * N_JETS).reshape(-1, 3).tolist()
    assert len(set(jets().ids.tolist())) == 3 * N_JETS
    assert np.array_equal(jets().hard_ids, np.repeat(view("nominal").ids, 3))


def test_the_views_of_a_jet_are_of_the_same_parton_but_of_other_showers() -> None:
    nominal = view("nominal")
    for name in CONFIG.views:
        other = view(name)
        away = np.hypot(other.jet("eta") - nominal.jet("eta"), wrapped(other.jet("phi") - nominal.jet("phi")))
        assert np.median(away) < 0.2 and away.max() < 2 * 0.75 * CONFIG.jet_radius
        mixed = np.hypot(away, wrapped(other.jet("phi") - np.roll(nominal.jet("phi"), 1)))
        assert np.median(mixed) > 0.5
        assert not set(other.jet("mass_gev").tolist()) & set(nominal.jet("mass_gev").tolist())


def test_the_first_view_alone_is_selected_and_flat_in_pt() -> None:
    counts, _ = np.histogram(view("nominal").jet("pt_gev"), np.linspace(900, 1100, 11))
    assert counts.tolist() == [6] * 10
    assert not (abs(view("fsr_up").jet("pt_gev") - 1000) < 100).all()


def test_a_lower_scale_radiates_more() -> None:
    more, less = (view(name).jet("n_constituents").astype(float) for name in CONFIG.views)
    difference = more - less
    assert difference.mean() > 2 * difference.std() / np.sqrt(N_JETS) > 0


def test_every_view_begins_with_the_same_hard_partons(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Particles, Particles]] = []
    real = Reconstruction.jets

    def spy(
        self: Reconstruction, particles: Particles, n_events: int, hard: Particles, *rest: Any, **named: Any
    ) -> Any:
        seen.append((particles, hard))
        return real(self, particles, n_events, hard, *rest, **named)

    monkeypatch.setattr(Reconstruction, "jets", spy)
    monkeypatch.setattr(chunk, "EVENTS_PER_BATCH", (12, 12))
    simulate_chunk(replace(CONFIG, views=("vincia",), flatten_pt=False), "g", 0, 2)
    assert len(seen) % 2 == 0 and {len(hard.px) for _, hard in seen} == {24}
    for particles, hard in seen:
        first = particles[np.abs(particles.status) == 23]
        assert np.array_equal(first.event, hard.event)
        for name in ("px", "py", "pz", "energy"):
            np.testing.assert_allclose(getattr(first, name), getattr(hard, name), rtol=0, atol=1e-6)


def test_only_the_detector_and_the_pile_up_differ_where_a_view_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a card that measures everything as it is, such views are equal bit for bit unless something is added."""
    seen: list[Particles] = []
    real = Reconstruction.jets

    def spy(self: Reconstruction, particles: Particles, *rest: Any) -> Any:
        seen.append(particles)
        return real(self, particles, *rest)

    monkeypatch.setattr(Reconstruction, "jets", spy)
    monkeypatch.setattr(pile_up, "POOL", 40)
    monkeypatch.setattr(chunk, "EVENTS_PER_BATCH", (25, 25))
    names = ("detector_none", "detector_cms", "pile_up_0", "pile_up_30", "seed")
    config = replace(CONFIG, views=names, detector="none", flatten_pt=False, n_constituents=300)
    made = simulate_chunk(config, "g", 0, 15)
    for nominal, *others, showered in zip(*[iter(seen)] * 6, strict=True):
        assert all(particles is nominal for particles in others) and showered is not nominal
    first, same, cms, none_added, crowded, seed = (made[rows] for rows in made.view_rows().T)
    for view in (same, none_added):
        assert np.array_equal(view.constituents, first.constituents)
        assert np.array_equal(view.kinematics, first.kinematics)
    for view, largest in ((cms, 0.05), (crowded, 0.15), (seed, 1.0)):
        assert 0 < np.abs(view.jet("pt_gev") / first.jet("pt_gev") - 1).mean() < largest
        assert not np.array_equal(view.constituents, first.constituents)
    assert np.abs(cms.jet("pt_gev") / first.jet("pt_gev") - 1).mean() < 0.05
    charged = [(view.feature("charge") != 0).sum(axis=1) for view in (first, crowded)]
    neutral = [view.mask.sum(axis=1) - tracks for view, tracks in zip((first, crowded), charged, strict=True)]
    assert (neutral[1] > neutral[0] + 10).all() and np.abs(charged[1] - charged[0]).mean() < 3


def test_the_same_chunk_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "EVENTS_PER_BATCH", (12, 12))
    config = replace(CONFIG, views=("seed",), flatten_pt=False)
    first, again = (simulate_chunk(config, "g", 3, 5) for _ in range(2))
    assert np.array_equal(first.constituents, again.constituents) and np.array_equal(first.ids, again.ids)
    assert not np.array_equal(first.constituents, simulate_chunk(config, "g", 4, 5).constituents)


def test_every_view_has_settings_that_pythia_knows(capfd: pytest.CaptureFixture[str]) -> None:
    for settings in SHOWERS.values():
        start_pythia("g", [*settings, "PartonLevel:all=off"], seed=1)
    assert capfd.readouterr() == ("", "")


def test_all_views_of_a_hard_event_are_in_one_split(tmp_path: Path) -> None:
    with JetsWriter(tmp_path / "jets.h5") as writer:
        writer.append(jets())
    file = JetsFile(tmp_path / "jets.h5")
    file.verify()
    splits = [file.read(name) for name in SPLITS]
    assert sum(map(len, splits)) == len(jets()) and file.view_names == jets().view_names
    events = [set(part.events.tolist()) for part in splits if part.events is not None]
    assert len(events) == 3 and len(set.union(*events)) == sum(map(len, events)) < N_JETS
