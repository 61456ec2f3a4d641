"""The inputs of the feed-forward students, in a power-of-two scaling fitted on training jets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets
from jets.features import CONSTITUENT_FEATURES, PowerOfTwoScaling, constituent_features
from jets.high_level import HIGH_LEVEL_FEATURES, high_level_features
from models.sequence import constituent_mask
from models.students.feed_forward import ConstituentSpec, MlpSpec


def mlp_inputs(jets: Jets, spec: MlpSpec, scaling: PowerOfTwoScaling | None) -> dict[str, NDArray[np.float32]]:
    """{"features": (n_jets, 16) float32}; unscaled when `scaling` is None.

    Raises:
        ToolNotFound: the jets do not carry the features, and fastjet, which computes them, is not installed.
    """
    features = _high_level(jets)
    return {"features": features if scaling is None else scaling.apply(features, np.ones(len(jets), bool))}


def fit_mlp_scaling(jets: Jets, spec: MlpSpec) -> PowerOfTwoScaling:
    """The scaling of the 16 features that suits these (training) jets."""
    return PowerOfTwoScaling.fit(_high_level(jets), np.ones(len(jets), bool))


def particle_inputs(
    jets: Jets, spec: ConstituentSpec, scaling: PowerOfTwoScaling | None
) -> dict[str, NDArray[np.float32]]:
    """{"constituents": (n_jets, n_constituents, n_features + 1) float32}, the last column 1 where there is a particle.

    Features are unscaled when `scaling` is None; empty places are zero.
    """
    mask = constituent_mask(jets, spec.n_constituents)
    features = _constituents(jets, spec)
    if scaling is not None:
        features = scaling.apply(features, mask)
    return {"constituents": np.concatenate([features, mask[..., None].astype(np.float32)], axis=-1)}


def fit_particle_scaling(jets: Jets, spec: ConstituentSpec) -> PowerOfTwoScaling:
    """The scaling of the features of a particle that suits these (training) jets."""
    return PowerOfTwoScaling.fit(_constituents(jets, spec), constituent_mask(jets, spec.n_constituents))


def _constituents(jets: Jets, spec: ConstituentSpec) -> NDArray[np.float32]:
    return constituent_features(jets, spec.n_constituents, CONSTITUENT_FEATURES[spec.features])


def _high_level(jets: Jets) -> NDArray[np.float32]:
    """The features as the jets carry them, (n_jets, 16), or computed."""
    if jets.high_level is None:
        return high_level_features(jets)
    return jets.high_level[:, [jets.high_level_features.index(name) for name in HIGH_LEVEL_FEATURES]]
