"""How OmniLearn pre-trains: classification, generation by diffusion, and classification of what is diffused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from models.objective import Batch, Objective, loss_per_jet
from models.sizes import require_fractions
from models.teachers.neighbours import used_length
from models.teachers.pet import N_FEATURES, N_GENERATED, N_KINEMATIC, Pet

LARGEST_LOG_SNR = 20.0


@dataclass(frozen=True)
class PetPretraining:
    """What can be set about the pre-training of a PET.

    Attributes:
        feature_drop: chance that a jet is shown without charge and identities, and generated without its class: other
            data sets may not have them.

    Raises:
        ConfigError: a value out of range.
    """

    feature_drop: float = 0.1

    def __post_init__(self) -> None:
        require_fractions({"feature_drop": self.feature_drop})


def pet_objectives(options: PetPretraining) -> Mapping[str, Callable[[Pet, int], Objective]]:
    """One joint training."""
    return {"joint": partial(JointPretraining, options)}


class JointPretraining(Objective):
    """L = CE(x) + L_velocity + alpha(t)^2 CE(x_t), the joint loss of arXiv:2404.16091 and arXiv:2502.14652.

    x_t = alpha x + sigma eps is the jet at diffusion time t; L_velocity is the mean over constituents and generated
    features of (v - v_theta)^2 with v = alpha eps - sigma x (Salimans, Ho, arXiv:2202.00512, appendix D).
    """

    def __init__(self, options: PetPretraining, network: Pet, n_classes: int) -> None:
        super().__init__()
        self.network, self.feature_drop = network.requires_grad_(True), options.feature_drop

    def forward(self, batch: Batch) -> Tensor:
        """The loss of each jet, (n_jets,)."""
        size = used_length(batch["mask"], self.network.least)
        mask, jet, labels = batch["mask"][:, :size], batch["jet"], batch["labels"]
        features = self._kept(batch["features"][:, :size], N_KINEMATIC)
        body, classifier = self.network.body, self.network.classifier
        logits = classifier.output(classifier.embed(body(features, mask), jet, mask))
        time = torch.rand(len(jet), device=jet.device, dtype=jet.dtype)
        diffused, velocity = diffuse(features[..., :N_GENERATED], mask, time)
        representation = body(_padded(diffused), mask, time)
        seen_through = classifier.output(classifier.embed(representation, jet, mask))
        label = self._kept(one_hot(labels, self.network.n_classes).to(jet.dtype), 0)
        guess = self.network.generator(representation, jet, label, mask, time)
        of_velocity = (guess - velocity).square().sum(dim=(1, 2)) / (N_GENERATED * mask.sum(dim=1).clamp(min=1))
        alpha2 = alpha_sigma(time)[0].square()
        loss: Tensor = loss_per_jet(logits, labels) + of_velocity + alpha2 * loss_per_jet(seen_through, labels)
        return loss

    def _kept(self, values: Tensor, first: int) -> Tensor:
        """The values, for some jets with zeros from column `first` on."""
        if not self.training or self.feature_drop == 0:
            return values
        keep = torch.rand(len(values), device=values.device) >= self.feature_drop
        keep = keep.view(-1, *[1] * (values.dim() - 1)).to(values.dtype)
        return torch.cat([values[..., :first], values[..., first:] * keep], dim=-1)


def alpha_sigma(time: Tensor) -> tuple[Tensor, Tensor]:
    """How much signal and noise there is at a time: the cosine schedule of arXiv:2202.00512, cut at ln SNR of +-20."""
    first = math.atan(math.exp(-LARGEST_LOG_SNR / 2))
    angle = first + time * (math.atan(math.exp(LARGEST_LOG_SNR / 2)) - first)
    return torch.cos(angle), torch.sin(angle)


def diffuse(x: Tensor, mask: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """x_t and its velocity at times (n_jets,), both (n_jets, P, 3) and zero where padded."""
    alpha, sigma = (part[:, None, None] for part in alpha_sigma(time))
    noise = torch.randn_like(x) * mask[..., None]
    x = x * mask[..., None]
    return alpha * x + sigma * noise, alpha * noise - sigma * x


@torch.inference_mode()
def generate(network: Pet, jet: Tensor, labels: Tensor, mask: Tensor, steps: int = 64) -> Tensor:
    """Constituents for jets of these kinematics (n_jets, 4) as `pet_inputs` scales them, classes (n_jets,), mask.

    The deterministic sampler of Song et al., arXiv:2010.02502, eq. 12, written for the velocity.

    Returns:
        (n_jets, P, 3): deta, dphi and log_pt_rel, scaled as in `pet_inputs`.
    """
    times = torch.linspace(1, 0, steps + 1, dtype=jet.dtype)
    label = one_hot(labels, network.n_classes).to(jet.dtype)
    x = torch.randn(*mask.shape, N_GENERATED, dtype=jet.dtype) * mask[..., None]
    for time, earlier in pairwise(times):
        now = time.expand(len(jet))
        representation = network.body(_padded(x), mask, now)
        velocity = network.generator(representation, jet, label, mask, now)
        alpha, sigma = alpha_sigma(time)
        clean, noise = alpha * x - sigma * velocity, sigma * x + alpha * velocity
        alpha, sigma = alpha_sigma(earlier)
        x = alpha * clean + sigma * noise
    return x


def _padded(x: Tensor) -> Tensor:
    """Generated features followed by zeros for those that are not generated."""
    return torch.nn.functional.pad(x, (0, N_FEATURES - x.shape[-1]))
