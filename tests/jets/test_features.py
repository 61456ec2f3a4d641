import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jets.dataset import FOUR_VECTOR, Jets
from jets.errors import ConfigError, DataError
from jets.features import OFFSET_STEP, SIX_FEATURES, PowerOfTwoScaling, particle_id, principal_rotation, six_features

MakeJets = Callable[..., Jets]


def column(features: Any, name: str) -> Any:
    return features[:, :, SIX_FEATURES.index(name)]


def rotated(jets: Jets, angle: float) -> Jets:
    constituents = jets.constituents.copy()
    deta, dphi = jets.feature("deta").astype(float), jets.feature("dphi").astype(float)
    constituents[:, :, 1] = np.cos(angle) * deta - np.sin(angle) * dphi
    constituents[:, :, 2] = np.sin(angle) * deta + np.cos(angle) * dphi
    return replace(jets, constituents=constituents)


def test_features_of_a_jet_worked_out_by_hand() -> None:
    constituents = np.zeros((1, 3, 6), np.float32)
    constituents[0, 0] = (300, 0.1, 0.0, 0.0, 1, 1)
    constituents[0, 1] = (100, -0.3, 0.0, 100.0, -1, 5)
    kinematics = np.array([[400, 0.5, 1.0, 80.0, 2]], np.float32)
    labels, ids = np.zeros(1, np.int16), np.zeros(1, np.uint64)
    jets = Jets(constituents, np.array([[True, True, False]]), kinematics, labels, ids, ("QCD",))
    features = six_features(jets, 4)
    assert features.shape == (1, 4, 6) and features.dtype == np.float32
    jet_energy = np.sqrt((400 * np.cosh(0.5)) ** 2 + 80**2)
    energies = [300 * np.cosh(0.6), np.sqrt((100 * np.cosh(0.2)) ** 2 + 100**2)]
    expected = [
        (0.75, -0.1, 0.0, energies[0] / jet_energy, 0.1, 1.0),
        (0.25, 0.3, 0.0, energies[1] / jet_energy, 0.3, -5.0),
    ]
    assert features[0, :2] == pytest.approx(np.array(expected), rel=1e-6, abs=1e-7)
    assert (features[0, 2:] == 0).all()


@pytest.mark.parametrize("angle", [0.3, 1.5, 3.0, -2.0])
def test_a_jet_rotated_about_its_axis_has_the_same_features(random_jets: MakeJets, angle: float) -> None:
    jets = random_jets(500)
    before, after = six_features(jets, 8), six_features(rotated(jets, angle), 8)
    names = [name for name in SIX_FEATURES if name != "energy_rel"]  # E depends on eta, not on deta alone
    for name in names:
        assert column(after, name) == pytest.approx(column(before, name), abs=2e-5), name


def test_the_principal_axis_lies_along_positive_eta(random_jets: MakeJets) -> None:
    jets = random_jets(500)
    pt = jets.feature("pt_gev").astype(float)
    features = six_features(jets, 8).astype(float)
    eta, phi = column(features, "eta_rot"), column(features, "phi_rot")
    assert (pt * eta * phi).sum(axis=1) == pytest.approx(0, abs=1e-4)
    assert ((pt * eta**2).sum(axis=1) >= (pt * phi**2).sum(axis=1) - 1e-4).all()
    assert ((pt * eta**3).sum(axis=1) >= -1e-4).all()


def test_rotation_keeps_distances_and_orientation(random_jets: MakeJets) -> None:
    jets = random_jets(200)
    pt, deta, dphi = (jets.feature(name).astype(float) for name in ("pt_gev", "deta", "dphi"))
    eta, phi = principal_rotation(pt, deta, dphi)
    assert np.hypot(eta, phi) == pytest.approx(np.hypot(deta, dphi))
    before = deta[:, :-1] * dphi[:, 1:] - deta[:, 1:] * dphi[:, :-1]
    assert eta[:, :-1] * phi[:, 1:] - eta[:, 1:] * phi[:, :-1] == pytest.approx(before)


def test_features_lie_in_their_ranges_and_are_zero_where_padded(random_jets: MakeJets) -> None:
    jets = random_jets(500)
    features = six_features(jets, 8)
    assert (features[~jets.mask] == 0).all()
    assert (column(features, "pt_rel")[jets.mask] > 0).all()
    assert column(features, "pt_rel").sum(axis=1) == pytest.approx(1, rel=1e-5)
    assert (column(features, "energy_rel")[jets.mask] > 0).all()
    assert (np.abs(column(features, "particle_id")) <= 5).all()
    assert column(features, "delta_r") == pytest.approx(
        np.hypot(column(features, "eta_rot"), column(features, "phi_rot")), abs=1e-6
    )


def test_what_a_padded_place_holds_does_not_matter(random_jets: MakeJets) -> None:
    jets = random_jets(100)
    dirty = replace(jets, constituents=np.where(jets.mask[:, :, None], jets.constituents, np.float32(7)))
    assert np.array_equal(six_features(jets, 8), six_features(dirty, 8))


def test_the_first_constituents_do_not_depend_on_how_many_are_asked_for(random_jets: MakeJets) -> None:
    jets = random_jets(100)
    assert np.array_equal(six_features(jets, 3), six_features(jets, 8)[:, :3])
    longer = six_features(jets, 20)
    assert np.array_equal(longer[:, :8], six_features(jets, 8))
    assert (longer[:, 8:] == 0).all()


def test_a_lone_constituent_on_the_axis_is_finite() -> None:
    constituents = np.array([[[100, 0, 0, 0, 0, 0]]], np.float32)
    one = np.zeros(1, np.int16), np.zeros(1, np.uint64)
    jets = Jets(constituents, np.ones((1, 1), bool), np.array([[100, 2, 0, 0, 1]], np.float32), *one, ("QCD",))
    assert six_features(jets, 1)[0, 0] == pytest.approx([1, 0, 0, 1, 0, 0])


def test_jets_without_identities_have_particle_id_zero(random_jets: MakeJets) -> None:
    jets = random_jets(20)
    bare = replace(jets, constituents=jets.constituents[:, :, :4], constituent_features=FOUR_VECTOR)
    assert (particle_id(bare) == 0).all()
    assert np.array_equal(six_features(bare, 8)[:, :, :5], six_features(jets, 8)[:, :, :5])
    neutral = replace(
        jets,
        constituents=jets.constituents[:, :, [0, 1, 2, 3, 5]],
        constituent_features=(*FOUR_VECTOR, "identity"),
    )
    assert np.array_equal(particle_id(neutral), jets.feature("identity"))


@pytest.mark.parametrize("n", [0, -1])
def test_no_constituents_are_a_config_error(random_jets: MakeJets, n: int) -> None:
    with pytest.raises(ConfigError, match="n_constituents must be at least 1"):
        six_features(random_jets(), n)


def sample(rng: np.random.Generator, width: Any, centre: Any, n: int = 5000) -> tuple[Any, Any]:
    x = rng.normal(centre, width, (n, 10, len(width)))
    return x, np.arange(10) < rng.integers(1, 11, n)[:, None]


def test_fitted_features_have_a_width_near_one_and_a_median_near_zero() -> None:
    width, centre = np.array([1e-3, 0.04, 0.5, 3.0, 200.0]), np.array([0.0, 0.3, -0.5, 100.0, 0.0])
    x, mask = sample(np.random.default_rng(0), width, centre)
    scaled = PowerOfTwoScaling.fit(x, mask).apply(x, mask)[mask]
    assert (scaled.std(axis=0) < 2**0.5 + 0.05).all() and (scaled.std(axis=0) > 2**-0.5 - 0.05).all()
    assert (np.abs(np.median(scaled, axis=0)) < 0.1).all()


def test_a_few_very_hard_constituents_do_not_change_the_exponent() -> None:
    x, mask = sample(np.random.default_rng(0), np.array([0.05]), np.array([0.1]))
    hard = x.copy()
    hard[::500] *= 1e4
    assert PowerOfTwoScaling.fit(x, mask).exponent == PowerOfTwoScaling.fit(hard, mask).exponent


def test_a_constant_feature_is_only_shifted() -> None:
    x, mask = np.full((10, 4, 2), [3.0, 0.0]), np.ones((10, 4), bool)
    assert PowerOfTwoScaling.fit(x, mask) == PowerOfTwoScaling((3.0, 0.0), (0, 0))


def test_what_is_padded_does_not_enter_the_fit_and_stays_zero() -> None:
    x, mask = sample(np.random.default_rng(0), np.array([0.05, 2.0]), np.array([0.5, -3.0]))
    dirty = np.where(mask[:, :, None], x, 1e6)
    scaling = PowerOfTwoScaling.fit(x, mask)
    assert PowerOfTwoScaling.fit(dirty, mask) == scaling
    scaled = scaling.apply(dirty.astype(np.float32), mask)
    assert scaled.dtype == np.float32
    assert (scaled[~mask] == 0).all() and not np.signbit(scaled[~mask]).any()


@given(
    st.lists(st.tuples(st.integers(-(2**20), 2**20), st.integers(-15, 15)), min_size=1, max_size=6),
    st.integers(-(2**12), 2**12),
)
def test_the_map_is_exact_on_a_fixed_point_grid(parameters: list[tuple[int, int]], steps: int) -> None:
    """With inputs on a grid of 2**-10, subtraction and shift lose nothing: firmware computes the same number."""
    offset = tuple(n * OFFSET_STEP for n, _ in parameters)
    exponent = tuple(e for _, e in parameters)
    x = np.full((1, 1, len(offset)), steps / 2**10)
    scaled = PowerOfTwoScaling(offset, exponent).apply(x, np.ones((1, 1), bool))[0, 0]
    for value, (n, e) in zip(scaled.tolist(), parameters, strict=True):
        exact = (Fraction(steps, 2**10) - Fraction(n, 2**16)) * Fraction(2) ** e
        assert Fraction(value) == exact


@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(-8, 8))
def test_fitted_offsets_are_dyadic_with_few_bits(seed: int, log_width: float, centre: float) -> None:
    x, mask = sample(np.random.default_rng(seed), np.array([10**log_width]), np.array([centre]), n=50)
    scaling = PowerOfTwoScaling.fit(x, mask)
    (offset,), (exponent,) = scaling.offset, scaling.exponent
    assert (Fraction(offset) / Fraction(OFFSET_STEP)).denominator == 1
    if exponent <= 13:
        assert (Fraction(offset) * Fraction(2) ** (exponent + 3)).denominator == 1


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(-15, 15)), max_size=8))
def test_a_scaling_goes_round_through_json(parameters: list[tuple[int, int]]) -> None:
    scaling = PowerOfTwoScaling(tuple(n * OFFSET_STEP for n, _ in parameters), tuple(e for _, e in parameters))
    assert PowerOfTwoScaling.from_dict(json.loads(json.dumps(scaling.to_dict()))) == scaling


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"offset": [0.1], "exponent": [1]}, r"offset 0\.1 is not a multiple of 2\*\*-16"),
        ({"offset": [float("inf")], "exponent": [1]}, "offset inf is not a multiple"),
        ({"offset": [0.5], "exponent": [1, 2]}, "1 offsets and 2 exponents"),
        ({"offset": [0.5], "exponent": [16]}, r"exponent 16 is out of range; keep it within \+-15"),
        ({"offset": [0.5], "exponent": [1.5]}, "exponent: 0: must be int"),
        ({"offset": [0.5]}, "the key 'exponent' is missing"),
        ({"offset": [0.5], "exponent": [1], "scale": 2}, "unknown key 'scale'"),
    ],
)
def test_a_scaling_that_firmware_could_not_apply_is_refused(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PowerOfTwoScaling.from_dict(mapping)


def test_scaling_needs_constituents_numbers_and_the_right_features() -> None:
    x, mask = np.ones((5, 4, 2)), np.ones((5, 4), bool)
    with pytest.raises(DataError, match="there are no constituents to fit a scaling to"):
        PowerOfTwoScaling.fit(x, ~mask)
    x[2, 1, 1] = np.nan
    with pytest.raises(DataError, match="NaN or infinity in the features to scale"):
        PowerOfTwoScaling.fit(x, mask)
    with pytest.raises(DataError, match="scaling of 1 features applied to 2"):
        PowerOfTwoScaling((0.0,), (0,)).apply(x, mask)
