"""RS3L: the contrastive loss, that pairs are views of one parton, and pre-training by the common verbs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jets.dataset import Jets, JetsFile, JetsWriter
from jets.errors import ConfigError, DataError, InputError
from models.curves import read_curves
from models.tagger import Tagger
from models.teachers.rs3l import Contrast, Rs3l, Rs3lConfig, Rs3lPretraining, nt_xent, rs3l_inputs
from models.training import PretrainConfig, TrainConfig, pretrain, train
from tests.synthetic import synthetic_jets

CONFIG = Rs3lConfig(n_constituents=12, neighbours=3, width=8, convolutions=1, head=(8,))
N_PARTONS = 400


def viewed_jets(n_partons: int = N_PARTONS) -> Jets:
    """Each jet three times: as it is, and with its angles smeared."""
    jets, rng = synthetic_jets(n_partons, seed=3), np.random.default_rng(4)
    rows = np.repeat(np.arange(n_partons), 3)
    views = np.tile(np.arange(3, dtype=np.int8), n_partons)
    constituents = jets.constituents[rows]
    constituents[..., 1:3] += 0.02 * rng.standard_normal((*constituents.shape[:2], 2)) * jets.mask[rows][..., None]
    ids, events = (np.arange(3 * n_partons, dtype=np.uint64) // each for each in (np.uint64(1), np.uint64(3)))
    return replace(
        jets[rows], constituents=constituents, ids=ids, events=events, views=views, view_names=("nominal", "a", "b")
    )


@pytest.fixture(scope="module")
def views_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("views") / "views.h5"
    with JetsWriter(path) as writer:
        writer.append(viewed_jets()[np.random.default_rng(1).permutation(3 * N_PARTONS)])
    return path


def test_the_loss_is_that_of_the_paper_written_out() -> None:
    torch.manual_seed(1)
    first, second = torch.randn(2, 5, 3, dtype=torch.float64)
    z = torch.cat([first, second]).numpy()
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    weight = np.exp(z @ z.T / 0.2)
    expected = np.zeros(5)
    for i in range(5):
        for a, b in ((i, i + 5), (i + 5, i)):
            expected[i] -= 0.5 * np.log(weight[a, b] / (weight[a].sum() - weight[a, a]))
    np.testing.assert_allclose(nt_xent(first, second, 0.2).numpy(), expected, rtol=1e-12)
    assert not np.allclose(nt_xent(first, second.roll(1, 0), 0.2).numpy(), expected)


def test_pairs_are_two_different_views_of_one_parton(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = Contrast(Rs3lPretraining(), Rs3l(CONFIG, 1), 2).eval()
    jets = viewed_jets(40)
    rows = jets.view_rows()
    inputs = {name: torch.from_numpy(values[rows]) for name, values in rs3l_inputs(jets, CONFIG, None).items()}
    seen: list[torch.Tensor] = []

    def embed(features: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        seen.append(features)
        return torch.ones(80, 8)

    monkeypatch.setattr(objective.network, "embed", embed)
    objective(inputs)
    drawn = []
    for half in seen[0].chunk(2):
        same = (half[:, None] == inputs["features"]).flatten(2).all(dim=2)
        assert (same.sum(dim=1) == 1).all()
        drawn.append(same.int().argmax(dim=1))
    assert (drawn[0] != drawn[1]).all() and set(drawn[0].tolist()) == {0, 1, 2}


def test_logits_do_not_depend_on_padding_and_use_every_input(jets: Jets) -> None:
    torch.manual_seed(3)
    config = replace(CONFIG, n_constituents=24)
    network = Rs3l(config, 1).double().eval()
    wide = {
        name: torch.from_numpy(v) for name, v in rs3l_inputs(jets, replace(config, n_constituents=40), None).items()
    }
    narrow = {name: torch.from_numpy(v) for name, v in rs3l_inputs(jets, config, None).items()}
    features = narrow["features"].double().requires_grad_()
    logits = network(features, narrow["mask"])
    torch.testing.assert_close(network(wide["features"].double(), wide["mask"]), logits, rtol=0, atol=1e-10)
    logits.sum().backward()
    assert features.grad is not None and (features.grad.abs().amax(dim=(0, 1)) > 0).all()


def test_pretraining_on_views_brings_views_together_and_leaves_a_start(views_file: Path, tmp_path: Path) -> None:
    how = PretrainConfig(epochs=4, batch_size=60, learning_rate=1e-2, accelerator="cpu", max_jets=600)
    start = pretrain("rs3l", CONFIG, views_file, how, tmp_path / "pretrained")
    curves = read_curves(tmp_path / "pretrained/contrast/curves.csv")
    assert curves[-1]["validation_loss"] < 0.92 * curves[0]["validation_loss"]
    assert start.provenance["jets_per_split"]["train"] == 600
    jets = JetsFile(views_file).read("test")
    with pytest.raises(InputError, match="head of this 'rs3l' tagger was never trained"):
        Tagger.load(tmp_path / "pretrained").predict(jets)
    for rate in (0.0, 1.0):
        tune = TrainConfig(epochs=1, batch_size=100, accelerator="cpu", backbone_rate=rate)
        tagger = train("rs3l", CONFIG, views_file, tune, tmp_path / str(rate), start)
        before, after = start.network.state_dict(), tagger.network.state_dict()
        body = [name for name in before if name.startswith(("enter", "to_space"))]
        assert all(torch.equal(after[name], before[name]) for name in body) == (rate == 0)
        assert np.isfinite(tagger.predict(jets)).all()


def test_jets_that_were_simulated_once_cannot_be_contrasted(jets_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"jets.h5: the jets have one view each; simulate them with views"):
        pretrain("rs3l", CONFIG, jets_file, PretrainConfig(epochs=1, accelerator="cpu"), tmp_path / "out")
    assert not (tmp_path / "out/tagger.json").exists()


def test_the_published_size_has_the_papers_space() -> None:
    config = Rs3lConfig.published()
    with torch.device("meta"):
        network = Rs3l(config, 10)
    assert network.n_embedding == 8
    convolution = 2 * 128 * 128 + 128 * 128 + 4 * 128
    body = 15 * 128 + 3 * convolution + 129 * 8
    head = 9 * 128 + 129 * 64 + 65 * 10
    assert sum(weights.numel() for weights in network.parameters()) == body + head


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="temperature"):
        Rs3lPretraining(temperature=0)
    with pytest.raises(ConfigError, match="projection"):
        Rs3lPretraining(projection=0)
    with pytest.raises(ConfigError, match="neighbours"):
        Rs3lConfig(n_constituents=5, neighbours=5)
