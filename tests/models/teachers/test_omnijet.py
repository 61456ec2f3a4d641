"""OmniJet-alpha: sentences, causality, next tokens, new jets, and the transfer to tagging."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jets.dataset import Jets
from jets.errors import ConfigError, InputError
from models.tagger import Tagger
from models.teachers.omnijet import START, NextToken, OmniJet, OmniJetConfig, omnijet_inputs, sample_jets
from models.teachers.tokenizer import TokenizerConfig
from models.training import PretrainConfig, TrainConfig, pretrain, train
from models.training_curves import TrainingCurves

TOKENS = TokenizerConfig(codebook=16, width=8, heads=2)
CONFIG = OmniJetConfig(n_constituents=24, width=16, heads=2, blocks=2, tokenizer=TOKENS)
ONCE: dict[str, Any] = {"epochs": 1, "batch_size": 100, "accelerator": "cpu"}


@pytest.fixture(scope="module")
def network() -> OmniJet:
    torch.manual_seed(3)
    return OmniJet(CONFIG, 1).eval()


def tensors(jets: Jets, config: OmniJetConfig = CONFIG) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values) for name, values in omnijet_inputs(jets, config, None).items()}


def test_a_sentence_is_start_a_word_a_constituent_and_stop(network: OmniJet, jets: Jets) -> None:
    inputs = tensors(jets)
    words, present = network.sentences(**inputs)
    tokens = network.tokenizer.tokens(**{"x": inputs["constituents"], "mask": inputs["mask"]})
    counts = inputs["mask"].sum(dim=1)
    assert (words[:, 0] == START).all()
    assert torch.equal(present.sum(dim=1), counts + 2)
    for jet, count in enumerate(counts.tolist()):
        assert torch.equal(words[jet, 1 : count + 1], tokens[jet, :count] + 1)
        assert (words[jet, count + 1 :] == network.stop).all()
    assert words[:, 1:].min() >= 1 and network.stop == 17


def test_a_word_is_represented_without_those_after_it(network: OmniJet) -> None:
    words = torch.randint(1, 17, (3, 9))
    changed = words.clone()
    changed[:, 5:] = (changed[:, 5:] % 16) + 1
    with torch.inference_mode():
        before, after = network.represent(words), network.represent(changed)
    torch.testing.assert_close(after[:, :5], before[:, :5])
    assert not torch.allclose(after[:, 5], before[:, 5])


def test_padding_changes_nothing(network: OmniJet, jets: Jets) -> None:
    wide = tensors(jets, replace(CONFIG, n_constituents=40))
    with torch.inference_mode():
        logits = network(**tensors(jets))
        torch.testing.assert_close(network(**wide), logits, rtol=0, atol=1e-5)
    assert logits.std() > 1e-3


def test_the_loss_of_a_network_that_knows_nothing_is_the_logarithm_of_the_vocabulary(jets: Jets) -> None:
    network = OmniJet(CONFIG, 1)
    torch.nn.init.zeros_(network.next_token.weight)
    torch.nn.init.zeros_(network.next_token.bias)
    loss = NextToken(network)(tensors(jets)).detach()
    torch.testing.assert_close(loss, torch.full((len(jets),), float(np.log(18))))


def test_the_next_token_is_learnt_and_nothing_else_moves(jets: Jets) -> None:
    torch.manual_seed(5)
    network = OmniJet(CONFIG, 1)
    objective = NextToken(network).train()
    before = {name: values.clone() for name, values in network.tokenizer.state_dict().items()}
    batch = tensors(jets)
    optimizer = torch.optim.Adam([w for w in objective.parameters() if w.requires_grad], 1e-2)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = objective(batch).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.equal(values, before[name]) for name, values in network.tokenizer.state_dict().items())
    assert network.gather.weight.grad is None and network.table.weight.grad is not None


def test_new_jets_follow_the_probabilities_of_the_words() -> None:
    """With a layer that ignores the context: a stop at every fourth word, two codes otherwise."""
    network = OmniJet(CONFIG, 1)
    torch.nn.init.zeros_(network.next_token.weight)
    odds = torch.full((18,), -torch.inf)
    odds[START], odds[3], odds[9], odds[network.stop] = 5.0, np.log(0.5), np.log(0.25), np.log(0.25)
    network.next_token.bias.data = odds
    constituents, mask = sample_jets(network, 4000, torch.Generator().manual_seed(1))
    counts = mask.sum(dim=1).float()
    assert constituents.shape == (4000, 24, 3) and (constituents[~mask] == 0).all()
    assert (mask[:, 1:] <= mask[:, :-1]).all()
    assert float(counts.mean()) == pytest.approx(3.0, abs=0.25)  # geometric: (1 - p) / p
    assert float((counts == 0).float().mean()) == pytest.approx(0.25, abs=0.03)


def test_the_same_generator_gives_the_same_jets(network: OmniJet) -> None:
    first, second = (sample_jets(network, 5, torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert not torch.equal(sample_jets(network, 5, torch.Generator().manual_seed(3))[1], first[1])


def test_pretraining_is_tokenizer_then_next_token_and_transfers_to_tagging(
    jets_file: Path, jets: Jets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = OmniJetConfig(n_constituents=10, width=8, heads=2, blocks=1, tokenizer=TOKENS)
    start = pretrain("omnijet", config, jets_file, PretrainConfig(**ONCE), tmp_path / "pretrained")
    for stage in ("tokenizer", "next_token"):
        assert (tmp_path / "pretrained" / stage / "curves.csv").is_file()
    assert not any(weights.requires_grad for weights in start.network.tokenizer.parameters())
    with pytest.raises(InputError, match="head of this 'omnijet' tagger was never trained"):
        Tagger.load(tmp_path / "pretrained").predict(jets)
    for rate in (0.0, 1.0):
        tagger = train(
            "omnijet", config, jets_file, TrainConfig(**ONCE, backbone_rate=rate), tmp_path / str(rate), start
        )
        before, after = (part.network.state_dict() for part in (start, tagger))
        moved = {name.split(".")[0] for name in before if not torch.equal(after[name], before[name])}
        assert moved == ({"gather", "output"} if rate == 0 else {"gather", "output", "table", "blocks"})
        np.testing.assert_array_equal(Tagger.load(tmp_path / str(rate)).predict(jets), tagger.predict(jets))

    def press(curves: TrainingCurves, *_: object) -> None:
        if curves.folder.name == "next_token":
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:  # interrupted in its second part, it does not train the first again
        patch.setattr(TrainingCurves, "on_train_batch_end", press)
        with pytest.raises(KeyboardInterrupt):
            pretrain("omnijet", config, jets_file, PretrainConfig(**ONCE), tmp_path / "again")
    resumed = pretrain("omnijet", config, jets_file, PretrainConfig(**ONCE), tmp_path / "again").network.state_dict()
    assert all(torch.equal(resumed[name], values) for name, values in start.network.state_dict().items())


def test_the_published_sizes_have_the_parameters_of_the_public_code() -> None:
    """Counted by hand from the layers of gpt_model.py and its heads for a vocabulary of 8194 words."""
    with torch.device("meta"):
        network = OmniJet(OmniJetConfig.published(), 2)
    counted = {name: sum(w.numel() for w in part.parameters()) for name, part in network.named_children()}
    width, words = 256, 8194
    attention = 3 * width * width + (width + 1) * width
    forward = (width + 1) * 4 * width + (4 * width + 1) * width
    assert counted["table"] + counted["blocks"] == words * width + 3 * (attention + forward + 2 * 2 * width)
    assert counted["table"] + counted["blocks"] + counted["next_token"] == 6_570_498
    assert counted["gather"] + counted["output"] == (width + 1) * width + (width + 1) * 2


def test_sizes_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="heads 3"):
        OmniJetConfig(heads=3)
    with pytest.raises(ConfigError, match="dropout"):
        OmniJetConfig(dropout=1.0)
