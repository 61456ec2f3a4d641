"""The ONNX file of a student: onnxruntime and qonnx give every bit of the circuit, and one wrong bias shows."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from hls.convert.graph import tensors
from hls.csim import probe_inputs
from hls.package.onnx import is_expressible, quantized_onnx, run_onnx
from hls.project import HlsConfig
from hls.rtl import trace
from jets.errors import LayoutError, ToolNotFound
from tests.exact_students import EVERY_OPTION, build_exact
from tests.feed_forward_students import IN_QKERAS, SPECS, build_feed_forward, build_heterogeneous
from tests.hls.rtl.firmware import build_chain, graph_of
from tests.hls.students import build_student

STUDENTS: dict[str, Callable[[], Any]] = {
    **{f"qkeras-{kind}": functools.partial(build_feed_forward, SPECS[kind], 3) for kind in IN_QKERAS},
    **{f"hgq2-{kind}": functools.partial(build_heterogeneous, spec, 3) for kind, spec in SPECS.items()},
    **{
        "-".join([cell, *options]): functools.partial(build_exact, cell, units=3, n_constituents=3, **options)
        for cell, options in EVERY_OPTION
    },
}


@dataclass(frozen=True)
class Written:
    """A student, its circuit's answers to probing inputs, and its ONNX file."""

    network: Any
    inputs: np.ndarray[Any, Any]
    outputs: np.ndarray[Any, Any]
    path: Path

    def n_mismatch(self, run: Callable[[Path, np.ndarray[Any, Any]], Any], path: Path | None = None) -> int:
        return int(np.count_nonzero((run(path or self.path, self.inputs) != self.outputs).any(axis=1)))


@pytest.fixture(scope="module", params=STUDENTS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    network = STUDENTS[request.param]()
    graph = graph_of(network)
    (tensor,) = tensors(graph.get_input_variables())
    inputs = probe_inputs(tensor, 300, seed=1)
    outputs = trace(graph).interpret(inputs)
    assert len(np.unique(outputs)) > 20
    path = tmp_path_factory.mktemp(request.param) / "network.onnx"
    path.write_bytes(quantized_onnx(network, HlsConfig()))
    return Written(network, inputs, outputs, path)


def run_qonnx(path: Path, inputs: np.ndarray[Any, Any]) -> Any:
    """What qonnx computes, whose Quant is its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.transformation.infer_shapes import InferShapes
    model = onnx.load(path)
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_value = len(inputs)
    (name,) = (end.name for end in model.graph.input)
    (logits,) = execute_onnx(ModelWrapper(model).transform(InferShapes()), {name: inputs}).values()
    return logits


def test_onnxruntime_and_qonnx_give_every_bit_of_the_firmware(written: Written) -> None:
    assert written.n_mismatch(run_onnx) == 0
    assert written.n_mismatch(run_qonnx) == 0


def test_one_step_of_one_bias_is_seen(written: Written, tmp_path: Path) -> None:
    model = onnx.load(written.path)
    (bias,) = (item for item in model.graph.initializer if item.name == "logit_bias_values")
    values = onnx.numpy_helper.to_array(bias).copy()
    values[0] -= np.copysign(2.0**-6, values[0])
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    onnx.save(model, tmp_path / "network.onnx")
    assert written.n_mismatch(run_onnx, tmp_path / "network.onnx") > 100


def test_the_same_student_gives_the_same_bytes_and_only_quant_nodes_beside_the_standard(written: Written) -> None:
    assert quantized_onnx(written.network, HlsConfig()) == written.path.read_bytes()
    model = onnx.load(written.path)
    onnx.checker.check_model(model, full_check=True)
    assert {node.op_type for node in model.graph.node if node.domain} == {"Quant"}
    assert [function.name for function in model.functions] == ["Quant"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n_jets"


def test_a_network_of_other_layers_is_not_expressible() -> None:
    assert is_expressible(build_chain())
    assert not is_expressible(build_student("gru"))


def test_what_cannot_be_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "network.onnx").write_bytes(b"no graph")
    with pytest.raises(LayoutError, match=r"network\.onnx: cannot be run"):
        run_onnx(tmp_path / "network.onnx", np.zeros((3, 16)))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ToolNotFound, match="onnxruntime is not installed; pip install onnxruntime"):
        run_onnx(tmp_path / "network.onnx", np.zeros((3, 16)))
