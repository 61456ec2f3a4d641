"""Attention and the blocks that several teachers are made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

# Far below any logit yet finite in half precision: its exp is exactly 0, and a jet without constituents gives no NaN.
MASKED = -1e4


def attention_bias(present: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where there is a constituent and `MASKED` where not, (n_jets, P) -> (n_jets, 1, 1, P)."""
    bias = torch.zeros(present.shape, dtype=dtype, device=present.device)
    return bias.masked_fill(~present, MASKED)[:, None, None, :]


class Attention(nn.Module):
    """Multi-head attention softmax(Q K^T / sqrt(d) + bias) V (Vaswani et al., arXiv:1706.03762, eq. 1)."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """x (n_jets, n, width), context (n_jets, m, width), bias (n_jets, heads, n, m) or 1s -> (n_jets, n, width)."""
        query = self._split(self.query(x))
        key, value = (self._split(part) for part in self.key_value(context).chunk(2, dim=-1))
        dropout = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout)
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


@dataclass(frozen=True)
class BlockSize:
    """Sizes of a block: its width, attention heads, width of the feed-forward layer, dropout there, LayerScale's start.

    LayerScale (Touvron et al., arXiv:2103.17239, section 2) multiplies what a block adds by learnt numbers that
    start at `layer_scale`; None does without.
    """

    width: int
    heads: int
    hidden: int
    dropout: float = 0.0
    layer_scale: float | None = None


class Scale(nn.Module):
    """LayerScale: one learnt factor a channel."""

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((width,), start))

    def forward(self, x: Tensor) -> Tensor:
        """(n_jets, length, width) -> the same."""
        return x * self.factor


class FeedForward(nn.Module):
    """Norm, widen, GELU, narrow: what the second half of a block adds."""

    def __init__(self, size: BlockSize) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size.width)
        self.widen, self.narrow = nn.Linear(size.width, size.hidden), nn.Linear(size.hidden, size.width)
        self.dropout, self.scale = nn.Dropout(size.dropout), _scale(size)

    def forward(self, x: Tensor) -> Tensor:
        """(n_jets, length, width) -> the same."""
        added: Tensor = self.scale(self.narrow(self.dropout(gelu(self.widen(self.norm(x))))))
        return added


class Block(nn.Module):
    """Attention of the constituents among themselves, then a feed-forward layer, each added to its input."""

    def __init__(self, size: BlockSize) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(size.width), Attention(size.width, size.heads, size.dropout)
        self.scale, self.feed_forward = _scale(size), FeedForward(size)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(n_jets, P, width), (n_jets, 1, 1, P) -> (n_jets, P, width)."""
        normed = self.norm(x)
        x = x + self.scale(self.attention(normed, normed, bias))
        updated: Tensor = x + self.feed_forward(x)
        return updated


class ClassBlock(nn.Module):
    """A class token gathers from itself and the constituents (Touvron et al., arXiv:2103.17239, section 3)."""

    def __init__(self, size: BlockSize) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(size.width), Attention(size.width, size.heads, size.dropout)
        self.norm_after, self.scale, self.feed_forward = nn.LayerNorm(size.width), _scale(size), FeedForward(size)

    def forward(self, token: Tensor, x: Tensor, bias: Tensor) -> Tensor:
        """(n_jets, 1, width), (n_jets, P, width), (n_jets, 1, 1, P) -> (n_jets, 1, width)."""
        context = self.norm(torch.cat([token, x], dim=1))
        gathered = self.attention(context[:, :1], context, nn.functional.pad(bias, (1, 0)))
        token = token + self.scale(self.norm_after(gathered))
        updated: Tensor = token + self.feed_forward(token)
        return updated


class ClassAttention(nn.Module):
    """Constituents gathered into one normalised class token, (n_jets, P, width) -> (n_jets, width)."""

    def __init__(self, size: BlockSize, n_blocks: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, size.width) * 0.02)
        self.blocks = nn.ModuleList(ClassBlock(size) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(size.width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(n_jets, P, width), (n_jets, 1, 1, P) -> (n_jets, width)."""
        token = self.token.expand(len(x), -1, -1)
        for block in self.blocks:
            token = block(token, x, bias)
        gathered: Tensor = self.norm(token[:, 0])
        return gathered


def _scale(size: BlockSize) -> nn.Module:
    return nn.Identity() if size.layer_scale is None else Scale(size.width, size.layer_scale)
