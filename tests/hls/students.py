"""Small QKeras students with random weights, for conversion tests."""

from __future__ import annotations

from typing import Any

import numpy as np


def build_student(cell: str = "gru", units: int = 4, n_constituents: int = 5, seed: int = 0, **changes: Any) -> Any:
    """A chain input, cell, dense, ReLU, logit; `changes` override the options of the recurrent layer."""
    import keras
    import qkeras

    from models.students.tables import TableSigmoid, TableTanh

    keras.utils.set_random_seed(seed)
    state = quantized(8, 0) if cell == "gru" else quantized(11, 3)
    options: dict[str, Any] = {
        "kernel_quantizer": quantized(8, 1),
        "recurrent_quantizer": quantized(8, 0),
        "bias_quantizer": quantized(8, 1),
        "state_quantizer": state,
        "activation": TableTanh(1024, 9, 1),
        "recurrent_activation": TableSigmoid(1024, 9, 1),
    }
    if cell == "gru":
        options["reset_after"] = True
    recurrent = {"gru": qkeras.QGRU, "lstm": qkeras.QLSTM}[cell](units, **(options | changes))
    recurrent.name = "rnn"
    inputs = keras.Input((n_constituents, 6), name="constituents")
    x = qkeras.QActivation(quantized(10, 3), name="constituents_q")(inputs)
    x = recurrent(x)
    x = qkeras.QActivation(state, name="rnn_q")(x)
    x = _dense(8, "dense_0")(x)
    x = qkeras.QActivation(qkeras.quantized_relu(8, 3), name="relu_0")(x)
    x = _dense(1, "logit")(x)
    x = qkeras.QActivation(quantized(16, 5), name="logit_q")(x)
    model = keras.Model(inputs, x, name=f"{cell}_student")
    _randomize(model, seed)
    return model


def quantized(bits: int, integer: int) -> Any:
    """A plain `quantized_bits` of scale one; `integer` leaves out the sign."""
    import qkeras

    return qkeras.quantized_bits(bits, integer, alpha=1)


def _dense(width: int, name: str) -> Any:
    import qkeras

    return qkeras.QDense(width, kernel_quantizer=quantized(8, 0), bias_quantizer=quantized(8, 0), name=name)


def _randomize(model: Any, seed: int) -> None:
    """Wider kernels and non-zero biases, so that sums saturate gates and every bit matters."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        layer.set_weights([1.5 * values + rng.normal(0.0, 0.1, values.shape) for values in weights])
