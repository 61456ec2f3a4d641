"""Masked particle modelling on sets (Golling et al., arXiv:2401.13537)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from jets.dataset import Jets
from jets.errors import ConfigError
from jets.features import PowerOfTwoScaling
from models.objective import Batch, Objective
from models.sizes import require_fractions, require_heads, require_positive
from models.teachers.attention import Block, BlockSize, ClassAttention, attention_bias
from models.teachers.neighbours import used_length
from models.teachers.tokenizer import N_FEATURES, Tokenization, Tokenizer, TokenizerConfig, momentum_inputs


@dataclass(frozen=True)
class MaskedParticleConfig:
    """Sizes of a set transformer that is pre-trained by masking; the defaults are the `tiny` preset.

    Attributes:
        n_constituents: hardest constituents that are looked at.
        width: width of a constituent's representation.
        heads: attention heads, a divisor of `width`.
        blocks: transformer blocks of the backbone.
        hidden: width of their feed-forward layers.
        class_blocks: class-attention blocks of the tagging head.
        dropout: in the blocks of the backbone.
        tokenizer: of the masked constituents' targets; a tagger does not carry it.

    Raises:
        ConfigError: a size out of range.
    """

    n_constituents: int = 20
    width: int = 32
    heads: int = 4
    blocks: int = 2
    hidden: int = 64
    class_blocks: int = 1
    dropout: float = 0.0
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)

    def __post_init__(self) -> None:
        sizes = ("n_constituents", "width", "heads", "blocks", "hidden", "class_blocks")
        require_positive({name: getattr(self, name) for name in sizes})
        require_heads(self.width, self.heads)
        require_fractions({"dropout": self.dropout})

    @classmethod
    def published(cls) -> MaskedParticleConfig:
        """The large backbone and the codebook of arXiv:2401.13537, as in its public code."""
        tokenizer = TokenizerConfig(codebook=512, code=16, width=128, heads=16, blocks=3, replace_every=10)
        return cls(128, width=1024, heads=8, blocks=8, hidden=512, class_blocks=2, dropout=0.1, tokenizer=tokenizer)

    @property
    def block(self) -> BlockSize:
        """The sizes of a block of the backbone."""
        return BlockSize(self.width, self.heads, self.hidden, self.dropout)


@dataclass(frozen=True)
class MaskedParticlePretraining:
    """What is asked of masked constituents.

    Attributes:
        targets: their "tokens" (cross entropy) or their "features" (mean absolute error).
        mask_fraction: of the constituents of a jet, rounded down, at least one.
        ordered_head: whether the head that answers knows the place of each in the order of pT. The backbone never
            does; without it, masked constituents cannot be told apart (arXiv:2401.13537).

    Raises:
        ConfigError: a fraction that is not between 0 and 1.
    """

    targets: Literal["tokens", "features"] = "tokens"
    mask_fraction: float = 0.3
    ordered_head: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.mask_fraction < 1:
            raise ConfigError(f"mask_fraction must be in (0, 1), not {self.mask_fraction}", None, "use 0.3")


def masked_particle_inputs(
    jets: Jets, config: MaskedParticleConfig, scaling: PowerOfTwoScaling | None
) -> dict[str, NDArray[Any]]:
    """ "constituents" (n_jets, P, 3) and "mask" (n_jets, P) as `momentum_inputs`; P is `config.n_constituents`."""
    return momentum_inputs(jets, config.n_constituents)


class SetBackbone(nn.Module):
    """Constituents -> their representations, by attention without any positions."""

    def __init__(self, config: MaskedParticleConfig) -> None:
        super().__init__()
        enter = (nn.Linear(N_FEATURES, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.width))
        self.embedding = nn.Sequential(*enter)
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, constituents: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 3), (n_jets, P) -> (n_jets, P, width)."""
        x, bias = self.embedding(constituents), attention_bias(mask, constituents.dtype)
        for block in self.blocks:
            x = block(x, bias)
        representation: Tensor = self.norm(x)
        return representation


class MaskedParticle(nn.Module):
    """Constituents -> raw logits; the embedding is the class token, `width` numbers."""

    heads = ("gather", "output")

    def __init__(self, config: MaskedParticleConfig, n_outputs: int) -> None:
        super().__init__()
        self.config, self.n_embedding = config, config.width
        self.backbone = SetBackbone(config)
        self.gather = ClassAttention(BlockSize(config.width, config.heads, config.hidden), config.class_blocks)
        self.output = nn.Linear(config.width, n_outputs)

    def embed(self, constituents: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 3), (n_jets, P) -> (n_jets, n_embedding)."""
        size = used_length(mask)
        constituents, mask = constituents[:, :size], mask[:, :size]
        embedding: Tensor = self.gather(self.backbone(constituents, mask), attention_bias(mask, constituents.dtype))
        return embedding

    def head(self, embedding: Tensor) -> Tensor:
        """(n_jets, n_embedding) -> raw logits (n_jets, n_outputs)."""
        logits: Tensor = self.output(embedding)
        return logits

    def forward(self, constituents: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 3), (n_jets, P) -> raw logits (n_jets, n_outputs)."""
        return self.head(self.embed(constituents, mask))


def masked_particle_objectives(
    options: MaskedParticlePretraining,
) -> Mapping[str, Callable[[MaskedParticle, int], Objective]]:
    """The tokenizer first where tokens are the targets, then the masking."""
    tokenizers: list[Tokenizer] = []

    def tokenization(network: MaskedParticle, n_classes: int) -> Objective:
        tokenizers.append(Tokenizer(network.config.tokenizer))
        return Tokenization(tokenizers[0], network.config.tokenizer.weight)

    def masking(network: MaskedParticle, n_classes: int) -> Objective:
        return Masking(options, network, tokenizers[0] if tokenizers else None)

    return {"masking": masking} if options.targets == "features" else {"tokenizer": tokenization, "masking": masking}


class Masking(Objective):
    """Recover what was masked: -log p(token) or |x - x'|, averaged over a jet's masked constituents.

    arXiv:2401.13537; without a tokenizer the targets are the features.
    """

    def __init__(
        self, options: MaskedParticlePretraining, network: MaskedParticle, tokenizer: Tokenizer | None
    ) -> None:
        super().__init__()
        config = network.config
        self.fraction, self.backbone_network = options.mask_fraction, network.backbone
        self.tokenizer = None if tokenizer is None else tokenizer.eval().requires_grad_(False)
        self.mask_token = nn.Parameter(torch.zeros(N_FEATURES))
        place = torch.randn(config.n_constituents, config.width) * 0.02
        self.place = nn.Parameter(place) if options.ordered_head else None
        self.block = Block(BlockSize(config.width, config.heads, config.hidden))
        self.answer = nn.Linear(config.width, N_FEATURES if tokenizer is None else config.tokenizer.codebook)

    def train(self, mode: bool = True) -> Masking:
        """The tokenizer is done with learning."""
        super().train(mode)
        if self.tokenizer is not None:
            self.tokenizer.eval()
        return self

    def forward(self, batch: Batch) -> Tensor:
        """The loss of each jet, (n_jets,)."""
        size = used_length(batch["mask"])
        x, mask = batch["constituents"][:, :size], batch["mask"][:, :size]
        hidden = masked_at_random(mask, self.fraction)
        seen = torch.where(hidden[..., None], self.mask_token.to(x.dtype), x)
        representation = self.backbone_network(seen, mask)
        if self.place is not None:
            representation = representation + self.place[:size]
        answers = self.answer(self.block(representation, attention_bias(mask, x.dtype)))
        if self.tokenizer is None:
            errors = (answers - x).abs().mean(dim=-1)
        else:
            errors = cross_entropy(answers.transpose(1, 2), self.tokenizer.tokens(x, mask), reduction="none")
        loss: Tensor = (errors * hidden).sum(dim=1) / hidden.sum(dim=1).clamp(min=1)
        return loss


def masked_at_random(mask: Tensor, fraction: float) -> Tensor:
    """Which constituents to hide, (n_jets, P) bool: `fraction` of each jet's, rounded down, at least one."""
    count = (mask.sum(dim=1) * fraction).long().clamp(min=1)
    order = torch.where(mask, torch.rand(mask.shape, device=mask.device), 2.0).argsort(dim=1).argsort(dim=1)
    return (order < count[:, None]) & mask
