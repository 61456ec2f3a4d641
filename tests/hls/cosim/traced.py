"""Traced students as designs, with vectors and what the interpreter of their circuit answers."""

from __future__ import annotations

from collections.abc import Sequence
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


def build_mlp(widths: Sequence[int], bits: int = 6, seed: int = 0) -> Any:
    """Dense layers with ReLU between them, from 10-bit features to 12-bit scores."""
    import keras
    import qkeras

    from tests.hls.students import quantized

    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((widths[0],), name="features")
    x = qkeras.QActivation(quantized(10, 3), name="features_q")(x)
    for i, width in enumerate(widths[1:]):
        weights = {key: quantized(bits, 0) for key in ("kernel_quantizer", "bias_quantizer")}
        x = qkeras.QDense(width, name=f"dense_{i}", **weights)(x)
        last = i == len(widths) - 2
        x = qkeras.QActivation(quantized(12, 4) if last else qkeras.quantized_relu(8, 3), name=f"act_{i}")(x)
    model = keras.Model(inputs, x, name="mlp")
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([1.2 * values + rng.normal(0.0, 0.1, values.shape) for values in layer.get_weights()])
    return model
