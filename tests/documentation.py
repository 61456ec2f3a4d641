"""What README and docs tell a reader to type."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("firmware_projects/*/README.md")])


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.S)


def commands(page: Path) -> list[str]:
    """Every `tagware …` line of the shell blocks, without its comment, continued lines joined."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith("tagware ")]
