"""The input of the recurrent taggers: the six features of the hardest constituents, in a power-of-two scaling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets
from jets.features import PowerOfTwoScaling, six_features


def sequence_inputs(
    jets: Jets, n_constituents: int, scaling: PowerOfTwoScaling | None
) -> dict[str, NDArray[np.float32]]:
    """{"constituents": (n_jets, n_constituents, 6) float32}, zero where padded; unscaled when `scaling` is None."""
    features = six_features(jets, n_constituents)
    if scaling is None:
        return {"constituents": features}
    return {"constituents": scaling.apply(features, constituent_mask(jets, n_constituents))}


def fit_sequence_scaling(jets: Jets, n_constituents: int) -> PowerOfTwoScaling:
    """The scaling of the six features that suits these (training) jets."""
    return PowerOfTwoScaling.fit(six_features(jets, n_constituents), constituent_mask(jets, n_constituents))


def constituent_mask(jets: Jets, n_constituents: int) -> NDArray[np.bool_]:
    """The mask of the hardest constituents, cut or padded to (n_jets, n_constituents)."""
    mask = np.zeros((len(jets), n_constituents), np.bool_)
    shared = min(n_constituents, jets.mask.shape[1])
    mask[:, :shared] = jets.mask[:, :shared]
    return mask
