"""The templates of a package, which stand in a folder for each of its parts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def render(template: str, **content: Any) -> bytes:
    """A file of the package made of the template `template`.j2."""
    return str(_environment().get_template(f"{template}.j2").render(content)).encode()


@cache
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
