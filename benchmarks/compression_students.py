"""The students of `compression.py`: which there are, and what is known about each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.quantize.front_end import AnyBits
from compress.quantize.hgq2 import HgqBits
from compress.quantize.qkeras import Bits
from jets.metrics import Measure
from models.students.feed_forward import FeedForwardSpec, MlpSpec, ParticleSpec

KINDS: Mapping[str, FeedForwardSpec] = {
    "MLP": MlpSpec(),
    "DeepSets": ParticleSpec("deep_sets", n_constituents=8, features=3, particle=(16, 16), dense=(16,)),
    "JEDI-linear": ParticleSpec("jedi_linear", n_constituents=8, features=3, particle=(16, 16), dense=(16,)),
}
EBOPS_WEIGHT = 3e-6
WAYS = {
    "teacher": "HGQ2, teacher",
    "labels": "HGQ2, labels",
    "qkeras": "QKeras, labels",
    "pquant": "PQuantML, labels",
    "rounded": "float, rounded",
}
"""How a student is trained, and what the tables call it."""
WIDTHS = (8, 6, 4, 3)
Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Student:
    """One student: its kind, how it was trained (a key of `WAYS`), EBOPs or bits of its weights, and its seed."""

    kind: str
    way: str
    size: int
    seed: int

    @property
    def place(self) -> Path:
        """Its folder among the others."""
        return Path(self.kind) / self.way / f"seed_{self.seed}" / f"{self.size}"

    @property
    def float_place(self) -> Path:
        """The folder of the float student that it starts from."""
        return Path(self.kind) / ("teacher" if self.way == "teacher" else "labels") / f"seed_{self.seed}" / "float"

    @property
    def bits(self) -> AnyBits:
        """Where its quantized training starts."""
        return (
            HgqBits(ebops=self.size, ebops_weight=EBOPS_WEIGHT)
            if self.way in ("teacher", "labels")
            else fixed(self.size)
        )

    @property
    def name(self) -> str:
        """For tables."""
        return f"{WAYS[self.way]}, {self.size:,} {'EBOPs' if isinstance(self.bits, HgqBits) else 'bits'}"


@dataclasses.dataclass(frozen=True)
class Physics:
    """One student on the test jets, or the difference of two: right (n_jets,), ln(1/eps_B), and that of replicas."""

    right: Floats
    rejection: float
    replicas: Floats

    def __sub__(self, other: Physics) -> Physics:
        return Physics(self.right - other.right, self.rejection - other.rejection, self.replicas - other.replicas)


def fixed(width: int, weights: int = 1, activations: int = 3) -> Bits:
    """QKeras' types of so many bits, with these integer bits; inputs and outputs keep theirs."""
    return Bits(
        dense_weights=(width, weights),
        dense_bias=(width, weights),
        activations=(width, min(activations, width)),
    )


def over_seeds(found: Sequence[Physics]) -> dict[str, Measure]:
    """Accuracy and ln(1/eps_B) averaged over seeds, with the errors of seeds and of test jets in quadrature."""
    right, replicas = (np.mean([getattr(item, name) for item in found], axis=0) for name in ("right", "replicas"))
    columns = {
        "accuracy": ([item.right.mean() for item in found], right.std() / np.sqrt(len(right))),
        "rejection": ([item.rejection for item in found], replicas.std(ddof=1)),
    }
    return {
        name: Measure(float(np.mean(values)), float(np.hypot(_error_of_mean(values), jets)))
        for name, (values, jets) in columns.items()
    }


def _error_of_mean(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


@dataclasses.dataclass(frozen=True)
class Results:
    """Numbers of all students (EBOPs, cost, LUT), their physics and, at None, the teacher's; and the seeds."""

    numbers: Mapping[Student, Mapping[str, Any]]
    physics: Mapping[Student | None, Physics]
    seeds: Sequence[int]

    def of(self, kind: str, way: str, size: int) -> list[Physics]:
        """The students of all seeds."""
        return [self.physics[Student(kind, way, size, seed)] for seed in self.seeds]

    def less(self, first: Sequence[Physics], second: Sequence[Physics]) -> dict[str, Measure]:
        """The difference, seed by seed."""
        return over_seeds([a - b for a, b in zip(first, second, strict=True)])

    def mean(self, number: str, kind: str, way: str, size: int) -> float | None:
        """A number averaged over the seeds that have it."""
        values = [self.numbers[Student(kind, way, size, seed)].get(number) for seed in self.seeds]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    @property
    def taught(self) -> list[tuple[str, int]]:
        """Kinds and EBOPs of the students that have a teacher, and others beside them that have not."""
        found = {(s.kind, s.size) for s in self.numbers if s.way == "teacher"}
        return sorted(found, key=lambda pair: (list(KINDS).index(pair[0]), pair[1]))

    @property
    def front(self) -> list[tuple[str, int]]:
        """Ways and sizes of the MLPs whose logic is known."""
        found = {(s.way, s.size) for s, numbers in self.numbers.items() if s.kind == "MLP" and "cost" in numbers}
        return sorted(found, key=lambda pair: (list(WAYS).index(pair[0]), -pair[1]))
