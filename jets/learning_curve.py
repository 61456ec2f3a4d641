"""How many labels a better start saves: two learning curves in, their distance along the labels out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from jets.errors import DataError
from jets.metrics import Measure


def saving_factor(labels: ArrayLike, scratch: Sequence[Measure], reached: Measure, at: float) -> Measure:
    """How many times `at` labels a training from scratch needs to get as far as `reached`.

    The curve from scratch is taken as straight between neighbouring points in the logarithm of the labels, its
    highest part where it is not rising. Beyond its last point only a bound is known: `is_lower_bound`, and the error
    equals the value. The error is that of `reached` and of the curve there, over its slope.

    Args:
        labels: (n,) rising, those of the curve from scratch.
        scratch: (n,) its figure of merit, larger is better.
        reached: what was reached from the better start.
        at: labels that this took.

    Raises:
        DataError: fewer than two points, or labels that do not rise.
    """
    steps = np.log(np.asarray(labels, np.float64))
    if len(steps) < 2 or len(steps) != len(scratch) or not (np.diff(steps) > 0).all():
        raise DataError("the learning curve needs two or more points with rising labels", None, "correct the labels")
    values = np.maximum.accumulate([point.value for point in scratch])
    if reached.value > values[-1]:
        bound = float(np.exp(steps[-1])) / at
        return Measure(bound, bound, is_lower_bound=True)
    last = int(np.clip(np.searchsorted(values, reached.value), 1, len(values) - 1))
    rise, run = values[last] - values[last - 1], steps[last] - steps[last - 1]
    if rise == 0:
        return Measure(float(np.exp(steps[last - 1])) / at, float("inf"))
    share = (reached.value - values[last - 1]) / rise
    before, after = scratch[last - 1].error, scratch[last].error
    error = np.sqrt(reached.error**2 + ((1 - share) * before) ** 2 + (share * after) ** 2) * run / rise
    factor = float(np.exp(steps[last - 1] + share * run)) / at
    return Measure(factor, factor * float(error))
