"""Trials are kept where the URL says, and a storage that cannot be had is one clear error without its password."""

from __future__ import annotations

import sys
from pathlib import Path

import optuna
import pytest

from flow.search.storage import open_storage
from jets.errors import InputError, StorageError, ToolNotFound

CLOSED = "127.0.0.1:1"
"""No server listens at port 1."""


def kept(url: str | None, folder: Path) -> list[float]:
    """A trial is written, and the storage opened again."""
    study = optuna.create_study(study_name="one", storage=open_storage(url, folder), directions=["minimize"] * 3)
    study.add_trial(optuna.create_trial(values=[1.0, 2.0, 3.0]))
    again = optuna.load_study(study_name="one", storage=open_storage(url, folder))
    return list(again.trials[0].values or [])


@pytest.mark.parametrize("url", [None, "sqlite:///{}/mine.db", "journal://{}/mine.log"])
def test_a_trial_is_found_again(url: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    assert kept(url and url.format(tmp_path), folder) == [1.0, 2.0, 3.0]
    assert (folder / "study.db").is_file() is (url is None)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("sqlite:////nowhere/at/all/study.db", "cannot be reached .*unable to open database file"),
        (f"postgresql://me:secret@{CLOSED}/jets", r"me:\*\*\*@.*cannot be reached .*refused"),
        (f"redis://:secret@{CLOSED}", r":\*\*\*@.*cannot be reached .*refused"),
        ("journal:///nowhere/at/all/journal.log", "cannot be reached .*No such file"),
        (
            "oracel://me:secret@there/jets",
            r"oracel://me:\*\*\*@there/jets: is no storage of trials; use sqlite:///FILE",
        ),
        ("study.db", "study.db: is no storage of trials; use sqlite:///FILE"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_named(url: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=named) as caught:
        open_storage(url, tmp_path / "search")
    assert "secret" not in str(caught.value) and not (tmp_path / "search").exists()


@pytest.mark.parametrize(
    ("url", "package"),
    [("postgresql+psycopg://there/jets", "psycopg"), ("postgresql+psycopg2://there/jets", "psycopg2")],
)
def test_a_driver_that_is_not_installed_is_named(
    url: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ToolNotFound, match=f"the driver '{package}' is not installed; pip install .*{package}"):
        open_storage(url, tmp_path)


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="did not write"):
        open_storage(None, tmp_path)
