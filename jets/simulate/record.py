"""A batch of events as Pythia hands it over."""

from __future__ import annotations

from typing import Any

import numpy as np

from jets.simulate.detector import Particles
from jets.simulation_packages import import_simulation


def event_record(record: Any) -> tuple[Particles, int]:
    """The particles of a batch as flat columns, and the number of events."""
    awkward = import_simulation("awkward")
    per_event = awkward.to_numpy(awkward.num(record, axis=1))
    flat = awkward.flatten(record, axis=1)
    vertex = flat["vProd"]
    momentum = {name: awkward.to_numpy(flat["p"][key]) for name, key in _MOMENTUM.items()}
    return Particles(
        event=np.repeat(np.arange(len(per_event)), per_event),
        pdg_id=awkward.to_numpy(flat["id"]),
        status=awkward.to_numpy(flat["status"]),
        vertex=np.stack(
            [awkward.to_numpy(awkward.fill_none(vertex[axis], 0.0)) for axis in ("px", "py", "pz")], axis=-1
        ),
        **momentum,
    ), len(per_event)


_MOMENTUM = {"px": "px", "py": "py", "pz": "pz", "energy": "e"}
