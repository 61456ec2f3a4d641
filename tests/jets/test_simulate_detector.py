from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from jets.dataset import IDENTITIES
from jets.errors import ConfigError
from jets.simulate.cluster import cluster, constituents_of, matched
from jets.simulate.detector import CARDS, Calorimeter, Particles, detect, load_detector

RNG = np.random.default_rng


def particles(pdg_id: list[int], pt: list[float], eta: list[float], phi: list[float], mass: float = 0.0) -> Particles:
    p, e, f = (np.array(values, float) for values in (pt, eta, phi))
    zero = np.zeros(len(p), int)
    px, py, pz = p * np.cos(f), p * np.sin(f), p * np.sinh(e)
    return Particles(
        event=zero, pdg_id=np.array(pdg_id), status=zero + 1, px=px, py=py, pz=pz,
        energy=np.sqrt(px**2 + py**2 + pz**2 + mass**2), vertex=np.zeros((len(p), 3)),
    )  # fmt: skip


def charge_of(seen: Particles) -> np.ndarray:
    table = {211: 1, -211: -1, 11: -1, 13: -1, 22: 0, 130: 0, 12: 0}
    return np.array([table[int(kind)] for kind in seen.pdg_id], float)


def test_without_a_detector_every_visible_particle_is_seen_as_it_is() -> None:
    truth = particles([211, 22, 130, 11, 13], [5, 4, 3, 2, 1], [0.1, -2.0, 1.0, 0.0, 2.9], [0.1, 1, 2, -3, 3])
    seen = detect(truth, charge_of(truth), load_detector("none"), RNG(1))
    order = np.argsort(-seen.pt)
    np.testing.assert_allclose(seen.pt[order], [5, 4, 3, 2, 1])
    np.testing.assert_allclose(seen.eta[order], [0.1, -2.0, 1.0, 0.0, 2.9])
    np.testing.assert_allclose(seen.phi[order], [0.1, 1, 2, -3, 3])
    names = ["charged_hadron", "photon", "neutral_hadron", "electron", "muon"]
    assert seen.identity[order].tolist() == [IDENTITIES.index(name) for name in names]
    assert seen.charge[order].tolist() == [1, 0, 0, -1, -1]


def test_neutrinos_and_forward_particles_are_never_seen() -> None:
    truth = particles([12, 211, 22], [50, 50, 50], [0.0, 3.5, -4.0], [0, 1, 2])
    assert len(detect(truth, charge_of(truth), load_detector("none"), RNG(1)).pt) == 0


def test_photons_in_one_cell_become_one_with_the_sum_of_their_energies() -> None:
    card = replace(load_detector("none"), electromagnetic=Calorimeter(0.1, 0.0, 0.0, 0.0, 0.0, 0.0))
    truth = particles([22, 22, 22], [10, 30, 5], [0.01, 0.03, 0.55], [0.02, 0.02, 0.02])
    seen = detect(truth, charge_of(truth), card, RNG(1))
    energy = np.sort(seen.pt * np.cosh(seen.eta))
    np.testing.assert_allclose(energy, np.sort([5 * np.cosh(0.55), truth.energy[:2].sum()]))


def test_cells_below_threshold_are_dropped() -> None:
    card = replace(load_detector("none"), electromagnetic=Calorimeter(0.0, 0.0, 0.0, 0.0, 0.0, 2.0))
    truth = particles([22, 22], [1.0, 3.0], [0, 0], [0, 1])
    assert detect(truth, charge_of(truth), card, RNG(1)).pt.tolist() == pytest.approx([3.0])


def test_lost_tracks_are_measured_by_a_calorimeter_except_muons() -> None:
    none = load_detector("none")
    blind = replace(none.tracker, efficiency=(0.0, 0.0), soft_efficiency=(0.0, 0.0), muon_efficiency=(0.0, 0.0))
    truth = particles([211, 11, 13], [10, 20, 30], [0, 0, 0], [0, 1, 2])
    seen = detect(truth, charge_of(truth), replace(none, tracker=blind), RNG(1))
    found = sorted(zip(seen.pt.round(6).tolist(), (IDENTITIES[k] for k in seen.identity), strict=True))
    assert found == [(10, "neutral_hadron"), (20, "photon")]
    assert (seen.charge == 0).all()


def test_tracking_efficiency_and_resolution_are_those_of_the_card() -> None:
    card, n = load_detector("cms"), 40_000
    truth = particles([211] * n, [100.0] * n, [0.0] * n, np.linspace(-3, 3, n).tolist())
    seen = detect(truth, charge_of(truth), card, RNG(3))
    tracks = seen.charge != 0
    efficiency = card.tracker.efficiency[0]
    assert tracks.sum() / n == pytest.approx(efficiency, abs=4 * np.sqrt(efficiency * (1 - efficiency) / n))
    expected = np.hypot(card.tracker.pt_constant[0], card.tracker.pt_per_gev * 100)
    assert seen.pt[tracks].std() / 100 == pytest.approx(expected, rel=4 / np.sqrt(2 * n))


def test_calorimeter_resolution_is_that_of_the_card() -> None:
    card, n = replace(load_detector("none"), hadronic=Calorimeter(0.0, 0.0, 0.5, 1.0, 0.03, 0.0)), 40_000
    truth = particles([130] * n, [100.0] * n, [0.0] * n, np.linspace(-3, 3, n).tolist())
    seen = detect(truth, charge_of(truth), card, RNG(4))
    assert seen.pt.std() == pytest.approx(np.sqrt(0.5**2 * 100 + 1 + 3**2), rel=4 / np.sqrt(2 * n))


def test_impact_parameters_are_those_of_a_straight_line() -> None:
    truth = particles([211], [10.0], [1.0], [np.pi / 2])
    truth = replace(truth, vertex=np.array([[2.0, 0.5, 3.0]]))
    seen = detect(truth, charge_of(truth), load_detector("none"), RNG(1))
    assert seen.d0[0] == pytest.approx(2.0, abs=0.02)
    assert seen.dz[0] == pytest.approx(3.0 - 0.5 * np.sinh(1.0), abs=0.02)


def test_every_packaged_card_loads() -> None:
    assert {card.stem for card in CARDS.glob("*.yaml")} == {"none", "light", "cms"}
    for card in CARDS.glob("*.yaml"):
        assert load_detector(card.stem).description


def test_an_unknown_key_of_a_card_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    card = yaml.safe_load((CARDS / "light.yaml").read_text())
    card["tracker"]["effciency"] = card["tracker"].pop("efficiency")
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(card))
    with pytest.raises(ConfigError, match="did you mean 'efficiency'"):
        load_detector(str(path))


def test_numbers_out_of_range_in_a_card_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    for part, key, value in (("tracker", "efficiency", [1.2, 0.9]), ("hadronic", "stochastic", -1.0)):
        card = yaml.safe_load((CARDS / "light.yaml").read_text())
        card[part][key] = value
        path.write_text(yaml.safe_dump(card))
        with pytest.raises(ConfigError, match=key):
            load_detector(str(path))


def test_nearby_particles_make_one_jet_with_their_momentum() -> None:
    truth = particles([211, 22, 211], [600, 300, 500], [0.0, 0.2, 0.5], [0.0, 0.1, 3.0])
    seen = detect(truth, charge_of(truth), load_detector("none"), RNG(1))
    jets = cluster(seen, 1, 0.8, 100.0)
    first = int(np.argmax(jets.pt))
    assert sorted(jets.count.tolist()) == [1, 2]
    total = np.hypot(truth.px[:2].sum(), truth.py[:2].sum())
    assert jets.pt[first] == pytest.approx(total, rel=1e-6)
    constituents, mask = constituents_of(jets, seen, impact_parameters=False)
    assert mask.sum() == 3 and constituents.shape == (2, 2, 6)
    np.testing.assert_allclose(constituents[first, :, 0], [600, 300], rtol=1e-6)


def test_matching_equals_a_loop_over_jets_and_hard_objects() -> None:
    rng, n_events = RNG(5), 30
    n = 400
    events = np.sort(rng.integers(0, n_events, n))
    pt, eta, phi = (rng.uniform(low, high, n).tolist() for low, high in ((1, 300), (-2, 2), (-3, 3)))
    truth = replace(particles([22] * n, pt, eta, phi), event=events)
    seen = detect(truth, np.zeros(n), load_detector("none"), RNG(1))
    jets = cluster(seen, n_events, 0.8, 50.0)
    hard = truth[truth.pt > 200]
    expected = []
    for event, eta, phi in zip(jets.event, jets.eta, jets.phi, strict=True):
        turn = np.abs(hard.phi - phi)
        distance = np.hypot(hard.eta - eta, np.minimum(turn, 2 * np.pi - turn))
        distance[hard.event != event] = np.inf
        expected.append(int(distance.argmin()) if distance.min() < 0.4 else -1)
    found = matched(jets, hard, n_events, 0.4)
    assert found.tolist() == expected and 0 < (found >= 0).sum() < len(found)
