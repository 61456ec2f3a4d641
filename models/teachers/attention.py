"""Building blocks that the teachers share: attention, its blocks, and the length that a batch really needs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

# Far below any logit yet finite in half precision: its exp is exactly 0, and a jet without constituents gives no NaN.
MASKED = -1e4


def used_length(mask: Tensor, at_least: int = 1) -> int:
    """The shortest length that holds every constituent of a batch with mask (n_jets, P)."""
    present = torch.nonzero(mask.any(dim=0))
    return min(mask.shape[1], max(at_least, int(present[-1]) + 1 if len(present) else 0))


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
