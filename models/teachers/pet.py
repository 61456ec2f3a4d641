"""The point-edge transformer of OmniLearn (Mikuni, Nachman, arXiv:2404.16091 and arXiv:2502.14652)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import gelu, silu

from jets.dataset import Jets
from jets.errors import ConfigError
from jets.features import PowerOfTwoScaling
from models.sequence import constituent_mask
from models.sizes import require_fractions, require_heads, require_positive
from models.teachers.attention import Block, BlockSize, ClassAttention, attention_bias
from models.teachers.constituents import KINEMATICS, identity, kinematics
from models.teachers.neighbours import FAR, check_neighbours, gather, nearest, require_neighbours, used_length

# The coordinates first, then what else the generator makes, then the rest of the kinematics, which every jet has.
ORDER = ("deta", "dphi", "log_pt_rel", "log_pt", "log_energy", "log_energy_rel", "delta_r")
N_COORDINATES, N_GENERATED, N_KINEMATIC = 2, 3, len(ORDER)
COORDINATE_FACTOR = 4.0  # brings the angles in a jet to a width near 1
N_FEATURES = N_KINEMATIC + 6  # charge, and an identity other than unknown
# ln pT, eta, ln mass and ln of the number of constituents: round numbers near their mean and width.
JET_MEAN, JET_WIDTH = (6.3, 0.0, 4.3, 3.6), (0.5, 1.0, 0.7, 0.5)
N_JET = len(JET_MEAN)
N_WAVES = 32


@dataclass(frozen=True)
class PetConfig:
    """Sizes of a point-edge transformer; the defaults are the `tiny` preset.

    Attributes:
        n_constituents: hardest constituents that are looked at.
        width: width of a constituent's representation.
        heads: attention heads, a divisor of `width`.
        neighbours: K, the nearest constituents that a local block gathers from.
        local_blocks: local edge blocks.
        blocks: transformer blocks.
        class_blocks: class-attention blocks of the classification head.
        generation_blocks: blocks of the generation head.
        layer_scale: where LayerScale starts.
        dropout: in the transformer blocks.

    Raises:
        ConfigError: a size out of range, or fewer constituents than each needs neighbours.
    """

    n_constituents: int = 20
    width: int = 32
    heads: int = 4
    neighbours: int = 5
    local_blocks: int = 2
    blocks: int = 2
    class_blocks: int = 2
    generation_blocks: int = 1
    layer_scale: float = 0.1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        sizes = ("n_constituents", "width", "heads", "neighbours", "local_blocks", "blocks")
        require_positive({name: getattr(self, name) for name in (*sizes, "class_blocks", "generation_blocks")})
        require_heads(self.width, self.heads)
        require_fractions({"dropout": self.dropout})
        check_neighbours(self.n_constituents, self.neighbours)
        if not (math.isfinite(self.layer_scale) and self.layer_scale > 0):
            raise ConfigError(f"layer_scale must be above 0, not {self.layer_scale}", None, "correct it")

    @classmethod
    def published(cls) -> PetConfig:
        """The sizes of arXiv:2404.16091, as in its public code."""
        return cls(n_constituents=150, width=128, neighbours=10, blocks=8, generation_blocks=2, layer_scale=1e-5)

    @property
    def block(self) -> BlockSize:
        """Every block has the same sizes."""
        return BlockSize(self.width, self.heads, 2 * self.width, self.dropout, self.layer_scale)


def pet_inputs(jets: Jets, config: PetConfig, scaling: PowerOfTwoScaling | None) -> dict[str, NDArray[Any]]:
    """The network's inputs in a fixed scaling; P is `config.n_constituents`, shorter jets are padded.

    Returns:
        "features": (n_jets, P, 13): those of `ORDER`, charge, one-hot identity;
        "jet": (n_jets, 4): ln pT, eta, ln mass, ln number of constituents;
        "mask": (n_jets, P) bool.

    Raises:
        DataError: the jets store fewer constituents than each needs neighbours.
    """
    require_neighbours(jets, config.neighbours)
    mask = constituent_mask(jets, config.n_constituents)
    kinematic = kinematics(jets, config.n_constituents)[..., [KINEMATICS.index(name) for name in ORDER]]
    kinematic[..., :N_COORDINATES] *= COORDINATE_FACTOR
    known = identity(jets, mask)[..., [0, 2, 3, 4, 5, 6]]
    return {"features": np.concatenate([kinematic, known], axis=-1), "jet": _jet_inputs(jets), "mask": mask}


def _jet_inputs(jets: Jets) -> NDArray[np.float32]:
    pt, eta, mass, count = (jets.jet(name).astype(float) for name in ("pt_gev", "eta", "mass_gev", "n_constituents"))
    columns = (np.log(pt), eta, np.log(np.maximum(mass, 1.0)), np.log(np.maximum(count, 1.0)))
    scaled: NDArray[np.float32] = ((np.stack(columns, axis=-1) - JET_MEAN) / JET_WIDTH).astype(np.float32)
    return scaled


class TimeEmbedding(nn.Module):
    """Diffusion time as sines and cosines through two layers without bias, so that time 0 changes nothing."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        frequencies = 1000.0 * torch.exp(-math.log(10_000.0) * torch.arange(N_WAVES) / (N_WAVES - 1))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.widen, self.narrow = nn.Linear(2 * N_WAVES, 2 * width, bias=False), nn.Linear(2 * width, width, bias=False)

    def forward(self, time: Tensor) -> Tensor:
        """(n_jets,) -> (n_jets, width)."""
        angle = time[:, None] * self.frequencies
        waves = torch.cat([angle.sin(), angle.cos()], dim=-1) * time[:, None]
        return silu(self.narrow(silu(self.widen(waves))))


class LocalBlock(nn.Module):
    """The mean over the K nearest of an MLP of (x_j - x_i, x_i); neighbours that are padding do not count."""

    def __init__(self, n_inputs: int, width: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.mlp = two_layers(2 * n_inputs, width)

    def forward(self, points: Tensor, x: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, D), (n_jets, P, C), (n_jets, P) -> (n_jets, P, width)."""
        away = FAR * (~mask)[..., None].to(x.dtype)
        places = nearest((points + away).transpose(1, 2), self.neighbours)
        others = gather(x.transpose(1, 2), places).permute(0, 2, 3, 1)
        present = gather(mask[:, None].to(x.dtype), places).permute(0, 2, 3, 1)
        edges = self.mlp(torch.cat([others - x[:, :, None], x[:, :, None].expand_as(others)], dim=-1))
        mean: Tensor = (edges * present).sum(dim=2) / present.sum(dim=2).clamp(min=1)
        return mean * mask[..., None]


class PetBody(nn.Module):
    """Constituents -> their representations: local edge blocks, then transformer blocks (arXiv:2404.16091)."""

    def __init__(self, config: PetConfig) -> None:
        super().__init__()
        width = config.width
        self.least = config.neighbours + 1
        self.embedding = two_layers(N_FEATURES, width)
        self.time = TimeEmbedding(width)
        self.modulation = nn.Linear(width, 2 * width, bias=False)
        sizes = (N_FEATURES, *[width] * (config.local_blocks - 1))
        self.local_blocks = nn.ModuleList(LocalBlock(size, width, config.neighbours) for size in sizes)
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.blocks))

    def forward(self, features: Tensor, mask: Tensor, time: Tensor | None = None) -> Tensor:
        """(n_jets, P, 13), (n_jets, P), (n_jets,) or None for time 0 -> (n_jets, P, width)."""
        x = self.embedding(features)
        if time is not None:
            x = modulated(x, gelu(self.modulation(self.time(time))))
        points, local = features[..., :N_COORDINATES], features
        for local_block in self.local_blocks:
            local = local_block(points, local, mask)
            points = local
        entered = (x + local) * mask[..., None]
        x, bias = entered, attention_bias(mask, features.dtype)
        for block in self.blocks:
            x = block(x, bias) * mask[..., None]
        representation: Tensor = x + entered
        return representation


class PetClassifier(nn.Module):
    """Class attention over representations that the jet's own kinematics modulate."""

    def __init__(self, config: PetConfig, n_outputs: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(N_JET, 2 * config.width)
        self.gather = ClassAttention(config.block, config.class_blocks)
        self.output = nn.Linear(config.width, n_outputs)

    def embed(self, x: Tensor, jet: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, width), (n_jets, 4), (n_jets, P) -> (n_jets, width)."""
        token: Tensor = self.gather(modulated(x, gelu(self.modulation(jet))), attention_bias(mask, x.dtype))
        return token


class PetGenerator(nn.Module):
    """The velocity of diffused constituents, from their representations, the jet, its class and the time."""

    def __init__(self, config: PetConfig, n_classes: int) -> None:
        super().__init__()
        width = config.width
        self.time, self.jet = TimeEmbedding(width), nn.Linear(N_JET, width)
        self.condition = two_layers(2 * width, width)
        self.label = nn.Linear(n_classes, width, bias=False)
        self.blocks = nn.ModuleList(GeneratorBlock(config.block) for _ in range(config.generation_blocks))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, N_GENERATED)

    def forward(self, x: Tensor, jet: Tensor, label: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        """(n_jets, P, width), (n_jets, 4), one-hot (n_jets, n_classes), (n_jets, P), (n_jets,) -> (n_jets, P, 3)."""
        given = torch.cat([self.time(time), gelu(self.jet(jet))], dim=-1)
        token = (self.condition(given) + self.label(label))[:, None] * mask[..., None]
        bias = attention_bias(mask, x.dtype)
        for block in self.blocks:
            token = block(token, x, bias) * mask[..., None]
        velocity: Tensor = self.output(self.norm(token + x)) * mask[..., None]
        return velocity


class GeneratorBlock(Block):
    """A transformer block whose attention sees condition plus constituent and whose sums run over the condition."""

    def forward(self, token: Tensor, x: Tensor, bias: Tensor) -> Tensor:  # type: ignore[override]
        """(n_jets, P, width) twice, (n_jets, 1, 1, P) -> (n_jets, P, width)."""
        normed = self.norm(token + x)
        token = token + self.scale(self.attention(normed, normed, bias))
        updated: Tensor = token + self.feed_forward(token)
        return updated


class Pet(nn.Module):
    """Constituents -> raw logits; the embedding is the class token, `width` numbers.

    Its generator is carried along for generation after pre-training; tagging neither uses nor trains it.
    """

    heads = ("classifier", "generator")
    per_class = ("classifier.output", "generator.label")

    def __init__(self, config: PetConfig, n_outputs: int) -> None:
        super().__init__()
        self.n_embedding, self.least, self.n_classes = config.width, config.neighbours + 1, max(2, n_outputs)
        self.body = PetBody(config)
        self.classifier = PetClassifier(config, n_outputs)
        self.generator = PetGenerator(config, self.n_classes).requires_grad_(False)

    def embed(self, features: Tensor, jet: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 13), (n_jets, 4), (n_jets, P) -> (n_jets, n_embedding)."""
        size = used_length(mask, self.least)
        features, mask = features[:, :size], mask[:, :size]
        return self.classifier.embed(self.body(features, mask), jet, mask)

    def head(self, embedding: Tensor) -> Tensor:
        """(n_jets, n_embedding) -> raw logits (n_jets, n_outputs)."""
        logits: Tensor = self.classifier.output(embedding)
        return logits

    def forward(self, features: Tensor, jet: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 13), (n_jets, 4), (n_jets, P) -> raw logits (n_jets, n_outputs)."""
        return self.head(self.embed(features, jet, mask))


def two_layers(n_inputs: int, width: int) -> nn.Sequential:
    """n_inputs -> 2 width -> width, GELU after each."""
    return nn.Sequential(nn.Linear(n_inputs, 2 * width), nn.GELU(), nn.Linear(2 * width, width), nn.GELU())


def modulated(x: Tensor, scale_shift: Tensor) -> Tensor:
    """x (1 + scale) + shift (Perez et al., arXiv:1709.07871), (n_jets, P, width), (n_jets, 2 width)."""
    scale, shift = scale_shift[:, None].chunk(2, dim=-1)
    return x * (1 + scale) + shift
