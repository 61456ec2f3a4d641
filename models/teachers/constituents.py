"""What the teachers see of each constituent, cut or padded to the length that the network looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jets.dataset import IDENTITIES, Floats, Jets
from models.sequence import constituent_mask

SMALLEST_PT_GEV = 1e-3

KINEMATICS = ("log_pt", "log_energy", "log_pt_rel", "log_energy_rel", "delta_r", "deta", "dphi")
# Those of the JetClass training, in the order of its file JetClass_kin.yaml: subtract, then multiply, then clip to +-5.
OFFSET = (1.7, 2.0, -4.7, -4.7, 0.2, 0.0, 0.0)
FACTOR = (0.7, 0.7, 0.7, 0.7, 4.0, 1.0, 1.0)
LARGEST = 5.0


def column(jets: Jets, name: str, mask: NDArray[np.bool_], absent: float = 0.0) -> Floats:
    """One constituent feature in the mask's shape (n_jets, P), `absent` where there is no constituent."""
    return fitted(jets.feature(name), mask, absent)


def fitted(values: Floats, mask: NDArray[np.bool_], absent: float = 0.0) -> Floats:
    """A column of constituents cut or padded to the mask's shape, `absent` where there is no constituent."""
    full = np.full(mask.shape, absent)
    shared = min(mask.shape[1], values.shape[1])
    full[:, :shared] = values[:, :shared]
    return np.where(mask, full, absent)


def logarithms(jets: Jets, mask: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats, Floats]:
    """ln pT, ln E (GeV), ln pT / pT(jet) and ln E / E(jet), each (n_jets, P)."""
    pt = np.maximum(column(jets, "pt_gev", mask, 1.0), SMALLEST_PT_GEV)
    deta, mass = (column(jets, name, mask) for name in ("deta", "mass_gev"))
    jet_pt, jet_eta, jet_mass = (jets.jet(name).astype(np.float64)[:, None] for name in ("pt_gev", "eta", "mass_gev"))
    energy = np.hypot(pt * np.cosh(jet_eta + deta), mass)
    jet_energy = np.hypot(jet_pt * np.cosh(jet_eta), jet_mass)
    return np.log(pt), np.log(energy), np.log(pt / jet_pt), np.log(energy / jet_energy)


def kinematics(jets: Jets, n_constituents: int) -> NDArray[np.float32]:
    """The features of `KINEMATICS`, (n_jets, P, 7), in the fixed scaling of JetClass (arXiv:2202.03772), 0 if padded.

    The scaling is no property of the training jets, so that a network can be applied to jets of another source. As in
    JetClass, deta is mirrored for jets at negative eta.
    """
    mask = constituent_mask(jets, n_constituents)
    side = np.where(jets.jet("eta") < 0, -1.0, 1.0)[:, None]
    deta, dphi = side * column(jets, "deta", mask), column(jets, "dphi", mask)
    values = np.stack((*logarithms(jets, mask), np.hypot(deta, dphi), deta, dphi), axis=-1)
    scaled = np.clip((values - np.array(OFFSET)) * np.array(FACTOR), -LARGEST, LARGEST)
    return np.where(mask[..., None], scaled, 0.0).astype(np.float32)


def identity(jets: Jets, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Charge and one-hot identity, (n_jets, P, 7); jets that carry neither are all "unknown"."""
    have = jets.constituent_features
    charge = column(jets, "charge", mask) if "charge" in have else np.zeros(mask.shape)
    kind = column(jets, "identity", mask) if "identity" in have else np.zeros(mask.shape)
    one_hot = (kind[..., None] == np.arange(len(IDENTITIES))) & mask[..., None]
    return np.concatenate([charge[..., None], one_hot], axis=-1, dtype=np.float32, casting="same_kind")
