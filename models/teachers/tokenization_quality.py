"""How much of a jet is lost in its tokens: after arXiv:2403.05618, each measure with its error."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from jets.config import load_saved
from jets.dataset import Jets
from jets.errors import DataError
from jets.files import write_json
from jets.metrics import Measure, auc
from jets.substructure import mass_and_pt, subjettiness
from models.tagger import Tagger
from models.teachers.tokenizer import N_FEATURES, Tokenizer, momenta, momentum_inputs

Array = NDArray[Any]

FEWEST_JETS = 40
N_RESAMPLED = 100
BATCH = 1024
RELATIVE = ("jet_mass", "jet_pt", "constituent_pt")
"""Quantities whose difference is divided by the original one."""
N_BINS = 40
SHOWN = (0.5, 99.5)
"""Percentiles between which a histogram lies; what is beyond is in its first and its last bin."""


@dataclass(frozen=True)
class Histogram:
    """Counts (`N_BINS`,) of what is named, in equal bins from `low` to `high`."""

    low: float
    high: float
    counts: dict[str, list[int]]

    @property
    def edges(self) -> Array:
        """Of the bins, (`N_BINS` + 1,)."""
        return np.linspace(self.low, self.high, N_BINS + 1)


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
        spectra: "original" and "reconstructed" jets or constituents, by quantity.
        losses: the "difference" of both, by quantity, relative or absolute as above.
    """

    n_jets: int
    codebook: int
    used_codes: int
    perplexity: float
    bias: dict[str, Measure]
    resolution: dict[str, Measure]
    classifier_auc: Measure
    spectra: dict[str, Histogram]
    losses: dict[str, Histogram]

    def save(self, path: Path) -> None:
        """Write it as JSON, all or nothing."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def load(cls, path: Path) -> TokenizationQuality:
        """Read what `save` wrote.

        Raises:
            InputError: no such file.
            LayoutError: damaged.
        """
        return load_saved(cls, path, "the quality of a tokenization", "measure it again with `tagware tokens`")


def trained_tokenizer(tagger: Tagger) -> Tokenizer | None:
    """The tokenizer that a tagger carries; None without one, or when it was never trained."""
    found = getattr(tagger.network, "tokenizer", None)
    return found if isinstance(found, Tokenizer) and bool(found.codebook.started) else None


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
    real, again = (_quantities(momenta(values), mask) for values in (scaled, made))
    lost = {name: _difference(name, real[name], again[name]) for name in real}
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
        spectra={name: _histogram(original=real[name], reconstructed=again[name]) for name in real},
        losses={name: _histogram(difference=values) for name, values in lost.items()},
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


def _quantities(values: Array, mask: Array) -> dict[str, Array]:
    """By name (n_jets,) of the jets and (n_jets, P) of their constituents, NaN where there is none."""
    mass, pt = mass_and_pt(values, mask)
    constituents = np.moveaxis(np.where(mask[..., None], values, np.nan), -1, 0)
    named = zip(("constituent_pt", "constituent_deta", "constituent_dphi"), constituents, strict=True)
    return {"jet_mass": mass, "jet_pt": pt, "tau32": _tau32(values, mask), **dict(named)}


def _difference(name: str, real: Array, made: Array) -> Array:
    """Reconstructed less original, as `TokenizationQuality` has it."""
    if name not in RELATIVE:
        return np.asarray(made - real)
    return np.divide(made - real, real, out=np.full(real.shape, np.nan), where=real > 0)


def _histogram(**values: Array) -> Histogram:
    """Of all that is named, in the range of the first."""
    first = next(iter(values.values()))
    low, high = (float(edge) for edge in np.nanpercentile(first, SHOWN))
    low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
    counts = {
        name: np.histogram(np.clip(found[np.isfinite(found)], low, high), N_BINS, (low, high))[0].tolist()
        for name, found in values.items()
    }
    return Histogram(low, high, counts)


def _tau32(values: Array, mask: Array) -> Array:
    two, three = (subjettiness(values, mask, n) for n in (2, 3))
    ratio: Array = np.divide(three, two, out=np.full(len(two), np.nan), where=two > 0)
    return ratio


def _width_and_middle(of_jets: Array, rng: np.random.Generator) -> tuple[Measure, Measure]:
    """Half the central 68.27 % and the median of (n_jets,) or (n_jets, P), with errors from jets drawn again."""
    n_jets, flat = len(of_jets), of_jets.ravel()
    owner, known = np.repeat(np.arange(n_jets), len(flat) // n_jets), np.isfinite(flat)
    flat, owner = flat[known], owner[known]
    order = np.argsort(flat)
    flat, owner = flat[order], owner[order]
    drawn = [np.bincount(rng.integers(n_jets, size=n_jets), minlength=n_jets) for _ in range(N_RESAMPLED)]
    values = np.array([_quantiles(flat, times[owner]) for times in (np.ones(n_jets, int), *drawn)])
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
