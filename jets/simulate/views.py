"""The views of a hard event by name: the nominal simulation, and what may be done otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jets.errors import ConfigError
from jets.simulate.detector import Detector, load_detector

NOMINAL = "nominal"
SHOWERS: Mapping[str, tuple[str, ...]] = {
    "seed": (),
    "fsr_down": ("TimeShower:renormMultFac=0.5",),
    "fsr_up": ("TimeShower:renormMultFac=2.0",),
    "vincia": ("PartonShowers:model=2", "Print:verbosity=0"),
}
"""Settings of what a hard event may be showered with again: the same shower with other random numbers; the scale of
final-state radiation times 1/√2 and √2 (the factor is that of its square); the Vincia shower of Pythia 8."""
DETECTOR, PILE_UP = "detector_", "pile_up_"
MOST_PILE_UP = 1000


@dataclass(frozen=True)
class View:
    """One simulation of a hard event.

    Attributes:
        name: ``nominal``, one of `SHOWERS`, ``detector_CARD`` or ``pile_up_MEAN``.
        detector: what measures it.
        pile_up: the mean number of other collisions in the same bunch crossing.
        shower: settings of a shower of its own; None: the particles are those of the nominal view.
    """

    name: str
    detector: Detector
    pile_up: float
    shower: tuple[str, ...] | None = None


def view(name: str, detector: str, pile_up: float) -> View:
    """The view of a name, all else as in the nominal one, which has this detector card and mean pile-up.

    Raises:
        ConfigError: no such view or card, or a mean that is no whole number up to `MOST_PILE_UP`.
    """
    if name == NOMINAL or name in SHOWERS:
        return View(name, load_detector(detector), pile_up, SHOWERS.get(name))
    if name.startswith(DETECTOR):
        return View(name, load_detector(name.removeprefix(DETECTOR)), pile_up)
    if name.startswith(PILE_UP):
        mean = name.removeprefix(PILE_UP)
        if not (mean.isdecimal() and int(mean) <= MOST_PILE_UP):
            remedy = f"give a mean number of collisions from 0 to {MOST_PILE_UP}, e.g. pile_up_140"
            raise ConfigError(f"view {name!r} names no pile-up", None, remedy)
        return View(name, load_detector(detector), float(mean))
    known = ", ".join([*SHOWERS, f"{DETECTOR}CARD (e.g. detector_cms)", f"{PILE_UP}MEAN (e.g. pile_up_140)"])
    raise ConfigError(f"unknown view {name!r}", None, f"known: {known}")
