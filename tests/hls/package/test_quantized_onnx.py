"""The ONNX file of a student: qonnx gives every bit of the traced circuit, and `verify` sees one wrong weight."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from hls.package.contents import ONNX
from hls.package.quantized_onnx import is_expressible, quantized_onnx, run_onnx
from hls.package.verification import _onnx
from hls.rtl import trace
from jets.errors import LayoutError, ToolNotFound
from models.students.student import architecture_name
from models.tagger import Tagger
from tests.feed_forward_students import IN_QKERAS, SPECS, build_feed_forward
from tests.hls.firmware import write_project
from tests.hls.package.finished import store_vectors
from tests.hls.rtl.firmware import graph_of


def tagger_of(kind: str) -> Tagger:
    spec, network = SPECS[kind], build_feed_forward(SPECS[kind], n_outputs=3)
    quantization = {"front_end": "qkeras"}
    return Tagger(architecture_name(spec), spec, ("g", "q", "t"), None, network, "keras", quantization)


@pytest.fixture(scope="module", params=IN_QKERAS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `verify` looks at: the HLS project with its vectors, and the ONNX file."""
    folder = tmp_path_factory.mktemp("package")
    tagger = tagger_of(request.param)
    project = write_project(tagger.network, folder / "hls")
    store_vectors(project, trace(graph_of(tagger.network)))
    (folder / ONNX).write_bytes(quantized_onnx(tagger))
    return folder


def test_every_vector_gives_the_bits_of_the_firmware(folder: Path) -> None:
    agrees, found = _onnx(folder)
    assert agrees and found.startswith("300 vectors, 0 differ (qonnx ")


def test_one_step_of_one_weight_is_seen(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "hls").symlink_to(folder / "hls")
    model = onnx.load(folder / ONNX)
    (kernel,) = (item for item in model.graph.initializer if item.name == "logit_kernel_values")
    values = onnx.numpy_helper.to_array(kernel).copy()
    values[0, 0] += 2.0**-7 if values[0, 0] < 0 else -(2.0**-7)
    kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))
    onnx.save(model, tmp_path / ONNX)
    agrees, found = _onnx(tmp_path)
    assert not agrees and " vectors, 0 differ" not in found


def test_the_same_student_gives_the_same_bytes_and_only_quant_nodes_beside_the_standard(folder: Path) -> None:
    content = (folder / ONNX).read_bytes()
    assert any(quantized_onnx(tagger_of(kind)) == content for kind in IN_QKERAS)
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    assert {node.op_type for node in model.graph.node if node.domain} == {"Quant"}
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n_jets"


@pytest.mark.parametrize(
    ("header", "can_be"),
    [
        ({"architecture": "mlp_student", "quantization": {"front_end": "qkeras"}}, True),
        ({"architecture": "mlp_student", "quantization": {"front_end": "brevitas"}}, True),
        ({"architecture": "mlp_student", "quantization": {"front_end": "hgq2"}}, False),
        ({"architecture": "mlp_student", "quantization": None}, False),
        ({"architecture": "recurrent_student", "quantization": {"front_end": "qkeras"}}, False),
    ],
)
def test_only_feed_forward_students_of_qkeras_layers_are_written(header: dict[str, Any], can_be: bool) -> None:
    assert is_expressible(header) == can_be


def test_what_cannot_be_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ONNX).write_bytes(b"no graph")
    with pytest.raises(LayoutError, match=r"network\.onnx: cannot be run"):
        run_onnx(tmp_path / ONNX, np.zeros((3, 16)))
    monkeypatch.setitem(sys.modules, "qonnx.core.modelwrapper", None)
    with pytest.raises(ToolNotFound, match="qonnx is not installed; pip install qonnx"):
        run_onnx(tmp_path / ONNX, np.zeros((3, 16)))
