"""Traced students as designs, with vectors and what the interpreter of their circuit answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hls.cosim import Stimuli, stimuli
from hls.cosim.packing import Codes
from hls.rtl.circuit import Circuit
from hls.rtl.config import RtlConfig
from hls.rtl.design import Design
from hls.rtl.emit import emit


@dataclass(frozen=True)
class Traced:
    """A circuit with its RTL and the vectors for it."""

    circuit: Circuit
    design: Design
    sent: Stimuli

    @classmethod
    def of(cls, circuit: Circuit, n_random: int, **options: Any) -> Traced:
        design = emit(circuit, "tagger", RtlConfig(**options))
        nothing = np.zeros((0, len(design.input.elements)), np.int64)
        return cls(circuit, design, stimuli(design.input, circuit.shape, nothing, n_random, seed=11))

    def expected(self) -> Codes:
        values = self.circuit.interpret(self.sent.codes * self.circuit.input.step)
        return np.asarray(np.rint(values / self.circuit.output.step), np.int64)
