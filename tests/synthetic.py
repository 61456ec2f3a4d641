"""Small synthetic jets: two-prong "signal" and one-prong "background", enough for a network to learn something."""

from __future__ import annotations

import numpy as np

from jets.dataset import FOUR_VECTOR, IDENTITY, Jets


def synthetic_jets(n_jets: int, seed: int = 1, classes: tuple[str, ...] = ("QCD", "top"), width: int = 24) -> Jets:
    """Jets whose class is the number of their prongs less one; constituents share the jet's momentum."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_jets) % len(classes)
    counts = rng.integers(6, width + 1, n_jets)
    mask = np.arange(width) < counts[:, None]
    shares = np.sort(np.where(mask, rng.exponential(1.0, mask.shape) ** 2 + 1e-3, 0.0), axis=1)[:, ::-1]
    jet_pt = rng.uniform(500.0, 1000.0, n_jets)
    pt = shares / shares.sum(axis=1, keepdims=True) * jet_pt[:, None]
    angle = rng.uniform(-np.pi, np.pi, n_jets)[:, None]
    prong = rng.integers(0, 100, mask.shape) % (labels[:, None] + 1)
    place = 0.5 * prong - 0.25 * labels[:, None]
    deta = place * np.cos(angle) + 0.1 * rng.standard_normal(mask.shape)
    dphi = place * np.sin(angle) + 0.1 * rng.standard_normal(mask.shape)
    identity = rng.integers(1, 6, mask.shape)
    charge = np.where(np.isin(identity, (1, 4, 5)), rng.choice((-1, 1), mask.shape), 0)
    mass = np.where(identity == 1, 0.13957, 0.0)
    columns = (pt, deta, dphi, mass, charge, identity)
    constituents = np.stack(columns, axis=-1) * mask[..., None]
    kinematics = np.stack(
        [jet_pt, rng.uniform(-2, 2, n_jets), rng.uniform(-3, 3, n_jets), 50 + 50 * labels, counts], axis=1
    )
    return Jets(
        constituents=constituents.astype(np.float32),
        mask=mask,
        kinematics=kinematics.astype(np.float32),
        labels=labels.astype(np.int16),
        ids=np.arange(n_jets, dtype=np.uint64),
        classes=classes,
        constituent_features=FOUR_VECTOR + IDENTITY,
    )
