"""Leading learnt bits to a number of effective bit operations, by the weight that one has in the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

INTERVAL = 10
"""Batches from one look at the network to the next."""
DESCENT = 0.4
"""Share of a phase in which the aim falls, in a straight line of its logarithm, from where the network starts."""
MARGIN = 0.97
"""What is aimed at, as a share of the most that is allowed."""
PROPORTIONAL, INTEGRAL = 2.0, 0.2
"""Gains: exponents of measured / aim in the weight, at once and summed over the looks."""
SWING = 0.5
"""The largest |log(measured / aim)| that is acted on."""


class Budget:
    """What learnt bits cost in the loss of a jet, with a weight that a PI controller holds EBOPs to a target by.

    Called, it gives the penalty, a scalar tensor: weight * cost(network). `adapt` follows what `ebops` counts.

    Attributes:
        target: the most EBOPs that are allowed; None leaves the weight as it is.
        weight: the loss of one EBOP, a variable.
    """

    def __init__(
        self,
        network: Any,
        cost: Callable[[Any], Any],
        ebops: Callable[[Any], int],
        target: int | None,
        weight: float,
    ) -> None:
        import keras

        self.network, self.cost, self.ebops, self.target = network, cost, ebops, target
        self.weight = keras.Variable(weight, trainable=False, dtype="float32", name="ebops_weight")
        self._logarithm, self._start = math.log(weight) if weight > 0 else -math.inf, 0

    def __call__(self) -> Any:
        """The penalty now."""
        return self.weight * self.cost(self.network)

    def measured(self) -> int | None:
        """EBOPs of the network as it is; None without a target."""
        return None if self.target is None else self.ebops(self.network)

    def adapt(self, share: float) -> None:
        """Set the weight after this share (0 to 1) of the phase."""
        if self.target is None:
            return
        found = max(self.ebops(self.network), 1)
        self._start = self._start or found
        path = min(share / DESCENT, 1.0)
        aim = MARGIN * self.target * max(self._start / (MARGIN * self.target), 1.0) ** (1.0 - path)
        error = min(max(math.log(found / aim), -SWING), SWING)
        self._logarithm += INTEGRAL * error
        self.weight.assign(math.exp(self._logarithm + PROPORTIONAL * error))
