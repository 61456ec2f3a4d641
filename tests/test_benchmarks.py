"""Every measurement that a page names can be asked for as it says, and the quick ones run, on next to nothing."""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.documentation import PAGES, ROOT, measurements

SCRIPTS = ROOT / "benchmarks"
NAMED = sorted({line for page in PAGES for line in measurements(page)})
SMALL = {
    "compare": "--jets 1000 --taggers 2 --json made.json",
    "import_jets": "--files 1 --jets 50 --processes 1 --json made.json",
    "simulate": "--jets 5 q --json made.json",
}
"""What runs in seconds; the others train, compile or map for minutes."""


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SCRIPTS)


def run(name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
    importlib.import_module(name).main()


class Taken(Exception):  # noqa: N818
    """A script has taken its arguments."""


@pytest.mark.long
@pytest.mark.parametrize("line", NAMED)
def test_a_measurement_takes_the_arguments_that_a_page_gives_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def stop(*arguments: Any) -> NoReturn:
        parse(*arguments)
        raise Taken

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    _, script, *arguments = shlex.split(line)
    with pytest.raises(Taken):
        run(Path(script).stem, arguments, monkeypatch)


def test_every_script_is_named_by_a_page() -> None:
    named = {Path(line.split()[1]).stem for line in NAMED}
    assert named == {path.stem for path in SCRIPTS.glob("*.py") if "__main__" in path.read_text()}


@pytest.mark.long
@pytest.mark.parametrize("name", SMALL)
def test_a_quick_measurement_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(name, shlex.split(SMALL[name]), monkeypatch)
    assert Path("made.json").exists()
