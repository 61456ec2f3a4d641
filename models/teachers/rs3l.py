"""RS3L: contrastive pre-training on re-simulated views of a jet (Harris et al., arXiv:2403.07066)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from jets.config import check_above_zero
from jets.dataset import IDENTITIES, Jets
from jets.features import PowerOfTwoScaling
from models.objective import Batch, Objective, inputs
from models.sequence import constituent_mask
from models.sizes import require_fractions, require_positive
from models.teachers.constituents import KINEMATICS, identity, kinematics
from models.teachers.neighbours import FAR, check_neighbours, require_neighbours, used_length
from models.teachers.particle_net import EdgeConvolution

N_FEATURES = len(KINEMATICS) + 1 + len(IDENTITIES)
"""Charge and one-hot identity are the last ones."""
N_COORDINATES = 2


@dataclass(frozen=True)
class Rs3lConfig:
    """Sizes of a graph network into a small space and of the head on it; the defaults are the `tiny` preset.

    Attributes:
        n_constituents: hardest constituents that are looked at.
        neighbours: the nearest constituents that an edge convolution gathers from.
        width: width of a constituent's representation.
        convolutions: edge convolutions.
        space: numbers that a jet becomes, which pre-training shapes.
        head: widths of the layers between them and the output.
        dropout: in the head.

    Raises:
        ConfigError: a size out of range, or fewer constituents than each needs neighbours.
    """

    n_constituents: int = 20
    neighbours: int = 7
    width: int = 32
    convolutions: int = 2
    space: int = 8
    head: tuple[int, ...] = (32,)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        sizes = ("n_constituents", "neighbours", "width", "convolutions", "space", "head")
        require_positive({name: getattr(self, name) for name in sizes})
        require_fractions({"dropout": self.dropout})
        check_neighbours(self.n_constituents, self.neighbours)

    @classmethod
    def published(cls) -> Rs3lConfig:
        """The space of arXiv:2403.07066, and the width and the constituents that the authors' public scripts ask for.

        They do not tell the number of convolutions and neighbours: those of ParticleNet (arXiv:1902.08570).
        """
        return cls(n_constituents=100, neighbours=16, width=128, convolutions=3, head=(128, 64), dropout=0.1)


@dataclass(frozen=True)
class Rs3lPretraining:
    """What can be set about the contrastive pre-training.

    Attributes:
        temperature: tau of the loss; 0.1 as in the authors' public scripts.
        projection: width of the hidden layer and of the output of the projection that the loss compares, which
            fine-tuning drops (Chen et al., arXiv:2002.05709, section 4.2).

    Raises:
        ConfigError: a value out of range.
    """

    temperature: float = 0.1
    projection: int = 64

    def __post_init__(self) -> None:
        require_positive({"projection": self.projection})
        check_above_zero(self, "temperature")


def rs3l_inputs(jets: Jets, config: Rs3lConfig, scaling: PowerOfTwoScaling | None) -> dict[str, NDArray[Any]]:
    """The network's inputs in a fixed scaling; P is `config.n_constituents`, shorter jets are padded.

    Returns:
        "features": (n_jets, P, 14): those of `kinematics`, then charge and one-hot identity;
        "mask": (n_jets, P) bool.

    Raises:
        DataError: the jets store fewer constituents than each needs neighbours.
    """
    require_neighbours(jets, config.neighbours)
    mask = constituent_mask(jets, config.n_constituents)
    columns = (kinematics(jets, config.n_constituents), identity(jets, mask))
    return {"features": np.concatenate(columns, axis=-1), "mask": mask}


class Rs3l(nn.Module):
    """Constituents -> raw logits; the embedding is the place of the jet in the pre-trained space, `space` numbers."""

    heads = ("tagger", "output")

    def __init__(self, config: Rs3lConfig, n_outputs: int) -> None:
        super().__init__()
        self.n_embedding, self.neighbours = config.space, config.neighbours
        self.enter = nn.Linear(N_FEATURES, config.width)
        widths = (config.width, config.width)
        self.convolutions = nn.ModuleList(
            EdgeConvolution(config.width, widths, config.neighbours) for _ in range(config.convolutions)
        )
        self.to_space = nn.Linear(config.width, config.space)
        layers: list[nn.Module] = []
        for before, after in zip((config.space, *config.head), config.head, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(config.dropout)]
        self.tagger = nn.Sequential(*layers)
        self.output = nn.Linear((config.space, *config.head)[-1], n_outputs)

    def embed(self, features: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 14), (n_jets, P) -> (n_jets, n_embedding)."""
        size = used_length(mask, self.neighbours + 1)
        features, mask = features[:, :size], mask[:, :size]
        present = mask[:, None, :]
        away = FAR * (~present).to(features.dtype)
        start = len(KINEMATICS) - N_COORDINATES
        points = features[..., start : start + N_COORDINATES].transpose(1, 2)
        x = torch.relu(self.enter(features)).transpose(1, 2) * present
        for convolution in self.convolutions:
            x = convolution(points + away, x) * present
            points = x
        pooled = x.sum(dim=-1) / present.sum(dim=-1).clamp(min=1)
        embedding: Tensor = self.to_space(pooled)
        return embedding

    def head(self, embedding: Tensor) -> Tensor:
        """(n_jets, n_embedding) -> raw logits (n_jets, n_outputs)."""
        logits: Tensor = self.output(self.tagger(embedding))
        return logits

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 14), (n_jets, P) -> raw logits (n_jets, n_outputs)."""
        return self.head(self.embed(features, mask))


def rs3l_objectives(options: Rs3lPretraining) -> Mapping[str, Callable[[Rs3l, int], Objective]]:
    """One contrastive training."""
    return {"contrast": partial(Contrast, options)}


class Contrast(Objective):
    """Tell which of the batch's jets is another view of the same hard parton (`nt_xent`).

    Inputs are stacked by view, (n_partons, n_views, P, ...); in each batch two different views of every parton are
    drawn. With several processes each contrasts its own share of the batch.
    """

    def __init__(self, options: Rs3lPretraining, network: Rs3l, n_classes: int) -> None:
        super().__init__()
        self.network, self.temperature = network, options.temperature
        width = options.projection
        self.projection = nn.Sequential(
            nn.Linear(network.n_embedding, width), nn.ReLU(), nn.Linear(width, width, bias=False)
        )

    def forward(self, batch: Batch) -> Tensor:
        """The loss of each parton, (n_partons,)."""
        stacked = inputs(batch)
        n_partons, n_views = stacked["mask"].shape[:2]
        drawn = torch.rand(n_partons, n_views, device=stacked["mask"].device).argsort(dim=1)
        every = torch.arange(n_partons, device=drawn.device)
        pair = {name: torch.cat([values[every, drawn[:, k]] for k in (0, 1)]) for name, values in stacked.items()}
        first, second = self.projection(self.network.embed(**pair)).chunk(2)
        return nt_xent(first, second, self.temperature)


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """The normalised temperature-scaled cross entropy of pairs, (n, width) twice -> (n,), both directions averaged.

    l(i, j) = -log exp(cos(z_i, z_j) / tau) / sum over k != i of exp(cos(z_i, z_k) / tau): arXiv:2002.05709, eq. 1.
    """
    n = len(first)
    z = normalize(torch.cat([first, second]), dim=1)
    similarity = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    other = torch.arange(2 * n, device=z.device).roll(n)
    loss: Tensor = cross_entropy(similarity, other, reduction="none").view(2, n).mean(dim=0)
    return loss
