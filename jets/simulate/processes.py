"""The hard process behind each class of jets, as Pythia 8 settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jets.errors import ConfigError
from jets.simulation_packages import import_simulation

QUARKS = (1, 2, 3, 4, 5)
GLUON = (21,)


@dataclass(frozen=True)
class Process:
    """One hard process and the objects in it whose jets belong to the class.

    Attributes:
        settings: Pythia 8 settings that switch it on.
        partons: |PDG id| of the outgoing objects of the hard process that a jet is matched to.
        bias_power: events of a 2→2 process are drawn with a weight (p̂T / p̂T reference)^power, which
            makes the steeply falling spectrum roughly flat; None for a resonance, whose mass sets the spectrum.
    """

    settings: tuple[str, ...]
    partons: tuple[int, ...]
    bias_power: float | None


_HADRONIC_W = ("24:onMode=off", "24:onIfAny=1 2 3 4 5")
_HADRONIC_Z = ("23:onMode=off", "23:onIfAny=1 2 3 4 5")
# Jets of transverse W and Z often hold one decay quark only; a heavy scalar decays to longitudinal ones.
_SCALAR = (
    "Higgs:useBSM=on", "HiggsBSM:gg2H2=on", "HiggsH2:coup2W=1", "HiggsH2:coup2Z=1", "35:onMode=off",
    "35:doForceWidth=on",
)  # fmt: skip
_QUARK_PAIRS = ("HardQCD:qq2qq=on", "HardQCD:gg2qqbar=on", "HardQCD:qqbar2qqbarNew=on")
_GLUON_PAIRS = ("HardQCD:gg2gg=on", "HardQCD:qqbar2gg=on")
_TOP = Process(("Top:gg2ttbar=on", "Top:qqbar2ttbar=on", *_HADRONIC_W), (6,), 8.0)

PROCESSES: Mapping[str, Process] = {
    "g": Process(_GLUON_PAIRS, GLUON, 8.0),
    "q": Process(_QUARK_PAIRS, QUARKS, 6.0),
    "W": Process((*_SCALAR, "35:onIfMatch=24 -24", *_HADRONIC_W), (24,), None),
    "Z": Process((*_SCALAR, "35:onIfMatch=23 23", *_HADRONIC_Z), (23,), None),
    "t": _TOP,
    "b": Process(("HardQCD:hardbbbar=on",), (5,), 6.0),
    "c": Process(("HardQCD:hardccbar=on",), (4,), 6.0),
    "light": Process(("HardQCD:all=on",), (1, 2, 3, *GLUON), 7.0),
    "QCD": Process(("HardQCD:all=on",), (*QUARKS, *GLUON), 7.0),
    "top": _TOP,
}


def spectrum_settings(process: Process, pt_gev: tuple[float, float], flatten: bool) -> list[str]:
    """The phase space that fills a window of jet pT.

    A jet's pT differs from its parton's by initial-state recoil, radiation out of the cone and the detector, so the
    parton's range is wider than the jet's. The numbers were chosen at 800-1200 GeV for the flattest spectrum per event.
    """
    low, high = pt_gev
    if process.bias_power is None:
        mass, width = (2.0 * high, 0.25 * high) if flatten else (low + high, 0.05 * (low + high))
        limits = f"35:mMin={2.06 * low}", f"35:mMax={2.25 * high}"
        return [f"35:m0={mass}", f"35:mWidth={width}", *limits]
    bias = ["PhaseSpace:bias2Selection=on", f"PhaseSpace:bias2SelectionPow={process.bias_power}"] if flatten else []
    return [*bias, f"PhaseSpace:pTHatMin={0.95 * low}", f"PhaseSpace:pTHatMax={1.08 * high}"]


def start_pythia(name: str, settings: list[str], seed: int, hard_events: Any = None) -> Any:
    """A Pythia 8 generator that is ready to make events of one class.

    With `hard_events`, an `LHAup`, it takes the hard process from there instead of making it.

    Raises:
        ToolNotFound: pythia8mc is not installed.
        ConfigError: Pythia refuses to start with these settings.
    """
    process = PROCESSES[name].settings if hard_events is None else ("Beams:frameType=5",)
    generator = _started([*process, *settings], seed, hard_events)
    if generator is None:
        raise ConfigError(f"Pythia cannot make jets of class {name!r} with these settings", None, "widen pt_gev")
    return generator


def start_minimum_bias(energy_tev: float, seed: int) -> Any:
    """A Pythia 8 generator that is ready to make inelastic collisions of all kinds.

    Raises:
        ToolNotFound: pythia8mc is not installed.
        ConfigError: Pythia refuses to start at this energy.
    """
    generator = _started(["SoftQCD:inelastic=on", f"Beams:eCM={1000 * energy_tev}"], seed)
    if generator is None:
        raise ConfigError(f"Pythia cannot make pile-up at {energy_tev:g} TeV", None, "correct energy_tev")
    return generator


def _started(settings: list[str], seed: int, hard_events: Any = None) -> Any:
    """A generator that is ready, or None where Pythia refuses to start."""
    generator = import_simulation("pythia8mc").Pythia("", False)
    if hard_events is not None:
        generator.setLHAupPtr(hard_events)
    fixed = [
        "Print:quiet=on", "Next:numberCount=0", "Check:event=off", "Random:setSeed=on", f"Random:seed={seed}",
        # particles that would decay outside the tracker are left to the calorimeters
        "ParticleDecays:limitCylinder=on", "ParticleDecays:xyMax=300", "ParticleDecays:zMax=600",
    ]  # fmt: skip
    accepted = all([generator.readString(line) for line in (*fixed, *settings)])
    return generator if accepted and generator.init() else None
