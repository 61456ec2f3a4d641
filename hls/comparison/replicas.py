"""Bootstrap replicas of histograms: every number of a comparison is a function of sums over jets, and so is its error.

All histograms of all taggers see the same replicas, so that what two taggers share cancels in their difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jets.metrics import ONE_SIGMA

Floats = NDArray[np.float64]
Key = TypeVar("Key")

CHUNK = 8192
NOWHERE = -1


@dataclass(frozen=True)
class Cells:
    """Where each jet falls in a histogram, and how much it adds there besides its weight.

    Attributes:
        index: (n_jets,) int16, the flat index of a cell; `NOWHERE` for a jet that does not count.
        shape: of the histogram.
        amounts: (n_jets,) float32; 1 when None.
    """

    index: NDArray[np.int16]
    shape: tuple[int, ...]
    amounts: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls, *axes: tuple[ArrayLike, int], counts: ArrayLike | None = None, amounts: ArrayLike | None = None
    ) -> Cells:
        """From one (index (n_jets,), number of cells) for each axis; `counts` (n_jets,) bool chooses the jets."""
        shape = tuple(size for _, size in axes)
        if np.prod(shape) > np.iinfo(np.int16).max:
            raise ValueError(f"a histogram of shape {shape} has too many cells")
        index = np.ravel_multi_index([np.asarray(values, np.intp) for values, _ in axes], shape)
        chosen = index if counts is None else np.where(counts, index, NOWHERE)
        return cls(chosen.astype(np.int16), shape, None if amounts is None else np.asarray(amounts, np.float32))


def bootstrap(
    cells: Mapping[Key, Cells], weights: NDArray[Any], n_replicas: int, rng: np.random.Generator
) -> dict[Key, Floats]:
    """Sums of weights (n_jets,) in every cell: (1 + n_replicas, *shape), the jets as they are and then the replicas.

    A replica takes each jet a Poisson number of times, mean 1 (Chamandy et al., Google Research 2012), so that jets
    are worked through in blocks and memory does not grow with their number.
    """
    from scipy.sparse import csr_array

    names = list(cells)
    sizes = [int(np.prod(cells[name].shape)) for name in names]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    totals = np.zeros((offsets[-1], 1 + n_replicas))
    for start in range(0, len(weights), CHUNK):
        block = weights[start : start + CHUNK]
        taken = np.ones((len(block), 1 + n_replicas), np.float32)
        taken[:, 1:] = rng.poisson(1.0, (len(block), n_replicas))
        taken *= np.asarray(block, np.float32)[:, None]
        rows = slice(start, start + len(block))
        index, amounts = _columns([cells[name] for name in names], offsets, rows)
        pointers = np.arange(0, index.size + 1, len(names))
        jets_by_cells = csr_array((amounts.ravel(), index.ravel(), pointers), shape=(len(block), offsets[-1]))
        totals += jets_by_cells.T @ taken
    parts = np.split(totals.T, offsets[1:-1], axis=1)
    return {name: part.reshape(-1, *cells[name].shape) for name, part in zip(names, parts, strict=True)}


def _columns(cells: list[Cells], offsets: NDArray[Any], rows: slice) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The cells of all histograms and what goes into them, (n_jets, n_histograms) each; nowhere is cell 0 with 0."""
    index = np.stack([item.index[rows] for item in cells], axis=1).astype(np.int32)
    amounts = np.ones(index.shape, np.float32)
    for column, item in enumerate(cells):
        if item.amounts is not None:
            amounts[:, column] = item.amounts[rows]
    nowhere = index == NOWHERE
    amounts[nowhere] = 0
    return np.where(nowhere, 0, index + offsets[:-1].astype(np.int32)), amounts


def number(values: Floats, first: Floats | None = None) -> dict[str, Any]:
    """A number with its error, and its difference to the first tagger's, from replicas (1 + n_replicas,) of both."""
    result: dict[str, Any] = {"value": _finite(float(values[0])), "error": _spread(values), "difference": None}
    if first is not None and np.isfinite(values[0]) and np.isfinite(first[0]):
        difference = values - first
        result["difference"] = {"value": float(difference[0]), "error": _spread(difference)}
    return result


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _spread(values: Floats) -> float | None:
    """The standard deviation of the replicas that are known; None when fewer than two are."""
    known = values[1:][np.isfinite(values[1:])]
    return float(known.std(ddof=1)) if np.isfinite(values[0]) and len(known) > 1 else None


def fraction(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where the whole is empty."""
    result: Floats = np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
    return result


def efficiency(values: Floats, n_effective: float, first: Floats | None = None) -> dict[str, Any]:
    """`number` of an efficiency (1 + n_replicas,) measured on `n_effective` jets.

    All or none passing leaves the replicas no spread: the error is then that of the one-sided 68.27 % limit.
    """
    result = number(values, first)
    if n_effective > 0 and values[0] in (0.0, 1.0):
        result["error"] = upper_limit(n_effective)
    return result


def rejection(values: Floats, n_effective: float, first: Floats | None = None) -> dict[str, Any]:
    """`number` of 1 / eps_B from replicas (1 + n_replicas,) of eps_B, by d(1/eps) = -d(eps) / eps**2.

    When no background passes only the bound of `jets.metrics.background_rejection` is known.
    """
    if values[0] == 0:
        bound = 1 / upper_limit(n_effective)
        return {"value": bound, "error": bound, "difference": None, "is_lower_bound": True}
    return number(inverse(values), None if first is None or first[0] == 0 else inverse(first))


def inverse(values: Floats) -> Floats:
    """Replicas of 1 / eps, linear about the first."""
    if not values[0] > 0:
        return np.full_like(values, np.nan)
    result: Floats = 1 / values[0] - (values - values[0]) / values[0] ** 2
    return result


def upper_limit(n: float) -> float:
    """The one-sided 68.27 % upper limit of an efficiency when none of n jets passes (Clopper & Pearson 1934)."""
    return float(1 - (1 - ONE_SIGMA) ** (1 / n))


def effective_number(weights: NDArray[Any]) -> float:
    """The number of unweighted jets with the relative error of these (Kish 1965): (sum w)^2 / sum w^2."""
    return float(effective_numbers(weights, Cells.of((np.zeros(len(weights)), 1)))[0])


def effective_numbers(weights: NDArray[Any], cells: Cells) -> Floats:
    """`effective_number` of the jets in every cell of a histogram; 0 in empty ones."""
    inside = cells.index != NOWHERE
    index, values = cells.index[inside], np.asarray(weights, np.float64)[inside]
    size = int(np.prod(cells.shape))
    total, squares = (np.bincount(index, power, size) for power in (values, values**2))
    numbers: Floats = np.divide(total**2, squares, out=np.zeros(size), where=squares > 0)
    return numbers.reshape(cells.shape)
