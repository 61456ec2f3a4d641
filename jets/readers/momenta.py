"""Constituents as the public files hold them in, checked jets out: what all readers have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import FOUR_VECTOR, IDENTITIES, Jets
from jets.errors import DataError
from jets.features import wrapped

Array = NDArray[Any]

MM_PER_CM = 10.0
PDG_IDENTITIES = {211: "charged_hadron", 130: "neutral_hadron", 22: "photon", 11: "electron", 13: "muon"}
"""What particle flow calls its candidates; CMS adds 1 and 2, hadrons and photons in the forward calorimeter."""


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


@dataclass(frozen=True)
class Constituents:
    """Constituents of consecutive jets, jet by jet: jet `i` has `count[i]` of them.

    Attributes:
        count: (n_jets,).
        columns: (n,) each: energy, px, py, pz (GeV), or pt, deta, dphi, mass.
        further: (n,) each: features of `IDENTITY` and `IMPACT`, by name.
    """

    count: Array
    columns: tuple[Array, Array, Array, Array]
    further: Mapping[str, Array] = field(default_factory=dict)

    @property
    def jet(self) -> Array:
        """(n,) the jet of each."""
        return np.repeat(np.arange(len(self.count)), self.count)

    def of_jets(self, jets: slice) -> Constituents:
        """Those of consecutive jets."""
        first = int(self.count[: jets.start].sum())
        here = slice(first, first + int(self.count[jets].sum()))
        return Constituents(self.count[jets], *self._taken(here))

    def select(self, which: Array) -> Constituents:
        """Those that a boolean mask or an index that keeps jets together selects."""
        count = np.bincount(self.jet[which], minlength=len(self.count))
        return Constituents(count, *self._taken(which))

    def _taken(self, which: Any) -> tuple[tuple[Array, Array, Array, Array], dict[str, Array]]:
        first, second, third, fourth = (column[which] for column in self.columns)
        return (first, second, third, fourth), {name: values[which] for name, values in self.further.items()}

    def refuse(self, complaint: str, bad: Array, rows: Rows) -> None:
        """Raise DataError for the first jet with a constituent that is `bad`, (n,)."""
        if bad.any():
            rows.refuse(complaint, np.bincount(self.jet[bad], minlength=len(self.count)) > 0)


def constituents_of_padded(values: Array, further: Mapping[str, Array] | None = None) -> Constituents:
    """Constituents from (n_jets, n_constituents, 4), of which those with four zeros are padding."""
    there = (values != 0).any(axis=2)
    first, second, third, fourth = np.moveaxis(values, -1, 0).astype(np.float64)
    columns = (first[there], second[there], third[there], fourth[there])
    return Constituents(there.sum(axis=1), columns, {name: column[there] for name, column in (further or {}).items()})


def unidentified(constituents: Constituents) -> Constituents:
    """The same constituents, whose identity is unknown."""
    return replace(constituents, further={"identity": np.zeros(len(constituents.columns[0]), np.int8)})


def spans(rows: range, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` rows."""
    return (slice(start, min(start + size, rows.stop)) for start in range(rows.start, rows.stop, size))


def jets_from_momenta(momenta: Constituents, labels: Array, classes: tuple[str, ...], rows: Rows, width: int) -> Jets:
    """Jets whose axis, pT and mass are those of the sum of all their constituents.

    Args:
        momenta: columns E, px, py, pz in GeV, in any order of pT.
        labels: (n_jets,), an index into `classes`.
        classes: names of the classes.
        rows: where they come from.
        width: constituents to keep, the hardest.

    Returns:
        Jets with constituents ordered by falling pT.

    Raises:
        DataError: NaN, a negative energy, or a jet without constituents.
    """
    energy, px, py, pz = momenta.columns
    momenta.refuse("NaN or infinity", ~np.isfinite(energy + px + py + pz), rows)
    momenta.refuse("a negative energy", energy < 0, rows)
    moving = (px != 0) | (py != 0)
    if not moving.all():
        momenta = momenta.select(moving)
    rows.refuse("no constituent", momenta.count == 0)
    first = np.cumsum(momenta.count) - momenta.count
    sums = [np.add.reduceat(column.astype(np.float64), first) for column in momenta.columns]
    jet_pt, jet_eta, jet_phi, jet_mass = _polar(*sums)
    rows.refuse("constituents without net pT", jet_pt <= 0)
    pt, eta, phi, mass = _polar(*momenta.columns)
    jet = momenta.jet
    relative = Constituents(momenta.count, (pt, eta - jet_eta[jet], wrapped(phi - jet_phi[jet]), mass), momenta.further)
    kinematics = np.stack([jet_pt, jet_eta, jet_phi, jet_mass, momenta.count], axis=1)
    return jets_about_axis(relative, kinematics, labels, classes, rows, width)


def jets_about_axis(
    relative: Constituents, kinematics: Array, labels: Array, classes: tuple[str, ...], rows: Rows, width: int
) -> Jets:
    """Jets whose kinematics are known.

    Args:
        relative: columns pT (GeV), deta, dphi, mass (GeV), in any order of pT.
        kinematics: (n_jets, 5): pT (GeV), eta, phi, mass (GeV), number of constituents.
        labels: (n_jets,), an index into `classes`.
        classes: names of the classes.
        rows: where they come from.
        width: constituents to keep, the hardest.

    Raises:
        DataError: NaN, a negative pT, or a jet without constituents.
    """
    pt = relative.columns[0]
    for column in (*relative.columns, *relative.further.values()):
        relative.refuse("NaN or infinity", ~np.isfinite(column), rows)
    relative.refuse("a negative pT", pt < 0, rows)
    rows.refuse("no constituent", relative.count == 0)
    jet = relative.jet
    if ((pt[1:] > pt[:-1]) & (jet[1:] == jet[:-1])).any():
        relative = relative.select(np.lexsort((-pt, jet)))
    count = np.minimum(relative.count, width)
    mask = np.arange(width) < count[:, None]
    columns = np.stack([*relative.columns, *relative.further.values()], axis=-1, dtype=np.float32)
    if (count < relative.count).any():
        first = np.cumsum(relative.count) - relative.count
        columns = columns[np.arange(len(jet)) - np.repeat(first, relative.count) < width]
    constituents = np.zeros((*mask.shape, columns.shape[1]), np.float32)
    constituents[mask] = columns
    return Jets(
        constituents=constituents,
        mask=mask,
        kinematics=kinematics.astype(np.float32),
        labels=np.asarray(labels, np.int16),
        ids=rows.ids(len(relative.count)),
        classes=classes,
        constituent_features=(*FOUR_VECTOR, *relative.further),
    )


def identities(codes: Array, named: Mapping[int, str] = PDG_IDENTITIES) -> Array:
    """The place in `IDENTITIES` of each PDG code (its sign does not matter); unknown where it is none of `named`."""
    found = np.zeros(codes.shape, np.int8)
    for code, name in named.items():
        found[np.abs(codes) == code] = IDENTITIES.index(name)
    return found


def _polar(energy: Array, px: Array, py: Array, pz: Array) -> tuple[Array, Array, Array, Array]:
    """pT, pseudorapidity, azimuth and mass (0 where rounding makes it imaginary) of momenta; 0 if pT is 0."""
    pt = np.hypot(px, py)
    eta = np.arcsinh(pz / np.where(pt > 0, pt, np.inf))
    mass = np.sqrt(np.maximum(energy**2 - pt**2 - pz**2, 0.0))
    return pt, eta, np.arctan2(py, px), mass
