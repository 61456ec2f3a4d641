"""Simulated jets that come with the code, so that the demo and the tests start at once."""

from __future__ import annotations

from pathlib import Path

from jets.errors import InputError

SAMPLES = ("top_qcd", "five_class")
FOLDER = Path(__file__).parent


def sample_path(name: str) -> Path:
    """The jets file of a packaged sample: ``top_qcd`` (QCD, top) or ``five_class`` (g, q, W, Z, t).

    Raises:
        InputError: there is no such sample, or its file was not installed.
    """
    if name not in SAMPLES:
        raise InputError(f"unknown sample {name!r}", None, f"packaged samples: {', '.join(SAMPLES)}")
    path = FOLDER / f"{name}.h5"
    if not path.is_file():
        raise InputError(f"the sample {name!r} is not there", path, "make it again with `python -m jets.samples`")
    return path
