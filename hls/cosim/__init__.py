"""Simulation of RTL designs against csim, cycle by cycle."""

from hls.cosim.config import CosimConfig
from hls.cosim.cosim import cosim, find_simulator
from hls.cosim.result import CosimResult, Mismatch, PassResult
from hls.cosim.vectors import Stimuli, stimuli

__all__ = ["CosimConfig", "CosimResult", "Mismatch", "PassResult", "Stimuli", "cosim", "find_simulator", "stimuli"]
