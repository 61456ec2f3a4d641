"""Small feed-forward students with wide random weights, as QKeras has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from compress.quantize.qkeras import Bits, build_quantized
from models.students.feed_forward import FeedForwardSpec, MlpSpec, ParticleSpec

SPECS: dict[str, FeedForwardSpec] = {
    "mlp": MlpSpec(dense=(6, 4)),
    "deep_sets": ParticleSpec("deep_sets", n_constituents=5, features=3, particle=(4, 3), dense=(4,)),
    "jedi_linear": ParticleSpec("jedi_linear", n_constituents=5, features=3, particle=(4, 3), dense=()),
}
"""Five particles: a number that is no power of two."""


def build_feed_forward(spec: FeedForwardSpec, n_outputs: int = 2, seed: int = 0) -> Any:
    import keras

    keras.utils.set_random_seed(seed)
    model = build_quantized(spec, Bits(), n_outputs)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([1.5 * values + rng.normal(0.0, 0.2, values.shape) for values in layer.get_weights()])
    return model
