"""The input of the recurrent taggers: features of the hardest constituents or tracks, in a power-of-two scaling."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets
from jets.features import CONSTITUENT_FEATURES, SIX_FEATURES, PowerOfTwoScaling, constituent_features
from jets.tracks import TRACK_FEATURES, track_features

Sequence = Literal["constituents", "momenta", "tracks"]
SEQUENCES: dict[Sequence, tuple[str, ...]] = {
    "constituents": SIX_FEATURES, "momenta": CONSTITUENT_FEATURES[3], "tracks": TRACK_FEATURES
}  # fmt: skip
"""What a recurrent tagger may read, and the features of each step."""


def sequence_inputs(
    jets: Jets, n_constituents: int, scaling: PowerOfTwoScaling | None, kind: Sequence = "constituents"
) -> dict[str, NDArray[np.float32]]:
    """{"constituents": (n_jets, n_constituents, n_features) float32}, zero where padded.

    The features are those of `SEQUENCES[kind]`, unscaled when `scaling` is None.

    Raises:
        ConfigError: `n_constituents` is not positive.
        DataError: the jets carry no tracks with impact parameters.
    """
    features, mask = _sequence(jets, n_constituents, kind)
    return {"constituents": features if scaling is None else scaling.apply(features, mask)}


def fit_sequence_scaling(jets: Jets, n_constituents: int, kind: Sequence = "constituents") -> PowerOfTwoScaling:
    """The scaling of the sequence's features that suits these (training) jets."""
    return PowerOfTwoScaling.fit(*_sequence(jets, n_constituents, kind))


def _sequence(jets: Jets, n_constituents: int, kind: Sequence) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    if kind == "tracks":
        return track_features(jets, n_constituents)
    features = constituent_features(jets, n_constituents, SEQUENCES[kind])
    return features, constituent_mask(jets, n_constituents)


def constituent_mask(jets: Jets, n_constituents: int) -> NDArray[np.bool_]:
    """The mask of the hardest constituents, cut or padded to (n_jets, n_constituents)."""
    mask = np.zeros((len(jets), n_constituents), np.bool_)
    shared = min(n_constituents, jets.mask.shape[1])
    mask[:, :shared] = jets.mask[:, :shared]
    return mask
