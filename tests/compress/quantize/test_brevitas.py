"""The Brevitas front end: what is stored is what was trained, bit for bit; the gradient; what is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import compress.quantize
from compress.distil import DistilConfig, distil
from compress.objective import LossConfig, Objective, pack
from compress.prune import PruneConfig
from compress.quantize import brevitas_student
from compress.quantize.brevitas import BrevitasBits, build_quantized
from compress.quantize.cost import Width, bits_per_tensor, ebops
from compress.quantize.front_end import front_end_of
from compress.teach import TeacherOutputs
from jets.config import fill
from jets.dataset import JetsFile
from jets.errors import ConfigError, ExactnessError, ToolNotFound
from jets.metrics import auc
from models.students.feed_forward import ParticleSpec
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from tests.brevitas_students import build_brevitas
from tests.compress.conftest import MakeFile, wide_and_narrow
from tests.feed_forward_students import SPECS

JEDI = ParticleSpec("jedi_linear", n_constituents=5, features=6, particle=(4, 3), dense=())
FAST = DistilConfig(
    loss=LossConfig(embedding="hint"), float_epochs=8, quantized_epochs=3, batch_size=64, learning_rate=2e-2
)


@pytest.fixture(scope="module")
def file(make_file: MakeFile) -> JetsFile:
    return make_file("jets", wide_and_narrow(900))


@pytest.fixture(scope="module")
def outputs(file: JetsFile) -> TeacherOutputs:
    jets = file.read()
    logits = (4.0 * (jets.labels - 0.5))[:, None].astype(np.float32)
    embedding = np.concatenate([logits, -logits], axis=1)
    return TeacherOutputs(logits, jets.ids, jets.classes, file.checksum, embedding, {"architecture": "oracle"})


def test_a_student_learns_from_stored_outputs_and_is_stored_as_it_was_trained(
    file: JetsFile, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    trained = distil(JEDI, BrevitasBits(), file, outputs, FAST, tmp_path / "out")
    jets = file.read("test")
    found = {name: Tagger.load(tmp_path / "out" / name) for name in ("float", "quantized")}
    areas = {name: auc(tagger.predict(jets)[:, 0], jets.labels).value for name, tagger in found.items()}
    assert areas["float"] > 0.75 and areas["quantized"] > areas["float"] - 0.05
    quantized = found["quantized"]
    assert np.array_equal(quantized.predict(jets), trained.predict(jets))
    assert quantized.quantization is not None and quantized.quantization["front_end"] == "brevitas"
    assert quantized.quantization["tensors"] == bits_per_tensor(quantized.network)
    assert quantized.quantization["ebops"] == ebops(quantized.network) > 0
    assert "brevitas" in quantized.provenance["versions"]
    reused = distil(JEDI, BrevitasBits(), file, outputs, FAST, tmp_path / "out")
    assert reused.provenance["seconds"] == trained.provenance["seconds"]
    again = distil(JEDI, BrevitasBits(), file, outputs, FAST, tmp_path / "again")
    assert np.array_equal(again.predict(jets), trained.predict(jets))


def test_types_follow_the_scales_and_biases_are_on_the_grid_of_their_products() -> None:
    student = build_brevitas(SPECS["deep_sets"])
    moved = dict(student.network.named_parameters())
    with torch.no_grad():
        for name, values in moved.items():
            if "pool_q" in name:
                values.fill_(-1.7)  # below 2^-1: the sign has no bit, and of the others one is gone
            if name.endswith("particle_0.weight"):
                values *= 0.9 / values.abs().max()
    types = {name: Width(*list(entry.values())[:3]) for name, entry in bits_per_tensor(student.to_keras()).items()}
    assert types["pool_q/output"] == Width(10, -1, False)
    assert types["particle_0/kernel"] == Width(8, 1, True)
    entering = types["constituents_q/output"].fraction + types["particle_0/kernel"].fraction
    assert types["particle_0/bias"] == Width(16, 16 - entering, True)


def test_a_type_that_is_not_the_trained_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    student, exact = build_brevitas(SPECS["mlp"]), brevitas_student.with_types
    jets = np.random.default_rng(1).normal(0.0, 2.0, (500, 16)).astype(np.float32)
    student.finished(jets)

    def coarser(spec: Any, n_outputs: int, types: dict[str, Width]) -> Any:
        wrong = replace(types["relu_1/output"], integer=types["relu_1/output"].integer + 1)
        return exact(spec, n_outputs, types | {"relu_1/output": wrong})

    monkeypatch.setattr(brevitas_student, "with_types", coarser)
    with pytest.raises(ExactnessError, match="layer 'relu_1'") as caught:
        student.finished(jets)
    assert "Brevitas and QKeras differ" in str(caught.value)


def test_the_gradient_is_that_of_the_keras_loss() -> None:
    rng = np.random.default_rng(2)
    logits, teacher = (rng.normal(0.0, 1.0, (6, 3)).astype(np.float32) for _ in range(2))
    targets = pack(np.zeros(6), np.ones(6), teacher)
    loss, slope = brevitas_student._loss_and_slope(Objective(LossConfig(), 3), targets, logits)
    p, q = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (teacher, logits))
    assert loss == pytest.approx(float((p * np.log(p / q)).sum(axis=1).mean()), rel=1e-5)
    np.testing.assert_allclose(slope, (q - p) / 6, atol=1e-6)  # of KL(p || q) by the logits, the mean of six jets


def test_a_loss_that_is_not_finite_stops_before_anything_is_stored(file: JetsFile, tmp_path: Path) -> None:
    config = replace(
        FAST, loss=LossConfig(logits="cross_entropy"), float_epochs=1, quantized_epochs=4, quantized_learning_rate=1e30
    )
    with pytest.raises(ConfigError, match=r"the loss is (nan|inf)"):
        distil(JEDI, BrevitasBits(), file, None, config, tmp_path / "out")
    assert not (tmp_path / "out" / "quantized" / "tagger.json").exists()


def test_weights_that_are_kept_come_back(tmp_path: Path) -> None:
    student = build_brevitas(SPECS["mlp"])
    jets = np.random.default_rng(1).normal(0.0, 2.0, (50, 16)).astype(np.float32)
    expected, kept = student.predict(jets), student.get_weights()
    with torch.no_grad():
        for values in student.network.parameters():
            values += 1.0
    assert not np.array_equal(student.predict(jets), expected)
    student.set_weights(kept)
    student.save_weights(tmp_path / "kept.weights.h5")
    model = build_brevitas(SPECS["mlp"], seed=5).to_keras()
    model.load_weights(tmp_path / "kept.weights.h5")
    assert np.array_equal(student.predict(jets), expected)
    assert np.array_equal(model.get_layer("dense_0").get_weights()[0], student.to_keras().get_layer("dense_0").kernel)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"weights": 1}, "weights: total bits"),
        ({"bias": 33}, "bias: total bits"),
        ({"activations": [8, 9]}, "activations: integer bits"),
        ({"ebops": 100}, "'ebops'"),
    ],
)
def test_bits_out_of_range_are_named(options: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        fill(BrevitasBits, options, "project.yaml: compress: brevitas")


def test_students_and_pruning_that_it_does_not_have_are_refused(
    file: JetsFile, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no layers for this student"):
        build_quantized(RecurrentSpec(), BrevitasBits(), 1)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="not pruned"):
        distil(JEDI, BrevitasBits(), file, outputs, FAST, tmp_path / "out", PruneConfig(weights=0.5))
    assert not (tmp_path / "out" / "float").exists()


def test_without_brevitas_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "brevitas"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "compress.quantize.brevitas_student", raising=False)
    monkeypatch.delattr(compress.quantize, "brevitas_student", raising=False)
    with pytest.raises(ToolNotFound, match="brevitas is not installed"):
        front_end_of(BrevitasBits())
