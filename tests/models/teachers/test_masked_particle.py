"""Masked particle modelling: what is hidden, what is asked, and that the backbone knows no order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jets.dataset import Jets
from jets.errors import ConfigError, InputError
from models.tagger import Tagger
from models.teachers.masked_particle import (
    MaskedParticle,
    MaskedParticleConfig,
    MaskedParticlePretraining,
    Masking,
    masked_at_random,
    masked_particle_inputs,
    masked_particle_objectives,
)
from models.teachers.tokenizer import Tokenizer, TokenizerConfig
from models.training import PretrainConfig, TrainConfig, pretrain, train

TOKENS = TokenizerConfig(codebook=16, width=8, heads=2)
CONFIG = MaskedParticleConfig(n_constituents=24, width=16, heads=2, hidden=16, tokenizer=TOKENS)


def tensors(jets: Jets, config: MaskedParticleConfig = CONFIG) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values) for name, values in masked_particle_inputs(jets, config, None).items()}


def test_the_wanted_share_of_each_jets_constituents_is_hidden() -> None:
    mask = torch.arange(12) < torch.tensor([12, 7, 2, 1])[:, None]
    for _ in range(20):
        hidden = masked_at_random(mask, 0.3)
        assert hidden.sum(dim=1).tolist() == [3, 2, 1, 1]
        assert not (hidden & ~mask).any()


def test_every_constituent_is_hidden_as_often() -> None:
    torch.manual_seed(1)
    mask = torch.ones(4000, 5, dtype=torch.bool)
    shares = masked_at_random(mask, 0.4).float().mean(dim=0)
    torch.testing.assert_close(shares, torch.full((5,), 0.4), rtol=0, atol=0.04)


def test_logits_do_not_depend_on_order_or_padding(jets: Jets) -> None:
    torch.manual_seed(3)
    network = MaskedParticle(CONFIG, 1).double().eval()
    x, mask = tensors(jets)["constituents"].double(), tensors(jets)["mask"]
    order = torch.from_numpy(np.random.default_rng(1).permutation(24))
    wide = tensors(jets, replace(CONFIG, n_constituents=40))
    with torch.inference_mode():
        logits = network(x, mask)
        torch.testing.assert_close(network(x[:, order], mask[:, order]), logits, rtol=0, atol=1e-10)
        torch.testing.assert_close(network(wide["constituents"].double(), wide["mask"]), logits, rtol=0, atol=1e-10)
        assert logits.std() > 1e-3


def test_the_loss_is_that_of_the_hidden_constituents_only(jets: Jets, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(4)
    options = MaskedParticlePretraining(targets="features", ordered_head=False)
    objective = Masking(options, MaskedParticle(CONFIG, 1), None).double().eval()
    batch = tensors(jets)
    batch["constituents"] = batch["constituents"].double()
    hidden = batch["mask"] & (torch.arange(24) % 3 == 0)
    monkeypatch.setattr("models.teachers.masked_particle.masked_at_random", lambda mask, fraction: hidden)
    torch.nn.init.zeros_(objective.answer.weight)
    torch.nn.init.constant_(objective.answer.bias, 0.5)
    errors = (batch["constituents"] - 0.5).abs().mean(dim=-1)
    expected = (errors * hidden).sum(dim=1) / hidden.sum(dim=1)
    torch.testing.assert_close(objective(batch), expected)


def test_what_is_hidden_is_not_seen(jets: Jets, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    objective = Masking(MaskedParticlePretraining(targets="features"), MaskedParticle(CONFIG, 1), None).eval()
    batch = tensors(jets)
    hidden = batch["mask"] & (torch.arange(24) % 3 == 0)
    monkeypatch.setattr("models.teachers.masked_particle.masked_at_random", lambda mask, fraction: hidden)
    seen: list[torch.Tensor] = []
    objective.backbone_network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    objective(batch)
    objective(batch | {"constituents": torch.where(hidden[..., None], 9.0, batch["constituents"])})
    assert torch.equal(*seen)
    assert (seen[0][hidden] == objective.mask_token).all()


@pytest.mark.parametrize("targets", ["tokens", "features"])
def test_masked_constituents_are_learnt(targets: Any, jets: Jets) -> None:
    torch.manual_seed(6)
    network = MaskedParticle(CONFIG, 1)
    batch = tensors(jets)
    for name, make in masked_particle_objectives(MaskedParticlePretraining(targets=targets)).items():
        objective = make(network, 2)
        optimizer = torch.optim.Adam([w for w in objective.parameters() if w.requires_grad], 1e-2)
        losses = []
        for _ in range(30):
            optimizer.zero_grad()
            loss = objective.train()(batch).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:3]), name
    assert all(weights.grad is not None for weights in network.backbone.parameters())
    assert all(weights.grad is None for weights in network.gather.parameters())


def test_the_tokenizer_is_done_with_learning_when_it_gives_targets(jets: Jets) -> None:
    tokenizer = Tokenizer(TOKENS)
    objective = Masking(MaskedParticlePretraining(), MaskedParticle(CONFIG, 1), tokenizer).train()
    objective(tensors(jets)).sum().backward()
    assert not tokenizer.training and all(weights.grad is None for weights in tokenizer.parameters())


def test_pretraining_leaves_a_backbone_to_fine_tune_frozen_or_free(jets_file: Path, jets: Jets, tmp_path: Path) -> None:
    once = {"epochs": 1, "batch_size": 100, "accelerator": "cpu"}
    config = MaskedParticleConfig(n_constituents=10, width=8, heads=2, hidden=8, blocks=1, tokenizer=TOKENS)
    start = pretrain("masked_particle", config, jets_file, PretrainConfig(**once), tmp_path / "pretrained")
    assert (tmp_path / "pretrained/tokenizer/curves.csv").is_file()
    assert (tmp_path / "pretrained/masking/curves.csv").is_file()
    with pytest.raises(InputError, match="head of this 'masked_particle' tagger was never trained"):
        Tagger.load(tmp_path / "pretrained").predict(jets)
    for rate in (0.0, 1.0):
        tune = TrainConfig(**once, backbone_rate=rate)
        tagger = train("masked_particle", config, jets_file, tune, tmp_path / str(rate), start)
        before, after = (part.network.backbone.state_dict() for part in (start, tagger))
        assert all(torch.equal(after[name], before[name]) for name in before) == (rate == 0)
        assert tagger.untrained == () and np.isfinite(tagger.predict(jets)).all()


def test_the_published_sizes_are_those_of_the_public_code() -> None:
    config = MaskedParticleConfig.published()
    with torch.device("meta"):
        network = MaskedParticle(config, 10)
    width, hidden = 1024, 512
    block = 4 * (width + 1) * width + (width + 1) * hidden + (hidden + 1) * width + 4 * width
    embedding = (3 + 1) * hidden + (hidden + 1) * width
    counted = sum(weights.numel() for weights in network.backbone.parameters())
    assert counted == 8 * block + embedding + 2 * width
    assert config.tokenizer.codebook == 512


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_mask_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match="mask_fraction"):
        MaskedParticlePretraining(mask_fraction=fraction)


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="heads 3"):
        MaskedParticleConfig(heads=3)
