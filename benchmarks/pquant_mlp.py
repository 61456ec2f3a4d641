"""PQuantML's MLP with its default pruning, as a baseline of `compression.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.quantize.qkeras import Bits, FixedPoint
from jets.errors import ToolNotFound

INSTALL = "pip install --no-deps pquant-ml==0.1.0, or give --without-pquant"


def train(
    inputs: NDArray[np.float32], labels: NDArray[np.integer[Any]], dense: Sequence[int], bits: Bits, seed: int
) -> Mapping[str, list[NDArray[np.float32]]]:
    """Kernel and bias of every layer, pruned and on the grid of their type, by the names of our students.

    Types are `bits`; pruning (PDP, arXiv:2305.11203, to 80 % zeros), its schedule, and the number of epochs are the
    defaults of PQuantML (arXiv:2603.26595); Adam at its usual 1e-3.

    Args:
        inputs: (n_jets, n_features), scaled.
        labels: (n_jets,).
        dense: widths of the hidden layers.

    Raises:
        ToolNotFound: PQuantML is not installed.
    """
    import keras

    try:
        from pquant import pdp_config
        from pquant.core.keras.train import PQuantCallback
        from pquant.layers import PQDense
    except ImportError as error:
        raise ToolNotFound(f"PQuantML is not installed ({error})", None, INSTALL) from None

    keras.utils.set_random_seed(seed)
    config = pdp_config()
    types = {
        "weight_quant_bits": _without_sign(bits.dense_weights, signed=True),
        "bias_quant_bits": _without_sign(bits.dense_bias, signed=True),
    }
    x = given = keras.Input(inputs.shape[1:])
    entering = _without_sign(bits.input, signed=True)
    for place, width in enumerate(dense):
        x = PQDense(config, width, in_quant_bits=entering, name=f"dense_{place}", **types)(x)
        x = keras.layers.ReLU()(x)
        entering = _without_sign(bits.activations, signed=False)
    n_classes = int(labels.max()) + 1
    model = keras.Model(given, PQDense(config, n_classes, in_quant_bits=entering, name="logit", **types)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss=loss, jit_compile=False)
    callback = PQuantCallback(config, log_ebops=False, log_keep_ratio=False)
    model.fit(inputs, labels, batch_size=256, epochs=callback.total_epochs, callbacks=[callback], verbose=0)
    return {layer.name: [np.asarray(layer.kernel), np.asarray(layer.bias)] for layer in model.layers if layer.weights}


def _without_sign(width: FixedPoint, signed: bool) -> tuple[float, float, float]:
    """(keeps negatives, integer bits without the sign, fraction bits) of (total, integer) bits."""
    total, integer = width
    return float(signed), float(integer - signed), float(total - integer)
