"""Which jets train, validate and test: by a hash of each jet's event or id, so that none moves when data grow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jets.errors import ConfigError, InputError

SPLITS = ("train", "validation", "test")
SPLIT_FRACTIONS = (0.6, 0.1, 0.3)


def split_of(keys: NDArray[np.uint64], fractions: Sequence[float] = SPLIT_FRACTIONS) -> NDArray[np.int8]:
    """The split of each jet, (n_jets,) indices into `SPLITS`, which does not depend on the other jets.

    `keys` (n_jets,) are `jets.dataset.Jets.split_keys`. They are mixed with the finaliser of SplitMix64 (Steele et al.,
    OOPSLA 2014, fig. 17), so that consecutive ones fall independently.

    Raises:
        ConfigError: fractions that are not one per split or do not sum to 1.
    """
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ConfigError(f"split fractions {list(fractions)} must be 3 and sum to 1", None, "use 0.6, 0.1, 0.3")
    with np.errstate(over="ignore"):
        mixed = np.asarray(keys, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    uniform = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return np.searchsorted(np.cumsum(fractions)[:-1], uniform, side="right").astype(np.int8)


def split_index(name: str) -> int:
    """The index of a split among `SPLITS`; InputError for another name."""
    if name not in SPLITS:
        raise InputError(f"unknown split {name!r}", None, f"use one of {', '.join(SPLITS)}")
    return SPLITS.index(name)
