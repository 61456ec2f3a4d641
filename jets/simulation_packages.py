"""The optional packages of the simulation: imported where they are used, and named when they are missing."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

from jets.errors import ToolNotFound

PACKAGES = ("pythia8mc", "fastjet", "awkward")


def import_simulation(package: str) -> Any:
    """The module of one of `PACKAGES`; FastJet's banner is kept off standard output.

    Raises:
        ToolNotFound: it is not installed.
    """
    try:
        module = import_module(package)
        if package == "fastjet":
            import_module("fastjet._swig").ClusterSequence.set_fastjet_banner_stream(None)
    except ImportError:
        raise _missing(package) from None
    return module


def simulation_versions() -> dict[str, str]:
    """The installed version of each of `PACKAGES`.

    Raises:
        ToolNotFound: one is not installed.
    """
    for package in PACKAGES:
        import_simulation(package)
    return {package: version(package) for package in PACKAGES}


def _missing(package: str) -> ToolNotFound:
    remedy = "install the simulation with `pip install 'tagware[simulate]'`"
    return ToolNotFound(f"the package {package!r} is not installed", None, remedy)
