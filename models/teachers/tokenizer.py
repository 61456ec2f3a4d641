"""Constituents as words: a VQ-VAE whose codes are the vocabulary of masked modelling and of OmniJet-alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding

from jets.dataset import Jets
from jets.errors import ConfigError
from models.objective import Batch, Objective
from models.sequence import constituent_mask
from models.sizes import require_heads, require_positive
from models.teachers.attention import Block, BlockSize, attention_bias
from models.teachers.constituents import column, logarithms
from models.teachers.neighbours import used_length

# ln pT (GeV), deta, dphi: subtract, then multiply, as the public code of arXiv:2403.05618 does.
OFFSET, FACTOR = np.array((1.8, 0.0, 0.0)), np.array((1.0, 3.0, 3.0))
N_FEATURES = 3


@dataclass(frozen=True)
class TokenizerConfig:
    """Sizes of a tokenizer and how its codebook is learnt; the defaults are small.

    Attributes:
        codebook: number of codes.
        code: numbers in a code.
        width: width of a constituent's representation.
        heads: attention heads, a divisor of `width`.
        blocks: transformer blocks of the encoder, and as many of the decoder.
        commitment: beta, how much of the codes' loss pulls the encoder rather than the codes.
        weight: alpha, of the codes' loss against the reconstruction.
        replace_every: training steps after which codes that no constituent had are moved to one; 0 for never.

    Raises:
        ConfigError: a size or a weight out of range.
    """

    codebook: int = 512
    code: int = 4
    width: int = 32
    heads: int = 4
    blocks: int = 1
    commitment: float = 0.9
    weight: float = 10.0
    replace_every: int = 50

    def __post_init__(self) -> None:
        require_positive({name: getattr(self, name) for name in ("codebook", "code", "width", "heads", "blocks")})
        require_heads(self.width, self.heads)
        if not 0 <= self.commitment <= 1:
            raise ConfigError(f"commitment must be in [0, 1], not {self.commitment}", None, "use 0.9, as in the paper")
        if not 0 < self.weight < float("inf") or self.replace_every < 0:
            raise ConfigError("weight must be above 0, replace_every not below", None, "use 10 and 50")

    @classmethod
    def published(cls, codebook: int = 8192) -> TokenizerConfig:
        """The sizes of the public code of arXiv:2403.05618."""
        return cls(codebook=codebook, code=4, width=128, heads=8, blocks=4, replace_every=100)


def momentum_inputs(jets: Jets, n_constituents: int) -> dict[str, NDArray[Any]]:
    """ "constituents" (n_jets, P, 3), scaled ln pT, deta and dphi, zero where padded, and "mask" (n_jets, P)."""
    mask = constituent_mask(jets, n_constituents)
    values = np.stack((logarithms(jets, mask)[0], column(jets, "deta", mask), column(jets, "dphi", mask)), axis=-1)
    scaled = np.where(mask[..., None], (values - OFFSET) * FACTOR, 0.0)
    return {"constituents": scaled.astype(np.float32), "mask": mask}


def momenta(constituents: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """pT (GeV), deta and dphi of scaled constituents, (..., 3) -> (..., 3)."""
    values: NDArray[np.float64] = constituents.astype(np.float64) / FACTOR + OFFSET
    values[..., 0] = np.exp(values[..., 0])
    return values


class Codebook(nn.Module):
    """The nearest of learnt codes, with a straight-through gradient (van den Oord et al., arXiv:1711.00937, eqs. 1-3).

    The codes start at encoded constituents, and those that are not used move to others: without either most of them
    stay unused.
    """

    started: Tensor
    steps: Tensor
    used: Tensor

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.commitment, self.replace_every = config.commitment, config.replace_every
        self.codes = nn.Parameter(torch.randn(config.codebook, config.code))
        self.register_buffer("started", torch.tensor(False))
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("used", torch.zeros(config.codebook, dtype=torch.bool))

    def tokens(self, encoded: Tensor) -> Tensor:
        """The nearest code of each, (n, code) -> (n,)."""
        return torch.cdist(encoded, self.codes).argmin(dim=-1)

    def forward(self, encoded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, code) -> the codes (n, code), the tokens (n,) and the codes' loss (n,)."""
        if self.training:
            self._renew(encoded.detach())
        tokens = self.tokens(encoded.detach())
        codes = embedding(tokens, self.codes)
        pull_encoder = (encoded - codes.detach()).square().mean(dim=-1)
        pull_codes = (encoded.detach() - codes).square().mean(dim=-1)
        loss = self.commitment * pull_encoder + (1 - self.commitment) * pull_codes
        if self.training:
            self.used[tokens] = True
        return encoded + (codes - encoded).detach(), tokens, loss

    @torch.no_grad()
    def _renew(self, encoded: Tensor) -> None:
        """Put unused codes (at first all of them) where randomly chosen constituents are."""
        self.steps += 1
        due = self.replace_every > 0 and int(self.steps) % self.replace_every == 0
        idle = ~self.used if bool(self.started) else torch.ones_like(self.used)
        if (due or not bool(self.started)) and idle.any() and len(encoded) > 0:
            chosen = torch.randint(len(encoded), (int(idle.sum()),), device=encoded.device)
            self.codes[idle] = encoded[chosen].to(self.codes.dtype)
            self.started.fill_(True)
            self.used.zero_()
            if torch.distributed.is_initialized():
                torch.distributed.broadcast(self.codes, 0)


class Tokenizer(nn.Module):
    """A transformer encoder to codes and one back to constituents, neither with positions."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        size = BlockSize(config.width, config.heads, config.width)
        self.enter, self.to_code = nn.Linear(N_FEATURES, config.width), nn.Linear(config.width, config.code)
        self.encoder = nn.ModuleList(Block(size) for _ in range(config.blocks))
        self.codebook = Codebook(config)
        self.from_code, self.leave = nn.Linear(config.code, config.width), nn.Linear(config.width, N_FEATURES)
        self.decoder = nn.ModuleList(Block(size) for _ in range(config.blocks))

    def encode(self, x: Tensor, mask: Tensor) -> Tensor:
        """Constituents (n_jets, P, 3) -> before quantization (n_jets, P, code)."""
        x, bias = self.enter(x), attention_bias(mask, x.dtype)
        for block in self.encoder:
            x = block(x, bias)
        code: Tensor = self.to_code(x)
        return code

    def tokens(self, x: Tensor, mask: Tensor) -> Tensor:
        """The token of each constituent, (n_jets, P) int64, 0 where padded."""
        tokens = torch.zeros(mask.shape, dtype=torch.int64, device=mask.device)
        tokens[mask] = self.codebook.tokens(self.encode(x, mask)[mask])
        return tokens

    def decode(self, codes: Tensor, mask: Tensor) -> Tensor:
        """Codes (n_jets, P, code) -> constituents (n_jets, P, 3), zero where padded."""
        x, bias = self.from_code(codes), attention_bias(mask, codes.dtype)
        for block in self.decoder:
            x = block(x, bias)
        constituents: Tensor = self.leave(x) * mask[..., None]
        return constituents

    def constituents(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens (n_jets, P) -> the constituents that they stand for, (n_jets, P, 3)."""
        return self.decode(embedding(tokens, self.codebook.codes) * mask[..., None], mask)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Constituents (n_jets, P, 3) -> reconstructed (n_jets, P, 3) and the codes' loss (n_jets, P)."""
        encoded = self.encode(x, mask)
        chosen, _, loss = self.codebook(encoded[mask])
        codes, losses = torch.zeros_like(encoded), encoded.new_zeros(mask.shape)
        codes[mask], losses[mask] = chosen.to(codes.dtype), loss.to(losses.dtype)
        return self.decode(codes, mask), losses


class Tokenization(Objective):
    """Mean squared error of the reconstruction plus alpha times the codes' loss (arXiv:1711.00937, eq. 3)."""

    def __init__(self, tokenizer: Tokenizer, weight: float) -> None:
        super().__init__()
        self.tokenizer, self.weight = tokenizer.requires_grad_(True), weight

    def forward(self, batch: Batch) -> Tensor:
        """The loss of each jet, (n_jets,), a mean over its constituents."""
        size = used_length(batch["mask"])
        x, mask = batch["constituents"][:, :size], batch["mask"][:, :size]
        made, of_codes = self.tokenizer(x, mask)
        of_constituents = (made - x).square().mean(dim=-1) + self.weight * of_codes
        loss: Tensor = (of_constituents * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return loss
