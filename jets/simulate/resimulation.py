"""Re-simulation: one hard event, showered, hadronised and measured several times (RS3L, arXiv:2403.07066)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets
from jets.simulate.batch import Reconstruction
from jets.simulate.detector import Particles
from jets.simulate.processes import PROCESSES, start_pythia
from jets.simulate.record import event_record
from jets.simulation_packages import import_simulation

PROTON = 2212
PROCESS = 9999
LEADING_LINES = 3
"""The system and the two beams, which a Les Houches event leaves out."""
INCOMING, INTERMEDIATE = -21, -22


@dataclass(frozen=True)
class HardEvent:
    """What Les Houches calls an event (Boos et al., hep-ph/0109068): the hard process and its resonances' decays.

    Attributes:
        process: arguments of `LHAup.setProcess`: number, weight, scale (GeV), alpha_em, alpha_s.
        particles: those of `LHAup.addParticle`: code, status, mothers, colours, momentum, mass, lifetime, spin, scale.
        partons: those of `LHAup.setIdX`: codes and momentum fractions.
        scale: of the parton densities, GeV.
    """

    process: tuple[Any, ...]
    particles: tuple[tuple[Any, ...], ...]
    partons: tuple[Any, ...]
    scale: float

    @classmethod
    def of(cls, process: Any, info: Any) -> HardEvent:
        """The hard event that Pythia has just made."""
        entries = list(process)[LEADING_LINES:]
        return cls(
            (PROCESS, 1.0, entries[0].scale(), info.alphaEM(), info.alphaS()),
            tuple(_les_houches(entry) for entry in entries),
            (info.id1(), info.id2(), info.x1(), info.x2()),
            info.QFac(),
        )


def _les_houches(entry: Any) -> tuple[Any, ...]:
    status = {INCOMING: -1, INTERMEDIATE: 2}.get(entry.status(), 1)
    first = LEADING_LINES - 1
    mothers = (0, 0) if status == -1 else tuple(max(m - first, 0) for m in (entry.mother1(), entry.mother2()))
    momentum = (entry.px(), entry.py(), entry.pz(), entry.e(), entry.m())
    return (entry.id(), status, *mothers, entry.col(), entry.acol(), *momentum, 0.0, 9.0, entry.scale())


class Resimulation:
    """Hard events that are each simulated in several views, the nominal one first.

    Views without a shower of their own are of the very particles of the nominal one.
    """

    def __init__(self, reconstructions: Sequence[Reconstruction], hard_seed: int, seeds: Sequence[int]) -> None:
        nominal = reconstructions[0]
        settings = [*nominal.hard_settings, "PartonLevel:all=off"]
        self._partons = PROCESSES[nominal.name].partons
        self._generator = start_pythia(nominal.name, settings, hard_seed)
        self._nominal = _Shower(nominal, seeds[0])
        self._views = [
            (reconstruction, self._nominal if reconstruction.view.shower is None else _Shower(reconstruction, seed))
            for reconstruction, seed in zip(reconstructions, seeds, strict=True)
        ]

    def make(self, n_events: int) -> list[Jets]:
        """The jets of the next events in every view, row by row those of one hard object; else as unviewed ones."""
        events = self._hard_events(n_events)
        hard, nominal = _hard_objects(events, self._partons), self._nominal.particles(events)
        found = []
        for reconstruction, shower in self._views:
            particles = nominal if shower is self._nominal else shower.particles(events)
            in_window = reconstruction is self._views[0][0]
            found.append(reconstruction.jets(particles, len(events), hard, shower.particle_data, in_window))
        common = reduce(np.intersect1d, [places for _, places in found])
        return [jets[_hardest(jets, places, common)] for jets, places in found]

    def _hard_events(self, n_events: int) -> list[HardEvent]:
        events: list[HardEvent] = []
        while len(events) < n_events:
            if self._generator.next():
                events.append(HardEvent.of(self._generator.process, self._generator.infoPython()))
        return events


class _Shower:
    """Pythia, as it showers and hadronises given hard events."""

    def __init__(self, reconstruction: Reconstruction, seed: int) -> None:
        self._source = _les_houches_source(500.0 * reconstruction.config.energy_tev)
        settings = [*reconstruction.shower_settings, *(reconstruction.view.shower or ())]
        self._pythia = start_pythia(reconstruction.name, settings, seed, self._source)

    @property
    def particle_data(self) -> Any:
        """What Pythia knows of each kind of particle."""
        return self._pythia.particleData

    def particles(self, events: Sequence[HardEvent]) -> Particles:
        """Those of all events; of one that fails there are none."""
        self._source.events = iter(events)
        record = self._pythia.nextBatch(len(events), "none")["prt"]
        return event_record(import_simulation("awkward").fill_none(record, [], axis=0))[0]


def _hard_objects(events: list[HardEvent], partons: tuple[int, ...]) -> Particles:
    """The outgoing objects of the hard events that jets are matched to; the same for every view."""
    rows = [
        (number, entry[0], entry[1], *entry[6:10])
        for number, event in enumerate(events)
        for entry in event.particles
        if entry[1] > 0 and abs(entry[0]) in partons
    ]
    columns = np.array(rows, float).reshape(-1, 7).T
    event, pdg_id, status = columns[:3].astype(np.int64)
    px, py, pz, energy = columns[3:]
    return Particles(event, pdg_id, status, px, py, pz, energy, np.zeros((len(rows), 3)))


def _hardest(jets: Jets, places: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.int64]:
    """The row of the hardest jet of each wanted hard object."""
    order = np.lexsort((-jets.jet("pt_gev"), places))
    rows: NDArray[np.int64] = order[np.searchsorted(places[order], wanted)]
    return rows


def _les_houches_source(beam_gev: float) -> Any:
    """An `LHAup` that hands out the `HardEvent`s of its `events`, an iterator, one by one."""
    pythia = import_simulation("pythia8mc")

    class Source(pythia.LHAup):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.events: Any = iter(())

        def setInit(self) -> bool:  # noqa: N802
            self.setBeamA(PROTON, beam_gev)
            self.setBeamB(PROTON, beam_gev)
            self.setStrategy(3)
            self.addProcess(PROCESS, 1.0, 0.0, 1.0)
            return True

        def setEvent(self, process: int = 0) -> bool:  # noqa: N802
            event = next(self.events, None)
            if event is None:
                return False
            self.setProcess(*event.process)
            for particle in event.particles:
                self.addParticle(*particle)
            self.setIdX(*event.partons)
            self.setPdf(*event.partons, event.scale, 0.0, 0.0, False)
            return True

    return Source()
