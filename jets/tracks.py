"""What flavour taggers see of a jet's tracks: impact parameters with the sign of a lifetime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets
from jets.errors import ConfigError

TRACK_FEATURES = ("d0_mm", "d0_significance", "dz_mm", "dz_significance", "pt_rel", "delta_r")
LARGEST_MM = {"d0_mm": 2.0, "dz_mm": 5.0}
LARGEST_SIGNIFICANCE = 20.0


def track_features(jets: Jets, n_tracks: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Six features of the hardest tracks of each jet, in order of pT, and which places hold a track.

    d0 and dz are positive where the track meets the jet's axis in front of the vertex, as that of a particle which
    lived for a while does: the sign of d0 sin(dphi), with d0 = (x py - y px) / pT, and of -dz deta. Their significance
    is that over the stored error. Both are cut, at `LARGEST_MM` and `LARGEST_SIGNIFICANCE`. pT is relative to the
    jet's; delta_r is the distance to its axis. Tracks are the charged constituents.

    Returns:
        (n_jets, n_tracks, 6), zero where there is no track, and (n_jets, n_tracks) bool.

    Raises:
        ConfigError: `n_tracks` is not positive.
        DataError: the jets carry no charges or impact parameters.
    """
    if n_tracks < 1:
        raise ConfigError(f"n_constituents must be at least 1, not {n_tracks}", None, "use 15, as in the paper")
    track = jets.mask & (jets.feature("charge") != 0)
    deta, dphi = jets.feature("deta"), jets.feature("dphi")
    along = {"d0": np.sin(dphi), "dz": -deta}
    columns = []
    for name, way in along.items():
        value = np.abs(jets.feature(f"{name}_mm")) * np.sign(jets.feature(f"{name}_mm") * way)
        error = jets.feature(f"{name}_error_mm")
        significance = np.divide(value, error, out=np.zeros_like(value), where=error > 0)
        largest = LARGEST_MM[f"{name}_mm"]
        columns += [np.clip(value, -largest, largest)]
        columns += [np.clip(significance, -LARGEST_SIGNIFICANCE, LARGEST_SIGNIFICANCE)]
    columns += [jets.feature("pt_gev") / jets.jet("pt_gev")[:, None], np.hypot(deta, dphi)]
    tracks_first = np.argsort(~track, axis=1, kind="stable")[:, :n_tracks]
    there = np.take_along_axis(track, tracks_first, axis=1)
    values = np.take_along_axis(np.stack(columns, axis=-1), tracks_first[..., None], axis=1)
    extra = ((0, 0), (0, n_tracks - there.shape[1]))
    features = np.pad(np.where(there[..., None], values, 0.0), (*extra, (0, 0))).astype(np.float32)
    return features, np.pad(there, extra)
