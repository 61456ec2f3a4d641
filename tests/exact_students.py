"""Small exact students with wide random weights, so that every saturation and every bit is met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.students.exact.fixed_point import FixedPoint

INPUT = FixedPoint(9, 4)

EVERY_OPTION: list[tuple[str, dict[str, Any]]] = [
    ("gru", {"skip_padding": True}),
    ("gru", {"reset_after": False, "go_backwards": True, "return_sequences": True}),
    ("lstm", {"skip_padding": True, "go_backwards": True}),
    ("lstm", {"return_sequences": True}),
    ("gru", {"bidirectional": True, "skip_padding": True}),
    ("lstm", {"bidirectional": True, "skip_padding": True}),
]


def types_of(cell: str, reset_after: bool = True, **changes: FixedPoint) -> dict[str, FixedPoint]:
    """Types of a GRU or LSTM in which no two stages agree."""
    types = {
        "weight": FixedPoint(8, 2),
        "recurrent_weight": FixedPoint(7, 1),
        "bias": FixedPoint(7, 2),
        "candidate_sum": FixedPoint(9, 3),
        "candidate": FixedPoint(9, 1),
        "state": FixedPoint(8, 1),
    }
    if cell == "gru":
        types |= {
            "update_sum": FixedPoint(8, 4),
            "update": FixedPoint(8, 0, signed=False),
            "reset_sum": FixedPoint(9, 3),
            "reset": FixedPoint(6, 0, signed=False),
        }
        after = {"recurrent_bias": FixedPoint(8, 2), "recurrent_sum": FixedPoint(9, 3)}
        types |= after if reset_after else {"reset_state": FixedPoint(7, 1)}
    else:
        types |= {
            "enter_sum": FixedPoint(8, 4),
            "enter": FixedPoint(8, 0, signed=False),
            "forget_sum": FixedPoint(9, 4),
            "forget": FixedPoint(7, 0, signed=False),
            "leave_sum": FixedPoint(8, 3),
            "leave": FixedPoint(6, 0, signed=False),
            "squashed_sum": FixedPoint(9, 3),
            "squashed": FixedPoint(8, 1),
            "cell_state": FixedPoint(11, 4),
        }
    return types | changes


def recurrent_layer(cell: str, units: int = 4, types: Mapping[str, Any] | None = None, **options: Any) -> Any:
    from models.students.exact.recurrent import ExactGRU, ExactLSTM

    types = types_of(cell, options.get("reset_after", True)) if types is None else types
    return (ExactGRU if cell == "gru" else ExactLSTM)(units, types, **{"name": "rnn", **options})


def build_exact(
    cell: str, units: int = 4, n_constituents: int = 5, seed: int = 0, bidirectional: bool = False, **options: Any
) -> Any:
    """Input, cast, cell, dense, ReLU, dense, cast; "bidirectional" has a wider second cell with other types."""
    import keras

    from models.students.exact.layers import ExactCast, ExactDense

    keras.utils.set_random_seed(seed)
    dense = {"weight": FixedPoint(7, 1), "bias": FixedPoint(8, 1)}
    inputs = keras.Input((n_constituents, 6), name="constituents")
    x = ExactCast({"result": INPUT}, name="constituents_q")(inputs)
    steps, x = x, recurrent_layer(cell, units, **options)(x)
    if bidirectional:
        types = types_of(cell, options.get("reset_after", True), state=FixedPoint(9, 2))
        backward = {**options, "types": types, "go_backwards": True, "name": "rnn_backward"}
        x = keras.layers.Concatenate(name="states")([x, recurrent_layer(cell, units + 1, **backward)(steps)])
    if options.get("return_sequences"):
        x = recurrent_layer(cell, units + 1, **{**options, "return_sequences": False, "name": "second"})(x)
    x = ExactDense(8, dense, name="dense_0")(x)
    x = ExactCast({"result": FixedPoint(8, 3, signed=False)}, name="relu_0")(x)
    x = ExactDense(1, dense, name="logit")(x)
    x = ExactCast({"result": FixedPoint(14, 5)}, name="logit_q")(x)
    model = keras.Model(inputs, x, name=f"exact_{cell}_student")
    widen(model, seed)
    return model


def widen(model: Any, seed: int) -> None:
    """Wide weights and biases everywhere; learnt bits are left alone."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for weight in getattr(layer, "weights_by_role", {}).values():
            values = np.asarray(weight)
            weight.assign(1.5 * values + rng.normal(0.0, 0.25, values.shape))
