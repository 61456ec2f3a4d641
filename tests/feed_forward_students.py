"""Small feed-forward students with wide random weights, as QKeras and HGQ2 have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from compress.quantize import hgq2
from compress.quantize.hgq2 import HgqBits
from compress.quantize.qkeras import Bits, build_quantized
from models.students.feed_forward import AttentionSpec, FeedForwardSpec, MlpSpec, ParticleSpec

SPECS: dict[str, FeedForwardSpec] = {
    "mlp": MlpSpec(dense=(6, 4)),
    "deep_sets": ParticleSpec("deep_sets", n_constituents=5, features=3, particle=(4, 3), dense=(4,)),
    "mlp_mixer": ParticleSpec("mlp_mixer", n_constituents=5, features=3, particle=(4, 3), dense=()),
    "jedi_linear": ParticleSpec("jedi_linear", n_constituents=5, features=3, particle=(4, 3), dense=()),
    "linear_attention": AttentionSpec(n_constituents=5, width=4, projections=3, hidden=3, dense=()),
}
"""Five particles: a number that is no power of two."""

IN_QKERAS = tuple(kind for kind, spec in SPECS.items() if not isinstance(spec, AttentionSpec))
"""Those that are made of QKeras' layers, too."""


def build_feed_forward(spec: FeedForwardSpec, n_outputs: int = 2, seed: int = 0) -> Any:
    return with_wide_weights(lambda: build_quantized(spec, Bits(), n_outputs), seed)[0]


def with_wide_weights(build: Callable[[], Any], seed: int) -> tuple[Any, np.random.Generator]:
    """A model of QKeras' layers with wide random weights, and what they were drawn from."""
    import keras

    keras.utils.set_random_seed(seed)
    model = build()
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([1.5 * values + rng.normal(0.0, 0.2, values.shape) for values in layer.get_weights()])
    return model, rng


def build_heterogeneous(spec: FeedForwardSpec, n_outputs: int = 2, seed: int = 0) -> Any:
    """One of HGQ2 whose every weight and feature has bits of its own; the last feature of each ReLU has none."""
    import keras

    keras.utils.set_random_seed(seed)
    model = hgq2.build_quantized(spec, HgqBits(), n_outputs)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if hasattr(layer, "constants"):
            for weight in (layer.kernel, layer.bias) if layer.use_bias else (layer.kernel,):
                weight.assign(1.5 * np.asarray(weight) + rng.normal(0.0, 0.2, weight.shape))
            layer.kq.quantizer._f.assign(rng.integers(1, 8, layer.kernel.shape))
        elif hasattr(layer, "lanes") and layer.name != "logit_q":
            integer, fraction = (rng.integers(*ends, layer.quantizer.k.shape) for ends in ((0, 4), (3, 7)))
            if "relu" in layer.name:
                fraction[..., -1] = -integer[..., -1]
            layer.quantizer._i.assign(integer)
            layer.quantizer._f.assign(fraction)
    return model
