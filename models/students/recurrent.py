"""Recurrent students small enough for a trigger: GRU or LSTM, a dense layer or two, raw outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from jets.errors import ConfigError
from models.sequence import SEQUENCES, Sequence

CELLS = ("gru", "lstm")
ARITHMETICS = ("qkeras", "exact")
MAX_WIDTH = 4096
CELL_LAYERS = ("rnn", "rnn_backward")
"""The recurrent layers of a quantized student, the second in a bidirectional one."""


@dataclass(frozen=True)
class RecurrentSpec:
    """The shape of a recurrent identifier; the default is the top tagger of arXiv:2207.00559.

    Attributes:
        cell: "gru" or "lstm".
        units: width of the recurrent state.
        dense: widths of the ReLU layers between the recurrent layer and the output.
        n_constituents: length of the pT-ordered sequence.
        arithmetic: of the quantized student: "qkeras" has qkeras' layers and hls4ml's tables, "exact" the cells of
            docs/recurrent.md.
        reset_after: of a GRU: the reset gate acts after the recurrent matrix product.
        skip_padding: padded constituents leave the state as it was; otherwise they are zeros that run through the
            recurrence like any other.
        bidirectional: a second layer of the same cell runs from the last constituent to the first; its last state
            stands behind that of the first.
        sequence: what it is of, a key of `models.sequence.SEQUENCES`: "constituents" (six features), their "momenta"
            (three), or "tracks" (six, with impact parameters).

    Raises:
        ConfigError: an unknown cell, arithmetic or sequence, a width that is not between 1 and `MAX_WIDTH`, or an
            option that the arithmetic or the cell does not have.
    """

    cell: Literal["gru", "lstm"] = "gru"
    units: int = 20
    dense: tuple[int, ...] = (64,)
    n_constituents: int = 20
    arithmetic: Literal["qkeras", "exact"] = "qkeras"
    reset_after: bool = True
    skip_padding: bool = False
    bidirectional: bool = False
    sequence: Sequence = "constituents"

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ConfigError(f"unknown cell {self.cell!r}", None, f"use one of {', '.join(CELLS)}")
        if self.arithmetic not in ARITHMETICS:
            what, remedy = f"unknown arithmetic {self.arithmetic!r}", f"use one of {', '.join(ARITHMETICS)}"
            raise ConfigError(what, None, remedy)
        if self.sequence not in SEQUENCES:
            raise ConfigError(f"unknown sequence {self.sequence!r}", None, f"use one of {', '.join(SEQUENCES)}")
        if not self.reset_after and self.cell != "gru":
            raise ConfigError("reset_after is of a GRU", None, "leave it out")
        exact_only = {"skip_padding: true": self.skip_padding, "reset_after: false": not self.reset_after}
        exact_only["bidirectional: true"] = self.bidirectional
        for option, asked in exact_only.items():
            if asked and self.arithmetic != "exact":
                raise ConfigError(f"hls4ml's cells have no {option}", None, "give arithmetic: exact, or leave it out")
        widths = {"units": self.units, "n_constituents": self.n_constituents}
        widths |= {f"dense[{place}]": width for place, width in enumerate(self.dense)}
        for name, width in widths.items():
            if not 1 <= width <= MAX_WIDTH:
                raise ConfigError(f"{name} must be between 1 and {MAX_WIDTH}, not {width}", None, "correct it")

    @property
    def shape(self) -> tuple[int, int]:
        """Of a jet: its length in constituents, and the features of each."""
        return self.n_constituents, len(SEQUENCES[self.sequence])

    @property
    def cell_layers(self) -> tuple[str, ...]:
        """The names of the recurrent layers of the quantized student."""
        return CELL_LAYERS[: 1 + self.bidirectional]


def build_float(spec: RecurrentSpec, n_outputs: int) -> Any:
    """The float Keras model, (n_jets, n_constituents, n_features) -> raw logits (n_jets, n_outputs).

    Layers: "constituents" (input), "padding" where it is skipped, "rnn" (a `Bidirectional` where the spec says so),
    "dense_0", "relu_0", …, "logit".
    """
    import keras

    x = inputs = keras.Input(spec.shape, name="constituents")
    if spec.skip_padding:
        x = keras.layers.Masking(name="padding")(x)
    if spec.cell == "gru":
        rnn = keras.layers.GRU(spec.units, reset_after=spec.reset_after, name="rnn")
    else:
        rnn = keras.layers.LSTM(spec.units, name="rnn")
    x = (keras.layers.Bidirectional(rnn, name="rnn") if spec.bidirectional else rnn)(x)
    for place, width in enumerate(spec.dense):
        x = keras.layers.Dense(width, name=f"dense_{place}")(x)
        x = keras.layers.ReLU(name=f"relu_{place}")(x)
    return keras.Model(inputs, keras.layers.Dense(n_outputs, name="logit")(x), name=f"{spec.cell}_student")
