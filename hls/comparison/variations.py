"""Varied inputs: jets as a worse detector would see them, and input registers with a flipped bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hls.comparison.config import RobustnessConfig
from hls.project import Tensor
from jets.dataset import KINEMATICS, Jets

Codes = NDArray[np.int64]
NOMINAL = "nominal"


@dataclass(frozen=True)
class Variation:
    """One way to vary jets: its `kind`, its `size` and the jets that come of it."""

    kind: str
    size: float
    apply: Callable[[Jets, np.random.Generator], Jets]

    @property
    def name(self) -> str:
        """Kind and size, e.g. drop 0.02."""
        return f"{self.kind} {self.size:g}"


def variations(config: RobustnessConfig) -> Iterator[Variation]:
    """The variations that a config asks for."""
    for size in config.drop:
        yield Variation("drop", size, partial(drop_constituents, probability=size))
    for size in config.smear_pt:
        yield Variation("smear_pt", size, partial(smear, pt=size))
    for size in config.smear_angle:
        yield Variation("smear_angle", size, partial(smear, angle=size))


def drop_constituents(jets: Jets, rng: np.random.Generator, probability: float) -> Jets:
    """Jets that have lost each constituent with a probability, though never the last one.

    The others move up; the jet's pT and its number of constituents shrink by what is lost of the stored ones, its
    axis, mass and high-level features stay.
    """
    kept = jets.mask & (rng.random(jets.mask.shape) >= probability)
    kept[:, 0] |= ~kept.any(axis=1)
    lost = np.where(jets.mask & ~kept, jets.feature("pt_gev"), 0.0).sum(axis=1)
    kinematics = jets.kinematics.copy()
    pt = KINEMATICS.index("pt_gev")
    kinematics[:, pt] = np.maximum(kinematics[:, pt] - lost, jets.feature("pt_gev")[:, 0] * kept[:, 0] + 1e-3)
    kinematics[:, KINEMATICS.index("n_constituents")] -= (jets.mask & ~kept).sum(axis=1)
    return _ordered(dataclasses.replace(jets, mask=kept, kinematics=kinematics))


def smear(jets: Jets, rng: np.random.Generator, pt: float = 0.0, angle: float = 0.0) -> Jets:
    """Jets whose constituents have pT smeared by a relative width (log-normal) and deta, dphi by a width.

    The jet's pT changes as the sum over the stored constituents does; its axis, mass and high-level features stay.
    """
    names = list(jets.constituent_features)
    constituents = jets.constituents.copy()
    before = jets.feature("pt_gev")
    factor = np.exp(np.float32(pt) * rng.standard_normal(before.shape, np.float32))
    constituents[:, :, names.index("pt_gev")] *= factor
    for name in ("deta", "dphi"):
        shift = np.float32(angle) * rng.standard_normal(before.shape, np.float32)
        constituents[:, :, names.index(name)] += np.where(jets.mask, shift, 0)
    kinematics = jets.kinematics.copy()
    column = KINEMATICS.index("pt_gev")
    change = np.where(jets.mask, before * (factor - 1), 0).sum(axis=1)
    kinematics[:, column] = np.maximum(kinematics[:, column] + change, 1e-3)
    return _ordered(dataclasses.replace(jets, constituents=constituents, kinematics=kinematics))


def _ordered(jets: Jets) -> Jets:
    """The same jets with their constituents in falling pT again, zero where padded."""
    order = np.argsort(np.where(jets.mask, -jets.feature("pt_gev"), np.inf), axis=1, kind="stable")
    mask = np.take_along_axis(jets.mask, order, axis=1)
    constituents = np.take_along_axis(jets.constituents, order[:, :, None], axis=1)
    return dataclasses.replace(jets, constituents=np.where(mask[:, :, None], constituents, 0), mask=mask)


def flip_bits(codes: Codes, tensor: Tensor, rng: np.random.Generator) -> tuple[Codes, NDArray[np.int64]]:
    """Input codes (n_jets, n_inputs) with one random bit of each jet flipped, and which bit it was, (n_jets,).

    Bit 0 is the lowest; of a signed type the highest is the sign. What a single-event upset does to one of the
    registers that hold a jet's inputs.
    """
    rows = np.arange(len(codes))
    columns = rng.integers(0, codes.shape[1], len(codes))
    bits = rng.integers(0, tensor.width, len(codes))
    unsigned = (codes[rows, columns] & ((1 << tensor.width) - 1)) ^ (np.int64(1) << bits)
    negative = tensor.signed & (unsigned >> (tensor.width - 1) == 1)
    flipped = codes.copy()
    flipped[rows, columns] = np.where(negative, unsigned - (1 << tensor.width), unsigned)
    return flipped, bits
