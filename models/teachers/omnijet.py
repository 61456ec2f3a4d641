"""OmniJet-alpha: jets as sentences of constituent tokens (Birk, Hallin, Kasieczka, arXiv:2403.05618)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from jets.dataset import Jets
from jets.features import PowerOfTwoScaling
from models.objective import Batch, Objective
from models.sizes import require_fractions, require_heads, require_positive
from models.teachers.neighbours import used_length
from models.teachers.tokenizer import Tokenization, Tokenizer, TokenizerConfig, momentum_inputs

START = 0  # then the codes from 1 on, and the stop token last


@dataclass(frozen=True)
class OmniJetConfig:
    """Sizes of an OmniJet-alpha; the defaults are the `tiny` preset.

    Attributes:
        n_constituents: hardest constituents that are looked at, and the most that are generated.
        width: width of a token's representation.
        heads: attention heads, a divisor of `width`.
        blocks: causal transformer blocks.
        dropout: of their attention.
        tokenizer: its sizes, among them the codebook.

    Raises:
        ConfigError: a size out of range.
    """

    n_constituents: int = 20
    width: int = 64
    heads: int = 4
    blocks: int = 2
    dropout: float = 0.0
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)

    def __post_init__(self) -> None:
        sizes = ("n_constituents", "width", "heads", "blocks")
        require_positive({name: getattr(self, name) for name in sizes})
        require_heads(self.width, self.heads)
        require_fractions({"dropout": self.dropout})

    @classmethod
    def published(cls) -> OmniJetConfig:
        """The sizes of the public code of arXiv:2403.05618 for a codebook of 8192."""
        tokenizer = TokenizerConfig.published(8192)
        return cls(n_constituents=128, width=256, heads=8, blocks=3, dropout=0.1, tokenizer=tokenizer)


@dataclass(frozen=True)
class OmniJetPretraining:
    """Nothing can be set: the tokenizer is trained first, then the prediction of the next token."""


def omnijet_inputs(jets: Jets, config: OmniJetConfig, scaling: PowerOfTwoScaling | None) -> dict[str, NDArray[Any]]:
    """ "constituents" (n_jets, P, 3) and "mask" (n_jets, P) as `momentum_inputs`; P is `config.n_constituents`."""
    return momentum_inputs(jets, config.n_constituents)


class CausalBlock(nn.Module):
    """Attention to what came before, then a feed-forward layer, each followed by a norm, as in the public code."""

    def __init__(self, config: OmniJetConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, config.dropout
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm, self.norm_after = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(n_jets, length, width) -> the same; a place sees itself and those before it."""
        n_jets, length, width = x.shape
        parts = self.query_key_value(x).view(n_jets, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=dropout)
        x = self.norm(x + self.project(mixed.transpose(1, 2).flatten(2)))
        updated: Tensor = self.norm_after(x + self.narrow(torch.relu(self.widen(x))))
        return updated


class OmniJet(nn.Module):
    """Constituents -> tokens -> raw logits; the embedding is the sum over tokens, `width` numbers.

    Its tokenizer is fixed once it is pre-trained. The layer that predicts the next token is carried along for
    generation; tagging neither uses nor trains it.
    """

    heads = ("gather", "output", "next_token")

    def __init__(self, config: OmniJetConfig, n_outputs: int) -> None:
        super().__init__()
        self.config, self.n_embedding = config, config.width
        self.stop = config.tokenizer.codebook + 1
        self.tokenizer = Tokenizer(config.tokenizer).requires_grad_(False)
        self.table = nn.Embedding(self.stop + 1, config.width)
        self.blocks = nn.ModuleList(CausalBlock(config) for _ in range(config.blocks))
        self.next_token = nn.Linear(config.width, self.stop + 1).requires_grad_(False)
        self.gather = nn.Linear(config.width, config.width)
        self.output = nn.Linear(config.width, n_outputs)

    def train(self, mode: bool = True) -> OmniJet:
        """The tokenizer learns only in its own training."""
        super().train(mode)
        self.tokenizer.eval()
        return self

    def sentences(self, constituents: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Start token, a token a constituent, stop token: (n_jets, P + 2) int64, and where they are (bool)."""
        size = used_length(mask)
        constituents, mask = constituents[:, :size], mask[:, :size]
        words = torch.where(mask, self.tokenizer.tokens(constituents, mask) + 1, self.stop)
        words = nn.functional.pad(words, (1, 1), value=self.stop)
        words[:, 0] = START
        return words, nn.functional.pad(mask, (2, 0), value=True)

    def represent(self, words: Tensor) -> Tensor:
        """(n_jets, length) -> (n_jets, length, width)."""
        x = self.table(words)
        for block in self.blocks:
            x = block(x)
        representation: Tensor = x
        return representation

    def embed(self, constituents: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 3), (n_jets, P) -> (n_jets, n_embedding)."""
        words, present = self.sentences(constituents, mask)
        gathered = torch.relu(self.gather(self.represent(words))) * present[..., None]
        return gathered.sum(dim=1)

    def head(self, embedding: Tensor) -> Tensor:
        """(n_jets, n_embedding) -> raw logits (n_jets, n_outputs)."""
        logits: Tensor = self.output(embedding)
        return logits

    def forward(self, constituents: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 3), (n_jets, P) -> raw logits (n_jets, n_outputs)."""
        return self.head(self.embed(constituents, mask))


def omnijet_objectives(options: OmniJetPretraining) -> Mapping[str, Callable[[OmniJet, int], Objective]]:
    """The tokenizer, then the next token."""
    return {
        "tokenizer": lambda network, _: Tokenization(network.tokenizer, network.config.tokenizer.weight),
        "next_token": lambda network, _: NextToken(network),
    }


class NextToken(Objective):
    """-log p(token | tokens before it), averaged over a jet's tokens and its stop token (arXiv:2403.05618)."""

    def __init__(self, network: OmniJet) -> None:
        super().__init__()
        self.network = network
        network.requires_grad_(True)
        for unused in (network.tokenizer, network.gather, network.output):
            unused.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        """The loss of each jet, (n_jets,)."""
        words, present = self.network.sentences(batch["constituents"], batch["mask"])
        logits = self.network.next_token(self.network.represent(words[:, :-1]))
        surprise = cross_entropy(logits.transpose(1, 2), words[:, 1:], reduction="none")
        told = present[:, 1:]
        loss: Tensor = (surprise * told).sum(dim=1) / told.sum(dim=1)
        return loss


@torch.inference_mode()
def sample_jets(network: OmniJet, n_jets: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """New jets, one token after the other until the stop token or `n_constituents` of them.

    Returns:
        Constituents (n_jets, P, 3), scaled as in `momentum_inputs`, and mask (n_jets, P), True where there is one; a
        jet whose first word is the stop token has none.
    """
    network.eval()
    size = network.config.n_constituents
    words = torch.full((n_jets, 1), START)
    for _ in range(size):
        logits = network.next_token(network.represent(words)[:, -1])
        logits[:, START] = -torch.inf
        word = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)
        stopped = words[:, -1:] == network.stop
        words = torch.cat([words, torch.where(stopped, network.stop, word)], dim=1)
    mask = words[:, 1:] != network.stop
    tokens = torch.where(mask, words[:, 1:] - 1, 0)
    return network.tokenizer.constituents(tokens, mask), mask
