"""Tokens of constituents: codes, their learning, and what is measured of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jets.dataset import Jets
from jets.errors import ConfigError, DataError
from models.teachers.tokenization_quality import classifier_test, tokenization_quality
from models.teachers.tokenizer import Codebook, Tokenization, Tokenizer, TokenizerConfig, momenta, momentum_inputs
from tests.synthetic import synthetic_jets

CONFIG = TokenizerConfig(codebook=32, width=16, heads=2)


def tensors(jets: Jets) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values) for name, values in momentum_inputs(jets, 24).items()}


def test_momenta_come_back_from_the_scaled_constituents(jets: Jets) -> None:
    inputs = momentum_inputs(jets, 24)
    values = momenta(inputs["constituents"])[inputs["mask"]]
    expected = np.stack([jets.feature(name) for name in ("pt_gev", "deta", "dphi")], axis=-1)[jets.mask]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_a_constituent_takes_the_nearest_code_and_its_gradient_goes_straight_through() -> None:
    codebook = Codebook(TokenizerConfig(codebook=3, code=2, commitment=0.75)).eval()
    codebook.codes.data = torch.tensor([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]])
    encoded = torch.tensor([[0.9, 0.8], [-1.0, 0.5]], requires_grad=True)
    codes, tokens, loss = codebook(encoded)
    assert tokens.tolist() == [1, 0]
    torch.testing.assert_close(codes, torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    torch.testing.assert_close(loss, torch.tensor([(0.01 + 0.04) / 2, (1.0 + 0.25) / 2]))
    codes.sum().backward(retain_graph=True)
    torch.testing.assert_close(encoded.grad, torch.ones(2, 2))
    assert codebook.codes.grad is None or (codebook.codes.grad == 0).all()
    loss.sum().backward()
    torch.testing.assert_close(encoded.grad - 1, 0.75 * (encoded - codes).detach())
    torch.testing.assert_close(codebook.codes.grad[:2], 0.25 * (codes - encoded).detach()[[1, 0]])


def test_codes_start_at_constituents_and_unused_ones_move_to_them() -> None:
    torch.manual_seed(1)
    codebook = Codebook(TokenizerConfig(codebook=8, code=2, replace_every=3))
    constituents = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 3.0]])
    codebook.train()(constituents)
    assert all(any(torch.equal(code, one) for one in constituents) for code in codebook.codes.detach())
    far = torch.tensor([[100.0, 100.0]])
    codebook(constituents)
    codebook(far)
    assert any(torch.equal(code, far[0]) for code in codebook.codes.detach())
    kept = codebook.codes.detach().clone()
    for _ in range(5):
        codebook.eval()(far * 2)
    assert torch.equal(codebook.codes.detach(), kept)


def test_a_tokenizer_learns_to_reconstruct_and_uses_its_codes(jets: Jets) -> None:
    torch.manual_seed(2)
    objective = Tokenization(Tokenizer(CONFIG), CONFIG.weight)
    batch = tensors(jets)
    optimizer = torch.optim.Adam(objective.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = objective(batch).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.3 * losses[0]
    tokens = objective.eval().tokenizer.tokens(batch["constituents"], batch["mask"])
    assert len(tokens[batch["mask"]].unique()) > 16


def test_tokens_do_not_depend_on_order_or_padding(jets: Jets) -> None:
    torch.manual_seed(3)
    tokenizer = Tokenizer(CONFIG).double().eval()
    x, mask = tensors(jets)["constituents"].double(), tensors(jets)["mask"]
    tokens = tokenizer.tokens(x, mask)
    order = torch.from_numpy(np.random.default_rng(1).permutation(24))
    assert torch.equal(tokenizer.tokens(x[:, order], mask[:, order]), tokens[:, order])
    noisy = torch.where(mask[..., None], x, 5.0)
    assert torch.equal(tokenizer.tokens(noisy, mask), tokens)
    made = tokenizer.constituents(tokens, mask)
    assert (made[~mask] == 0).all()
    torch.testing.assert_close(tokenizer(x, mask)[0], made)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"codebook": 0}, "codebook"),
        ({"heads": 5}, "heads 5"),
        ({"commitment": 1.5}, "commitment"),
        ({"weight": 0.0}, "weight"),
        ({"replace_every": -1}, "replace_every"),
    ],
)
def test_sizes_out_of_range_are_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        TokenizerConfig(**wrong)


class Known(Tokenizer):
    """A tokenizer with 4 codes that scales pT by a constant and shifts an angle."""

    def __init__(self) -> None:
        super().__init__(TokenizerConfig(codebook=4, width=4, heads=2))

    def tokens(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        self.seen = x
        return torch.arange(x.shape[1]).expand(x.shape[:2]) % 2

    def constituents(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return (self.seen + torch.tensor([np.log(1.1), 0.0, 0.03])) * mask[..., None]


def test_the_quality_of_a_known_change_is_that_change() -> None:
    quality = tokenization_quality(Known(), synthetic_jets(300), 24, np.random.default_rng(1))
    assert (quality.n_jets, quality.codebook, quality.used_codes) == (300, 4, 2)
    assert 1.9 < quality.perplexity <= 2.0
    for name in ("jet_pt", "jet_mass", "constituent_pt"):
        assert quality.bias[name].value == pytest.approx(0.1, abs=1e-3)
        assert quality.resolution[name].value < 1e-3
    assert quality.bias["constituent_dphi"].value == pytest.approx(0.01, abs=1e-4)
    assert quality.bias["tau32"].value == pytest.approx(0.0, abs=1e-4)
    assert quality.classifier_auc.value > 0.5


def test_a_smeared_quantity_has_its_width_with_an_error_that_covers_it() -> None:
    class Smeared(Known):
        def constituents(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            generator = torch.Generator().manual_seed(1)
            noise = torch.randn(self.seen.shape, generator=generator) * torch.tensor([0.0, 3 * 0.05, 0.0])
            return (self.seen + noise) * mask[..., None]

    width = tokenization_quality(Smeared(), synthetic_jets(400), 24, np.random.default_rng(2)).resolution
    measured = width["constituent_deta"]
    assert 0 < measured.error < 0.002 and abs(measured.value - 0.05) < 5 * measured.error
    assert width["constituent_pt"].value < 1e-6


def test_the_classifier_test_sees_a_difference_and_none_where_there_is_none() -> None:
    inputs = momentum_inputs(synthetic_jets(600), 24)
    real, mask = inputs["constituents"], inputs["mask"]
    same = classifier_test(real, real, mask, np.random.default_rng(1), epochs=4)
    assert same.value == pytest.approx(0.5, abs=1e-9)
    moved = classifier_test(real, real + np.float32(1.0) * mask[..., None], mask, np.random.default_rng(1), epochs=4)
    assert moved.value > 0.95 and moved.error < 0.02


def test_too_few_jets_to_measure_are_refused(jets: Jets) -> None:
    with pytest.raises(DataError, match="10 jets are too few to measure a tokenizer"):
        tokenization_quality(Known(), jets[:10], 24, np.random.default_rng(1))


def test_a_tokenizer_is_a_network_of_the_sizes_it_is_given() -> None:
    tokenizer = Tokenizer(TokenizerConfig.published())
    assert tokenizer.codebook.codes.shape == (8192, 4)
    assert len(tokenizer.encoder) == len(tokenizer.decoder) == 4 and isinstance(tokenizer.enter, nn.Linear)
