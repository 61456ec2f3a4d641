"""How well jets are tagged: pure numpy, every number with its statistical error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jets.errors import ConfigError, DataError

Array = NDArray[Any]

ONE_SIGMA = 0.6827


@dataclass(frozen=True)
class Measure:
    """A value and its one-sigma statistical error.

    `is_lower_bound` says that only a one-sided bound is known (see `background_rejection`).
    """

    value: float
    error: float
    is_lower_bound: bool = False


@dataclass(frozen=True)
class Roc:
    """A receiver operating characteristic from (0, 0) to (1, 1), one point per distinct score.

    Attributes:
        false_positive_rate: (n_points,), rising: background efficiency for score >= threshold.
        true_positive_rate: (n_points,), rising: signal efficiency for score >= threshold.
        thresholds: (n_points,), falling from infinity.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]


def roc(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Roc:
    """The ROC of scores (n_jets,) for labels (n_jets,), 1 = signal and 0 = background; jets of equal score go together.

    Raises:
        DataError: see `_checked`; or weights that are negative or sum to zero in a class.
    """
    values, signal = _checked(scores, labels)
    weight = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if weight.shape != values.shape or not (weight >= 0).all() or not np.isfinite(weight).all():
        raise DataError("the weights must be one number per jet, none negative or NaN", None, "correct the weights")
    order = np.argsort(-values, kind="stable")
    values, signal, weight = values[order], signal[order], weight[order]
    last = np.append(np.flatnonzero(values[1:] != values[:-1]), len(values) - 1)
    passing = [np.concatenate([[0.0], np.cumsum(weight * group)[last]]) for group in (~signal, signal)]
    if passing[0][-1] <= 0 or passing[1][-1] <= 0:
        raise DataError("the weights of a class sum to zero", None, "correct the weights")
    false_positive, true_positive = (counts / counts[-1] for counts in passing)
    return Roc(false_positive, true_positive, np.concatenate([[np.inf], values[last]]))


def auc(scores: ArrayLike, labels: ArrayLike) -> Measure:
    """The area under the ROC with DeLong's error, ties counting one half; n log n in the number of jets.

    DeLong et al., Biometrics 44 (1988) 837, eqs. 2-5, by counting in sorted scores as in Sun & Xu, IEEE SPL 21 (2014)
    1389. The error is 0 for perfectly separated classes, where it has no meaning.

    Raises:
        DataError: see `_checked`; or fewer than two jets of a class.
    """
    values, signal = _checked(scores, labels)
    above, below = _placements(values, signal)
    if min(len(above), len(below)) < 2:
        raise DataError("the error of an AUC needs two jets of each class", None, "add jets")
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)
    return Measure(float(above.mean()), float(np.sqrt(variance)))


def macro_auc(scores: ArrayLike, labels: ArrayLike) -> Measure:
    """The mean over classes of the one-against-all AUC, for scores (n_jets, n_classes) and class indices (n_jets,).

    The areas share jets, so that their errors do not add in quadrature: the error is that of the mean of the
    jets' influences (placements as in `auc`; infinitesimal jackknife, Efron 1982, ch. 6).

    Raises:
        DataError: NaN scores, shapes that do not match, or a class that is absent.
    """
    values, classes = np.asarray(scores, np.float64), np.asarray(labels)
    if values.ndim != 2 or values.shape[0] != len(classes):
        raise DataError(f"scores {values.shape} do not match labels {classes.shape}", None, "give one row per jet")
    if not np.isin(classes, np.arange(values.shape[1])).all():
        raise DataError(f"a label outside the {values.shape[1]} classes", None, "correct the labels")
    areas, influence = [], np.zeros(len(values))
    for label in range(values.shape[1]):
        column, signal = _checked(values[:, label], classes == label, f"class {label}")
        above, below = _placements(column, signal)
        areas.append(above.mean())
        influence[signal] += (above - above.mean()) / len(above)
        influence[~signal] += (below - below.mean()) / len(below)
    error = np.sqrt((influence**2).sum()) / len(areas)
    return Measure(float(np.mean(areas)), float(error))


def discriminants(logits: ArrayLike) -> Array:
    """ln(p / (1 - p)) of every class, (n_jets, n_classes) float64, of logits (n_jets, n_outputs).

    It orders jets as p does, which a logit alone does not: all those of a jet may be shifted together. Unlike p it does
    not saturate. One logit is that of the second class of two.
    """
    values = np.asarray(logits, np.float64)
    if values.shape[1] == 1:
        return np.concatenate([-values, values], axis=1)
    others = [np.logaddexp.reduce(np.delete(values, index, axis=1), axis=1) for index in range(values.shape[1])]
    of_classes: Array = values - np.stack(others, axis=1)
    return of_classes


def auc_of_logits(logits: ArrayLike, labels: ArrayLike) -> Measure:
    """The area under the ROC of a tagger's logits (n_jets, n_outputs), the mean over classes for more than two.

    Raises:
        DataError: see `auc` and `macro_auc`.
    """
    of_classes = discriminants(logits)
    return auc(of_classes[:, 1], labels) if of_classes.shape[1] == 2 else macro_auc(of_classes, labels)


def accuracy(predicted: ArrayLike, labels: ArrayLike) -> Measure:
    """The fraction of jets whose predicted class (n_jets,) is the true one, with its binomial error."""
    return agreement(predicted, labels)


def agreement(a: ArrayLike, b: ArrayLike) -> Measure:
    """The fraction of jets on which two sets of decisions (n_jets,) are equal, with its binomial error.

    Raises:
        DataError: no jets, NaN, or shapes that differ.
    """
    first, second = np.asarray(a), np.asarray(b)
    if first.ndim != 1 or first.shape != second.shape:
        raise DataError(f"decisions {first.shape} and {second.shape} differ in shape", None, "give one per jet")
    if len(first) == 0:
        raise DataError("there are no jets to measure on", None, "check the selection or the split")
    if any(values.dtype.kind == "f" and np.isnan(values).any() for values in (first, second)):
        raise DataError("NaN among the decisions", None, "check the tagger's outputs")
    fraction = float(np.mean(first == second))
    return Measure(fraction, _binomial_error(fraction, len(first)))


def background_rejection(scores: ArrayLike, labels: ArrayLike, signal_efficiency: float) -> Measure:
    """The background rejection 1 / eps_B at a signal efficiency eps_S, with the binomial error of eps_B propagated.

    Where no threshold gives eps_S exactly (jets of equal score), eps_B lies on the straight line between the two
    neighbouring points of the ROC, which drawing lots among those jets attains. The error of the threshold itself is
    left out.

    When no background jet passes, only a bound is known: the value is then 1 over the one-sided 68.27 % upper limit
    of eps_B (Clopper & Pearson, Biometrika 26 (1934) 404: 1 - 0.3173**(1/n_background)), `is_lower_bound` is True
    and the error equals the value.

    Raises:
        ConfigError: a signal efficiency outside (0, 1].
        DataError: see `_checked`.
    """
    if not 0 < signal_efficiency <= 1:
        raise ConfigError(f"signal efficiency {signal_efficiency} is not within (0, 1]", None, "use 0.3, 0.5 or 0.8")
    curve = roc(scores, labels)
    n_background = int(np.sum(~np.asarray(labels).astype(bool)))
    efficiency = _background_efficiency(curve, signal_efficiency)
    if efficiency == 0:
        bound = 1 / (1 - (1 - ONE_SIGMA) ** (1 / n_background))
        return Measure(bound, bound, is_lower_bound=True)
    return Measure(1 / efficiency, _binomial_error(efficiency, n_background) / efficiency**2)


def cut_at(scores: ArrayLike, signal_efficiency: float, weights: ArrayLike | None = None) -> float:
    """The tightest threshold on signal scores (n_jets,) that lets `signal_efficiency` of them through (score >= cut).

    Raises:
        ConfigError: a signal efficiency outside (0, 1].
        DataError: no jets, NaN, or weights that sum to zero.
    """
    if not 0 < signal_efficiency <= 1:
        raise ConfigError(f"signal efficiency {signal_efficiency} is not within (0, 1]", None, "use 0.3, 0.5 or 0.8")
    values = np.asarray(scores, np.float64)
    weight = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if not weight.sum() > 0 or np.isnan(values).any():
        raise DataError("there are no signal jets with scores and weights", None, "check the tagger's outputs")
    order = np.argsort(-values, kind="stable")
    passing = np.cumsum(weight[order])
    # A rate such as 3/10 may differ from 0.3 in the last bit.
    reached = int(np.searchsorted(passing, (signal_efficiency - 1e-12) * passing[-1], side="left"))
    return float(values[order[min(reached, len(values) - 1)]])


def jensen_shannon(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """The Jensen-Shannon divergence, in bits, of histograms (…, n_bins): 0 for equal shapes, 1 for disjoint ones.

    D = H((p + q) / 2) - (H(p) + H(q)) / 2 with the entropy H (Lin, IEEE Trans. Inf. Theory 37 (1991) 145, eq. 3.10,
    with equal weights). NaN where a histogram is empty. Equal parents of n and m jets still give about
    `jensen_shannon_floor(n, m, n_bins)`.
    """
    p, q = (np.asarray(values, np.float64) for values in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = (values / values.sum(axis=-1, keepdims=True) for values in (p, q))
    divergence: NDArray[np.float64] = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return np.maximum(divergence, 0.0)


def jensen_shannon_floor(n: float, m: float, n_bins: int) -> float:
    """The mean `jensen_shannon`, in bits, of two samples of n and m jets from one parent that fills n_bins bins.

    The leading order: D is chi^2 (1/n + 1/m) / (8 ln 2) with n_bins - 1 degrees of freedom (Taylor's expansion; cf.
    Grosse et al., Phys. Rev. E 65 (2002) 041905, sec. III).
    """
    return float((n_bins - 1) * (1 / n + 1 / m) / (8 * np.log(2)))


def calibration_error(jets: ArrayLike, probability: ArrayLike, true: ArrayLike) -> NDArray[np.float64]:
    """The expected calibration error from sums over jets in bins of probability, each (…, n_bins).

    `jets` counts them, `probability` sums the predicted probability, `true` counts those of the class:
    sum |true - probability| / sum jets (Naeini et al., AAAI 2015, eq. 3, with probability for confidence). NaN without
    jets.
    """
    count, predicted, observed = (np.asarray(values, np.float64) for values in (jets, probability, true))
    with np.errstate(invalid="ignore", divide="ignore"):
        error: NDArray[np.float64] = np.abs(observed - predicted).sum(axis=-1) / count.sum(axis=-1)
    return error


def _entropy(p: Array) -> Array:
    """-sum p log2 p over the last axis."""
    logarithm = np.log2(p, out=np.zeros_like(p), where=p > 0)
    entropy: Array = -(p * logarithm).sum(axis=-1)
    return entropy


def _background_efficiency(curve: Roc, signal_efficiency: float) -> float:
    """eps_B at eps_S: that of the tightest threshold reaching eps_S, or in proportion where it jumps over eps_S."""
    signal, background = curve.true_positive_rate, curve.false_positive_rate
    # A rate such as 3/10 may differ from 0.3 in the last bit.
    reached = int(np.searchsorted(signal, signal_efficiency - 1e-12, side="left"))
    share = (signal_efficiency - signal[reached - 1]) / (signal[reached] - signal[reached - 1])
    step = background[reached] - background[reached - 1]
    return float(background[reached - 1] + min(share, 1.0) * step)


def _binomial_error(fraction: float, n: int) -> float:
    return float(np.sqrt(fraction * (1 - fraction) / n))


def _placements(values: Array, signal: Array) -> tuple[Array, Array]:
    """Per signal jet the fraction of background below it, per background jet that of signal above; ties count half."""
    positive, negative = values[signal], values[~signal]
    return _fraction_below(positive, negative), 1 - _fraction_below(negative, positive)


def _fraction_below(values: Array, reference: Array) -> Array:
    ordered = np.sort(reference)
    below, not_above = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    fraction: Array = (below + not_above) / (2 * len(ordered))
    return fraction


def _checked(scores: ArrayLike, labels: ArrayLike, signal_name: str = "signal") -> tuple[Array, Array]:
    """Scores as float64 and labels as bool, both (n_jets,).

    Raises:
        DataError: shapes that differ, NaN scores, labels other than 0 and 1, or a class that is absent.
    """
    values, truth = np.asarray(scores, np.float64), np.asarray(labels)
    if values.ndim != 1 or values.shape != truth.shape:
        raise DataError(f"scores {values.shape} do not match labels {truth.shape}", None, "give one of each per jet")
    if np.isnan(values).any():
        raise DataError(f"NaN in the score of jet {int(np.isnan(values).argmax())}", None, "check the tagger's outputs")
    if not np.isin(truth, (0, 1)).all():
        raise DataError("labels must be 1 (signal) or 0 (background)", None, "use macro_auc for several classes")
    signal = truth.astype(bool)
    for name, present in ((signal_name, signal.any()), ("background", not signal.all())):
        if not present:
            raise DataError(f"there are no jets of {name}", None, "add jets of that class")
    return values, signal
