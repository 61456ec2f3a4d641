"""Lion and learning rates by part: exact steps on numbers that can be done by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.optimizer import Lion, make_optimizer, warm_up_and_cosine
from models.training_config import TrainConfig


def test_lion_steps_along_the_sign_of_the_averaged_gradient() -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    lion = Lion([weight], lr=0.1, weight_decay=0.5, betas=(0.9, 0.8))
    weight.grad = torch.tensor([3.0, -1.0, 0.0])
    lion.step()
    first = torch.tensor([1.0 * 0.95 - 0.1, -2.0 * 0.95 + 0.1, 0.5 * 0.95])
    torch.testing.assert_close(weight.detach(), first)
    weight.grad = torch.tensor([-5.0, -1.0, -1.0])
    lion.step()  # momentum 0.2 * first gradient = [0.6, -0.2, 0]; 0.9 * that + 0.1 * gradient = [0.04, -0.28, -0.1]
    torch.testing.assert_close(weight.detach(), first * 0.95 - 0.1 * torch.tensor([1.0, -1.0, -1.0]))
    torch.testing.assert_close(lion.state[weight]["momentum"], torch.tensor([0.48 - 1.0, -0.16 - 0.2, -0.2]))


def test_lion_leaves_weights_without_a_gradient() -> None:
    weight = nn.Parameter(torch.ones(2))
    Lion([weight], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(weight.detach(), torch.ones(2))


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_the_backbone_learns_at_its_own_rate_and_what_is_frozen_not_at_all(name: str) -> None:
    backbone, head, frozen = (nn.Parameter(torch.ones(2)) for _ in range(3))
    frozen.requires_grad_(False)
    config = TrainConfig(optimizer=name, learning_rate=0.02, backbone_rate=0.1)  # type: ignore[arg-type]
    optimizer = make_optimizer([backbone, head, frozen], [backbone, frozen], config)
    rates = {id(weight): group["lr"] for group in optimizer.param_groups for weight in group["params"]}
    assert rates == {id(head): 0.02, id(backbone): pytest.approx(0.002)}
    assert type(optimizer).__name__.lower() == name


def test_the_rate_rises_and_then_falls_to_zero() -> None:
    factor = warm_up_and_cosine(100, 0.1)
    factors = [factor(step) for step in range(101)]
    assert factors[:10] == sorted(factors[:10]) and factors[0] < 0.1
    assert factors[10] == 1.0 and factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[100] == pytest.approx(0.0, abs=1e-12)
