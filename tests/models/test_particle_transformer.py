"""The particle transformer: its physics inputs, its symmetries, its size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from jets.dataset import Jets
from jets.errors import ConfigError
from models.teachers.particle_transformer import (
    N_FEATURES,
    ParticleTransformer,
    ParticleTransformerConfig,
    fit_particle_scaling,
    pair_features,
    particle_inputs,
)

CONFIG = ParticleTransformerConfig(n_constituents=24)


@pytest.fixture(scope="module")
def network() -> ParticleTransformer:
    torch.manual_seed(3)
    network = ParticleTransformer(CONFIG, 1).double().eval()
    for weights in network.parameters():  # away from the symmetric start, so that nothing is equal by accident
        torch.nn.init.normal_(weights, std=0.3)
    return network


def tensors(jets: Jets, config: ParticleTransformerConfig = CONFIG) -> dict[str, torch.Tensor]:
    arrays = particle_inputs(jets, config, fit_particle_scaling(jets, CONFIG))
    inputs = {name: torch.from_numpy(values) for name, values in arrays.items()}
    return {name: values if name == "mask" else values.double() for name, values in inputs.items()}


def scale(logits: torch.Tensor) -> float:
    return float(logits.detach().std())


def test_logits_do_not_depend_on_the_order_of_constituents(network: ParticleTransformer, jets: Jets) -> None:
    inputs = tensors(jets)
    order = torch.from_numpy(np.random.default_rng(1).permutation(CONFIG.n_constituents))
    with torch.inference_mode():
        logits = network(**inputs)
        permuted = network(**{name: values[:, order] for name, values in inputs.items()})
    torch.testing.assert_close(permuted, logits, rtol=0, atol=1e-10 * scale(logits))


def test_logits_do_not_depend_on_what_stands_in_the_padding(network: ParticleTransformer, jets: Jets) -> None:
    inputs = tensors(jets)
    absent = ~inputs["mask"][..., None]
    noise = {name: torch.rand_like(inputs[name]) + 0.1 for name in ("features", "momenta")}
    filled = {name: torch.where(absent, noise[name], inputs[name]) for name in noise} | {"mask": inputs["mask"]}
    with torch.inference_mode():
        torch.testing.assert_close(network(**filled), network(**inputs), rtol=0, atol=0)


def test_more_padding_changes_nothing(network: ParticleTransformer, jets: Jets) -> None:
    wider = replace(CONFIG, n_constituents=40)
    wide_network = ParticleTransformer(wider, 1).double().eval()
    wide_network.load_state_dict(network.state_dict())
    with torch.inference_mode():
        logits, wide_logits = network(**tensors(jets)), wide_network(**tensors(jets, wider))
    torch.testing.assert_close(wide_logits, logits, rtol=0, atol=1e-10 * scale(logits))


def test_a_jet_without_constituents_gives_a_number(network: ParticleTransformer, jets: Jets) -> None:
    inputs = {name: torch.zeros_like(values) for name, values in tensors(jets).items()}
    assert torch.isfinite(network(**inputs)).all()


def test_the_pair_bias_is_symmetric_and_zero_for_a_constituent_with_itself(
    network: ParticleTransformer, jets: Jets
) -> None:
    bias = network.pair_bias(tensors(jets)["momenta"]).detach()
    assert bias.shape == (len(jets), CONFIG.heads, CONFIG.n_constituents, CONFIG.n_constituents)
    torch.testing.assert_close(bias, bias.transpose(2, 3), rtol=0, atol=0)
    assert (bias.diagonal(dim1=2, dim2=3) == 0).all()
    assert bias.std() > 0.1


def test_the_pair_bias_reaches_the_logits(network: ParticleTransformer, jets: Jets) -> None:
    inputs = tensors(jets)
    moved = inputs | {"momenta": inputs["momenta"] * torch.tensor([1.0, 2.0, 2.0, 1.0])}
    with torch.inference_mode():
        assert (network(**moved) - network(**inputs)).abs().max() > 1e-2 * scale(network(**inputs))


def test_pair_features_are_those_of_the_four_momenta() -> None:
    rng = np.random.default_rng(4)
    pt, rapidity, phi, mass = (
        rng.uniform(1, 300, (2, 500)),
        rng.normal(0, 0.4, (2, 500)),
        *rng.uniform(0, 3, (2, 2, 500)),
    )
    momenta = np.stack([pt, rapidity, phi, mass], axis=-1)
    transverse = np.hypot(pt, mass)
    energy, pz = transverse * np.cosh(rapidity), transverse * np.sinh(rapidity)
    px, py = pt * np.cos(phi), pt * np.sin(phi)
    mass2 = energy.sum(0) ** 2 - px.sum(0) ** 2 - py.sum(0) ** 2 - pz.sum(0) ** 2
    delta = np.hypot(rapidity[0] - rapidity[1], phi[0] - phi[1])
    expected = np.log(np.stack([delta, pt.min(0) * delta, pt.min(0) / pt.sum(0), mass2], axis=-1))
    found = pair_features(*torch.from_numpy(momenta))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-8)


def test_the_pair_mass_keeps_its_digits_in_single_precision() -> None:
    pair = torch.tensor([[400.0, 1.9, 0.1, 0.0], [300.0, 1.904, 0.103, 0.0]], dtype=torch.float64)
    exact, single = pair_features(*pair), pair_features(*pair.float())
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=1e-3)


def test_distances_in_phi_go_the_short_way_round() -> None:
    first, second = torch.tensor([10.0, 0.0, 3.1, 0.0]), torch.tensor([10.0, 0.0, -3.1, 0.0])
    assert pair_features(first, second)[0].exp().item() == pytest.approx(2 * np.pi - 6.2, rel=1e-5)


def test_jets_without_charge_and_identity_can_be_tagged(jets: Jets, network: ParticleTransformer) -> None:
    bare = replace(jets, constituents=jets.constituents[:, :, :4], constituent_features=jets.constituent_features[:4])
    features = tensors(bare)["features"]
    assert torch.isfinite(network(**tensors(bare))).all()
    assert torch.equal(features[..., 8].bool(), tensors(bare)["mask"])  # all "unknown"
    assert (features[..., 7] == 0).all() and (features[..., 9:] == 0).all()


@pytest.mark.parametrize("n_outputs", [1, 5])
def test_the_number_of_parameters_is_the_sum_over_the_layers(n_outputs: int) -> None:
    d, hidden, heads = CONFIG.width, CONFIG.expansion * CONFIG.width, CONFIG.heads
    embedding = (N_FEATURES + 1) * 64 + 65 * d
    pairs = (4 + 1) * 16 + 17 * heads
    block = 2 * 2 * d + 4 * (d + 1) * d + 2 * d + (d + 1) * hidden + 2 * hidden + (hidden + 1) * d
    blocks = CONFIG.particle_blocks + CONFIG.class_blocks
    expected = embedding + pairs + blocks * block + d + 2 * d + (d + 1) * n_outputs
    counted = sum(weights.numel() for weights in ParticleTransformer(CONFIG, n_outputs).parameters())
    assert counted == expected


def test_the_published_sizes_have_the_published_number_of_parameters() -> None:
    network = ParticleTransformer(ParticleTransformerConfig.published(), 10)
    counted = sum(weights.numel() for weights in network.parameters())
    assert counted == pytest.approx(2.14e6, rel=0.002)  # arXiv:2202.03772


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"heads": 5}, "heads 5"),
        ({"width": 0}, "width"),
        ({"dropout": 1.0}, "dropout"),
        ({"embedding": (0,)}, "embedding"),
    ],
)
def test_sizes_out_of_range_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        ParticleTransformerConfig(**wrong)  # type: ignore[arg-type]
