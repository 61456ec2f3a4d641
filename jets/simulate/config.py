"""What to simulate: one frozen dataclass, filled from YAML or by hand."""

from __future__ import annotations

from dataclasses import dataclass

from jets.errors import ConfigError
from jets.simulate.processes import PROCESSES
from jets.simulate.views import MOST_PILE_UP, NOMINAL, View, view

JETS_PER_CHUNK = 2000
"""Of one class, all views counted."""


@dataclass(frozen=True)
class SimulateConfig:
    """Which jets to simulate, and how.

    Attributes:
        classes: names of `jets.simulate.processes.PROCESSES`; their order gives the labels.
        n_per_class: jets of each class, in each of the views.
        pt_gev: the window of the jets' transverse momentum.
        eta_max: largest |eta| of a jet.
        jet_radius: R of the anti-kT algorithm.
        n_constituents: how many constituents, in order of pT, a stored jet keeps at most.
        seed: the same seed and config give the same jets, one by one, whatever the number of processes.
        detector: ``none``, ``light``, ``cms`` or the path of a YAML card.
        multiple_interactions: simulate the underlying event too (three to four times slower).
        flatten_pt: make the pT spectrum of every class flat inside the window, so that pT tells no classes apart.
        impact_parameters: store d0 and dz of tracks with their errors.
        high_level: store the 16 features of `jets.high_level`.
        energy_tev: proton-proton centre-of-mass energy.
        pile_up: mean number of other proton-proton collisions in the same bunch crossing.
        views: names of `jets.simulate.views.View`: every hard event is simulated once more for each, after the nominal
            simulation, and jets that are found in all of them are stored in all of them.

    Raises:
        ConfigError: an unknown class, view or detector, an empty window, or a number out of range.
    """

    classes: tuple[str, ...] = ("QCD", "top")
    n_per_class: int = 20_000
    pt_gev: tuple[float, float] = (800.0, 1200.0)
    eta_max: float = 2.0
    jet_radius: float = 0.8
    n_constituents: int = 64
    seed: int = 1
    detector: str = "light"
    multiple_interactions: bool = False
    flatten_pt: bool = True
    impact_parameters: bool = False
    high_level: bool = False
    energy_tev: float = 13.0
    pile_up: float = 0.0
    views: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.classes:
            if name not in PROCESSES:
                raise ConfigError(f"unknown class {name!r}", None, f"known: {', '.join(PROCESSES)}")
        _check_once("class", self.classes)
        _check_once("view", self.views)
        if not self.classes:
            raise ConfigError("classes are []", None, f"known: {', '.join(PROCESSES)}")
        for name in ("n_per_class", "n_constituents"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, it must be at least 1", None, "correct it")
        low, high = self.pt_gev
        if not 100.0 <= low < high <= 500.0 * self.energy_tev:
            remedy = f"give [low, high] with 100 <= low < high <= {500.0 * self.energy_tev:g}"
            raise ConfigError(f"pt_gev is [{low:g}, {high:g}], which no jet can be in", None, remedy)
        for name, upper in (("eta_max", 2.5), ("jet_radius", 1.5), ("energy_tev", 100.0)):
            if not 0.0 < getattr(self, name) <= upper:
                raise ConfigError(f"{name} is {getattr(self, name):g}", None, f"give a number in (0, {upper:g}]")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}", None, "give zero or a positive integer")
        if not 0 <= self.pile_up <= MOST_PILE_UP:
            raise ConfigError(f"pile_up is {self.pile_up:g}", None, f"give a number from 0 to {MOST_PILE_UP}")
        _ = self.simulations

    @property
    def simulations(self) -> tuple[View, ...]:
        """How each view of a hard event is simulated, the nominal one first.

        Raises:
            ConfigError: an unknown view or detector.
        """
        return tuple(view(name, self.detector, self.pile_up) for name in (NOMINAL, *self.views))

    @property
    def view_names(self) -> tuple[str, ...]:
        """The views of each jet in their order; none where a hard event is showered once."""
        return (NOMINAL, *self.views) if self.views else ()

    @property
    def n_views(self) -> int:
        """How many jets there are of each hard object."""
        return 1 + len(self.views)


def _check_once(kind: str, names: tuple[str, ...]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{name!r} is named twice among {list(names)}", None, f"name each {kind} once")
