"""A transformer over constituents whose attention is biased by pairwise physics (Qu, Li, Qian, arXiv:2202.03772)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu

from jets.dataset import IDENTITIES, Floats, Jets
from jets.features import PowerOfTwoScaling, principal_rotation
from models.sequence import constituent_mask
from models.sizes import require_fractions, require_heads, require_positive
from models.teachers.attention import MASKED, Attention
from models.teachers.constituents import SMALLEST_PT_GEV, column, fitted, identity, logarithms

KINEMATIC_FEATURES = ("eta_rot", "phi_rot", "log_pt", "log_energy", "log_pt_rel", "log_energy_rel", "delta_r")
N_FEATURES = len(KINEMATIC_FEATURES) + 1 + len(IDENTITIES)
PAIR_FEATURES = ("ln_delta", "ln_kt", "ln_z", "ln_m2")

# Round numbers near the mean and the width of the pair features of jets of 0.5 to 1 TeV: they only ease the start.
PAIR_MEAN = (-2.0, 0.5, -2.0, 1.0)
PAIR_WIDTH = (1.0, 1.5, 1.0, 2.5)
# Two constituents in one calorimeter cell have no distance.
SMALLEST_DELTA, SMALLEST_KT_GEV, SMALLEST_M2_GEV2 = 1e-3, 1e-3, 1e-4


@dataclass(frozen=True)
class ParticleTransformerConfig:
    """Sizes of a particle transformer; the defaults are the `tiny` preset, which two CPU cores train in minutes.

    Attributes:
        n_constituents: hardest constituents that are looked at.
        width: width of a constituent's representation.
        heads: attention heads, a divisor of `width`.
        particle_blocks: attention blocks over the constituents.
        class_blocks: class-attention blocks, which gather them into one jet.
        embedding: hidden widths of the constituents' embedding.
        pair_embedding: hidden widths of the pairs' embedding (one output per head is added).
        expansion: width of a block's feed-forward layer over `width`.
        dropout: in the particle blocks (the class blocks have none).

    Raises:
        ConfigError: a size out of range, or `heads` does not divide `width`.
    """

    n_constituents: int = 20
    width: int = 32
    heads: int = 4
    particle_blocks: int = 1
    class_blocks: int = 2
    embedding: tuple[int, ...] = (64,)
    pair_embedding: tuple[int, ...] = (16,)
    expansion: int = 2
    dropout: float = 0.0

    def __post_init__(self) -> None:
        sizes = ("n_constituents", "width", "heads", "particle_blocks", "class_blocks", "expansion")
        require_positive({name: getattr(self, name) for name in (*sizes, "embedding", "pair_embedding")})
        require_heads(self.width, self.heads)
        require_fractions({"dropout": self.dropout})

    @classmethod
    def published(cls) -> ParticleTransformerConfig:
        """The sizes of arXiv:2202.03772, section 4: made for millions of jets and a GPU."""
        return cls(
            n_constituents=128,
            width=128,
            heads=8,
            particle_blocks=8,
            class_blocks=2,
            embedding=(128, 512),
            pair_embedding=(64, 64, 64),
            expansion=4,
            dropout=0.1,
        )


def particle_inputs(
    jets: Jets, config: ParticleTransformerConfig, scaling: PowerOfTwoScaling | None
) -> dict[str, NDArray[Any]]:
    """The network's inputs; P is `config.n_constituents`, shorter jets are padded.

    Returns:
        "features": (n_jets, P, 14): the kinematic set of arXiv:2202.03772, table 2 (angles rotated, scaled), charge,
            one-hot identity;
        "momenta": (n_jets, P, 4): pT (GeV), rapidity, phi (relative to the jet axis), mass (GeV);
        "mask": (n_jets, P) bool.
    """
    mask = constituent_mask(jets, config.n_constituents)
    kinematic = _kinematic_features(jets, config.n_constituents)
    scaled = kinematic.astype(np.float32) if scaling is None else scaling.apply(kinematic, mask)
    features = np.concatenate([scaled, identity(jets, mask)], axis=-1)
    return {"features": features, "momenta": _momenta(jets, mask), "mask": mask}


def fit_particle_scaling(jets: Jets, config: ParticleTransformerConfig) -> PowerOfTwoScaling:
    """The scaling of the kinematic features that suits these (training) jets."""
    mask = constituent_mask(jets, config.n_constituents)
    return PowerOfTwoScaling.fit(_kinematic_features(jets, config.n_constituents), mask)


def _kinematic_features(jets: Jets, n_constituents: int) -> Floats:
    """The kinematic set with the angles after `principal_rotation`: few jets then teach what many would."""
    mask = constituent_mask(jets, n_constituents)
    stored_pt = np.where(jets.mask, jets.feature("pt_gev"), 0.0)
    rotated = principal_rotation(stored_pt, jets.feature("deta"), jets.feature("dphi"))
    eta_rot, phi_rot = (fitted(angle, mask) for angle in rotated)
    deta, dphi = (column(jets, name, mask) for name in ("deta", "dphi"))
    features: Floats = np.stack((eta_rot, phi_rot, *logarithms(jets, mask), np.hypot(deta, dphi)), axis=-1)
    return features


def _momenta(jets: Jets, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    pt, deta, dphi, mass = (column(jets, name, mask) for name in ("pt_gev", "deta", "dphi", "mass_gev"))
    pt = np.maximum(pt, SMALLEST_PT_GEV)
    eta = jets.jet("eta").astype(np.float64)[:, None] + deta
    rapidity = np.arcsinh(pt * np.sinh(eta) / np.hypot(pt, mass))
    momenta = np.zeros((*mask.shape, 4), np.float32)
    for place, values in enumerate((pt, rapidity, dphi, mass)):
        momenta[:, :, place] = values
    return momenta


def pair_features(first: Tensor, second: Tensor) -> Tensor:
    """ln Delta, ln kT, ln z, ln m2 of pairs of momenta (…, 4) -> (…, 4), arXiv:2202.03772, eq. 3.

    The mass is written as a sum of positive terms, mT mT' (cosh dy - 1) + pT pT' (1 - cos dphi) + …, since
    (E + E')^2 - |p + p'|^2 loses all its digits in single precision for a collimated pair.
    """
    pt, other_pt = first[..., 0], second[..., 0]
    mass2, other_mass2 = first[..., 3].square(), second[..., 3].square()
    dy, dphi = first[..., 1] - second[..., 1], first[..., 2] - second[..., 2]
    dphi = torch.remainder(dphi + torch.pi, 2 * torch.pi) - torch.pi
    delta = torch.hypot(dy, dphi)
    softer = torch.minimum(pt, other_pt)
    transverse2 = pt.square() + mass2
    pt_product = pt * other_pt
    mt_product = (transverse2 * (other_pt.square() + other_mass2)).sqrt()
    at_rest = (mass2 * (other_pt.square() + other_mass2) + pt.square() * other_mass2) / (mt_product + pt_product)
    apart = 2 * (mt_product * torch.sinh(dy / 2).square() + pt_product * torch.sin(dphi / 2).square())
    features = (
        delta.clamp(min=SMALLEST_DELTA),
        (softer * delta).clamp(min=SMALLEST_KT_GEV),
        softer / (pt + other_pt),
        (mass2 + other_mass2 + 2 * (at_rest + apart)).clamp(min=SMALLEST_M2_GEV2),
    )
    return torch.stack(features, dim=-1).log()


class PairBias(nn.Module):
    """The interaction matrix U: an attention bias per head and pair of constituents, arXiv:2202.03772, eq. 4.

    It is symmetric, so each pair is embedded once; a constituent with itself gets 0.
    """

    mean: Tensor
    width: Tensor
    first: Tensor
    second: Tensor
    place: Tensor

    def __init__(self, config: ParticleTransformerConfig) -> None:
        super().__init__()
        self.embedding = _embedding(len(PAIR_FEATURES), config.pair_embedding, config.heads)
        self.register_buffer("mean", torch.tensor(PAIR_MEAN), persistent=False)
        self.register_buffer("width", torch.tensor(PAIR_WIDTH), persistent=False)
        first, second = torch.tril_indices(config.n_constituents, config.n_constituents, offset=-1)
        place = torch.full((config.n_constituents, config.n_constituents), len(first))
        place[first, second] = place[second, first] = torch.arange(len(first))
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        self.register_buffer("place", place.flatten(), persistent=False)

    def forward(self, momenta: Tensor) -> Tensor:
        """(n_jets, P, 4) -> (n_jets, heads, P, P)."""
        n_jets, size, _ = momenta.shape
        with torch.no_grad():
            pairs = pair_features(momenta[:, self.first], momenta[:, self.second])
            pairs = (pairs - self.mean) / self.width
        bias = self.embedding(pairs).transpose(1, 2)
        bias = torch.cat([bias, bias.new_zeros(n_jets, bias.shape[1], 1)], dim=2)
        return bias.index_select(2, self.place).view(n_jets, -1, size, size)


class FeedForward(nn.Module):
    """Norm, widen, GELU, norm, narrow, added to the input (Shleifer et al., arXiv:2110.09456, eq. 5)."""

    def __init__(self, config: ParticleTransformerConfig, dropout: float) -> None:
        super().__init__()
        hidden = config.expansion * config.width
        self.norm, self.widen = nn.LayerNorm(config.width), nn.Linear(config.width, hidden)
        self.norm_hidden, self.narrow = nn.LayerNorm(hidden), nn.Linear(hidden, config.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(n_jets, length, width) -> the same."""
        hidden = self.dropout(gelu(self.widen(self.norm(x))))
        updated: Tensor = x + self.dropout(self.narrow(self.norm_hidden(hidden)))
        return updated


class ParticleBlock(nn.Module):
    """Attention among the constituents and a feed-forward layer, arXiv:2202.03772, figure 3 (b)."""

    def __init__(self, config: ParticleTransformerConfig) -> None:
        super().__init__()
        self.norm, self.norm_after = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads, config.dropout)
        self.feed_forward = FeedForward(config, config.dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(n_jets, P, width), (n_jets, heads, P, P) -> (n_jets, P, width)."""
        normed = self.norm(x)
        updated: Tensor = self.feed_forward(x + self.norm_after(self.attention(normed, normed, bias)))
        return updated


class ClassBlock(nn.Module):
    """The class token attends to itself and the constituents, arXiv:2202.03772, eq. 6 and figure 3 (c)."""

    def __init__(self, config: ParticleTransformerConfig) -> None:
        super().__init__()
        self.norm, self.norm_after = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.feed_forward = FeedForward(config, 0.0)

    def forward(self, token: Tensor, x: Tensor, bias: Tensor) -> Tensor:
        """(n_jets, 1, width), (n_jets, P, width), (n_jets, 1, 1, 1 + P) -> (n_jets, 1, width)."""
        context = self.norm(torch.cat([token, x], dim=1))
        updated: Tensor = self.feed_forward(token + self.norm_after(self.attention(context[:, :1], context, bias)))
        return updated


class ParticleTransformer(nn.Module):
    """Constituents and their pairs -> raw logits; the embedding is the normalised class token, `width` numbers."""

    def __init__(self, config: ParticleTransformerConfig, n_outputs: int) -> None:
        super().__init__()
        self.n_embedding = config.width
        self.embedding = _embedding(N_FEATURES, config.embedding, config.width)
        self.pair_bias = PairBias(config)
        self.particle_blocks = nn.ModuleList(ParticleBlock(config) for _ in range(config.particle_blocks))
        self.class_blocks = nn.ModuleList(ClassBlock(config) for _ in range(config.class_blocks))
        self.token = nn.Parameter(torch.randn(1, 1, config.width) * 0.02)
        self.norm = nn.LayerNorm(config.width)
        self.output = nn.Linear(config.width, n_outputs)

    def embed(self, features: Tensor, momenta: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 14), (n_jets, P, 4), (n_jets, P) -> (n_jets, n_embedding)."""
        absent = ~mask[:, None, None, :]
        bias = self.pair_bias(momenta).masked_fill(absent, MASKED)
        x = self.embedding(features)
        for block in self.particle_blocks:
            x = block(x, bias)
        token = self.token.expand(len(x), -1, -1)
        class_bias = torch.zeros_like(absent, dtype=x.dtype).masked_fill(absent, MASKED)
        class_bias = nn.functional.pad(class_bias, (1, 0))
        for block in self.class_blocks:
            token = block(token, x, class_bias)
        embedding: Tensor = self.norm(token[:, 0])
        return embedding

    def head(self, embedding: Tensor) -> Tensor:
        """(n_jets, n_embedding) -> raw logits (n_jets, n_outputs)."""
        logits: Tensor = self.output(embedding)
        return logits

    def forward(self, features: Tensor, momenta: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 14), (n_jets, P, 4), (n_jets, P) -> raw logits (n_jets, n_outputs)."""
        return self.head(self.embed(features, momenta, mask))


def _embedding(n_inputs: int, hidden: tuple[int, ...], n_outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((n_inputs, *hidden), hidden, strict=False):
        layers += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear((n_inputs, *hidden)[-1], n_outputs))
