"""Models as hls4ml's users have them, converted by hls4ml itself with our backend, down to simulated RTL."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hls4ml
import numpy as np
import pytest
from hls4ml.backends.backend import backend_map, register_backend
from hls4ml.writer import register_writer
from hls4ml.writer.writers import writer_map

from hls import backend
from hls.backend import NAME, register
from hls.rtl import trace
from jets.errors import ConfigError, ExactnessError

ROOT = Path(__file__).parents[2]
USERS_MODEL = ROOT.parent / "shared/data/qkeras-v3_3layer.keras"
RNG = np.random.default_rng(1)


@pytest.fixture(autouse=True, scope="module")
def plugin() -> None:
    """The backend as hls4ml's plugin loader registers it, also where tagware is not installed."""
    if NAME not in backend_map:
        writer_map.pop(NAME, None)
        register(register_backend, register_writer)


def mlp() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2, name="scores")]
    )


def converted(model: Any, folder: Path, precision: str = "fixed<16,6>", **options: Any) -> Any:
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=NAME, default_precision=precision)
    return hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, backend=NAME, output_dir=str(folder), io_type="io_parallel", **options
    )


def check(graph: Any, x: np.ndarray[Any, Any]) -> dict[str, Any]:
    """csim == interpreter == Verilog on `x`, random vectors and corner cases; the report of the build."""
    graph.compile()
    simulated = graph.predict(x, simulation="csim").reshape(len(x), -1)
    assert len(np.unique(simulated)) > 20
    np.testing.assert_array_equal(graph.predict(x).reshape(len(x), -1), simulated)
    report: dict[str, Any] = graph.build(x=x, synth=False)
    assert report["CosimReport"]["Complaints"] == []
    assert report["CosimReport"]["Status"] == "Pass" and report["CosimReport"]["Vectors"] > len(x)
    return report


def test_hls4ml_loads_the_plugin_while_it_is_being_imported() -> None:
    """An import too many in our modules would make a circle of it."""
    code = "from hls4ml.backends import get_backend; print(get_backend('tagware').name)"
    environment = {**os.environ, "HLS4ML_BACKEND_PLUGINS": "hls.backend", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == NAME, done.stdout + done.stderr


def test_the_package_names_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["hls4ml.backends"] == {NAME: f"{register.__module__}:{register.__qualname__}"}


def test_what_is_not_compiled_is_refused(tmp_path: Path) -> None:
    graph = converted(mlp(), tmp_path)
    for use in (lambda: graph.predict(np.zeros((1, 5), np.float32)), graph.build):
        with pytest.raises(ConfigError, match=r"not compiled.*compile\(\)"):
            use()


def test_an_unknown_option_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'cells'"):
        converted(mlp(), tmp_path, rtl={"cels": 2})


@pytest.mark.parametrize(("failure", "named"), [(None, "2 of 3 jets came out"), ("nothing moved", "nothing moved")])
def test_a_simulated_rtl_that_loses_a_jet_predicts_nothing(
    failure: str | None, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = converted(mlp(), tmp_path)
    graph.circuit = trace(graph)
    stream = SimpleNamespace(failure=failure, n_received=2)
    monkeypatch.setattr(backend, "cosim", lambda *_: SimpleNamespace(stream=stream))
    with pytest.raises(ExactnessError, match=f"the RTL failed: {named}"):
        graph.predict(np.zeros((3, 5), np.float32), simulation="rtl")


@pytest.mark.long
def test_build_says_what_hls4mls_report_prints_and_a_wrong_rtl_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, x = converted(mlp(), tmp_path, "fixed<10,4>"), RNG.normal(size=(600, 5)).astype(np.float32)
    check(graph, x)
    np.testing.assert_array_equal(graph.predict(x, simulation="rtl"), graph.predict(x))
    report = graph.build(x=x, cosim=False)["VivadoSynthReport"]
    assert report["LUT"] > 50 and report["FF"] > 10 and report["DSP48E"] == 0
    with pytest.raises(ConfigError, match="unknown simulation"):
        graph.predict(x, simulation="hope")
    right = graph._predict
    monkeypatch.setattr(graph, "_predict", lambda values: right(values) + np.float32(2.0**-6) * (values[:, :1] > 0))
    wrong = graph.build(x=x, synth=False)["CosimReport"]
    assert wrong["Status"] == "Fail" and wrong["Mismatches"] > 100


def keras_gru(folder: Path) -> Any:
    """A float GRU with hls4ml's default precision for everything."""
    import keras

    keras.utils.set_random_seed(2)
    layers = [keras.Input((5, 3)), keras.layers.GRU(4, name="rnn"), keras.layers.Dense(2, name="scores")]
    return converted(keras.Sequential(layers), folder)


def keras_lstm(folder: Path) -> Any:
    """hls4ml 1.3.0 writes C++ for it that only compiles when accumulator and result agree; our kernel replaces it."""
    import keras

    keras.utils.set_random_seed(3)
    layers = [keras.Input((4, 3)), keras.layers.LSTM(3, name="rnn"), keras.layers.Dense(2, name="scores")]
    return converted(keras.Sequential(layers), folder, "fixed<12,5>")


def qkeras_mlp(folder: Path) -> Any:
    """Six-bit layers of QKeras 3 and a softmax, as jet taggers for hls4ml often are."""
    import keras
    import qkeras

    keras.utils.set_random_seed(4)
    bits = qkeras.quantized_bits(6, 0, alpha=1)
    layers: list[Any] = [keras.Input((16,))]
    for place, width in enumerate((12, 8)):
        layers.append(qkeras.QDense(width, kernel_quantizer=bits, bias_quantizer=bits, name=f"dense{place}"))
        layers.append(qkeras.QActivation(qkeras.quantized_relu(6, 0), name=f"relu{place}"))
    layers.append(qkeras.QDense(5, kernel_quantizer=bits, bias_quantizer=bits, name="scores"))
    return converted(keras.Sequential([*layers, keras.layers.Activation("softmax", name="softmax")]), folder)


def users_mlp(folder: Path) -> Any:
    """A QKeras model that hls4ml's own examples ship; no part of this repository."""
    import keras
    from qkeras.utils import _add_supported_quantized_objects as add_quantized_objects

    known: dict[str, Any] = {}
    add_quantized_objects(known)
    model = keras.models.load_model(USERS_MODEL, custom_objects=known, compile=False, safe_mode=True)
    return converted(keras.Sequential([keras.Input((16,)), *model.layers]), folder)


def torch_mlp(folder: Path) -> Any:
    """Through hls4ml's own PyTorch parser."""
    import torch

    torch.manual_seed(1)
    layers = [torch.nn.Linear(6, 10), torch.nn.ReLU(), torch.nn.Linear(10, 3)]
    model = torch.nn.Sequential(*layers).eval()
    config = hls4ml.utils.config_from_pytorch_model(
        model, (6,), granularity="name", backend=NAME, default_precision="fixed<14,6>"
    )
    return hls4ml.converters.convert_from_pytorch_model(
        model, hls_config=config, backend=NAME, output_dir=str(folder), io_type="io_parallel"
    )


def qonnx_mlp(folder: Path) -> Any:
    """A QONNX file, cleaned up as hls4ml's documentation asks."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.util.cleanup import cleanup_model

    from tests.hls.qonnx_model import save_mlp

    model = cleanup_model(ModelWrapper(str(save_mlp(folder.with_suffix(".onnx")))))
    config = hls4ml.utils.config_from_onnx_model(model, granularity="name", backend=NAME)
    return hls4ml.converters.convert_from_onnx_model(
        model, hls_config=config, backend=NAME, output_dir=str(folder), io_type="io_parallel"
    )


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "made", [keras_gru, keras_lstm, qkeras_mlp, torch_mlp, qonnx_mlp, *([users_mlp] if USERS_MODEL.is_file() else [])]
)
def test_models_of_other_front_ends_go_through_bit_for_bit(made: Callable[[Path], Any], tmp_path: Path) -> None:
    graph = made(tmp_path / "project")
    shape = tuple(graph.get_input_variables()[0].shape)
    check(graph, RNG.normal(size=(1000, *shape)).astype(np.float32))
