from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jets.dataset import FOUR_VECTOR, IDENTITY, Jets


@pytest.fixture
def random_jets() -> Callable[..., Jets]:
    """Makes n jets of two classes with 1 to 8 constituents, pT-ordered, their axis the pT-weighted mean."""

    def make(n: int = 100, seed: int = 0, **changes: Any) -> Jets:
        rng = np.random.default_rng(seed)
        count = rng.integers(1, 9, n)
        mask = np.arange(8) < count[:, None]
        pt = -np.sort(-rng.exponential(30, (n, 8)) - 1, axis=1)
        angles = rng.normal(0, 0.2, (2, n, 8))
        identity = rng.integers(0, 6, (n, 8))
        charge = np.where(np.isin(identity, (1, 4, 5)), rng.choice([-1, 1], (n, 8)), 0)
        columns = np.stack([pt, *angles, rng.uniform(0, 0.2, (n, 8)), charge, identity], axis=-1)
        constituents = (columns * mask[:, :, None]).astype(np.float32)
        total = constituents[:, :, 0].sum(axis=1)
        kinematics = np.stack([total, rng.normal(0, 1, n), rng.uniform(-3, 3, n), 0.1 * total, count], axis=1)
        given = {
            "constituents": constituents,
            "mask": mask,
            "kinematics": kinematics.astype(np.float32),
            "labels": rng.integers(0, 2, n).astype(np.int16),
            "ids": rng.integers(0, 2**63, n).astype(np.uint64),
            "classes": ("QCD", "top"),
            "constituent_features": FOUR_VECTOR + IDENTITY,
            "provenance": {"source": "test"},
        }
        return Jets(**(given | changes))

    return make
