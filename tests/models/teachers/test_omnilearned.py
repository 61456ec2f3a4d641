"""OmniLearned: the package's network unchanged, its inputs, and its checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omnilearned import network

import models.teachers.omnilearned
from jets.dataset import FOUR_VECTOR, IMPACT, Jets
from jets.errors import ConfigError, DataError, InputError, LayoutError, ToolNotFound
from models.teachers.omnilearned import (
    OmniLearned,
    OmniLearnedConfig,
    omnilearned_inputs,
    read_omnilearned_checkpoint,
)
from models.training import load_start

CONFIG = OmniLearnedConfig(n_constituents=12, width=16, heads=2, blocks=1, tracks=True)


def theirs(mode: str, n_classes: int, **changes: Any) -> Any:
    """The package's own network with the sizes of `CONFIG`."""
    sizes: dict[str, Any] = {"base_dim": 16, "num_heads": 2, "num_transformers": 1, "num_transformers_head": 1}
    sizes |= {"num_tokens": 2, "K": 5, "num_coord": 2, "pid": True, "add_info": True}
    torch.manual_seed(4)
    return network.PET2(4, mode=mode, num_classes=n_classes, **(sizes | changes)).eval()


def saved(path: Path, model: Any, **more: Any) -> Path:
    parts = {"body": model.body.state_dict(), "classifier_head": model.classifier.state_dict()}
    torch.save(parts | {"epoch": 3, "loss": 0.1, "optimizer": {"state": {}}} | more, path)
    return path


def logits_of(model: Any, jets: Jets) -> np.ndarray:
    inputs = {name: torch.from_numpy(values) for name, values in omnilearned_inputs(jets, CONFIG, None).items()}
    with torch.inference_mode():
        body = model.body(inputs["data"], None, inputs["pid"], inputs["tracks"], torch.zeros(len(jets)))
        return model.classifier(body).numpy()


@pytest.mark.parametrize("mode", ["classifier", "pretrain"])
def test_a_checkpoint_gives_the_logits_of_the_package(mode: str, jets: Jets, tmp_path: Path) -> None:
    model = theirs(mode, 7)
    tagger = read_omnilearned_checkpoint(saved(tmp_path / "best_model_x.pt", model), CONFIG)
    assert tagger.classes == tuple(f"class_{place}" for place in range(7))
    logits, embedding = tagger.outputs(jets)
    np.testing.assert_allclose(logits, logits_of(model, jets), rtol=0, atol=1e-5)
    assert embedding.shape == (len(jets), 32) and logits.std() > 1e-3


def test_two_logits_of_the_package_become_the_one_of_a_two_class_tagger(jets: Jets, tmp_path: Path) -> None:
    model = theirs("classifier", 2)
    config = replace(CONFIG, classes=("QCD", "top"))
    tagger = read_omnilearned_checkpoint(saved(tmp_path / "best_model_top.pt", model), config)
    assert tagger.classes == ("QCD", "top")
    both = logits_of(model, jets)
    np.testing.assert_allclose(tagger.predict(jets)[:, 0], both[:, 1] - both[:, 0], rtol=0, atol=1e-5)


def test_classes_that_a_checkpoint_does_not_have_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "best_model_x.pt", theirs("classifier", 7))
    with pytest.raises(LayoutError, match="has 7 classes, not the 2 that the config names"):
        read_omnilearned_checkpoint(path, replace(CONFIG, classes=("QCD", "top")))


def test_a_checkpoint_of_other_sizes_or_inputs_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "best_model_x.pt", theirs("classifier", 7))
    with pytest.raises(LayoutError, match=r"do not fit 'omnilearned'.*with the preset and config"):
        read_omnilearned_checkpoint(path, OmniLearnedConfig.published())
    with pytest.raises(LayoutError, match="do not fit 'omnilearned'"):
        read_omnilearned_checkpoint(path, replace(CONFIG, identities=False))
    conditional = theirs("classifier", 7, conditional=True)
    with pytest.raises(LayoutError, match="trained with conditions on the jet"):
        read_omnilearned_checkpoint(saved(path, conditional), CONFIG)


class Danger:
    def __reduce__(self) -> Any:
        return print, ("this code ran",)


def test_what_is_no_checkpoint_of_the_package_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "best_model_x.pt"
    with pytest.raises(InputError, match="no such file of weights"):
        load_start("omnilearned", CONFIG, path)
    torch.save(torch.nn.GRU(6, 20).state_dict(), path)
    with pytest.raises(LayoutError, match="does not hold a classifier of OmniLearned"):
        load_start("omnilearned", CONFIG, path)
    saved(path, theirs("classifier", 7), sched=Danger())
    with pytest.raises(LayoutError, match="cannot be read safely"):
        load_start("omnilearned", CONFIG, path)
    assert "this code ran" not in capsys.readouterr().out


def test_particles_are_numbered_as_the_package_numbers_sorted_pdg_codes(jets: Jets) -> None:
    pid = omnilearned_inputs(jets, CONFIG, None)["pid"]
    codes = np.array([-211, -13, -11, 0, 11, 13, 22, 130, 211])
    identity, charge = jets.feature("identity")[:, :12].astype(int), jets.feature("charge")[:, :12].astype(int)
    pdg = np.choose(identity, [0 * charge, 211 * charge, 130 + 0 * charge, 22 + 0 * charge, -11 * charge, -13 * charge])
    present = jets.mask[:, :12]
    np.testing.assert_array_equal(codes[pid][present], pdg[present])
    assert (pid[~present] == 0).all()


def test_data_are_angles_and_logarithms_of_unscaled_momenta(jets: Jets) -> None:
    data, present = omnilearned_inputs(jets, CONFIG, None)["data"], jets.mask[:, :12]
    pt, eta = jets.feature("pt_gev")[:, :12], (jets.feature("deta") + jets.jet("eta")[:, None])[:, :12]
    energy = np.hypot(pt * np.cosh(eta), jets.feature("mass_gev")[:, :12])
    np.testing.assert_allclose(data[present][:, 2], np.log(pt[present]), atol=1e-5)
    np.testing.assert_allclose(data[present][:, 3], np.log(energy[present]), atol=1e-4)
    assert (data[~present] == 0).all() and (data[present][:, 2] != 0).all()


def test_tracks_are_used_where_there_are_some_and_zero_elsewhere(jets: Jets) -> None:
    assert (omnilearned_inputs(jets, CONFIG, None)["tracks"] == 0).all()
    columns = jets.constituents[:, :, :4]
    tracked = replace(
        jets, constituents=np.concatenate([columns, columns + 1], axis=-1), constituent_features=FOUR_VECTOR + IMPACT
    )
    tracks, present = omnilearned_inputs(tracked, CONFIG, None)["tracks"], jets.mask[:, :12]
    np.testing.assert_allclose(tracks[present][:, 0], np.tanh(tracked.feature("d0_mm")[:, :12][present]), atol=1e-6)
    np.testing.assert_allclose(tracks[present][:, 1], tracked.feature("d0_error_mm")[:, :12][present], atol=1e-6)


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(models.teachers.omnilearned, "import_module", missing)
    with pytest.raises(ToolNotFound, match="pip install --no-deps omnilearned einops torchdiffeq"):
        OmniLearned(CONFIG, 1)


@pytest.mark.parametrize(("preset", "millions"), [("published", 2.7), ("medium", 52), ("large", 376)])
def test_the_published_sizes_have_the_parameters_of_the_package(preset: str, millions: float) -> None:
    with torch.device("meta"):
        model = OmniLearned(getattr(OmniLearnedConfig, preset)(), 2)
    assert sum(weights.numel() for weights in model.parameters()) == pytest.approx(millions * 1e6, rel=0.02)


def test_jets_and_sizes_that_cannot_be_are_refused(jets: Jets) -> None:
    short = replace(jets, constituents=jets.constituents[:, :5], mask=jets.mask[:, :5])
    with pytest.raises(DataError, match="too few for 5 neighbours"):
        omnilearned_inputs(short, CONFIG, None)
    with pytest.raises(ConfigError, match="heads 3"):
        OmniLearnedConfig(heads=3)
