"""Simulated jets: Pythia 8, a parametrised detector, FastJet; seeded jet by jet, parallel, resumable."""

from jets.simulate.config import SimulateConfig as SimulateConfig
from jets.simulate.run import simulate as simulate
