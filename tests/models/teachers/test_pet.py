"""The point-edge transformer: sizes, symmetries, diffusion, and a joint loss that falls."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from jets.dataset import Jets
from jets.errors import ConfigError, DataError
from models.teachers.neighbours import gather
from models.teachers.pet import N_FEATURES, LocalBlock, Pet, PetConfig, PetGenerator, pet_inputs
from models.teachers.pet_pretraining import JointPretraining, PetPretraining, alpha_sigma, diffuse, generate

CONFIG = PetConfig(n_constituents=24)


@pytest.fixture(scope="module")
def network() -> Pet:
    torch.manual_seed(3)
    network = Pet(CONFIG, 1).double().eval()
    for weights in network.parameters():  # away from the symmetric start, so that nothing is equal by accident
        torch.nn.init.normal_(weights, std=0.3)
    return network


def tensors(jets: Jets, config: PetConfig = CONFIG) -> dict[str, torch.Tensor]:
    inputs = {name: torch.from_numpy(values) for name, values in pet_inputs(jets, config, None).items()}
    return {name: values if name == "mask" else values.double() for name, values in inputs.items()}


def batch(jets: Jets) -> dict[str, torch.Tensor]:
    return tensors(jets) | {"labels": torch.from_numpy(jets.labels.astype(np.int64))}


def test_logits_do_not_depend_on_the_order_of_constituents(network: Pet, jets: Jets) -> None:
    inputs = tensors(jets)
    order = torch.from_numpy(np.random.default_rng(1).permutation(CONFIG.n_constituents))
    with torch.inference_mode():
        logits = network(**inputs)
        permuted = network(inputs["features"][:, order], inputs["jet"], inputs["mask"][:, order])
    assert logits.std() > 1e-3
    torch.testing.assert_close(permuted, logits, rtol=0, atol=1e-8 * float(logits.std()))


def test_padding_and_what_stands_in_it_change_nothing(network: Pet, jets: Jets) -> None:
    inputs, wide = tensors(jets), tensors(jets, replace(CONFIG, n_constituents=40))
    noisy = torch.where(inputs["mask"][..., None], inputs["features"], torch.rand_like(inputs["features"]))
    with torch.inference_mode():
        logits = network(**inputs)
        torch.testing.assert_close(network(**wide), logits, rtol=0, atol=1e-10 * float(logits.std()))
        torch.testing.assert_close(network(**(inputs | {"features": noisy})), logits, rtol=0, atol=1e-10)


def test_a_jet_with_fewer_constituents_than_neighbours_counts_only_those_it_has() -> None:
    torch.manual_seed(1)
    block = LocalBlock(3, 4, neighbours=4).double()
    points, x = torch.rand(1, 6, 2).double(), torch.rand(1, 6, 3).double()
    mask = torch.tensor([[True, True, True, False, False, False]])
    found = block(points, x, mask)[0, 0]
    edges = [block.mlp(torch.cat([x[0, other] - x[0, 0], x[0, 0]])) for other in (1, 2)]
    torch.testing.assert_close(found, (edges[0] + edges[1]) / 2)


def test_jets_that_store_too_few_constituents_are_refused(jets: Jets) -> None:
    short = replace(jets, constituents=jets.constituents[:, :5], mask=jets.mask[:, :5])
    with pytest.raises(DataError, match="store 5 constituents, too few for 5 neighbours"):
        pet_inputs(short, CONFIG, None)


def test_time_zero_is_no_time_at_all(network: Pet, jets: Jets) -> None:
    inputs = tensors(jets)
    with torch.inference_mode():
        plain = network.body(inputs["features"], inputs["mask"])
        at_zero, later = (
            network.body(inputs["features"], inputs["mask"], torch.full((len(jets),), time).double())
            for time in (0.0, 0.3)
        )
    assert torch.equal(at_zero, plain)
    assert not torch.allclose(later, plain)


def test_signal_and_noise_share_one_variance() -> None:
    time = torch.linspace(0, 1, 11).double()
    alpha, sigma = alpha_sigma(time)
    torch.testing.assert_close(alpha.square() + sigma.square(), torch.ones_like(time))
    torch.testing.assert_close(2 * (alpha[0] / sigma[0]).log(), torch.tensor(20.0).double())
    assert (alpha.diff() < 0).all() and alpha[5].item() == pytest.approx(math.sqrt(0.5))


def test_constituents_follow_from_what_is_diffused_and_its_velocity() -> None:
    x, mask = torch.randn(5, 7, 3).double(), torch.rand(5, 7) > 0.3
    time = torch.rand(5).double()
    diffused, velocity = diffuse(x, mask, time)
    alpha, sigma = (part[:, None, None] for part in alpha_sigma(time))
    torch.testing.assert_close(alpha * diffused - sigma * velocity, x * mask[..., None])
    assert (diffused[~mask] == 0).all() and (velocity[~mask] == 0).all()


def test_the_generator_of_the_exact_velocity_gives_back_the_constituents(jets: Jets) -> None:
    """With the velocity towards fixed constituents, the sampler must end in them."""
    inputs = tensors(jets)
    wanted, mask = inputs["features"][..., :3], inputs["mask"]
    network = Pet(CONFIG, 1).double().eval()

    class Exact(PetGenerator):
        def forward(self, x: Any, jet: Any, label: Any, mask: Any, time: Any) -> Any:
            alpha, sigma = (part[:, None, None] for part in alpha_sigma(time))
            return (alpha * self.diffused - wanted) / sigma

    network.generator = Exact(CONFIG, 2).double()

    def keep(features: torch.Tensor, mask: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        network.generator.diffused = features[..., :3]
        return features

    network.body.forward = keep  # type: ignore[method-assign, assignment]
    made = generate(network, inputs["jet"], torch.from_numpy(jets.labels.astype(np.int64)), mask, steps=8)
    torch.testing.assert_close(made, wanted * mask[..., None], rtol=0, atol=1e-3)


def test_generated_constituents_are_where_the_mask_is(network: Pet, jets: Jets) -> None:
    inputs = tensors(jets)
    made = generate(network, inputs["jet"], torch.zeros(len(jets), dtype=torch.int64), inputs["mask"], steps=2)
    assert made.shape == (len(jets), 24, 3) and torch.isfinite(made).all()
    assert (made[~inputs["mask"]] == 0).all() and made.std() > 0


def test_the_joint_loss_teaches_body_classifier_and_generator(jets: Jets) -> None:
    torch.manual_seed(2)
    objective = JointPretraining(PetPretraining(), Pet(CONFIG, 1).double(), 2)
    given = batch(jets)
    optimizer = torch.optim.Adam(objective.parameters(), 1e-2)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = objective(given).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert all(weights.grad is not None for weights in objective.parameters())


def test_the_perturbed_term_counts_as_the_signal_that_is_left(jets: Jets, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = JointPretraining(PetPretraining(), Pet(CONFIG, 1).double(), 2).eval()
    given = batch(jets)
    for time, alpha2 in ((0.0, 1.0), (1.0, 0.0)):
        monkeypatch.setattr(torch, "rand", lambda *size, time=time, **_: torch.full(size, time).double())
        monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
        for weights in objective.network.generator.output.parameters():
            torch.nn.init.zeros_(weights)
        logits = objective.network(**{name: given[name] for name in ("features", "jet", "mask")})
        bare = given["features"] * torch.tensor([1.0] * 3 + [0.0] * (N_FEATURES - 3)).double()
        body = objective.network.body(bare, given["mask"], torch.full((len(jets),), time).double())
        classifier = objective.network.classifier
        through = classifier.output(classifier.embed(body, given["jet"], given["mask"]))
        velocity = (1 - alpha2) * (given["features"][..., :3].square().sum((1, 2)) / (3 * given["mask"].sum(1)))
        entropy = torch.nn.functional.binary_cross_entropy_with_logits
        labels = given["labels"].double()
        expected = entropy(logits[:, 0], labels, reduction="none") + velocity
        if alpha2:
            expected = expected + entropy(through[:, 0], labels, reduction="none")
        torch.testing.assert_close(objective(given), expected, rtol=0, atol=1e-3)


def test_features_are_dropped_for_whole_jets_and_only_in_training(jets: Jets) -> None:
    objective = JointPretraining(PetPretraining(feature_drop=0.5), Pet(CONFIG, 1), 2)
    values = torch.ones(400, 3, 5)
    torch.manual_seed(1)
    kept = objective.train()._kept(values, 2)
    assert (kept[..., :2] == 1).all()
    per_jet = kept[..., 2:].flatten(1).mean(dim=1)
    assert set(per_jet.tolist()) == {0.0, 1.0} and 0.4 < float(per_jet.mean()) < 0.6
    assert torch.equal(objective.eval()._kept(values, 2), values)


def test_the_published_sizes_have_the_parameters_of_the_public_code() -> None:
    """Counted by hand from the layers of the public PET.py; its generator makes all 13 features, ours the 3 used."""
    width, inputs = 128, 13
    dense = lambda a, b, bias=1: (a + bias) * b  # noqa: E731
    attention, norm = 4 * dense(width, width), 2 * width
    half = norm + width  # a norm and LayerScale
    forward = dense(width, 2 * width) + dense(2 * width, width)
    time = dense(64, 2 * width, 0) + dense(2 * width, width, 0)
    local = dense(2 * inputs, 2 * width) + dense(2 * width, 2 * width) + 2 * dense(2 * width, width)
    encoding = dense(inputs, 2 * width) + dense(2 * width, width)
    blocks = 8 * (attention + forward + 2 * half)
    network = Pet(PetConfig.published(), 10)
    counted = {name: sum(w.numel() for w in part.parameters()) for name, part in network.named_children()}
    assert counted["body"] == encoding + time + dense(width, 2 * width, 0) + local + blocks == 1_318_784
    classes = 2 * (attention + forward + 2 * half + norm) + norm
    assert counted["classifier"] == dense(4, 2 * width) + width + classes + dense(width, 10)
    conditions = time + dense(4, width) + dense(2 * width, 2 * width) + dense(2 * width, width) + dense(10, width, 0)
    made = 2 * (attention + forward + 2 * half) + norm + dense(width, 3)
    assert counted["generator"] == conditions + made


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_constituents": 5}, "5 constituents are too few for 5 neighbours"),
        ({"heads": 5}, "heads 5"),
        ({"blocks": 0}, "blocks"),
        ({"layer_scale": 0.0}, "layer_scale"),
        ({"dropout": -0.1}, "dropout"),
    ],
)
def test_sizes_out_of_range_are_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        PetConfig(**wrong)


def test_a_feature_drop_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="feature_drop"):
        PetPretraining(feature_drop=1.0)


def test_gathering_is_by_jet() -> None:
    assert gather(torch.arange(4.0).view(2, 1, 2), torch.tensor([[[1], [0]], [[1], [1]]])).tolist() == [
        [[[1.0], [0.0]]], [[[3.0], [3.0]]]
    ]  # fmt: skip
