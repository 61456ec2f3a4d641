"""Templates of what is generated for machines: sources, scripts, constraints, makefiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def environment(*folders: Path) -> Any:
    """jinja2's environment for the templates of these folders, the first one first.

    A name that a template uses and is not given is an error; lines of statements leave nothing behind.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
