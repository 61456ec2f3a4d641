"""Synthetic jets for the taggers."""

from __future__ import annotations

from pathlib import Path

import pytest

import models  # noqa: F401  (chooses Keras's backend before a test imports Keras)
from jets.dataset import Jets, JetsWriter
from tests.synthetic import synthetic_jets


@pytest.fixture(scope="session")
def jets() -> Jets:
    return synthetic_jets(64)


@pytest.fixture(scope="session")
def jets_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jets") / "jets.h5"
    with JetsWriter(path, chunk=64) as writer:
        writer.append(synthetic_jets(1500, seed=2))
    return path
