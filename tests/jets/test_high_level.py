from __future__ import annotations

import sys
from itertools import combinations

import numpy as np
import pytest

from jets.dataset import FOUR_VECTOR, Jets
from jets.errors import ToolNotFound
from jets.high_level import HIGH_LEVEL_FEATURES, high_level_features

Row = list[tuple[float, float, float]]


def jets_of(rows: list[Row], n_constituents: int | None = None) -> Jets:
    """Jets from (pT, deta, dphi) of massless constituents; the axis is at eta = phi = 0."""
    width = max(len(row) for row in rows)
    constituents = np.zeros((len(rows), width, 4), np.float32)
    for k, row in enumerate(rows):
        constituents[k, : len(row), :3] = row
    count = np.array([len(row) if n_constituents is None else n_constituents for row in rows])
    kinematics = np.zeros((len(rows), 5), np.float32)
    kinematics[:, 0], kinematics[:, 4] = constituents[:, :, 0].sum(axis=1), count
    return Jets(
        constituents=constituents, mask=constituents[:, :, 0] > 0, kinematics=kinematics,
        labels=np.zeros(len(rows), np.int16), ids=np.arange(len(rows), dtype=np.uint64), classes=("q",),
        constituent_features=FOUR_VECTOR,
    )  # fmt: skip


def features_of(row: Row) -> dict[str, float]:
    return dict(zip(HIGH_LEVEL_FEATURES, high_level_features(jets_of([row]))[0].tolist(), strict=True))


def by_hand(row: Row) -> dict[str, float]:
    """Every feature of an ungroomed jet by loops over pairs and triples."""
    pt = np.array([p for p, _, _ in row])
    z = pt / pt.sum()

    def angle(i: int, j: int) -> float:
        return float(np.hypot(row[i][1] - row[j][1], row[i][2] - row[j][2]))

    def two(b: float) -> float:
        return float(sum(z[i] * z[j] * angle(i, j) ** b for i, j in combinations(range(len(z)), 2)))

    def three(n_angles: int, b: float) -> float:
        total = 0.0
        for i, j, k in combinations(range(len(z)), 3):
            angles = sorted((angle(i, j), angle(i, k), angle(j, k)))
            total += z[i] * z[j] * z[k] * np.prod(angles[:n_angles]) ** b
        return float(total)

    energy = sum(p * np.cosh(eta) for p, eta, _ in row)
    momentum = [sum(p * f(eta, phi) for p, eta, phi in row) for f in (
        lambda eta, phi: np.cos(phi), lambda eta, phi: np.sin(phi), lambda eta, phi: np.sinh(eta))]  # fmt: skip
    found = {"zlogz": float((z * np.log(z)).sum()), "multiplicity": len(z)}
    found["mass_mmdt"] = float(np.sqrt(energy**2 - sum(p**2 for p in momentum)))
    found |= {f"c1_b{b}": two(b) for b in (0, 1, 2)}
    for b in (1, 2):
        found[f"c2_b{b}"], found[f"d2_b{b}"] = three(3, b) / two(b) ** 2, three(3, b) / two(b) ** 3
        found[f"d2_a1_b{b}"] = three(3, 1) / two(b) ** (3 / b)
        found[f"m2_b{b}"], found[f"n2_b{b}"] = three(1, b) / two(b), three(2, b) / two(b) ** 2
    return found


def test_there_are_the_sixteen_published_features() -> None:
    assert len(HIGH_LEVEL_FEATURES) == len(set(HIGH_LEVEL_FEATURES)) == 16


@pytest.mark.parametrize("n", [3, 4, 6])
def test_features_equal_sums_over_all_pairs_and_triples(n: int) -> None:
    rng = np.random.default_rng(n)
    row = [(float(rng.uniform(90, 110)), *map(float, rng.uniform(-0.15, 0.15, 2))) for _ in range(n)]
    found, expected = features_of(row), by_hand(row)
    for name in HIGH_LEVEL_FEATURES:
        assert found[name] == pytest.approx(expected[name], rel=2e-4), name


def test_two_prongs_have_the_analytic_correlators_and_no_third_one() -> None:
    found = features_of([(60.0, 0.1, 0.0), (40.0, -0.1, 0.0)])
    assert found["c1_b0"] == pytest.approx(0.24)
    assert found["c1_b1"] == pytest.approx(0.24 * 0.2, rel=1e-5)
    assert found["c1_b2"] == pytest.approx(0.24 * 0.04, rel=1e-5)
    assert found["mass_mmdt"] == pytest.approx(np.sqrt(2 * 60 * 40 * (np.cosh(0.2) - 1)), rel=1e-4)
    assert found["zlogz"] == pytest.approx(0.6 * np.log(0.6) + 0.4 * np.log(0.4), rel=1e-5)
    assert [found[name] for name in ("c2_b1", "d2_b1", "d2_b2", "m2_b1", "n2_b2")] == [0.0] * 5


def test_soft_wide_radiation_is_groomed_away_but_counted() -> None:
    prongs = [(60.0, 0.1, 0.0), (40.0, -0.1, 0.0)]
    found, clean = features_of([*prongs, (2.0, 0.0, 0.6)]), features_of(prongs)
    assert found["mass_mmdt"] == pytest.approx(clean["mass_mmdt"], rel=1e-5)
    assert found["c1_b1"] == pytest.approx(clean["c1_b1"], rel=1e-5)
    assert (found["multiplicity"], clean["multiplicity"]) == (3, 2)
    assert found["zlogz"] < clean["zlogz"]


def test_a_wide_prong_with_more_than_a_tenth_of_the_pt_is_kept() -> None:
    assert features_of([(88.0, 0.0, 0.0), (12.0, 0.0, 0.5)])["c1_b0"] == pytest.approx(0.88 * 0.12, rel=1e-5)
    assert features_of([(92.0, 0.0, 0.0), (8.0, 0.0, 0.5)])["c1_b0"] == 0.0


def test_a_single_constituent_gives_zeros_not_nan() -> None:
    found = features_of([(100.0, 0.0, 0.0)])
    assert all(value == 0.0 for name, value in found.items() if name not in ("multiplicity", "mass_mmdt"))
    assert 0.0 <= found["mass_mmdt"] < 1e-2


def test_features_do_not_depend_on_where_the_jet_points() -> None:
    jets = jets_of([[(60.0, 0.1, 0.02), (40.0, -0.1, 0.0), (30.0, 0.0, 0.1)]])
    turned = jets_of([[(60.0, 0.1, 0.02), (40.0, -0.1, 0.0), (30.0, 0.0, 0.1)]])
    turned.kinematics[:, 1:3] = 1.5, np.pi - 0.01
    np.testing.assert_allclose(high_level_features(turned), high_level_features(jets), rtol=1e-4)


def test_multiplicity_counts_constituents_that_were_cut_off() -> None:
    jets = jets_of([[(60.0, 0.1, 0.0), (40.0, -0.1, 0.0)]], n_constituents=77)
    assert high_level_features(jets)[0, HIGH_LEVEL_FEATURES.index("multiplicity")] == 77


def test_blocks_give_the_same_as_all_jets_at_once_and_none_gives_no_rows() -> None:
    rng = np.random.default_rng(1)
    rows = [
        [(float(p), *map(float, rng.uniform(-0.3, 0.3, 2))) for p in -np.sort(-rng.uniform(1, 99, 9))] for _ in range(7)
    ]
    jets = jets_of(rows)
    np.testing.assert_array_equal(high_level_features([jets[:3], jets[3:]]), high_level_features(jets))
    assert high_level_features([]).shape == high_level_features(jets[:0]).shape == (0, 16)


def test_missing_fastjet_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(ToolNotFound, match=r"tagware\[simulate\]"):
        features_of([(60.0, 0.1, 0.0), (40.0, -0.1, 0.0)])
