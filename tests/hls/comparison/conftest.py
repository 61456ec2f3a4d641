"""Invented taggers on invented jets: Gaussian scores whose rejection is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hls.compare import Scores
from hls.comparison import Candidate, CompareConfig, RobustnessConfig
from hls.comparison.candidates import VARIABLES, Scored
from jets.dataset import Jets, JetsWriter
from jets.splits import split_of
from tests.synthetic import synthetic_jets

QUICK = CompareConfig(n_bins=3, n_replicas=40, robustness=RobustnessConfig(n_jets=0))


def scored_of(
    labels: NDArray[np.int16],
    outputs: dict[str, NDArray[np.float64]],
    weights: NDArray[np.float64] | None = None,
    classes: tuple[str, ...] = ("QCD", "top"),
    **kinematics: NDArray[np.float64],
) -> Scored:
    """Scores with kinematics that are all 1 unless given."""
    n_jets = len(labels)
    columns = {name: np.ones(n_jets, np.float32) for name in VARIABLES}
    columns |= {name: values.astype(np.float32) for name, values in kinematics.items()}
    scores = Scores(labels.astype(np.int16), np.arange(n_jets, dtype=np.uint64), classes, outputs)
    return Scored(scores, np.ones(n_jets, np.float32) if weights is None else weights.astype(np.float32), columns)


def gaussian(n_jets: int, noises: dict[str, float], seed: int = 1) -> Scored:
    """Two classes, 2 apart with a width of 1, and taggers that add noise to it."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n_jets)
    base = 2.0 * labels - 1 + rng.normal(size=n_jets)
    outputs = {name: base + noise * rng.normal(size=n_jets) for name, noise in noises.items()}
    return scored_of(labels, outputs, pt_gev=rng.uniform(500, 1000, n_jets), mass_gev=rng.gamma(3, 40, n_jets))


@pytest.fixture(scope="session")
def jets() -> Jets:
    return synthetic_jets(3000)


@pytest.fixture(scope="session")
def jets_file(jets: Jets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jets") / "jets.h5"
    with JetsWriter(path) as writer:
        writer.append(jets)
    return path


@pytest.fixture(scope="session")
def scores_file(jets: Jets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored scores of two models on the test jets, in another order than the jets file has."""
    test = jets[split_of(jets.ids) == 2][::-1]
    rng = np.random.default_rng(3)
    base = 2.0 * test.labels - 1 + rng.normal(size=len(test))
    outputs = {
        "teacher": base.astype(np.float32),
        "csim": (np.round(64 * (base + 0.5 * rng.normal(size=len(test)))) / 64).astype(np.float32),
    }
    path = tmp_path_factory.mktemp("scores") / "scores.h5"
    return Scores(test.labels, test.ids, test.classes, outputs).save(path)


@pytest.fixture
def candidates(scores_file: Path) -> list[Candidate]:
    return [
        Candidate("teacher", scores=scores_file, model="teacher"),
        Candidate("csim", scores=scores_file, model="csim"),
    ]
