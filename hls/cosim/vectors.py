"""What is sent through a simulated design: test jets, random codes and corner cases, with the groups' names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hls.probes import corner_codes, padded_normal
from hls.rtl.design import Bus
from jets.errors import DataError

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Stimuli:
    """Input codes (n_jets, n_inputs) of every group, in the order in which they are sent."""

    groups: Mapping[str, Codes]

    def __len__(self) -> int:
        return sum(self.sizes.values())

    @cached_property
    def codes(self) -> Codes:
        """All codes (n_jets, n_inputs)."""
        return np.concatenate(list(self.groups.values()))

    @property
    def sizes(self) -> dict[str, int]:
        """Jets of each group."""
        return {name: len(codes) for name, codes in self.groups.items()}

    def first(self, n_jets: int | None) -> Stimuli:
        """The first `n_jets` of them; all for None."""
        if n_jets is None:
            return self
        kept, left = {}, n_jets
        for name, codes in self.groups.items():
            if left > 0:
                kept[name] = codes[:left]
                left -= len(codes)
        return Stimuli(kept)

    def group_of(self, jet: int) -> str:
        """The name of the group of one jet."""
        return next(name for name, rows in self._rows().items() if jet < rows.stop)

    def count(self, chosen: NDArray[np.bool_]) -> dict[str, int]:
        """How many of the `chosen` jets (n_jets,) each group has."""
        return {name: int(np.count_nonzero(chosen[rows])) for name, rows in self._rows().items()}

    def _rows(self) -> dict[str, slice]:
        ends = np.cumsum(list(self.sizes.values())).tolist()
        return {name: slice(end - size, end) for (name, size), end in zip(self.sizes.items(), ends, strict=True)}


def stimuli(bus: Bus, shape: tuple[int, ...], jets: Codes, n_random: int = 2000, seed: int = 1) -> Stimuli:
    """Jets (n_jets, n_inputs) first, then `n_random` random ones, then the corners of the bus's types.

    Half of the random ones are uniform over all codes, half normal with unit width and padded from a random
    constituent on. `shape` of a jet tells what a constituent is: (n_constituents, n_features) or (n_features,).

    Raises:
        DataError: the jets or the shape do not fit the bus.
    """
    n_inputs = len(bus.elements)
    if int(np.prod(shape)) != n_inputs or np.ndim(jets) != 2 or np.shape(jets)[1] != n_inputs:
        what = f"jets of shape {np.shape(jets)} and {shape} where (n_jets, {n_inputs}) is needed"
        raise DataError(what, "cosim", "give the inputs of the design")
    rng = np.random.default_rng(seed)
    low, high = (np.reshape(limits, shape) for limits in code_ranges(bus))
    step = np.reshape([2.0**-element.fraction_bits for element in bus.elements], shape)
    uniform = rng.integers(low, high, (n_random // 2, *shape), endpoint=True)
    normal = np.clip(np.floor(padded_normal(rng, n_random - len(uniform), shape) / step), low, high)
    groups = {"jets": np.asarray(jets), "uniform": uniform, "normal": normal, **corner_codes(shape, low, high)}
    codes = {name: group.reshape(len(group), n_inputs).astype(np.int64) for name, group in groups.items()}
    return Stimuli({name: group for name, group in codes.items() if len(group)})


def code_ranges(bus: Bus) -> tuple[Codes, Codes]:
    """The smallest and the largest code of every element (n_elements,)."""
    low = [-(2 ** (element.width - 1)) if element.signed else 0 for element in bus.elements]
    high = [2 ** (element.width - element.signed) - 1 for element in bus.elements]
    return np.array(low, np.int64), np.array(high, np.int64)
