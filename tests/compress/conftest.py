"""Small jets that a student can learn in seconds: the two classes differ in how far constituents lie from the axis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import models  # noqa: F401  (chooses Keras's backend before a test imports Keras)
from jets.dataset import FOUR_VECTOR, Jets, JetsFile, JetsWriter

ROOT = Path(__file__).parents[2]
WIDTH = 8
MakeFile = Callable[[str, Jets], JetsFile]


def wide_and_narrow(n_jets: int, seed: int = 1, classes: tuple[str, ...] = ("QCD", "top")) -> Jets:
    rng = np.random.default_rng(seed)
    labels = np.arange(n_jets) % len(classes)
    counts = rng.integers(3, WIDTH + 1, n_jets)
    mask = np.arange(WIDTH) < counts[:, None]
    pt = -np.sort(-rng.exponential(30.0, mask.shape), axis=1) + 1.0
    spread = 0.05 * (1 + labels)[:, None]
    deta, dphi = spread * rng.standard_normal(mask.shape), spread * rng.standard_normal(mask.shape)
    constituents = np.stack([pt, deta, dphi, np.zeros_like(pt)], axis=-1) * mask[..., None]
    total = constituents[:, :, 0].sum(axis=1)
    kinematics = np.stack([total, np.zeros(n_jets), np.zeros(n_jets), 0.1 * total, counts], axis=1)
    return Jets(
        constituents=constituents.astype(np.float32),
        mask=mask,
        kinematics=kinematics.astype(np.float32),
        labels=labels.astype(np.int16),
        ids=np.arange(n_jets, dtype=np.uint64) + np.uint64(1000),
        classes=classes,
        constituent_features=FOUR_VECTOR,
    )


@pytest.fixture(scope="session")
def make_file(tmp_path_factory: pytest.TempPathFactory) -> MakeFile:
    """Writes jets under a name and opens the file."""
    folder: Path = tmp_path_factory.mktemp("jets")

    def make(name: str, jets: Jets) -> JetsFile:
        with JetsWriter(folder / f"{name}.h5") as writer:
            writer.append(jets)
        return JetsFile(folder / f"{name}.h5")

    return make


@pytest.fixture(scope="session")
def jets_file(make_file: MakeFile) -> JetsFile:
    return make_file("two_classes", wide_and_narrow(1200))


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Runs a line of Python in a fresh interpreter and returns what it printed."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run
