"""What a tagger sees of each constituent, and the power-of-two scaling that its firmware must also apply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.config import fill
from jets.dataset import Floats, Jets
from jets.errors import ConfigError, DataError

SIX_FEATURES = ("pt_rel", "eta_rot", "phi_rot", "energy_rel", "delta_r", "particle_id")
SIXTEEN_FEATURES = (
    "px", "py", "pz", "energy", "energy_rel", "pt", "pt_rel", "eta", "eta_rel", "eta_rot", "phi", "phi_rel", "phi_rot",
    "delta_r", "cos_theta", "cos_theta_rel",
)  # fmt: skip
CONSTITUENT_FEATURES = {3: SIX_FEATURES[:3], 6: SIX_FEATURES, 16: SIXTEEN_FEATURES}
"""The sets of features of a constituent, by their number."""

# Offsets are multiples of this, so that the firmware can hold them in few bits.
OFFSET_STEP = 2.0**-16
LARGEST_EXPONENT = 15


def six_features(jets: Jets, n_constituents: int) -> NDArray[np.float32]:
    """The six constituent features of the top tagger of arXiv:2207.00559, zero where padded.

    Per constituent: pT / pT(jet); eta and phi relative to the jet axis after `principal_rotation`; E / E(jet);
    distance to the jet axis; particle identity as `particle_id` codes it. Angles are relative to the stored jet
    axis, not to the hardest constituent. The axis of the rotation comes from all the stored constituents, so that
    the features of the first ten do not depend on `n_constituents`.

    Returns:
        (n_jets, n_constituents, 6), pT-ordered; padded with zeros when the jets store fewer constituents.

    Raises:
        ConfigError: `n_constituents` is not positive.
    """
    return constituent_features(jets, n_constituents, SIX_FEATURES)


def constituent_features(jets: Jets, n_constituents: int, names: Sequence[str]) -> NDArray[np.float32]:
    """Named features of the hardest constituents, zero where padded.

    The names are those of `SIX_FEATURES`, for which see `six_features`, and of `SIXTEEN_FEATURES`, which have the
    content of the public hls4ml LHC jets: momenta and energy in GeV, eta and phi also absolute, and cos_theta =
    tanh(eta), cos_theta_rel = tanh(eta_rel).

    Returns:
        (n_jets, n_constituents, n_names), pT-ordered; padded with zeros when the jets store fewer constituents.

    Raises:
        ConfigError: `n_constituents` is not positive.
    """
    if n_constituents < 1:
        raise ConfigError(f"n_constituents must be at least 1, not {n_constituents}", None, "use 20, as in the paper")
    columns = _constituent_columns(jets)
    kept = min(n_constituents, jets.mask.shape[1])
    features = np.zeros((len(jets), n_constituents, len(names)), np.float32)
    for index, name in enumerate(names):
        features[:, :kept, index] = np.where(jets.mask, columns[name](), 0.0)[:, :kept]
    return features


def _constituent_columns(jets: Jets) -> dict[str, Callable[[], Floats]]:
    """What computes every feature, by name, each (n_jets, n_stored); anything where padded."""
    pt, deta, dphi = (jets.feature(name).astype(np.float64) for name in ("pt_gev", "deta", "dphi"))
    jet_pt, jet_eta, jet_phi, jet_mass = (
        jets.jet(name).astype(np.float64)[:, None] for name in ("pt_gev", "eta", "phi", "mass_gev")
    )
    eta_rot, phi_rot = principal_rotation(np.where(jets.mask, pt, 0.0), deta, dphi)
    eta, phi = jet_eta + deta, jet_phi + dphi
    energy = _energy(pt, eta, jets.feature("mass_gev").astype(np.float64))
    return {
        "px": lambda: pt * np.cos(phi),
        "py": lambda: pt * np.sin(phi),
        "pz": lambda: pt * np.sinh(eta),
        "energy": lambda: energy,
        "energy_rel": lambda: energy / _energy(jet_pt, jet_eta, jet_mass),
        "pt": lambda: pt,
        "pt_rel": lambda: pt / jet_pt,
        "eta": lambda: eta,
        "eta_rel": lambda: deta,
        "eta_rot": lambda: eta_rot,
        "phi": lambda: wrapped(phi),
        "phi_rel": lambda: dphi,
        "phi_rot": lambda: phi_rot,
        "delta_r": lambda: np.hypot(deta, dphi),
        "cos_theta": lambda: np.tanh(eta),
        "cos_theta_rel": lambda: np.tanh(deta),
        "particle_id": lambda: particle_id(jets),
    }


def wrapped(angle: Floats) -> Floats:
    """The same angle in [-π, π)."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


def principal_rotation(pt: Floats, deta: Floats, dphi: Floats) -> tuple[Floats, Floats]:
    """Rotate each jet about its axis so that its pT-weighted principal axis lies along +eta.

    The principal axis is the larger eigenvector of the pT-weighted second moments of (deta, dphi), the rotation
    of jet images in arXiv:1511.05190; of its two directions the one with the positive third moment sum(pT u^3) is
    taken, so that the softer prong, which lies farther from the axis, is at positive eta_rot. There is no reflection.
    The public hls4ml LHC jets store such angles as j1_etarot and j1_phirot, but not the code that made them: their
    fixed direction may be another.

    Args:
        pt: (n_jets, n_constituents), zero where padded.
        deta: the same shape, relative to the jet axis.
        dphi: the same shape, relative to the jet axis.

    Returns:
        eta_rot and phi_rot, each (n_jets, n_constituents).
    """
    eta_eta, phi_phi, eta_phi = ((pt * product).sum(axis=1) for product in (deta**2, dphi**2, deta * dphi))
    angle = 0.5 * np.arctan2(2 * eta_phi, eta_eta - phi_phi)[:, None]
    along = np.cos(angle) * deta + np.sin(angle) * dphi
    across = np.cos(angle) * dphi - np.sin(angle) * deta
    direction = np.where((pt * along**3).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    return direction * along, direction * across


def particle_id(jets: Jets) -> NDArray[np.float32]:
    """Identity as a small whole number, (n_jets, n_constituents); 0 where unknown or not carried by these jets.

    Charged hadron +-1, neutral hadron 2, photon 3, electron +-4, muon +-5, with the sign of the electric charge
    (the index in `jets.dataset.IDENTITIES` times that sign).
    """
    if "identity" not in jets.constituent_features:
        return np.zeros(jets.mask.shape, np.float32)
    identity = jets.feature("identity")
    if "charge" not in jets.constituent_features:
        return identity
    return np.where(jets.feature("charge") < 0, -identity, identity)


def _energy(pt: Floats, eta: Floats, mass: Floats) -> Floats:
    energy: Floats = np.hypot(pt * np.cosh(eta), mass)
    return energy


@dataclass(frozen=True)
class PowerOfTwoScaling:
    """An affine map per feature, x' = (x - offset) * 2**exponent, that firmware applies with a subtraction and a shift.

    Attributes:
        offset: one per feature, a multiple of `OFFSET_STEP`.
        exponent: one per feature, within +-`LARGEST_EXPONENT`.

    Raises:
        ConfigError: lengths that differ, an offset off the grid, an exponent out of range.
    """

    offset: tuple[float, ...]
    exponent: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.offset) != len(self.exponent):
            lengths = f"{len(self.offset)} offsets and {len(self.exponent)} exponents"
            raise ConfigError(f"scaling has {lengths}", None, "give one of each per feature")
        for offset in self.offset:
            if not (np.isfinite(offset) and offset % OFFSET_STEP == 0):
                raise ConfigError(f"scaling offset {offset!r} is not a multiple of 2**-16", None, "round it")
        for exponent in self.exponent:
            if abs(exponent) > LARGEST_EXPONENT:
                raise ConfigError(
                    f"scaling exponent {exponent} is out of range", None, f"keep it within +-{LARGEST_EXPONENT}"
                )

    @classmethod
    def fit(cls, x: Floats, mask: NDArray[np.bool_]) -> PowerOfTwoScaling:
        """The scaling that brings each feature of the training jets to a median near 0 and a width near 1.

        The width is the standard deviation between the 1st and 99th percentile, values beyond clipped to them, so
        that a few very hard constituents do not decide it; a constant feature is only shifted.

        Args:
            x: (n_jets, n_constituents, n_features).
            mask: (n_jets, n_constituents), True where there is a constituent.

        Raises:
            DataError: no constituent, or NaN or infinity in one.
        """
        values = np.asarray(x, np.float64)[np.asarray(mask, bool)]
        if len(values) == 0:
            raise DataError("there are no constituents to fit a scaling to", None, "check the training jets")
        if not np.isfinite(values).all():
            raise DataError("NaN or infinity in the features to scale", None, "repair or drop those jets")
        low, middle, high = np.percentile(values, (1, 50, 99), axis=0)
        width = np.clip(values, low, high).std(axis=0)
        width[width < 1e-6 * (1 + np.abs(middle))] = 1.0
        exponent = np.clip(np.rint(-np.log2(width)), -LARGEST_EXPONENT, LARGEST_EXPONENT).astype(int)
        step = np.maximum(2.0 ** (-3 - exponent), OFFSET_STEP)  # an eighth of the scaled width is near enough
        offset = np.rint(middle / step) * step + 0.0
        return cls(tuple(offset.tolist()), tuple(exponent.tolist()))

    def apply(self, x: Floats, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Scaled features, the shape of `x`; padded entries are exactly 0.

        Raises:
            DataError: `x` has another number of features.
        """
        if x.shape[-1] != len(self.offset):
            raise DataError(f"scaling of {len(self.offset)} features applied to {x.shape[-1]}", None, "fit it again")
        scaled = np.ldexp(np.asarray(x, np.float64) - np.array(self.offset), np.array(self.exponent, int))
        return np.where(np.asarray(mask, bool)[..., None], scaled, 0.0).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable mapping that `from_dict` reads."""
        return {"offset": list(self.offset), "exponent": list(self.exponent)}

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], where: str = "scaling") -> PowerOfTwoScaling:
        """The scaling that `to_dict` wrote; ConfigError names a key that is missing, unknown or of the wrong kind."""
        return fill(cls, mapping, where)
