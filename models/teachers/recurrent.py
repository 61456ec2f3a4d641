"""Float GRU and LSTM identifiers of arXiv:2207.00559: the references that a teacher has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from models.sequence import SEQUENCES, Sequence
from models.students.recurrent import RecurrentSpec


@dataclass(frozen=True)
class RecurrentConfig:
    """Sizes of a float recurrent identifier; the defaults are the top tagger of arXiv:2207.00559.

    Attributes:
        units: width of the recurrent state.
        dense: widths of the ReLU layers after it.
        n_constituents: length of the pT-ordered sequence.
        sequence: what it is of, a key of `models.sequence.SEQUENCES`: "constituents" (six features), their "momenta"
            (three), or "tracks" (six, with impact parameters).

    Raises:
        ConfigError: a width out of range, or an unknown sequence.
    """

    units: int = 20
    dense: tuple[int, ...] = (64,)
    n_constituents: int = 20
    sequence: Sequence = "constituents"

    def __post_init__(self) -> None:
        RecurrentSpec("gru", self.units, self.dense, self.n_constituents, sequence=self.sequence)

    @classmethod
    def flavour(cls) -> RecurrentConfig:
        """The flavour tagger of arXiv:2207.00559: b, c and light jets by 15 tracks."""
        return cls(units=120, dense=(50, 10), n_constituents=15, sequence="tracks")

    @classmethod
    def long_sequence(cls) -> RecurrentConfig:
        """The shape of the QuickDraw classifier of arXiv:2207.00559: five classes by 100 steps of three numbers."""
        return cls(units=128, dense=(256, 128), n_constituents=100, sequence="momenta")


class RecurrentReference(nn.Module):
    """GRU or LSTM over (n_jets, n_constituents, n_features), its last state through ReLU layers to raw logits.

    The embedding is the output of the last ReLU layer (the last state when there is none). Parameters equal
    those of the Keras layers of the paper: a GRU has two biases per gate, an LSTM one (torch's second one is
    held at zero).
    """

    def __init__(self, cell: Literal["gru", "lstm"], config: RecurrentConfig, n_outputs: int) -> None:
        super().__init__()
        recurrent = nn.GRU if cell == "gru" else nn.LSTM
        self.rnn = recurrent(len(SEQUENCES[config.sequence]), config.units, batch_first=True)
        if cell == "lstm":
            second_bias = self.rnn.get_parameter("bias_hh_l0")
            nn.init.zeros_(second_bias).requires_grad_(False)
        widths = (config.units, *config.dense)
        self.dense = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.n_embedding = widths[-1]
        self.output = nn.Linear(self.n_embedding, n_outputs)

    def embed(self, constituents: Tensor) -> Tensor:
        """(n_jets, n_constituents, n_features) -> (n_jets, n_embedding)."""
        steps, _ = self.rnn(constituents)
        x: Tensor = steps[:, -1]
        for layer in self.dense:
            x = torch.relu(layer(x))
        return x

    def head(self, embedding: Tensor) -> Tensor:
        """(n_jets, n_embedding) -> raw logits (n_jets, n_outputs)."""
        logits: Tensor = self.output(embedding)
        return logits

    def forward(self, constituents: Tensor) -> Tensor:
        """(n_jets, n_constituents, n_features) -> raw logits (n_jets, n_outputs)."""
        return self.head(self.embed(constituents))
