"""The packaged samples: simulated like any other jets, then rounded until they fit into git."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets, JetsFile, JetsWriter
from jets.simulate import SimulateConfig, simulate

ANGLE_BITS = 9
"""deta and dphi of constituents are multiples of 2^-ANGLE_BITS."""
SIGNIFICANT_BITS: Mapping[str, int] = {"pt_gev": 8, "mass_gev": 8, "kinematics": 10, "high_level": 9}


@dataclass(frozen=True)
class Sample:
    """One packaged sample."""

    name: str
    config: SimulateConfig


SAMPLE_CONFIGS = (
    Sample("top_qcd", SimulateConfig(classes=("QCD", "top"), n_per_class=36_000, n_constituents=20)),
    Sample(
        "five_class",
        SimulateConfig(
            classes=("g", "q", "W", "Z", "t"),
            n_per_class=2_400,
            pt_gev=(950.0, 1050.0),
            n_constituents=8,
            high_level=True,
        ),
    ),
)


def make_sample(sample: Sample, folder: Path, processes: int | None = None) -> Path:
    """Simulate one sample and write `<folder>/<name>.h5`, rounded; the same sample gives the same file.

    An interrupted run goes on where it stopped.

    Raises:
        ToolNotFound: the simulation is not installed.
        StorageError: the disk is full or the folder cannot be written.
    """
    full = simulate(sample.config, Path(folder) / f"{sample.name}.full.h5", processes)
    out = round_sample(full, Path(folder) / f"{sample.name}.h5")
    full.unlink()
    return out


def round_sample(full: Path, out: Path) -> Path:
    """Write the jets of `full` with fewer bits a number and the jet's place in the file as its id."""
    jets = JetsFile(full).read()
    rounding = f"multiples of 2^-{ANGLE_BITS} for deta and dphi; significant bits: {dict(SIGNIFICANT_BITS)}"
    provenance = {**jets.provenance, "rounding": rounding, "ids": "place in the file"}
    with JetsWriter(out, chunk=8192, compression=9) as writer:
        writer.append(replace(rounded(jets), ids=np.arange(len(jets), dtype=np.uint64), provenance=provenance))
    return out


def rounded(jets: Jets) -> Jets:
    """The same jets with fewer bits a number."""
    constituents = jets.constituents.copy()
    for name in ("pt_gev", "mass_gev"):
        column = jets.constituent_features.index(name)
        constituents[:, :, column] = significant(constituents[:, :, column], SIGNIFICANT_BITS[name])
    for name in ("deta", "dphi"):
        column = jets.constituent_features.index(name)
        constituents[:, :, column] = np.round(constituents[:, :, column] * 2.0**ANGLE_BITS) / 2.0**ANGLE_BITS
    high_level = None if jets.high_level is None else significant(jets.high_level, SIGNIFICANT_BITS["high_level"])
    kinematics = significant(jets.kinematics, SIGNIFICANT_BITS["kinematics"])
    return replace(jets, constituents=constituents + 0.0, kinematics=kinematics, high_level=high_level)


def significant(values: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """`values` rounded to `bits` significant bits, float32."""
    fraction, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(fraction * 2.0**bits) / 2.0**bits, exponent), np.float32)
