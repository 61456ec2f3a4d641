"""Mass, transverse momentum and N-subjettiness of jets of massless constituents, in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def mass_and_pt(momenta: Array, mask: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Mass and transverse momentum (GeV) of the sum of massless constituents, each (n_jets,).

    Args:
        momenta: (n_jets, P, 3): pT (GeV), eta and phi relative to any axis of the jet's.
        mask: (n_jets, P).
    """
    pt, eta, phi = np.moveaxis(np.where(mask[..., None], momenta, 0.0), -1, 0)
    energy, px, py, pz = ((pt * part).sum(axis=1) for part in (np.cosh(eta), np.cos(phi), np.sin(phi), np.sinh(eta)))
    pt2 = px**2 + py**2
    return np.sqrt(np.maximum(energy**2 - pz**2 - pt2, 0.0)), np.sqrt(pt2)


def subjettiness(momenta: Array, mask: NDArray[np.bool_], n: int, radius: float = 0.8) -> Array:
    """N-subjettiness tau_N with beta = 1 and the axes of exclusive kT subjets, (n_jets,).

    tau_N = sum pT min_axis(distance) / (sum pT R), Thaler, Van Tilburg, arXiv:1011.2268, section 2.1. Jets of at most
    n constituents have 0.
    """
    pt = np.where(mask, momenta[..., 0], 0.0)
    axes = _kt_axes(pt, momenta[..., 1:], mask, n)
    distance = np.hypot(*(momenta[:, :, None, place] - axes[:, None, :, place - 1] for place in (1, 2)))
    nearest = np.nanmin(np.where(np.isnan(distance), np.inf, distance), axis=2)
    nearest = np.where(mask, nearest, 0.0)
    total: Array = (pt * nearest).sum(axis=1) / np.maximum(pt.sum(axis=1) * radius, 1e-12)
    return total


def _kt_axes(pt: Array, place: Array, mask: NDArray[np.bool_], n: int) -> Array:
    """Directions of the n subjets left by merging the pair of smallest min(pT)^2 distance^2, (n_jets, n, 2), else NaN.

    All jets take a step at a time; a pair is merged into its pT-weighted mean direction.
    """
    pt, place = pt.astype(float).copy(), np.where(mask[..., None], place, 0.0).astype(float)
    rows = np.arange(len(pt))
    alive = mask.copy()
    while (busy := alive.sum(axis=1) > n).any():
        gap = place[:, :, None] - place[:, None]
        measure = np.minimum(pt[:, :, None], pt[:, None]) ** 2 * (gap**2).sum(axis=-1)
        paired = alive[:, :, None] & alive[:, None] & np.tri(alive.shape[1], k=-1, dtype=bool)
        measure = np.where(paired, measure, np.inf).reshape(len(pt), -1)
        kept, dropped = np.unravel_index(measure.argmin(axis=1), (alive.shape[1], alive.shape[1]))
        kept, dropped, which = kept[busy], dropped[busy], rows[busy]
        share = pt[which, dropped] / np.maximum(pt[which, kept] + pt[which, dropped], 1e-30)
        place[which, kept] += share[:, None] * (place[which, dropped] - place[which, kept])
        pt[which, kept] += pt[which, dropped]
        alive[which, dropped] = False
    axes = np.full((len(pt), n, 2), np.nan)
    order = np.argsort(~alive, axis=1, kind="stable")[:, :n]
    found = np.take_along_axis(alive, order, axis=1)
    axes[:, : order.shape[1]] = np.where(found[..., None], np.take_along_axis(place, order[..., None], axis=1), np.nan)
    return axes
