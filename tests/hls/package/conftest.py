"""One tiny finished project for all tests of packages, and the archive of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hls.package import Finished, package
from tests.hls.package.finished import finish


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, top_sections: dict[str, Any]) -> Finished:
    return finish(tmp_path_factory.mktemp("finished"), top_sections)


@pytest.fixture(scope="session")
def archive(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(finished, folder=tmp_path_factory.mktemp("archive"))


@pytest.fixture(autouse=True)
def quick_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXXFLAGS", "-O0")
