"""How much of a jet is lost in its tokens: after arXiv:2403.05618, each measure with its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from jets.dataset import Jets
from jets.errors import DataError
from jets.metrics import Measure, auc
from jets.substructure import mass_and_pt, subjettiness
from models.teachers.tokenizer import N_FEATURES, Tokenizer, momenta, momentum_inputs

Array = NDArray[Any]

FEWEST_JETS = 40
N_RESAMPLED = 100
BATCH = 1024


@dataclass(frozen=True)
class TokenizationQuality:
    """What tokens keep of jets, on jets that the tokenizer was not trained on.

    Attributes:
        n_jets: jets that were measured.
        codebook: number of codes.
        used_codes: codes that at least one constituent has.
        perplexity: exp of the entropy of the tokens: the number of equally frequent codes that would tell as much.
        bias: median of (reconstructed - original) by quantity.
        resolution: half the width between the 15.87th and 84.13th percentile of the same, by quantity. Relative for
            "jet_mass", "jet_pt" and "constituent_pt", absolute for "tau32", "constituent_deta" and "constituent_dphi".
        classifier_auc: of a small network that is trained to tell reconstructed jets from original ones; 0.5 when it
            cannot.
    """

    n_jets: int
    codebook: int
    used_codes: int
    perplexity: float
    bias: dict[str, Measure]
    resolution: dict[str, Measure]
    classifier_auc: Measure


def tokenization_quality(
    tokenizer: Tokenizer, jets: Jets, n_constituents: int, rng: np.random.Generator
) -> TokenizationQuality:
    """Measure a tokenizer on (test) jets; the errors are bootstrapped over jets, that of the AUC is DeLong's.

    Both sides have the same constituents, the hardest `n_constituents`, and no masses.

    Raises:
        DataError: fewer than `FEWEST_JETS` jets.
    """
    if len(jets) < FEWEST_JETS:
        raise DataError(f"{len(jets)} jets are too few to measure a tokenizer", None, f"give at least {FEWEST_JETS}")
    inputs = momentum_inputs(jets, n_constituents)
    scaled, mask = inputs["constituents"], inputs["mask"]
    tokens, made = _reconstructed(tokenizer, scaled, mask)
    lost = _differences(momenta(scaled), momenta(made), mask)
    measured = {name: _width_and_middle(values, rng) for name, values in lost.items()}
    codebook = len(tokenizer.codebook.codes)
    counts = np.bincount(tokens[mask], minlength=codebook)
    frequency = counts[counts > 0] / counts.sum()
    return TokenizationQuality(
        n_jets=len(jets),
        codebook=codebook,
        used_codes=len(frequency),
        perplexity=float(np.exp(-(frequency * np.log(frequency)).sum())),
        bias={name: middle for name, (_, middle) in measured.items()},
        resolution={name: width for name, (width, _) in measured.items()},
        classifier_auc=classifier_test(scaled, made, mask, rng),
    )


def classifier_test(real: Array, made: Array, mask: Array, rng: np.random.Generator, epochs: int = 20) -> Measure:
    """The AUC of a deep-sets network (Komiske et al., arXiv:1810.05165) trained on one half of the jets, on the other.

    A jet and its reconstruction are in the same half.

    Args:
        real: scaled constituents (n_jets, P, 3).
        made: their reconstruction.
        mask: (n_jets, P).
        rng: of the halves, the weights and the batches.
        epochs: passes over the half that is trained on.
    """
    first = rng.permutation(len(real)) < len(real) // 2
    halves = []
    for half in (first, ~first):
        x = torch.from_numpy(np.concatenate([real[half], made[half]]).astype(np.float32))
        present = torch.from_numpy(np.concatenate([mask[half]] * 2))
        halves.append((x, present, torch.arange(2 * int(half.sum())) >= int(half.sum())))
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(2**31)))
        network = _fitted_deep_sets(*halves[0], epochs)
    x, present, is_made = halves[1]
    with torch.inference_mode():
        starts = range(0, len(x), BATCH)
        scores = torch.cat([network(x[start : start + BATCH], present[start : start + BATCH]) for start in starts])
    return auc(scores.numpy(), is_made.numpy())


class DeepSets(nn.Module):
    """The mean over constituents of one network through another, (n_jets, P, 3) -> (n_jets,)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(N_FEATURES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.all = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(n_jets, P, 3), (n_jets, P) -> (n_jets,)."""
        mean = (self.each(x) * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        logit: Tensor = self.all(mean)[:, 0]
        return logit


def _fitted_deep_sets(x: Tensor, mask: Tensor, labels: Tensor, epochs: int, batch: int = 256) -> DeepSets:
    network = DeepSets()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(epochs):
        shuffled = torch.randperm(len(x))
        for rows in (shuffled[start : start + batch] for start in range(0, len(x), batch)):
            optimizer.zero_grad()
            loss = binary_cross_entropy_with_logits(network(x[rows], mask[rows]), labels[rows].float())
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return network.eval()


@torch.inference_mode()
def _reconstructed(tokenizer: Tokenizer, scaled: Array, mask: Array) -> tuple[Array, Array]:
    """Tokens (n_jets, P) and the constituents that they stand for (n_jets, P, 3)."""
    tokenizer.eval()
    tokens, made = [], []
    for start in range(0, len(scaled), BATCH):
        x, present = (torch.from_numpy(values[start : start + BATCH]) for values in (scaled, mask))
        tokens.append(tokenizer.tokens(x, present).numpy())
        made.append(tokenizer.constituents(torch.from_numpy(tokens[-1]), present).numpy())
    return np.concatenate(tokens), np.concatenate(made)


def _differences(real: Array, made: Array, mask: Array) -> dict[str, list[Array]]:
    """Reconstructed less original, by quantity: an array a jet, one number for a jet's, several for constituents'."""
    (mass, pt), (made_mass, made_pt) = mass_and_pt(real, mask), mass_and_pt(made, mask)
    tau32, made_tau32 = _tau32(real, mask), _tau32(made, mask)
    per_jet = {
        "jet_mass": np.divide(made_mass - mass, mass, out=np.full(len(mass), np.nan), where=mass > 0),
        "jet_pt": (made_pt - pt) / pt,
        "tau32": made_tau32 - tau32,
    }
    per_constituent = {
        "constituent_pt": np.divide(made[..., 0], real[..., 0]) - 1,
        "constituent_deta": made[..., 1] - real[..., 1],
        "constituent_dphi": made[..., 2] - real[..., 2],
    }
    lost = {name: [values[place : place + 1] for place in range(len(values))] for name, values in per_jet.items()}
    return lost | {
        name: [row[present] for row, present in zip(values, mask, strict=True)]
        for name, values in per_constituent.items()
    }


def _tau32(values: Array, mask: Array) -> Array:
    two, three = (subjettiness(values, mask, n) for n in (2, 3))
    ratio: Array = np.divide(three, two, out=np.full(len(two), np.nan), where=two > 0)
    return ratio


def _width_and_middle(by_jet: list[Array], rng: np.random.Generator) -> tuple[Measure, Measure]:
    """Half the central 68.27 % and the median, with errors from jets drawn with replacement."""
    counts = np.array([len(values) for values in by_jet])
    flat, owner = np.concatenate(by_jet), np.repeat(np.arange(len(by_jet)), counts)
    known = np.isfinite(flat)
    flat, owner = flat[known], owner[known]
    order = np.argsort(flat)
    flat, owner = flat[order], owner[order]
    drawn = [
        np.bincount(rng.integers(len(by_jet), size=len(by_jet)), minlength=len(by_jet)) for _ in range(N_RESAMPLED)
    ]
    values = np.array([_quantiles(flat, times[owner]) for times in (np.ones(len(by_jet), int), *drawn)])
    widths, middles = (values[:, 2] - values[:, 0]) / 2, values[:, 1]
    return (
        Measure(float(widths[0]), float(widths[1:].std(ddof=1))),
        Measure(float(middles[0]), float(middles[1:].std(ddof=1))),
    )


def _quantiles(ordered: Array, weights: Array) -> Array:
    """The 15.87th, 50th and 84.13th percentile of ordered values that count several times."""
    reached = np.cumsum(weights)
    places = np.searchsorted(reached, np.array((0.15865, 0.5, 0.84135)) * reached[-1])
    chosen: Array = ordered[places]
    return chosen
