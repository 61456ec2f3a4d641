"""Checks that the config dataclasses of the networks share."""

from __future__ import annotations

from collections.abc import Mapping

from jets.errors import ConfigError


def require_positive(sizes: Mapping[str, int | tuple[int, ...]]) -> None:
    """Raise ConfigError naming the first size, or entry of a tuple of sizes, that is below 1."""
    for name, size in sizes.items():
        if isinstance(size, tuple):
            require_positive({f"{name}[{place}]": entry for place, entry in enumerate(size)})
        elif size < 1:
            raise ConfigError(f"{name} must be at least 1, not {size}", None, "correct it")


def require_fractions(fractions: Mapping[str, float]) -> None:
    """Raise ConfigError naming the first fraction outside [0, 1)."""
    for name, fraction in fractions.items():
        if not 0 <= fraction < 1:
            raise ConfigError(f"{name} must be in [0, 1), not {fraction}", None, "correct it")


def require_heads(width: int, heads: int) -> None:
    """Raise ConfigError unless the attention heads share the width evenly."""
    if width % heads:
        raise ConfigError(f"width {width} is not a multiple of heads {heads}", None, "change one of them")
