"""Conversion as a whole: what g++ computes from the project is what Keras computes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.convert import convert, convert_student
from hls.convert.layer_plan import LayerPlan
from hls.convert.plan import plan_layers
from hls.convert.self_check import random_inputs, stated_limit
from hls.fixed_point import FixedType
from hls.project import HlsConfig, Project, SelfCheckConfig
from jets.dataset import JetsFile
from jets.errors import ExactnessError, InputError, StorageError, ToolFailed, ToolNotFound
from jets.features import PowerOfTwoScaling
from jets.samples import sample_path
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from tests.hls.students import build_student, quantized

CHECK = SelfCheckConfig(n_jets=2000)


@pytest.fixture(scope="module")
def gru() -> Any:
    return build_student("gru")


@pytest.fixture(scope="module")
def vitis_gru(gru: Any, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return convert_student(gru, HlsConfig(self_check=CHECK), tmp_path_factory.mktemp("vitis") / "project", "ab")


def test_a_gru_on_vitis_equals_keras_bit_for_bit(vitis_gru: Project) -> None:
    assert vitis_gru.self_check == {
        "n_jets": 2000,
        "n_mismatch": 0,
        "max_abs_difference": 0.0,
        "limit": 0.0,
        "reason": "every value is fixed point and fits in float32",
    }
    assert Project.load(vitis_gru.folder) == vitis_gru


def test_a_saved_lstm_on_vivado_equals_keras_bit_for_bit_on_simulated_jets(tmp_path: Path) -> None:
    tagger = lstm_tagger()
    tagger.save(tmp_path / "student")
    jets = JetsFile(sample_path("top_qcd")).read(limit=1500)
    config = HlsConfig(backend="Vivado", namespace="jets", static_recurrent=False, self_check=CHECK)
    project = convert(tmp_path / "student", config, tmp_path / "project", jets)
    assert (project.self_check["n_mismatch"], project.self_check["limit"]) == (0, 0.0)
    assert "exact_lstm_stack" in (project.folder / "firmware/tagger.cpp").read_text()
    first = np.loadtxt(project.folder / "tb_data/tb_input_features.dat", dtype=np.float32)
    assert np.array_equal(first.reshape(100, 5, 6), tagger.inputs(jets[:100])["constituents"])


def lstm_tagger() -> Tagger:
    spec = RecurrentSpec(cell="lstm", units=4, dense=(8,), n_constituents=5)
    scaling = PowerOfTwoScaling((0.0,) * 6, (2, 1, 1, 2, 2, 0))
    network = build_student("lstm")
    return Tagger("recurrent_student", spec, ("QCD", "top"), scaling, network, "keras", {"state": [11, 4]})


def test_the_manifest_states_input_output_and_every_precision(vitis_gru: Project) -> None:
    (entry,), (exit_,) = vitis_gru.inputs, vitis_gru.outputs
    assert (entry.shape, entry.precision) == ((5, 6), "ap_fixed<10,4,AP_RND_CONV,AP_SAT,0>")
    assert (exit_.shape, exit_.width, exit_.fraction_bits, exit_.signed) == ((1,), 16, 10, True)
    kinds = {layer.name: layer.kind for layer in vitis_gru.layers}
    assert kinds["rnn"] == "GRU" and kinds["dense_0"] == "Dense"
    assert all(layer.precisions for layer in vitis_gru.layers)


def test_the_testbench_data_hold_one_jet_a_line(vitis_gru: Project, gru: Any) -> None:
    inputs = np.loadtxt(vitis_gru.folder / "tb_data/tb_input_features.dat", dtype=np.float32)
    outputs = np.loadtxt(vitis_gru.folder / "tb_data/tb_output_predictions.dat", dtype=np.float32)
    assert inputs.shape == (100, 30)
    assert np.array_equal(np.asarray(gru.predict_on_batch(inputs.reshape(100, 5, 6)))[:, 0], outputs)


def broken(plans: tuple[LayerPlan, ...], name: str, role: str, fixed: FixedType) -> tuple[LayerPlan, ...]:
    return tuple(
        dataclasses.replace(plan, types=plan.types | {role: fixed}) if plan.name == name else plan for plan in plans
    )


def test_a_broken_precision_is_found_in_its_layer_and_leaves_no_project(gru: Any, tmp_path: Path) -> None:
    config = HlsConfig(self_check=CHECK)
    plans = broken(plan_layers(gru, config), "dense_0", "accum", FixedType(9, 2))
    out = tmp_path / "project"
    with pytest.raises(ExactnessError) as caught:
        convert_student(gru, config, out, "ab", plans=plans)
    message = str(caught.value)
    assert "layer 'dense_0' (Dense)" in message and "accum fixed<9,2>" in message and "limit 0" in message
    assert caught.value.exit_status == 1
    assert not out.exists()


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "role", "fixed"),
    [("rnn", "accum", FixedType(16, 3)), ("rnn", "table", FixedType(6, 1)), ("logit_q", "result", FixedType(12, 4))],
)
def test_whatever_is_broken_is_the_layer_that_is_named(
    gru: Any, tmp_path: Path, name: str, role: str, fixed: FixedType
) -> None:
    config = HlsConfig(self_check=CHECK)
    plans = broken(plan_layers(gru, config), name, role, fixed)
    with pytest.raises(ExactnessError, match=rf"layer '{name}'.*{role} {fixed}"):
        convert_student(gru, config, tmp_path / "project", "ab", plans=plans)


@pytest.mark.long
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
def test_students_of_full_size_equal_keras_bit_for_bit(cell: str, backend: str, tmp_path: Path) -> None:
    narrow = quantized(7, 0)  # so that float32 holds every product r (U h + b)
    model = build_student(cell, units=20, n_constituents=20, seed=2, recurrent_quantizer=narrow)
    config = HlsConfig(backend=backend, self_check=SelfCheckConfig(n_jets=4000))
    project = convert_student(model, config, tmp_path / "project", "ab")
    assert (project.self_check["n_mismatch"], project.self_check["limit"]) == (0, 0.0)


@pytest.mark.long
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_shared_multipliers_change_no_result(cell: str, tmp_path: Path) -> None:
    config = HlsConfig(strategy="Resource", reuse_factor=2, self_check=CHECK)
    project = convert_student(build_student(cell), config, tmp_path / "project", "ab")
    assert project.self_check["n_mismatch"] == 0


@pytest.mark.long
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_real_gates_stay_within_the_limit_of_tables(cell: str, tmp_path: Path) -> None:
    import keras

    model = build_student(cell, activation=keras.activations.tanh, recurrent_activation=keras.activations.sigmoid)
    project = convert_student(model, HlsConfig(self_check=CHECK), tmp_path / "project", "ab")
    assert 0 < project.self_check["max_abs_difference"] <= project.self_check["limit"]
    assert "real functions" in project.self_check["reason"]


def test_the_limit_is_zero_only_where_python_is_exact(gru: Any) -> None:
    import keras

    from models.students.tables import TableSigmoid, TableTanh

    outputs = np.array([[0.0], [2.0]])
    own = SelfCheckConfig()
    real = build_student("gru", activation=keras.activations.tanh, recurrent_activation=keras.activations.sigmoid)
    wide = build_student("gru", activation=TableTanh(1024, 18, 1), recurrent_activation=TableSigmoid(1024, 18, 1))
    assert stated_limit(plan_layers(gru, HlsConfig()), outputs, own)[0] == 0.0
    assert stated_limit(plan_layers(real, HlsConfig()), outputs, own)[0] == pytest.approx(0.1)
    limit, reason = stated_limit(plan_layers(wide, HlsConfig()), outputs, own)
    assert limit == pytest.approx(0.1) and "needs 33 bits" in reason
    assert stated_limit(plan_layers(real, HlsConfig()), outputs, SelfCheckConfig(max_difference=0.5))[0] == 0.5


def test_random_inputs_cover_steps_saturation_and_padding() -> None:
    value = FixedType(8, 4, True, "RND_CONV", "SAT")
    inputs = random_inputs((5, 6), value, 3000, seed=1)
    assert np.array_equal(inputs, random_inputs((5, 6), value, 3000, seed=1))
    assert np.any(inputs > value.maximum) and np.any(inputs < value.minimum)
    assert np.any(np.all(inputs[:, -1] == 0.0, axis=1))
    assert len(np.unique(value.cast(inputs))) == 2**8


def test_a_folder_of_someone_else_is_refused_before_any_work(gru: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(StorageError, match="did not write"):
        convert_student(gru, HlsConfig(), tmp_path, "ab")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_gxx_the_remedy_is_named(gru: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolNotFound, match=r"no program 'g\+\+'.*apt install"):
        convert_student(gru, HlsConfig(self_check=CHECK), tmp_path / "project", "ab")
    assert not (tmp_path / "project").exists()


def test_the_compiler_of_the_environment_is_the_one_that_converts(
    gru: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "g++-999")
    with pytest.raises(ToolNotFound, match=r"no program 'g\+\+-999'"):
        convert_student(gru, HlsConfig(self_check=CHECK), tmp_path / "project", "ab")
    assert not (tmp_path / "project").exists()


def test_the_build_script_takes_the_compiler_of_the_environment(vitis_gru: Project) -> None:
    assert "CC=${CXX:-g++}\n" in (vitis_gru.folder / "build_lib.sh").read_text()


def test_what_gxx_complains_about_is_passed_on(tmp_path: Path) -> None:
    from hls.convert.library import build_library

    (tmp_path / "build_lib.sh").write_text("echo 'tagger.cpp:1:1: error: no such thing' >&2; exit 1\n")
    with pytest.raises(ToolFailed, match=r"does not compile: tagger\.cpp:1:1: error: no such thing"):
        build_library(tmp_path, "tagger")


def test_a_student_that_is_not_quantized_is_refused(tmp_path: Path) -> None:
    dataclasses.replace(lstm_tagger(), quantization=None).save(tmp_path / "float")
    with pytest.raises(InputError, match=r"is not a quantized student.*the quantized student that `tagware distil`"):
        convert(tmp_path / "float", HlsConfig(), tmp_path / "project")
    assert not (tmp_path / "project").exists()


def test_a_folder_without_tagger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no tagger in this folder"):
        convert(tmp_path / "nothing", HlsConfig(), tmp_path / "project")
