"""Binned spectra: each a `hist.Hist` with its errors, drawn by mplhep, alike in every plot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from hist import Hist
    from matplotlib.axes import Axes


def spectrum(edges: ArrayLike, values: ArrayLike, errors: ArrayLike) -> Hist[Any]:
    """A histogram with these contents and errors, (n_bins,) each, between rising edges (n_bins + 1,)."""
    from hist import Hist, axis, storage

    held = Hist(axis.Variable(np.asarray(edges, np.float64)), storage=storage.Weight())
    held[...] = np.stack([np.asarray(values, np.float64), np.asarray(errors, np.float64) ** 2], axis=-1)
    return held


def shares(edges: ArrayLike, counts: ArrayLike) -> Hist[Any]:
    """The share of the jets in each bin from how many were counted there, (n_bins,), with Poisson errors."""
    counted = np.asarray(counts, np.float64)
    total = max(counted.sum(), 1.0)
    return spectrum(edges, counted / total, np.sqrt(counted) / total)


def draw_spectrum(axis: Axes, held: Hist[Any], label: str, style: Mapping[str, Any]) -> None:
    """Steps in this style, and thin bars of one standard deviation."""
    import mplhep

    drawn = {"ax": axis, "flow": "none", "yerr": False}
    mplhep.histplot(held, label=label, **drawn, **style)
    bars = {"color": style["color"], "marker": "none", "elinewidth": 0.7, "alpha": 0.6}
    mplhep.histplot(held, histtype="errorbar", w2method="sqrt", **drawn | {"yerr": True}, **bars)


def fill_spectrum(axis: Axes, held: Hist[Any], label: str, color: str) -> None:
    """What others are compared with: an area without a line."""
    import mplhep

    mplhep.histplot(held, ax=axis, histtype="fill", yerr=False, flow="none", label=label, color=color)
