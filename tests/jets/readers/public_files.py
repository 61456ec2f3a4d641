"""HDF5 files in public layouts, whole or with something wrong in them, and what an import must make of those."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from jets.errors import TagwareError
from jets.readers import ImportConfig, import_jets

Momenta = Any  # (n_jets, n_constituents, 4): E, px, py, pz


def save(path: Path, content: Mapping[str, Any]) -> Path:
    """A file with these datasets."""
    with h5py.File(path, "w") as file:
        for key, values in content.items():
            file[key] = values
    return path


def put(values: Any, place: Any, value: float) -> Any:
    """A copy with another value in one place."""
    values = values.copy()
    values[place] = value
    return values


def assert_refused(format: str, path: Path, kind: type[TagwareError], message: str) -> None:
    """An import of the file, alone in its folder, is one line that names it, and leaves nothing behind."""
    with pytest.raises(kind) as caught:
        import_jets(format, [path], path.parent / "jets.h5", ImportConfig(processes=1))
    assert str(path) in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)
    assert list(path.parent.iterdir()) == [path]


def random_momenta(n: int, n_constituents: int, seed: int = 0) -> Momenta:
    """Jets of 1 to n_constituents massive particles around an axis, pT-ordered, zero where padded."""
    rng = np.random.default_rng(seed)
    shape = (n, n_constituents)
    mask = np.arange(n_constituents) < rng.integers(1, n_constituents + 1, n)[:, None]
    pt = -np.sort(-rng.exponential(20, shape) - 0.5, axis=1)
    eta = rng.normal(0, 1, (n, 1)) + rng.normal(0, 0.2, shape)
    phi = rng.uniform(-np.pi, np.pi, (n, 1)) + rng.normal(0, 0.2, shape)
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + 0.14**2)
    return np.stack([energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1) * mask[:, :, None]


def top_tagging_table(n: int = 20, n_constituents: int = 200, seed: int = 0) -> pd.DataFrame:
    """A table with the columns of the Top Tagging Reference Dataset."""
    momenta = random_momenta(n, n_constituents, seed).astype(np.float32)
    names = [f"{axis}_{i}" for i in range(n_constituents) for axis in ("E", "PX", "PY", "PZ")]
    truth = pd.DataFrame(np.zeros((n, 4), np.float32), columns=["truthE", "truthPX", "truthPY", "truthPZ"])
    flags = pd.DataFrame({"ttv": np.zeros(n, int), "is_signal_new": np.arange(n) % 2})
    return pd.concat([pd.DataFrame(momenta.reshape(n, -1), columns=names), truth, flags], axis=1)


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


def write_hls4ml(path: Path, n: int = 20, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Write a file in the layout of the hls4ml LHC jets (17 names for 16 columns) and return its arrays."""
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
