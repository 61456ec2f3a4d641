"""The templates of a package, which stand in a folder for each of its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hls.templating import environment

HERE = Path(__file__).parent


def render(template: str, **content: Any) -> bytes:
    """A file of the package made of the template `template`.j2."""
    return str(environment(HERE).get_template(f"{template}.j2").render(content)).encode()
