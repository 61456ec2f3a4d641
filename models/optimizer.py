"""The optimizers of the torch taggers, and how fast the parts of a network learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.training_config import TrainConfig


class Lion(Optimizer):
    """Steps of one size along the sign of the averaged gradient (Chen et al., arXiv:2302.06675, algorithm 2).

    Its learning rate is to be three to ten times lower than AdamW's and its weight decay as much higher.
    """

    def __init__(self, params: Any, lr: float, weight_decay: float, betas: tuple[float, float] = (0.95, 0.99)) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            toward, average = group["betas"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                direction = torch.lerp(weight.grad, momentum, toward).sign_()
                weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=group["lr"])
                momentum.lerp_(weight.grad, 1 - average)
        return loss


def make_optimizer(weights: Iterable[Tensor], backbone: Iterable[Tensor], config: TrainConfig) -> Optimizer:
    """AdamW or Lion over the weights that learn; those of the backbone at `config.backbone_rate` times the rate."""
    slow = {id(weight) for weight in backbone}
    learning = [weight for weight in weights if weight.requires_grad]
    rate = config.learning_rate
    groups = [
        {"params": [weight for weight in learning if id(weight) not in slow], "lr": rate},
        {"params": [weight for weight in learning if id(weight) in slow], "lr": rate * config.backbone_rate},
    ]
    groups = [group for group in groups if group["params"]]
    kind: type[Any] = {"adamw": torch.optim.AdamW, "lion": Lion}[config.optimizer]
    optimizer: Optimizer = kind(groups, lr=rate, weight_decay=config.weight_decay)
    return optimizer


def warm_up_and_cosine(steps: int, warmup: float) -> Callable[[int], float]:
    """The factor on the learning rate at each step: a linear rise over the fraction `warmup`, then a cosine to zero."""
    rising = max(1.0, warmup * steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1.0, steps - rising))))

    return factor
