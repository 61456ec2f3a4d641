"""ParticleNet: its graph, its symmetries, and the public weights that it must read."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jets.dataset import Jets
from jets.errors import ConfigError, DataError, InputError, LayoutError
from models.teachers.constituents import kinematics
from models.teachers.neighbours import gather, nearest
from models.teachers.particle_net import (
    JETCLASS,
    ParticleNet,
    ParticleNetConfig,
    particle_net_inputs,
    read_jetclass_checkpoint,
)
from models.training import load_start

CONFIG = ParticleNetConfig(n_constituents=24, neighbours=4)


@pytest.fixture(scope="module")
def network() -> ParticleNet:
    torch.manual_seed(3)
    network = ParticleNet(CONFIG, 1)
    for norm in (module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)):
        torch.nn.init.normal_(norm.running_mean, std=0.1)
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    return network.double().eval()


def tensors(jets: Jets, config: ParticleNetConfig = CONFIG) -> dict[str, torch.Tensor]:
    arrays = particle_net_inputs(jets, config, None)
    return {"features": torch.from_numpy(arrays["features"]).double(), "mask": torch.from_numpy(arrays["mask"])}


def test_the_nearest_points_are_those_of_the_full_distance_matrix() -> None:
    points = torch.from_numpy(np.random.default_rng(5).normal(size=(3, 2, 11)))
    distances = torch.cdist(points.transpose(1, 2), points.transpose(1, 2)) + torch.diag(torch.full((11,), 99.0))
    np.testing.assert_array_equal(nearest(points, 4), distances.topk(4, largest=False).indices)


def test_gathered_features_are_those_of_the_neighbours() -> None:
    features, places = torch.rand(2, 3, 5), torch.randint(5, (2, 5, 4))
    gathered = gather(features, places)
    assert gathered.shape == (2, 3, 5, 4)
    for jet in range(2):
        np.testing.assert_array_equal(gathered[jet], features[jet][:, places[jet]])


def test_logits_do_not_depend_on_the_order_of_constituents(network: ParticleNet, jets: Jets) -> None:
    inputs = tensors(jets)
    order = torch.from_numpy(np.random.default_rng(1).permutation(CONFIG.n_constituents))
    full = inputs["mask"].sum(dim=1) > CONFIG.neighbours  # padded neighbours are all at the same distance
    inputs = {name: values[full] for name, values in inputs.items()}
    with torch.inference_mode():
        logits = network(**inputs)
        permuted = network(**{name: values[:, order] for name, values in inputs.items()})
    assert logits.std() > 1e-4
    torch.testing.assert_close(permuted, logits, rtol=0, atol=1e-9 * float(logits.std()))


def test_more_padding_changes_nothing(network: ParticleNet, jets: Jets) -> None:
    with torch.inference_mode():
        logits, wide = network(**tensors(jets)), network(**tensors(jets, replace(CONFIG, n_constituents=40)))
    torch.testing.assert_close(wide, logits, rtol=0, atol=1e-10)


def test_moving_a_constituent_moves_the_logit(network: ParticleNet, jets: Jets) -> None:
    inputs = tensors(jets)
    moved = inputs["features"].clone()
    moved[:, 0, -1] += 0.1
    with torch.inference_mode():
        assert ((network(moved, inputs["mask"]) - network(**inputs)).abs() > 1e-6).all()


def test_features_are_those_of_jetclass(jets: Jets) -> None:
    features = kinematics(jets, 24)
    pt, jet_pt = jets.feature("pt_gev").astype(float), jets.jet("pt_gev").astype(float)[:, None]
    side = np.where(jets.jet("eta") < 0, -1, 1)[:, None]
    present = jets.mask
    expected = np.clip((np.log(pt[present]) - 1.7) * 0.7, -5, 5)
    np.testing.assert_allclose(features[..., 0][present], expected, atol=1e-5)
    expected = np.clip((np.log((pt / jet_pt)[present]) + 4.7) * 0.7, -5, 5)
    np.testing.assert_allclose(features[..., 2][present], expected, atol=1e-5)
    np.testing.assert_allclose(features[..., 5][present], (side * jets.feature("deta"))[present], atol=1e-6)
    assert (features[~present] == 0).all()


def test_jets_that_store_too_few_constituents_are_refused(jets: Jets) -> None:
    short = replace(jets, constituents=jets.constituents[:, :4], mask=jets.mask[:, :4])
    with pytest.raises(DataError, match=r"store 4 constituents, too few for 4 neighbours.*at most 3"):
        particle_net_inputs(short, CONFIG, None)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_constituents": 7}, "7 constituents are too few for 7 neighbours"),
        ({"neighbours": 0}, "neighbours"),
        ({"channels": ()}, "channels"),
        ({"channels": ((16, 0),)}, r"channels\[0\]\[1\]"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_sizes_out_of_range_are_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        ParticleNetConfig(**wrong)


# As in the public file: its names, and its sizes written out.
PUBLIC = (
    {"bn_fts": 7}
    | {f"edge_convs.{block}.bns.{layer}": 64 * 2**block for block in range(3) for layer in range(3)}
    | {f"edge_convs.{block}.sc_bn": 64 * 2**block for block in range(3)}
)
CONVOLUTIONS = {"0.convs.0": 14, "0.convs.1": 64, "0.convs.2": 64, "1.convs.0": 128, "1.convs.1": 128, "1.convs.2": 128}
CONVOLUTIONS |= {"2.convs.0": 256, "2.convs.1": 256, "2.convs.2": 256}


def public_state() -> OrderedDict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    state: dict[str, torch.Tensor] = {}
    for name, size in PUBLIC.items():
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = torch.rand(size, generator=generator)
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)
    for name, n_inputs in CONVOLUTIONS.items():
        width = 64 * 2 ** int(name[0])
        state[f"edge_convs.{name}.weight"] = torch.rand(width, n_inputs, 1, 1, generator=generator) / n_inputs
    for block, (n_inputs, width) in enumerate(((7, 64), (64, 128), (128, 256))):
        state[f"edge_convs.{block}.sc.weight"] = torch.rand(width, n_inputs, 1, generator=generator) / n_inputs
    for name, width in (("fc.0.0", 256), ("fc.1", 10)):
        state |= {f"{name}.weight": torch.randn(width, 256, generator=generator), f"{name}.bias": torch.zeros(width)}
    return OrderedDict((f"mod.{name}", values) for name, values in state.items())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("public") / "ParticleNet_kin.pt"
    torch.save(public_state(), path)
    return path


def test_the_public_checkpoint_of_jetclass_is_read_and_predicts(checkpoint: Path, jets: Jets) -> None:
    tagger = read_jetclass_checkpoint(checkpoint, ParticleNetConfig.published())
    assert tagger.classes == JETCLASS
    logits, embedding = tagger.outputs(jets)
    assert logits.shape == (len(jets), 10) and embedding.shape == (len(jets), 256)
    assert np.isfinite(logits).all() and logits.std() > 0
    state, public = tagger.network.state_dict(), public_state()
    assert torch.equal(state["output.weight"], public["mod.fc.1.weight"])
    assert torch.equal(state["edge_convs.2.convs.1.weight"], public["mod.edge_convs.2.convs.1.weight"])


def test_the_published_sizes_have_the_parameters_of_the_public_checkpoint() -> None:
    network = ParticleNet(ParticleNetConfig.published(), 10)
    learnt = [values for name, values in public_state().items() if "running" not in name and "num_b" not in name]
    counted = sum(weights.numel() for weights in network.parameters())
    assert counted == sum(values.numel() for values in learnt) == pytest.approx(370e3, rel=0.01)  # arXiv:2202.03772


def test_a_public_checkpoint_of_other_sizes_is_refused(checkpoint: Path) -> None:
    with pytest.raises(LayoutError, match=r"do not fit 'particle_net'.*preset: published"):
        read_jetclass_checkpoint(checkpoint, ParticleNetConfig())


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save(torch.nn.GRU(6, 20).state_dict(), path)
    with pytest.raises(LayoutError, match=r"other\.pt: does not hold a ParticleNet"):
        read_jetclass_checkpoint(path, ParticleNetConfig.published())


class Danger:
    def __reduce__(self) -> Any:
        return print, ("this code ran",)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "danger.pt"
    torch.save({"mod.bn_fts.weight": Danger()}, path)
    with pytest.raises(LayoutError, match="cannot be read safely"):
        read_jetclass_checkpoint(path, ParticleNetConfig.published())
    path.write_bytes(pickle.dumps(Danger()))
    with pytest.raises(LayoutError, match="cannot be read safely"):
        read_jetclass_checkpoint(path, ParticleNetConfig.published())
    assert "this code ran" not in capsys.readouterr().out


def test_a_missing_checkpoint_and_an_architecture_without_any_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file of weights"):
        load_start("particle_net", ParticleNetConfig.published(), tmp_path / "none.pt")
    with pytest.raises(ConfigError, match="'gru' reads no public checkpoints"):
        load_start("gru", None, tmp_path / "none.pt")
