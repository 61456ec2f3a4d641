from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jets.dataset import FOUR_VECTOR, IDENTITY, IMPACT, Jets
from jets.errors import ConfigError, DataError
from jets.features import wrapped
from jets.simulate.detector import Particles, _impact, load_detector
from jets.tracks import LARGEST_SIGNIFICANCE, TRACK_FEATURES, track_features

N_JETS, N_TRACKS = 40, 8
ERROR_MM = 0.05


def displaced(random_jets: Callable[..., Jets], length_mm: float) -> Jets:
    """Jets whose tracks come from one point on the jet's axis, `length_mm` in front of the vertex."""
    jets = random_jets(N_JETS, seed=6)
    eta, phi = (jets.jet(name)[:, None].astype(float) for name in ("eta", "phi"))
    rng = np.random.default_rng(7)
    deta, dphi = rng.uniform(-0.3, 0.3, (2, N_JETS, N_TRACKS))
    pt = -np.sort(-rng.uniform(2, 20, (N_JETS, N_TRACKS)), axis=1)
    momentum = [pt * np.cos(phi + dphi), pt * np.sin(phi + dphi), pt * np.sinh(eta + deta)]
    axis = [np.cos(phi), np.sin(phi), np.sinh(eta)]
    vertex = np.stack([length_mm * np.broadcast_to(part, pt.shape).ravel() for part in axis], axis=-1)
    flat = [part.ravel() for part in momentum]
    n = pt.size
    px, py, pz = flat
    particles = Particles(np.zeros(n, int), np.full(n, 211), np.ones(n), px, py, pz, pt.ravel(), vertex)
    perfect = load_detector("none").tracker
    tracker = replace(perfect, d0_constant_mm=1e-9, dz_constant_mm=1e-9)
    d0, _, dz, _ = (part.reshape(pt.shape) for part in _impact(particles, tracker, rng))
    error = np.full(pt.shape, ERROR_MM)
    charge = np.ones(pt.shape)
    columns = (pt, deta, wrapped(dphi), 0 * pt, charge, charge, d0, error, dz, error)
    constituents = np.stack(columns, axis=-1).astype(np.float32)
    features = FOUR_VECTOR + IDENTITY + IMPACT
    return replace(jets, constituents=constituents, mask=np.ones(pt.shape, bool), constituent_features=features)


@pytest.mark.parametrize("length_mm", [3.0, -3.0])
def test_impact_parameters_have_the_sign_of_the_flight(random_jets: Any, length_mm: float) -> None:
    features, mask = track_features(displaced(random_jets, length_mm), N_TRACKS)
    assert mask.all() and features.shape == (N_JETS, N_TRACKS, len(TRACK_FEATURES))
    right = (np.sign(features[..., :4]) == np.sign(length_mm)).mean(axis=(0, 1))
    assert right[:2].tolist() == [1.0, 1.0] and (right[2:] > 0.9).all()


def test_significance_is_over_the_stored_error_and_cut(random_jets: Any) -> None:
    features, _ = track_features(displaced(random_jets, 1.0), N_TRACKS)
    d0, significance = features[..., 0], features[..., 1]
    expected = np.minimum(d0 / ERROR_MM, LARGEST_SIGNIFICANCE)
    np.testing.assert_allclose(significance, expected, rtol=1e-5)
    assert (significance == LARGEST_SIGNIFICANCE).any() or significance.max() < LARGEST_SIGNIFICANCE


def test_neutral_constituents_are_left_out_and_the_order_stays(random_jets: Any) -> None:
    jets = displaced(random_jets, 1.0)
    charged = np.less(np.random.default_rng(8).random(jets.mask.shape), 0.5)
    constituents = jets.constituents.copy()
    constituents[..., jets.constituent_features.index("charge")] = charged
    jets = replace(jets, constituents=constituents)
    features, mask = track_features(jets, 12)
    assert np.array_equal(mask.sum(axis=1), charged.sum(axis=1)) and (features[~mask] == 0).all()
    shares = jets.feature("pt_gev") / jets.jet("pt_gev")[:, None]
    for jet in range(N_JETS):
        np.testing.assert_allclose(features[jet, mask[jet], 4], shares[jet, charged[jet]], rtol=1e-6)
    assert np.array_equal(track_features(jets, 3)[0], features[:, :3])


def test_jets_without_tracks_are_refused(random_jets: Any) -> None:
    with pytest.raises(DataError, match="no constituent feature 'd0_mm'"):
        track_features(random_jets(5), 15)
    with pytest.raises(ConfigError, match="n_constituents must be at least 1"):
        track_features(displaced(random_jets, 1.0), 0)
