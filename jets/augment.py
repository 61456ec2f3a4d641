"""The same jets seen again: turned, mirrored, smeared, or simulated anew from the same hard parton."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jets.dataset import KINEMATICS, Floats, Jets
from jets.errors import ConfigError

WIDEST_SMEAR = 1.0
"""Radians: of constituents with little pT."""


@dataclass(frozen=True)
class Augmentation:
    """What changes about a jet each time that it is looked at; its pT, mass and axis stay, apart from the sign of eta.

    Attributes:
        views: of each hard parton one of its simulations (`Jets.view_names`) is drawn.
        rotate: about the jet axis in (deta, dphi), by any angle (JetCLR, arXiv:2108.04253).
        reflect: half of the jets are mirrored in eta, dz with them: the two beams are alike.
        smear_pt: width of the logarithm of a constituent's pT; the sum over the stored constituents stays.
        smear_angle_gev: deta and dphi move by a Gaussian of this width over pT, of at most 1; 0.1 in JetCLR.

    Raises:
        ConfigError: a width that is not from 0 to 1.
    """

    views: bool = False
    rotate: bool = False
    reflect: bool = False
    smear_pt: float = 0.0
    smear_angle_gev: float = 0.0

    def __post_init__(self) -> None:
        for name in ("smear_pt", "smear_angle_gev"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be from 0 to 1, not {getattr(self, name)}", None, "e.g. 0.1")

    @property
    def moves_constituents(self) -> bool:
        """Whether constituents are changed, so that high-level features are no longer the jet's."""
        return self.rotate or self.reflect or self.smear_pt > 0 or self.smear_angle_gev > 0


def augment(jets: Jets, how: Augmentation, rng: np.random.Generator) -> Jets:
    """The jets, looked at once more; with `views` one jet for each hard parton.

    Masks stay, and constituents are in falling pT order again. Where constituents move, the jets carry no high-level
    features any more; impact parameters are not smeared.

    Raises:
        DataError: views are asked for, and the jets have one each.
    """
    if how.views:
        rows = jets.view_rows()
        jets = jets[rows[np.arange(len(rows)), rng.integers(0, rows.shape[1], len(rows))]]
    if how.moves_constituents:
        jets = replace(jets, constituents=jets.constituents.copy(), high_level=None, high_level_features=())
    if how.rotate:
        _set_angles(jets, *rotated(*_angles(jets), rng.uniform(0, 2 * np.pi, len(jets))))
    if how.reflect:
        jets = _reflected(jets, rng.random(len(jets)) < 0.5)
    if how.smear_angle_gev > 0:
        width = np.minimum(how.smear_angle_gev / np.maximum(jets.feature("pt_gev"), 1e-6), WIDEST_SMEAR)
        _set_angles(jets, *(angle + width * rng.standard_normal(width.shape) for angle in _angles(jets)))
    return _with_smeared_pt(jets, how.smear_pt, rng) if how.smear_pt > 0 else jets


def rotated(deta: Floats, dphi: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """(deta, dphi), each (n_jets, n_constituents), turned about the jet axis by (n_jets,) radians."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return cos * deta - sin * dphi, sin * deta + cos * dphi


def _angles(jets: Jets) -> tuple[Floats, Floats]:
    return jets.feature("deta").astype(np.float64), jets.feature("dphi").astype(np.float64)


def _set_angles(jets: Jets, deta: Floats, dphi: Floats) -> None:
    for name, values in (("deta", deta), ("dphi", dphi)):
        jets.feature(name)[:] = np.where(jets.mask, values, 0.0)


def _reflected(jets: Jets, which: NDArray[np.bool_]) -> Jets:
    for name in {"deta", "dz_mm"} & set(jets.constituent_features):
        jets.feature(name)[which] *= -1
    kinematics = jets.kinematics.copy()
    kinematics[which, KINEMATICS.index("eta")] *= -1
    return replace(jets, kinematics=kinematics)


def _with_smeared_pt(jets: Jets, width: float, rng: np.random.Generator) -> Jets:
    before = jets.feature("pt_gev").astype(np.float64)
    after = before * np.exp(width * rng.standard_normal(before.shape))
    after *= before.sum(axis=1, keepdims=True) / after.sum(axis=1, keepdims=True)
    jets.feature("pt_gev")[:] = after
    order = np.argsort(-jets.feature("pt_gev"), axis=1, kind="stable")
    return replace(jets, constituents=np.take_along_axis(jets.constituents, order[:, :, None], axis=1))
