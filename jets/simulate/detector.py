"""A parametrised detector: event-record particles in, particle-flow candidates out.

Tracks, electromagnetic and hadronic calorimeter cells, each with an efficiency or threshold and a resolution, all
numbers in a YAML card. No magnetic field: directions at the vertex are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from jets.config import fill, read_yaml
from jets.dataset import IDENTITIES
from jets.errors import ConfigError

Array = NDArray[Any]

CARDS = Path(__file__).parent / "detectors"
INVISIBLE = (12, 14, 16)
PION_MASS, ELECTRON_MASS, MUON_MASS = 0.13957, 0.000511, 0.10566
ENDCAP_ETA = 1.5


@dataclass(frozen=True)
class Tracker:
    """Where tracks are found and how well they are measured; pairs are (barrel, endcap).

    A track's relative pT resolution is `pt_constant` ⊕ `pt_per_gev`·pT; its impact parameters' is
    constant ⊕ multiple-scattering/pT, in mm. The efficiency falls linearly to zero at `radius_mm`, the
    transverse distance at which the particle is made.
    """

    eta_max: float
    pt_min_gev: float
    efficiency: tuple[float, float]
    soft_pt_gev: float
    soft_efficiency: tuple[float, float]
    muon_efficiency: tuple[float, float]
    radius_mm: float
    pt_constant: tuple[float, float]
    pt_per_gev: float
    d0_constant_mm: float
    d0_scattering_mm_gev: float
    dz_constant_mm: float
    dz_scattering_mm_gev: float

    def __post_init__(self) -> None:
        for name in ("efficiency", "soft_efficiency", "muon_efficiency"):
            if not all(0.0 <= value <= 1.0 for value in getattr(self, name)):
                raise ConfigError(f"tracker {name} must lie in [0, 1]", None, "correct it")
        _require_positive(self, "tracker", allow_zero=("pt_min_gev", "soft_pt_gev", *_TRACKER_RESOLUTIONS))


_TRACKER_RESOLUTIONS = ("pt_constant", "pt_per_gev", "d0_scattering_mm_gev", "dz_scattering_mm_gev",
                        "efficiency", "soft_efficiency", "muon_efficiency")  # fmt: skip


@dataclass(frozen=True)
class Calorimeter:
    """One calorimeter: σ(E) = `noise_gev` ⊕ `stochastic`·√E ⊕ `constant`·E (E in GeV).

    Deposits in the same cell (`cell` wide in eta and phi; 0 keeps every particle apart) are merged at their
    energy-weighted centre, which is smeared by `position`·`cell`; those below `threshold_gev` after smearing are lost.
    """

    cell: float
    position: float
    stochastic: float
    noise_gev: float
    constant: float
    threshold_gev: float

    def __post_init__(self) -> None:
        _require_positive(self, "calorimeter", allow_zero=tuple(f.name for f in fields(self)))


@dataclass(frozen=True)
class Detector:
    """A detector card."""

    description: str
    eta_max: float
    pt_min_gev: float
    tracker: Tracker
    electromagnetic: Calorimeter
    hadronic: Calorimeter

    def __post_init__(self) -> None:
        _require_positive(self, "detector", allow_zero=("pt_min_gev",))


def _require_positive(card: Any, part: str, allow_zero: tuple[str, ...]) -> None:
    for field in fields(card):
        value = getattr(card, field.name)
        numbers = value if isinstance(value, tuple) else (value,) if isinstance(value, float) else ()
        if any(number < 0 or (number == 0 and field.name not in allow_zero) for number in numbers):
            raise ConfigError(f"{part} {field.name} is {value}, which is too small", None, "correct it")


def load_detector(name: str) -> Detector:
    """The detector of a packaged card (``none``, ``light``, ``cms``) or of a YAML file.

    Raises:
        ConfigError: no such card, an unknown or missing key, or a number out of range.
    """
    packaged = sorted(card.stem for card in CARDS.glob("*.yaml"))
    path = CARDS / f"{name}.yaml" if name in packaged else Path(name)
    if not path.is_file():
        remedy = f"use one of {', '.join(packaged)} or the path of a YAML card"
        raise ConfigError(f"unknown detector {name!r}", None, remedy)
    return fill(Detector, read_yaml(path), path)


@dataclass(frozen=True)
class Columns:
    """Columns of what is in many events, a row each; `event` is sorted."""

    event: Array

    def __getitem__(self, which: Array | slice) -> Self:
        return type(self)(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, event by event."""
        columns = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)}
        return cls(**columns)[np.argsort(columns["event"], kind="stable")]


@dataclass(frozen=True)
class Particles(Columns):
    """Particles of many events, (n_particles,) each column."""

    pdg_id: Array
    status: Array
    px: Array
    py: Array
    pz: Array
    energy: Array
    vertex: Array
    """(n_particles, 3): where the particle was made, mm."""

    @property
    def pt(self) -> Array:
        """Transverse momentum, GeV."""
        return np.asarray(np.hypot(self.px, self.py))

    @property
    def eta(self) -> Array:
        """Pseudorapidity; large for particles along the beam."""
        return np.asarray(np.arcsinh(self.pz / np.maximum(self.pt, 1e-9)))

    @property
    def phi(self) -> Array:
        """Azimuth, in (-π, π]."""
        return np.asarray(np.arctan2(self.py, self.px))


@dataclass(frozen=True)
class Candidates(Columns):
    """Particle-flow candidates of many events, (n_candidates,) each column.

    Impact parameters are zero for neutral candidates.
    """

    pt: Array
    eta: Array
    phi: Array
    mass: Array
    charge: Array
    identity: Array
    d0: Array
    d0_error: Array
    dz: Array
    dz_error: Array


def detect(particles: Particles, charge: Array, detector: Detector, rng: np.random.Generator) -> Candidates:
    """What the detector sees of the final-state particles, sorted by event.

    Args:
        particles: final-state particles.
        charge: (n_particles,) electric charge.
        detector: the card.
        rng: the source of every random number.
    """
    visible = (particles.pt > detector.pt_min_gev) & (np.abs(particles.eta) < detector.eta_max)
    visible &= ~np.isin(np.abs(particles.pdg_id), INVISIBLE)
    particles, charge = particles[visible], charge[visible]
    kind = np.abs(particles.pdg_id)
    tracked = _has_track(particles, charge, detector.tracker, rng)
    electromagnetic = ~tracked & ((kind == 22) | (kind == 11))
    hadronic = ~tracked & ~electromagnetic & (kind != 13)
    parts = [
        _tracks(particles[tracked], charge[tracked], detector.tracker, rng),
        _cells(particles[electromagnetic], detector.electromagnetic, "photon", rng),
        _cells(particles[hadronic], detector.hadronic, "neutral_hadron", rng),
    ]
    return Candidates.joined(parts)


def _has_track(particles: Particles, charge: Array, tracker: Tracker, rng: np.random.Generator) -> Array:
    pt, endcap = particles.pt, np.abs(particles.eta) > ENDCAP_ETA
    soft = np.where(endcap, tracker.soft_efficiency[1], tracker.soft_efficiency[0])
    hard = np.where(endcap, tracker.efficiency[1], tracker.efficiency[0])
    muon = np.where(endcap, tracker.muon_efficiency[1], tracker.muon_efficiency[0])
    efficiency = np.where(np.abs(particles.pdg_id) == 13, muon, np.where(pt < tracker.soft_pt_gev, soft, hard))
    radius = np.hypot(particles.vertex[:, 0], particles.vertex[:, 1])
    efficiency = efficiency * np.clip(1.0 - radius / tracker.radius_mm, 0.0, 1.0)
    inside = (charge != 0) & (np.abs(particles.eta) < tracker.eta_max) & (pt > tracker.pt_min_gev)
    return np.asarray(inside & (rng.random(len(pt)) < efficiency))


def _tracks(particles: Particles, charge: Array, tracker: Tracker, rng: np.random.Generator) -> Candidates:
    true_pt, eta, n = particles.pt, particles.eta, len(charge)
    constant = np.where(np.abs(eta) > ENDCAP_ETA, tracker.pt_constant[1], tracker.pt_constant[0])
    resolution = np.hypot(constant, tracker.pt_per_gev * (1.0 + 0.8 * np.abs(eta)) * true_pt)
    pt = true_pt * np.clip(1.0 + resolution * rng.standard_normal(n), 0.2, 3.0)
    d0, d0_error, dz, dz_error = _impact(particles, tracker, rng)
    kind = np.abs(particles.pdg_id)
    choices = [kind == 11, kind == 13]
    names = [IDENTITIES.index(name) for name in ("electron", "muon", "charged_hadron")]
    return Candidates(
        event=particles.event, pt=pt, eta=eta, phi=particles.phi,
        mass=np.select(choices, [ELECTRON_MASS, MUON_MASS], PION_MASS),
        charge=charge, identity=np.select(choices, names[:2], names[2]),
        d0=d0, d0_error=d0_error, dz=dz, dz_error=dz_error,
    )  # fmt: skip


def _impact(particles: Particles, tracker: Tracker, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Impact parameters of straight tracks and their errors, mm; one track in twenty is measured three times worse."""
    pt, eta, (x, y, z) = particles.pt, particles.eta, particles.vertex.T
    d0 = (x * particles.py - y * particles.px) / pt
    dz = z - (x * particles.px + y * particles.py) / pt**2 * particles.pz
    slope = np.cosh(eta)
    d0_error = np.hypot(tracker.d0_constant_mm, tracker.d0_scattering_mm_gev * np.sqrt(slope) / pt)
    dz_error = np.hypot(tracker.dz_constant_mm, tracker.dz_scattering_mm_gev * slope**1.5 / pt)
    tail = np.where(rng.random(len(pt)) < 0.05, 3.0, 1.0)
    d0 = d0 + d0_error * tail * rng.standard_normal(len(pt))
    dz = dz + dz_error * tail * rng.standard_normal(len(pt))
    return d0, d0_error, dz, dz_error


def _cells(particles: Particles, calorimeter: Calorimeter, identity: str, rng: np.random.Generator) -> Candidates:
    event, eta, phi, energy = _merge(particles, calorimeter.cell)
    n = len(energy)
    sigma = np.hypot(
        np.hypot(calorimeter.noise_gev, calorimeter.constant * energy), calorimeter.stochastic * np.sqrt(energy)
    )
    energy = energy + sigma * rng.standard_normal(n)
    blur = calorimeter.cell * calorimeter.position
    eta, phi = eta + blur * rng.standard_normal(n), phi + blur * rng.standard_normal(n)
    seen = energy > max(calorimeter.threshold_gev, 1e-3)
    zero = np.zeros(int(seen.sum()))
    return Candidates(
        event=event[seen], pt=energy[seen] / np.cosh(eta[seen]), eta=eta[seen], phi=phi[seen], mass=zero, charge=zero,
        identity=np.full(len(zero), IDENTITIES.index(identity)), d0=zero, d0_error=zero, dz=zero, dz_error=zero,
    )  # fmt: skip


def _merge(particles: Particles, cell: float) -> tuple[Array, Array, Array, Array]:
    """Event, eta, phi and energy of the cells that were hit."""
    eta, phi, energy = particles.eta, particles.phi, particles.energy
    if cell == 0.0:
        return particles.event, eta, phi, energy
    row, column = np.floor(eta / cell).astype(np.int64), np.floor(phi / cell).astype(np.int64)
    key = (particles.event * 65536 + row + 32768) * 65536 + column + 32768
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    total = np.bincount(inverse, energy)
    return (
        particles.event[first],
        np.bincount(inverse, energy * eta) / total,
        np.bincount(inverse, energy * phi) / total,
        total,
    )
