"""What README and docs tell a reader to type, and which test types it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("firmware_projects/**/README.md")])
TYPED: set[Path] = set()
"""The pages of whose shell blocks a test runs every line; `types_in` fills it."""

Test = TypeVar("Test", bound=Callable[..., None])


def types_in(*pages: Path) -> Callable[[Test], Test]:
    """Of a test that runs every line of the shell blocks of these pages."""

    def keep(test: Test) -> Test:
        TYPED.update(pages)
        return test

    return keep


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.S)


def lines(page: Path) -> list[str]:
    """Every line of the shell blocks, without its comment, continued lines joined."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    return [line for line in (line.split("#")[0].strip() for line in text.splitlines()) if line]


def commands(page: Path) -> list[str]:
    """Those of `tagware`."""
    return [line for line in lines(page) if line.startswith("tagware ")]


def mentions(page: Path) -> list[str]:
    """What a page says of `tagware VERB …` within its text."""
    return [" ".join(found.split()) for found in re.findall(r"`(tagware\s[^`]+)`", page.read_text())]


def measurements(page: Path) -> list[str]:
    """Every `python benchmarks/…` of a page, in a shell block or within the text, where it may go over two lines."""
    text = page.read_text().replace("\\\n", " ")
    found = re.findall(r"^ *(python benchmarks/.*)$|`(python\s+benchmarks/[^`]+)`", text, flags=re.M)
    return [" ".join((line or inline).split()) for line, inline in found]
