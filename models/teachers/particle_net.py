"""A dynamic graph network over constituents (Qu, Gouskos, arXiv:1902.08570), as trained on JetClass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jets.dataset import Jets
from jets.errors import ConfigError, LayoutError
from jets.features import PowerOfTwoScaling
from jets.files import file_digest
from models.checkpoint import load_weights, read_weights
from models.sequence import constituent_mask
from models.sizes import require_fractions, require_positive
from models.tagger import Tagger
from models.teachers.constituents import KINEMATICS, kinematics
from models.teachers.neighbours import FAR, check_neighbours, gather, nearest, require_neighbours, used_length

JETCLASS = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
CHECKPOINT_REMEDY = "use a ParticleNet_kin.pt of the JetClass training with preset: published"


@dataclass(frozen=True)
class ParticleNetConfig:
    """Sizes of a ParticleNet; the defaults are the `tiny` preset.

    Attributes:
        n_constituents: hardest constituents that are looked at.
        neighbours: k, the nearest constituents that an edge convolution gathers from.
        channels: one tuple of widths an edge convolution.
        dense: width of the layer between the pooled constituents and the output.
        dropout: after that layer.

    Raises:
        ConfigError: a size out of range, or fewer constituents than each needs neighbours.
    """

    n_constituents: int = 20
    neighbours: int = 7
    channels: tuple[tuple[int, ...], ...] = ((16, 16), (32, 32))
    dense: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        sizes = {"n_constituents": self.n_constituents, "neighbours": self.neighbours, "dense": self.dense}
        require_positive(sizes | {f"channels[{place}]": widths for place, widths in enumerate(self.channels)})
        require_fractions({"dropout": self.dropout})
        if not self.channels or not all(self.channels):
            raise ConfigError("channels needs at least one width an edge convolution", None, "e.g. [[16, 16], [32]]")
        check_neighbours(self.n_constituents, self.neighbours)

    @classmethod
    def published(cls) -> ParticleNetConfig:
        """The sizes of arXiv:1902.08570, figure 2, as trained on JetClass (arXiv:2202.03772)."""
        channels = ((64, 64, 64), (128, 128, 128), (256, 256, 256))
        return cls(n_constituents=128, neighbours=16, channels=channels, dense=256, dropout=0.1)


def particle_net_inputs(
    jets: Jets, config: ParticleNetConfig, scaling: PowerOfTwoScaling | None
) -> dict[str, NDArray[Any]]:
    """ "features" (n_jets, P, 7) as `kinematics` scales them and "mask" (n_jets, P); P is `config.n_constituents`.

    Raises:
        DataError: the jets store fewer constituents than each needs neighbours.
    """
    require_neighbours(jets, config.neighbours)
    mask = constituent_mask(jets, config.n_constituents)
    return {"features": kinematics(jets, config.n_constituents), "mask": mask}


class EdgeConvolution(nn.Module):
    """The mean over k neighbours of an MLP of (x_i, x_j - x_i), plus a shortcut: arXiv:1902.08570, eqs. 1-2, figure 1.

    The names of its layers are those of the public checkpoints.
    """

    def __init__(self, n_inputs: int, widths: tuple[int, ...], neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        before = (2 * n_inputs, *widths[:-1])
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in zip(before, widths, strict=True))
        self.bns = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.sc: nn.Module = nn.Identity()
        self.sc_bn: nn.Module = nn.Identity()
        if n_inputs != widths[-1]:
            self.sc, self.sc_bn = nn.Conv1d(n_inputs, widths[-1], 1, bias=False), nn.BatchNorm1d(widths[-1])

    def forward(self, points: Tensor, features: Tensor) -> Tensor:
        """(n_jets, D, P), (n_jets, C, P) -> (n_jets, widths[-1], P)."""
        neighbours = gather(features, nearest(points, self.neighbours))
        centre = features[..., None].expand_as(neighbours)
        x = torch.cat([centre, neighbours - centre], dim=1)
        for convolution, norm in zip(self.convs, self.bns, strict=True):
            x = torch.relu(norm(convolution(x)))
        return torch.relu(self.sc_bn(self.sc(features)) + x.mean(dim=-1))


class ParticleNet(nn.Module):
    """Constituents -> raw logits; the embedding is the last hidden layer, `dense` numbers."""

    def __init__(self, config: ParticleNetConfig, n_outputs: int) -> None:
        super().__init__()
        self.n_embedding, self.neighbours = config.dense, config.neighbours
        self.bn_fts = nn.BatchNorm1d(len(KINEMATICS))
        widths = (len(KINEMATICS), *(block[-1] for block in config.channels))
        self.edge_convs = nn.ModuleList(
            EdgeConvolution(n_inputs, block, config.neighbours)
            for n_inputs, block in zip(widths, config.channels, strict=False)
        )
        self.dense = nn.Linear(widths[-1], config.dense)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.dense, n_outputs)

    def embed(self, features: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 7), (n_jets, P) -> (n_jets, n_embedding)."""
        size = used_length(mask, self.neighbours + 1)
        features, mask = features[:, :size], mask[:, :size]
        present = mask[:, None, :]
        away = FAR * (~present).to(features.dtype)
        points = features[..., -2:].transpose(1, 2)
        x = self.bn_fts(features.transpose(1, 2)) * present
        for convolution in self.edge_convs:
            x = convolution(points + away, x) * present
            points = x
        pooled = x.sum(dim=-1) / present.sum(dim=-1).clamp(min=1)
        embedding: Tensor = self.dropout(torch.relu(self.dense(pooled)))
        return embedding

    def head(self, embedding: Tensor) -> Tensor:
        """(n_jets, n_embedding) -> raw logits (n_jets, n_outputs)."""
        logits: Tensor = self.output(embedding)
        return logits

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 7), (n_jets, P) -> raw logits (n_jets, n_outputs)."""
        return self.head(self.embed(features, mask))


def read_jetclass_checkpoint(path: Path, config: ParticleNetConfig) -> Tagger:
    """The tagger in a public ParticleNet checkpoint of the JetClass training, kinematic inputs (`ParticleNet_kin.pt`).

    Raises:
        InputError: no such file.
        LayoutError: damaged, not safe to read, or the weights of another network or of other sizes.
    """
    state = read_weights(path, CHECKPOINT_REMEDY)
    network = ParticleNet(config, len(JETCLASS))
    if not isinstance(state, dict) or not all(str(name).startswith("mod.") for name in state):
        raise LayoutError("does not hold a ParticleNet", path, CHECKPOINT_REMEDY)
    renamed = {_our_name(str(name).removeprefix("mod.")): values for name, values in state.items()}
    load_weights(network, renamed, "particle_net", path, CHECKPOINT_REMEDY)
    record = {"checkpoint": path.name, "sha256": file_digest(path)}
    return Tagger("particle_net", config, JETCLASS, None, network.eval(), "torch", provenance=record)


def _our_name(theirs: str) -> str:
    for prefix, ours in (("fc.0.0.", "dense."), ("fc.1.", "output.")):
        if theirs.startswith(prefix):
            return ours + theirs.removeprefix(prefix)
    return theirs
