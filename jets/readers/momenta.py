"""Four-momenta of constituents in, checked jets out: what all readers of public data have in common."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import FOUR_VECTOR, Jets
from jets.errors import DataError

Array = NDArray[Any]

FEATURES = (*FOUR_VECTOR, "identity")


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of one dataset of one file: what errors name and ids are made of."""

    path: Path
    key: str
    start: int

    @property
    def where(self) -> str:
        """File and key."""
        return f"{self.path}: {self.key}"

    def ids(self, n: int) -> NDArray[np.uint64]:
        """The ids of the first `n` rows: a hash of the file's name plus the row's number."""
        digest = hashlib.sha256(self.path.name.encode()).digest()
        with np.errstate(over="ignore"):
            return np.uint64(int.from_bytes(digest[:8], "little")) + np.arange(self.start, self.start + n, dtype="u8")

    def refuse(self, complaint: str, bad: Array) -> None:
        """Raise DataError for the first row that is `bad`, (n_rows,) or (n_rows, n_constituents)."""
        if bad.any():
            row = self.start + int(np.argwhere(bad)[0][0])
            raise DataError(f"{complaint} in row {row}", self.where, "repair or drop that jet")


def jets_from_momenta(momenta: Array, labels: Array, classes: tuple[str, ...], rows: Rows) -> Jets:
    """Jets whose axis, pT and mass are those of the sum of all their constituents.

    Args:
        momenta: (n_jets, n_constituents, 4): E, px, py, pz in GeV, all zero where padded, in any order.
        labels: (n_jets,), an index into `classes`.
        classes: names of the classes.
        rows: where they come from.

    Returns:
        Jets with constituents ordered by falling pT, the identity of each unknown.

    Raises:
        DataError: NaN, a negative energy, or a jet without constituents.
    """
    momenta = np.asarray(momenta, np.float64)
    rows.refuse("NaN or infinity", ~np.isfinite(momenta).all(axis=2))
    rows.refuse("a negative energy", momenta[:, :, 0] < 0)
    momenta = _by_falling_pt(momenta)
    pt = np.hypot(momenta[:, :, 1], momenta[:, :, 2])
    mask = pt > 0
    rows.refuse("no constituent", ~mask.any(axis=1))
    jet_pt, jet_eta, jet_phi, jet_mass = _polar(np.where(mask[:, :, None], momenta, 0.0).sum(axis=1))
    rows.refuse("constituents without net pT", jet_pt <= 0)
    _, eta, phi, mass = _polar(momenta)
    dphi = (phi - jet_phi[:, None] + np.pi) % (2 * np.pi) - np.pi
    columns = (pt, eta - jet_eta[:, None], dphi, mass, np.zeros_like(pt))
    constituents = np.stack([np.where(mask, column, 0.0) for column in columns], axis=-1)
    return Jets(
        constituents=constituents.astype(np.float32),
        mask=mask,
        kinematics=np.stack([jet_pt, jet_eta, jet_phi, jet_mass, mask.sum(axis=1)], axis=1).astype(np.float32),
        labels=np.asarray(labels, np.int16),
        ids=rows.ids(len(momenta)),
        classes=classes,
        constituent_features=FEATURES,
    )


def _by_falling_pt(momenta: Array) -> Array:
    order = np.argsort(-np.hypot(momenta[:, :, 1], momenta[:, :, 2]), axis=1, kind="stable")
    sorted_momenta: Array = np.take_along_axis(momenta, order[:, :, None], axis=1)
    return sorted_momenta


def _polar(momenta: Array) -> tuple[Array, Array, Array, Array]:
    """pT, pseudorapidity, azimuth and mass (0 where rounding makes it imaginary) of momenta (..., 4); 0 if pT is 0."""
    energy, px, py, pz = np.moveaxis(momenta, -1, 0)
    pt = np.hypot(px, py)
    eta = np.arcsinh(pz / np.where(pt > 0, pt, np.inf))
    mass = np.sqrt(np.maximum(energy**2 - pt**2 - pz**2, 0.0))
    return pt, eta, np.arctan2(py, px), mass
