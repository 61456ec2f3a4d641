"""Nearest neighbours among a jet's constituents."""

from __future__ import annotations

import torch
from torch import Tensor

from jets.dataset import Jets
from jets.errors import ConfigError, DataError

# Padded constituents are moved so far away that they are nobody's neighbours while there are others.
FAR = 1e9


def nearest(points: Tensor, neighbours: int) -> Tensor:
    """Places of the nearest others of each point, (n_jets, D, P) -> (n_jets, P, neighbours)."""
    square = points.square().sum(dim=1, keepdim=True)
    closeness = 2 * points.transpose(1, 2) @ points - square - square.transpose(1, 2)
    return closeness.topk(neighbours + 1, dim=-1).indices[:, :, 1:]


def gather(features: Tensor, places: Tensor) -> Tensor:
    """The features of each constituent's neighbours, (n_jets, C, P), (n_jets, P, k) -> (n_jets, C, P, k)."""
    n_jets, channels, size = features.shape
    wanted = places.reshape(n_jets, 1, -1).expand(-1, channels, -1)
    return features.gather(2, wanted).view(n_jets, channels, size, -1)


def used_length(mask: Tensor, at_least: int = 1) -> int:
    """The shortest length that holds every constituent of a batch with mask (n_jets, P)."""
    present = torch.nonzero(mask.any(dim=0))
    return min(mask.shape[1], max(at_least, int(present[-1]) + 1 if len(present) else 0))


def check_neighbours(n_constituents: int, neighbours: int) -> None:
    """Raise ConfigError when that many constituents are too few for each to have that many neighbours."""
    if n_constituents <= neighbours:
        what = f"{n_constituents} constituents are too few for {neighbours} neighbours of each"
        raise ConfigError(what, None, "lower neighbours or raise n_constituents")


def require_neighbours(jets: Jets, neighbours: int) -> None:
    """Raise DataError when these jets store too few constituents for each to have that many neighbours."""
    stored = jets.mask.shape[1]
    if stored <= neighbours:
        what = f"the jets store {stored} constituents, too few for {neighbours} neighbours of each"
        raise DataError(what, None, f"set neighbours to at most {stored - 1}, or make jets with more constituents")
