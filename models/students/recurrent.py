"""Recurrent students small enough for a trigger: GRU or LSTM, a dense layer or two, raw outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from jets.errors import ConfigError
from jets.features import SIX_FEATURES

CELLS = ("gru", "lstm")
MAX_WIDTH = 4096


@dataclass(frozen=True)
class RecurrentSpec:
    """The shape of a recurrent identifier; the default is the top tagger of arXiv:2207.00559.

    Attributes:
        cell: "gru" or "lstm".
        units: width of the recurrent state.
        dense: widths of the ReLU layers between the recurrent layer and the output.
        n_constituents: length of the pT-ordered sequence of constituents, six features each.

    Raises:
        ConfigError: an unknown cell or a width that is not between 1 and `MAX_WIDTH`.
    """

    cell: Literal["gru", "lstm"] = "gru"
    units: int = 20
    dense: tuple[int, ...] = (64,)
    n_constituents: int = 20

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ConfigError(f"unknown cell {self.cell!r}", None, f"use one of {', '.join(CELLS)}")
        widths = {"units": self.units, "n_constituents": self.n_constituents}
        widths |= {f"dense[{place}]": width for place, width in enumerate(self.dense)}
        for name, width in widths.items():
            if not 1 <= width <= MAX_WIDTH:
                raise ConfigError(f"{name} must be between 1 and {MAX_WIDTH}, not {width}", None, "correct it")


def build_float(spec: RecurrentSpec, n_outputs: int) -> Any:
    """The float Keras model, (n_jets, n_constituents, 6) -> raw logits (n_jets, n_outputs).

    Layers: "constituents" (input), "rnn", "dense_0", "relu_0", …, "logit". Padded steps are zeros and run through
    the recurrence like any other, as the firmware runs them. The GRU is the `reset_after` one, the only one that
    hls4ml implements (Cho et al., arXiv:1406.1078v1: the reset gate acts after the recurrent matrix product).
    """
    import keras

    inputs = keras.Input((spec.n_constituents, len(SIX_FEATURES)), name="constituents")
    if spec.cell == "gru":
        x = keras.layers.GRU(spec.units, reset_after=True, name="rnn")(inputs)
    else:
        x = keras.layers.LSTM(spec.units, name="rnn")(inputs)
    for place, width in enumerate(spec.dense):
        x = keras.layers.Dense(width, name=f"dense_{place}")(x)
        x = keras.layers.ReLU(name=f"relu_{place}")(x)
    return keras.Model(inputs, keras.layers.Dense(n_outputs, name="logit")(x), name=f"{spec.cell}_student")
