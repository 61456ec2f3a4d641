"""Synthesis of an RTL design with open tools: resources, clock, and a check of what was synthesized."""

from hls.synth.config import SynthConfig
from hls.synth.run import find_tools, synthesize
from hls.synth.synthesis import Mapped, NetlistCheck, Routed, Synthesis

__all__ = ["Mapped", "NetlistCheck", "Routed", "SynthConfig", "Synthesis", "find_tools", "synthesize"]
