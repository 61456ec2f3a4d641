from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from jets.errors import ConfigError, DataError
from jets.metrics import (
    Measure,
    accuracy,
    agreement,
    auc,
    auc_of_logits,
    background_rejection,
    calibration_error,
    cut_at,
    jensen_shannon,
    jensen_shannon_floor,
    macro_auc,
    roc,
)

EFFICIENCIES = (0.3, 0.5, 0.8)


def gaussians(n: int, distance: float, seed: int = 0) -> tuple[Any, Any]:
    """Scores of signal, shifted by `distance` standard deviations, and background."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    return rng.normal(size=n) + distance * labels, labels


def assert_within(measure: Measure, expected: float, sigmas: float = 4) -> None:
    assert measure.error > 0
    assert abs(measure.value - expected) < sigmas * measure.error


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_auc_of_two_gaussians_is_analytic(distance: float) -> None:
    assert_within(auc(*gaussians(100_000, distance)), norm.cdf(distance / np.sqrt(2)))


def test_auc_counts_pairs_with_ties_as_half() -> None:
    scores, labels = [1, 2, 2, 3, 2, 1], [0, 0, 1, 1, 1, 0]
    pairs = [
        (p > n) + 0.5 * (p == n)
        for p, y in zip(scores, labels, strict=True)
        if y
        for n, z in zip(scores, labels, strict=True)
        if not z
    ]
    assert auc(scores, labels).value == pytest.approx(np.mean(pairs))


def test_auc_is_half_when_all_scores_are_equal_and_one_when_separated() -> None:
    labels = np.arange(100) % 2
    assert auc(np.zeros(100), labels) == Measure(0.5, 0.0)
    assert auc(labels, labels) == Measure(1.0, 0.0)
    assert auc(-labels, labels) == Measure(0.0, 0.0)


def test_delongs_error_is_that_of_its_definition() -> None:
    """Against the double loop of DeLong et al., eqs. 3-5."""
    scores, labels = gaussians(60, 1.0)
    scores = np.round(scores, 1)
    positive, negative = scores[labels == 1], scores[labels == 0]
    kernel = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    variance = np.var(kernel.mean(axis=1), ddof=1) / len(positive) + np.var(kernel.mean(axis=0), ddof=1) / len(negative)
    measure = auc(scores, labels)
    assert measure.value == pytest.approx(kernel.mean())
    assert measure.error == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize("decimals", [8, 0])
def test_delongs_error_is_the_spread_over_samples(decimals: int) -> None:
    measures = [auc(np.round(scores, decimals), y) for scores, y in (gaussians(1000, 1.0, seed) for seed in range(400))]
    spread = np.std([measure.value for measure in measures], ddof=1)
    assert np.mean([measure.error for measure in measures]) == pytest.approx(spread, rel=4 / np.sqrt(2 * 400))


def bootstrap_spread(measure: Callable[[Any, Any], Measure], scores: Any, labels: Any, n: int = 400) -> float:
    rng = np.random.default_rng(1)
    values = []
    for _ in range(n):
        drawn = rng.integers(0, len(labels), len(labels))
        values.append(measure(scores[drawn], labels[drawn]).value)
    return float(np.std(values, ddof=1))


def test_delongs_error_is_the_spread_of_a_bootstrap() -> None:
    scores, labels = gaussians(2000, 1.5)
    assert auc(scores, labels).error == pytest.approx(bootstrap_spread(auc, scores, labels), rel=0.15)


def five_classes(n: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, n)
    return rng.normal(size=(n, 5)) + np.eye(5)[labels], labels


def test_macro_auc_is_the_mean_of_one_against_all_and_its_error_that_of_a_bootstrap() -> None:
    scores, labels = five_classes(2000)
    measure = macro_auc(scores, labels)
    assert measure.value == pytest.approx(np.mean([auc(scores[:, k], labels == k).value for k in range(5)]))
    assert measure.error == pytest.approx(bootstrap_spread(macro_auc, scores, labels), rel=0.15)
    assert_within(macro_auc(*five_classes(100_000)), norm.cdf(1 / np.sqrt(2)))


def test_the_auc_of_logits_does_not_depend_on_what_all_logits_of_a_jet_share() -> None:
    logits, labels = five_classes(2000)
    shifted = logits + np.random.default_rng(1).normal(scale=3, size=(2000, 1))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert auc_of_logits(shifted, labels).value == pytest.approx(macro_auc(probabilities, labels).value)
    assert macro_auc(shifted, labels).value < macro_auc(logits, labels).value - 0.1
    scores, truth = gaussians(2000, 1.0)
    assert auc_of_logits(scores[:, None], truth) == auc(scores, truth)


def test_macro_auc_of_two_mirrored_classes_is_the_auc() -> None:
    scores, labels = gaussians(2000, 1.0)
    both, single = macro_auc(np.stack([-scores, scores], axis=1), labels), auc(scores, labels)
    assert both.value == pytest.approx(single.value)
    assert both.error == pytest.approx(single.error, rel=1e-2)


def test_roc_runs_from_the_origin_to_one_with_a_point_per_distinct_score() -> None:
    curve = roc([3, 1, 2, 2, 1, 0], [1, 1, 1, 0, 0, 0])
    assert curve.thresholds.tolist() == [np.inf, 3, 2, 1, 0]
    assert curve.true_positive_rate == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert curve.false_positive_rate == pytest.approx([0, 0, 1 / 3, 2 / 3, 1])


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 1)), min_size=1))
def test_the_area_below_the_roc_is_the_auc(jets: list[tuple[int, int]]) -> None:
    scores = [score for score, _ in jets] + [0, 1, 1, 2]
    labels = [label for _, label in jets] + [0, 1, 0, 1]
    curve = roc(scores, labels)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert auc(scores, labels).value == pytest.approx(area)
    assert (np.diff(curve.true_positive_rate) >= 0).all() and (np.diff(curve.false_positive_rate) >= 0).all()


@pytest.mark.parametrize("certain", [np.inf, -np.inf])
def test_infinite_scores_that_tie_are_one_point_of_the_roc(certain: float) -> None:
    labels, scores = [1, 0, 1, 0, 1], np.array([1.0, 1.0, 1.0, 0.5, 0.5])
    infinite = roc(np.where(scores == (1.0 if certain > 0 else 0.5), certain, scores), labels)
    finite = roc(scores, labels)
    assert infinite.false_positive_rate.tolist() == finite.false_positive_rate.tolist()
    assert infinite.true_positive_rate.tolist() == finite.true_positive_rate.tolist()


def test_weights_count_as_copies_of_a_jet() -> None:
    rng = np.random.default_rng(0)
    scores, labels = gaussians(200, 1.0)
    copies = rng.integers(0, 4, 200)
    weighted, repeated = roc(scores, labels, copies), roc(np.repeat(scores, copies), np.repeat(labels, copies))
    for threshold, true, false in zip(
        repeated.thresholds, repeated.true_positive_rate, repeated.false_positive_rate, strict=True
    ):
        place = np.flatnonzero(weighted.thresholds == threshold)[0]
        assert weighted.true_positive_rate[place] == pytest.approx(true)
        assert weighted.false_positive_rate[place] == pytest.approx(false)


@given(st.integers(0, 1000), st.sampled_from([np.exp, np.arctan, lambda x: 3 * x - 7, lambda x: x**3]))
def test_a_rising_map_of_the_scores_changes_nothing(seed: int, rising: Callable[[Any], Any]) -> None:
    scores, labels = gaussians(300, 1.0, seed)
    scores = np.round(scores, 1)
    assert auc(rising(scores), labels) == auc(scores, labels)
    for efficiency in EFFICIENCIES:
        expected = background_rejection(scores, labels, efficiency)
        assert background_rejection(rising(scores), labels, efficiency) == expected


@given(st.integers(0, 1000))
def test_turning_the_scores_round_gives_one_minus_the_auc(seed: int) -> None:
    scores, labels = gaussians(200, 1.0, seed)
    scores = np.round(scores, 1)
    assert auc(-scores, labels).value == pytest.approx(1 - auc(scores, labels).value)
    assert auc(-scores, labels).error == pytest.approx(auc(scores, labels).error)


@pytest.mark.parametrize("efficiency", EFFICIENCIES)
@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0])
def test_rejection_of_two_gaussians_is_analytic(efficiency: float, distance: float) -> None:
    scores, labels = gaussians(400_000, distance)
    measure = background_rejection(scores, labels, efficiency)
    threshold = norm.isf(efficiency) + distance
    expected = norm.sf(threshold)
    # The threshold has an error too, from the finite signal, which the measure leaves out.
    slope = norm.pdf(threshold) / norm.pdf(threshold - distance)
    moved = slope * np.sqrt(efficiency * (1 - efficiency) / labels.sum()) / expected**2
    assert abs(measure.value - 1 / expected) < 4 * np.hypot(measure.error, moved)
    assert measure.error == pytest.approx(np.sqrt((1 - expected) / expected**3 / (1 - labels).sum()), rel=0.1)
    assert not measure.is_lower_bound


def test_rejection_and_its_error_by_hand() -> None:
    labels = np.repeat([1, 0], [10, 1000])
    scores = np.concatenate([np.arange(10, 0, -1), np.full(40, 8.5), np.zeros(960)])
    assert background_rejection(scores, labels, 0.2).is_lower_bound
    measure = background_rejection(scores, labels, 0.3)  # the third signal jet has score 8: 40 of 1000 pass
    assert measure.value == pytest.approx(25)
    assert measure.error == pytest.approx(np.sqrt(0.04 * 0.96 / 1000) / 0.04**2)


@pytest.mark.parametrize("efficiency", EFFICIENCIES)
def test_the_binomial_error_is_the_spread_at_a_fixed_threshold(efficiency: float) -> None:
    """With signal without statistical error the threshold is fixed and only the binomial error remains."""
    n, n_draws = 5000, 200
    signal = norm.ppf((np.arange(n) + 0.5) / n) + 1
    labels = np.repeat([1, 0], n)
    rng = np.random.default_rng(0)
    draws = [np.concatenate([signal, rng.normal(size=n)]) for _ in range(n_draws)]
    measures = [background_rejection(scores, labels, efficiency) for scores in draws]
    spread = np.std([measure.value for measure in measures], ddof=1)
    assert np.mean([measure.error for measure in measures]) == pytest.approx(spread, rel=4 / np.sqrt(2 * n_draws))


def test_jets_of_equal_score_are_shared_in_proportion() -> None:
    labels = np.repeat([1, 0], 100)
    for efficiency in (*EFFICIENCIES, 1.0):
        assert background_rejection(np.zeros(200), labels, efficiency).value == pytest.approx(1 / efficiency)
    coarse, fine = (background_rejection(np.round(s, d), y, 0.5) for d in (0, 8) for s, y in [gaussians(400_000, 1.0)])
    assert coarse.value < fine.value  # rounding loses information, and is not rewarded by a looser efficiency
    assert coarse.value > 0.8 * fine.value


@pytest.mark.parametrize("n_background", [1, 10, 10_000])
def test_without_passing_background_a_lower_bound_is_stated(n_background: int) -> None:
    labels = np.repeat([1, 0], [10, n_background])
    measure = background_rejection(labels, labels, 0.5)
    assert measure.is_lower_bound and np.isfinite(measure.value) and measure.error == measure.value
    # A background efficiency at the bound would pass no jet in 31.73 % of experiments.
    assert (1 - 1 / measure.value) ** n_background == pytest.approx(0.3173)


def test_accuracy_and_agreement_are_fractions_with_binomial_errors() -> None:
    assert accuracy([0, 1, 2, 2], [0, 1, 2, 1]) == Measure(0.75, np.sqrt(0.75 * 0.25 / 4))
    assert agreement(["a", "b"], ["a", "b"]) == Measure(1.0, 0.0)
    rng = np.random.default_rng(0)
    assert_within(agreement(rng.integers(0, 5, 100_000), rng.integers(0, 5, 100_000)), 0.2)


@pytest.mark.parametrize("metric", [auc, roc, lambda s, y: background_rejection(s, y, 0.5)])
@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, 2.0], [1, 1], "there are no jets of background"),
        ([1.0, 2.0], [0, 0], "there are no jets of signal"),
        ([], [], "there are no jets of signal"),
        ([1.0, np.nan, 2.0], [0, 1, 0], "NaN in the score of jet 1"),
        ([1.0, 2.0], [0, 1, 0], r"scores \(2,\) do not match labels \(3,\)"),
        ([[1.0], [2.0]], [0, 1], "do not match"),
        ([1.0, 2.0], [1, 2], "labels must be 1"),
    ],
)
def test_scores_that_cannot_be_measured_are_a_data_error(
    metric: Callable[[Any, Any], Any], scores: Any, labels: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        metric(scores, labels)


def test_one_jet_of_a_class_has_no_delong_error() -> None:
    with pytest.raises(DataError, match="needs two jets of each class"):
        auc([1.0, 2.0, 3.0], [1, 0, 0])


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.zeros((4, 3)), [0, 1, 0, 1], "there are no jets of class 2"),
        (np.full((3, 3), np.nan), [0, 1, 2], "NaN in the score of jet 0"),
        (np.zeros((3, 3)), [0, 1, 3], "a label outside the 3 classes"),
        (np.zeros((3, 3)), [0, 1], "do not match"),
        (np.zeros(3), [0, 1, 2], "do not match"),
    ],
)
def test_macro_auc_names_what_is_wrong(scores: Any, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        macro_auc(scores, labels)


@pytest.mark.parametrize("metric", [accuracy, agreement])
def test_decisions_that_cannot_be_compared_are_a_data_error(metric: Callable[[Any, Any], Measure]) -> None:
    with pytest.raises(DataError, match="there are no jets"):
        metric([], [])
    with pytest.raises(DataError, match=r"\(2,\) and \(1,\) differ in shape"):
        metric([1, 2], [1])
    with pytest.raises(DataError, match="NaN among the decisions"):
        metric([1.0, np.nan], [1.0, 2.0])


@pytest.mark.parametrize("efficiency", [0, -0.1, 1.1, 30, float("nan")])
def test_an_impossible_signal_efficiency_is_a_config_error(efficiency: float) -> None:
    with pytest.raises(ConfigError, match="signal efficiency"):
        background_rejection([0, 1], [0, 1], efficiency)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, np.nan], [0.0, 1.0]])
def test_weights_that_make_no_sense_are_a_data_error(weights: list[float]) -> None:
    with pytest.raises(DataError, match="weights"):
        roc([0, 1], [0, 1], weights)


def test_a_cut_is_the_tightest_score_that_reaches_the_efficiency() -> None:
    scores = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [cut_at(scores, efficiency) for efficiency in (0.2, 0.21, 0.6, 1.0)] == [5.0, 4.0, 3.0, 1.0]
    assert cut_at(scores, 0.5, weights=[0.0, 0.0, 3.0, 1.0, 0.0]) == 4.0


@pytest.mark.parametrize(("scores", "weights"), [([], None), ([1.0], [0.0]), ([np.nan, 1.0], None)])
def test_a_cut_needs_signal(scores: Any, weights: Any) -> None:
    with pytest.raises(DataError, match="no signal jets"):
        cut_at(scores, 0.5, weights)


@pytest.mark.parametrize("efficiency", [0.0, 1.5])
def test_a_cut_needs_a_possible_efficiency(efficiency: float) -> None:
    with pytest.raises(ConfigError, match="signal efficiency"):
        cut_at([1.0], efficiency)


def test_jensen_shannon_is_0_for_equal_shapes_1_for_disjoint_ones_and_known_between() -> None:
    assert jensen_shannon([1, 2, 3], [2, 4, 6]) == 0
    assert jensen_shannon([1, 0], [0, 5]) == 1
    expected = (-0.75 * np.log2(0.75) - 0.25 * np.log2(0.25)) - 0.5  # p = (1, 0), q = (1/2, 1/2)
    assert jensen_shannon([3, 0], [2, 2]) == pytest.approx(expected, rel=1e-12)
    both = jensen_shannon([[1, 0], [1, 1]], [[0, 1], [1, 1]])
    assert both.tolist() == [1.0, 0.0]
    assert np.isnan(jensen_shannon([0, 0], [1, 1]))


def test_jensen_shannon_of_one_parent_is_at_its_floor_on_average() -> None:
    rng = np.random.default_rng(5)
    parent = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    values = jensen_shannon(rng.multinomial(400, parent, 4000), rng.multinomial(900, parent, 4000))
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - jensen_shannon_floor(400, 900, 5)) < 4 * error
    assert jensen_shannon_floor(400, 900, 9) == 2 * jensen_shannon_floor(400, 900, 5)


def test_calibration_error_weighs_each_bin_by_its_jets() -> None:
    # 10 jets with p = 0.2 of which 4 are true, 30 with p = 0.8 of which 24 are.
    assert calibration_error([10, 30], [2.0, 24.0], [4, 24]) == pytest.approx(2 / 40)
    assert calibration_error([10, 30], [2.0, 24.0], [2, 24]) == 0
    assert np.isnan(calibration_error([0, 0], [0, 0], [0, 0]))


def test_overconfidence_shows_in_the_calibration_error() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(size=200_000)
    true = rng.uniform(size=len(p)) < 0.5 + (p - 0.5) / 2  # the truth is half as far from 1/2 as p says
    place = (p * 10).astype(int)
    sums = [np.bincount(place, weights, 10) for weights in (np.ones(len(p)), p, true)]
    assert calibration_error(*sums) == pytest.approx(0.125, abs=0.003)  # the mean of |p - 1/2| / 2
