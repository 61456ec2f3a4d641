"""Taggers: what comes back from a folder is what went in, and nothing else is taken."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch

from jets.dataset import FOUR_VECTOR, Jets
from jets.errors import ConfigError, InputError, LayoutError, StorageError
from jets.files import file_digest
from models.registry import ARCHITECTURE_NAMES, architecture
from models.tagger import Tagger

MANY = ("g", "q", "W", "Z", "t")


def make(name: str, jets: Jets, classes: tuple[str, ...] = ("QCD", "top")) -> Tagger:
    torch.manual_seed(7)
    keras.utils.set_random_seed(7)
    design = architecture(name)
    config = design.config_class()
    network = design.build(config, 1 if len(classes) == 2 else len(classes))
    scaling = design.fit_scaling(jets, config)
    return Tagger(name, config, classes, scaling, network, design.framework, provenance={"seed": 7})


@pytest.fixture
def saved(tmp_path: Path, jets: Jets) -> Path:
    return make("gru", jets).save(tmp_path / "tagger")


def edit(folder: Path, **changes: Any) -> None:
    header = json.loads((folder / "tagger.json").read_text())
    (folder / "tagger.json").write_text(json.dumps(header | changes))


@pytest.mark.parametrize("name", ARCHITECTURE_NAMES)
@pytest.mark.parametrize("classes", [("QCD", "top"), MANY], ids=["two", "five"])
def test_a_loaded_tagger_predicts_what_the_saved_one_did(
    name: str, classes: tuple[str, ...], jets: Jets, tmp_path: Path
) -> None:
    tagger = make(name, jets, classes)
    loaded = Tagger.load(tagger.save(tmp_path / "tagger"))
    np.testing.assert_array_equal(loaded.predict(jets), tagger.predict(jets))
    for field in ("architecture", "config", "classes", "scaling", "framework", "quantization", "provenance"):
        assert getattr(loaded, field) == getattr(tagger, field)
    assert (
        loaded.n_parameters
        == tagger.n_parameters
        == json.loads((tmp_path / "tagger/tagger.json").read_text())["n_parameters"]
    )


@pytest.mark.parametrize("name", ARCHITECTURE_NAMES)
def test_logits_do_not_depend_on_the_batch_size(name: str, jets: Jets) -> None:
    tagger = make(name, jets)
    logits = tagger.predict(jets)
    assert logits.shape == (len(jets), 1) and logits.dtype == np.float32
    np.testing.assert_allclose(tagger.predict(jets, batch_size=7), logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["gru", "particle_transformer"])
def test_the_logits_follow_from_the_embedding(name: str, jets: Jets) -> None:
    tagger = make(name, jets)
    logits, embedding = tagger.outputs(jets)
    head = tagger.network.output
    expected = embedding @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(tagger.predict(jets), logits)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURE_NAMES if architecture(name).framework == "torch"])
def test_every_torch_tagger_has_an_embedding_that_its_head_turns_into_logits(name: str, jets: Jets) -> None:
    tagger = make(name, jets)
    logits, embedding = tagger.outputs(jets)
    assert embedding.shape == (len(jets), tagger.network.n_embedding) and embedding.std() > 0
    with torch.inference_mode():
        from_embedding = tagger.network.head(torch.from_numpy(embedding)).numpy()
    np.testing.assert_allclose(from_embedding, logits, rtol=0, atol=1e-5)


def test_no_jets_give_no_logits(jets: Jets) -> None:
    assert make("gru", jets).predict(jets[:0]).shape == (0, 1)


def test_a_keras_tagger_has_no_embedding(jets: Jets) -> None:
    with pytest.raises(InputError, match="recurrent_student"):
        make("recurrent_student", jets).outputs(jets)


def test_a_keras_tagger_is_loaded_without_a_word_of_its_backend(jets: Jets, tmp_path: Path) -> None:
    folder = make("recurrent_student", jets).save(tmp_path / "tagger")
    (tmp_path / "keras.py").write_text("import sys\nprint('no GPU', file=sys.stderr)\nraise ImportError('reached')\n")
    load = "import sys; from models.tagger import Tagger; Tagger.load(sys.argv[1])"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"}
    done = subprocess.run([sys.executable, "-c", load, str(folder)], env=environment, capture_output=True, text=True)
    assert "ImportError: reached" in done.stderr
    assert "no GPU" not in done.stderr


def test_an_unknown_architecture_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="particle_transformer"):
        architecture("particle_transfomer")


def test_saving_again_keeps_the_other_files(saved: Path, jets: Jets) -> None:
    (saved / "curves.csv").write_text("epoch\n")
    make("gru", jets).save(saved)
    assert sorted(path.name for path in saved.iterdir()) == ["curves.csv", "tagger.json", "weights.pt"]


def test_saving_over_a_file_is_refused(tmp_path: Path, jets: Jets) -> None:
    (tmp_path / "tagger").write_text("mine")
    with pytest.raises(StorageError, match="not a folder"):
        make("gru", jets).save(tmp_path / "tagger")
    assert (tmp_path / "tagger").read_text() == "mine"


def test_a_full_disk_leaves_the_old_tagger(saved: Path, jets: Jets, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StorageError, match="the disk is full"):
        make("gru", jets).save(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_a_folder_without_a_tagger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tagger\.json"):
        Tagger.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"layout": "other"}', '{"layout": "tagware-tagger-1"}'])
def test_a_damaged_header_is_refused(saved: Path, text: str) -> None:
    (saved / "tagger.json").write_text(text)
    with pytest.raises(LayoutError, match=r"tagger\.json"):
        Tagger.load(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", "QCD"),
        ("classes", ["QCD"]),
        ("classes", ["QCD", 1]),
        ("earlier_classes", None),
        ("earlier_classes", [["QCD"]]),
        ("untrained", None),
        ("architecture", ["gru"]),
        ("quantization", "8 bits"),
        ("provenance", None),
        ("scaling", "none"),
        ("scaling", {"offset": [0.0]}),
        ("scaling", {"offset": [0.0], "exponent": [0.5]}),
        ("scaling", {"offset": [0.1], "exponent": [0]}),
    ],
)
def test_a_damaged_value_of_the_header_is_named_with_its_file(saved: Path, key: str, value: Any) -> None:
    edit(saved, **{key: value})
    with pytest.raises((LayoutError, ConfigError), match=rf"tagger\.json: {key}"):
        Tagger.load(saved)


def test_an_unknown_architecture_in_the_header_is_refused(saved: Path) -> None:
    edit(saved, architecture="grru")
    with pytest.raises(ConfigError, match=r"tagger\.json.*'grru'.*'gru'"):
        Tagger.load(saved)


def test_an_unknown_config_key_in_the_header_is_refused(saved: Path) -> None:
    edit(saved, config={"unit": 20})
    with pytest.raises(ConfigError, match="'units'"):
        Tagger.load(saved)


def test_weights_of_another_shape_are_refused(saved: Path) -> None:
    edit(saved, config={"units": 24, "dense": [64], "n_constituents": 20})
    with pytest.raises(LayoutError, match=r"weights\.pt.*do not fit 'gru'.*size mismatch"):
        Tagger.load(saved)


def test_a_keras_model_of_another_shape_is_refused(jets: Jets, tmp_path: Path) -> None:
    folder = make("recurrent_student", jets).save(tmp_path / "tagger")
    edit(folder, config={"n_constituents": 30})
    with pytest.raises(LayoutError, match=r"model\.keras.*input shape is \(None, 20, 6\), not \(None, 30, 6\)"):
        Tagger.load(folder)


def test_missing_weights_are_refused(saved: Path) -> None:
    (saved / "weights.pt").unlink()
    with pytest.raises(LayoutError, match="weights are missing"):
        Tagger.load(saved)


def test_weights_of_another_run_are_refused(saved: Path) -> None:
    torch.save({}, saved / "weights.pt")
    with pytest.raises(LayoutError, match=r"not the ones that tagger\.json names"):
        Tagger.load(saved)


@pytest.mark.parametrize("name", ["gru", "recurrent_student"])
def test_damaged_weights_are_refused(name: str, jets: Jets, tmp_path: Path) -> None:
    folder = make(name, jets).save(tmp_path / "tagger")
    weights = next(path for path in folder.iterdir() if path.name != "tagger.json")
    weights.write_bytes(weights.read_bytes()[:1000])
    edit(folder, weights_sha256=file_digest(weights))
    with pytest.raises(LayoutError, match=rf"{weights.name}: cannot be read safely"):
        Tagger.load(folder)


class Intruder:
    """Unpickling this would create a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("container", ["torch", "pickle"])
def test_weights_that_would_run_code_are_refused(saved: Path, tmp_path: Path, container: str) -> None:
    weights, place = saved / "weights.pt", tmp_path / "intruded"
    if container == "torch":
        torch.save(Intruder(place), weights)
    else:
        weights.write_bytes(pickle.dumps(Intruder(place)))
    edit(saved, weights_sha256=file_digest(weights))
    with pytest.raises(LayoutError, match="cannot be read safely"):
        Tagger.load(saved)
    assert not place.exists()


def test_a_keras_model_that_would_run_code_is_refused(jets: Jets, tmp_path: Path) -> None:
    folder = make("recurrent_student", jets).save(tmp_path / "tagger")
    inputs = keras.Input((20, 6), name="constituents")
    keras.Model(inputs, keras.layers.Lambda(lambda x: x[:, 0, :1])(inputs)).save(folder / "model.keras")
    edit(folder, weights_sha256=file_digest(folder / "model.keras"))
    with pytest.raises(LayoutError, match="cannot be read safely"):
        Tagger.load(folder)


def test_no_architecture_starts_keras_before_a_network_is_asked_for() -> None:
    """What TensorFlow prints while it loads is dropped where Keras is started, and nowhere else."""
    ask = "from models.registry import ARCHITECTURE_NAMES, architecture; list(map(architecture, ARCHITECTURE_NAMES))"
    loaded = "import sys; sys.exit(len({'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", f"{ask}; {loaded}"], cwd=Path(__file__).parents[2]).returncode == 0


def test_jets_that_carry_less_than_those_that_were_learnt_from_are_told_of_once(
    jets: Jets, caplog: pytest.LogCaptureFixture
) -> None:
    known = len(FOUR_VECTOR)
    bare = replace(jets, constituents=jets.constituents[:, :, :known], constituent_features=FOUR_VECTOR)
    tagger = replace(make("gru", jets), provenance={"constituent_features": list(jets.constituent_features)})
    tagger.predict(jets)
    assert not caplog.records
    assert np.any(tagger.predict(bare, batch_size=5) != tagger.predict(jets))
    assert [record.getMessage().count("charge, identity") for record in caplog.records] == [1]
