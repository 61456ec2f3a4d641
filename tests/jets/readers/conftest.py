from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.jets.readers import public_files
from tests.jets.readers.public_files import Momenta


@pytest.fixture
def random_momenta() -> Callable[..., Momenta]:
    return public_files.random_momenta


@pytest.fixture
def top_tagging_table() -> Callable[..., pd.DataFrame]:
    return public_files.top_tagging_table


PARTICLE_NAMES = (
    "j1_px", "j1_py", "j1_pz", "j1_e", "j1_erel", "j1_pt", "j1_ptrel", "j1_eta", "j1_etarel", "j1_etarot", "j1_phi",
    "j1_phirel", "j1_phirot", "j1_deltaR", "j1_costheta", "j1_costhetarel", "j1_pdgid",
)  # fmt: skip
SUBSTRUCTURE = (
    *(f"tau{n}_b{beta}" for beta in (1, 2) for n in (1, 2, 3)), "tau32_b1", "tau32_b2", "zlogz",
    "c1_b0", "c1_b1", "c1_b2", "c2_b1", "c2_b2", "d2_b1", "d2_b2", "d2_a1_b1", "d2_a1_b2",
    "m2_b1", "m2_b2", "n2_b1", "n2_b2",
)  # fmt: skip
JET_NAMES = (
    "j_ptfrac", "j_pt", "j_eta", "j_mass", *(f"j_{name}" for name in SUBSTRUCTURE),
    *(f"j_{name}_mmdt" for name in SUBSTRUCTURE if name != "zlogz"),
    "j_mass_trim", "j_mass_mmdt", "j_mass_prun", "j_mass_sdb2", "j_mass_sdm1", "j_multiplicity",
    "j_g", "j_q", "j_w", "j_z", "j_t", "j_undef",
)  # fmt: skip


@pytest.fixture
def write_hls4ml(random_momenta: Callable[..., Momenta]) -> Callable[..., dict[str, Any]]:
    """Writes a file in the layout of the hls4ml LHC jets (17 names for 16 columns) and returns its arrays."""

    def write(path: Path, n: int = 20, seed: int = 0, **changes: Any) -> dict[str, Any]:
        momenta = random_momenta(n, 150, seed)
        rng = np.random.default_rng(seed)
        constituents = np.zeros((n, 150, 16))
        constituents[:, :, [3, 0, 1, 2]] = momenta
        constituents[:, :, 5] = np.hypot(momenta[:, :, 1], momenta[:, :, 2])
        jets = rng.normal(size=(n, 59))
        jets[:, 53:] = np.eye(6)[np.arange(n) % 5]
        arrays: dict[str, Any] = {
            "jetConstituentList": constituents,
            "jets": jets,
            "jetFeatureNames": np.array(JET_NAMES, "S"),
            "particleFeatureNames": np.array(PARTICLE_NAMES, "S"),
            "jetImage": np.zeros((n, 2, 2)),
        } | changes
        with h5py.File(path, "w") as file:
            for key, values in arrays.items():
                if values is not None:
                    file[key] = values
        return arrays

    return write
