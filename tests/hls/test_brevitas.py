"""Students of Brevitas as firmware: torch, QKeras, C simulation, traced logic and Verilog agree bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from compress.quantize.brevitas_student import BrevitasStudent
from hls.convert.plan import plan_layers
from hls.cosim import CosimConfig, cosim
from hls.package.onnx import quantized_onnx, run_onnx
from hls.project import HlsConfig
from hls.rtl import trace
from tests.brevitas_students import build_brevitas
from tests.feed_forward_students import SPECS
from tests.hls.cosim.traced import Traced
from tests.hls.rtl.firmware import Firmware, firmware_of, graph_of

pytestmark = pytest.mark.xdist_group("Brevitas")  # one firmware of a kind serves every test

QKERAS_LIMIT = 2.0**18
"""Beyond it QKeras loses the last bits of what it saturates (docs/students.md); Brevitas does not."""

PARTICLES = ["jedi_linear", pytest.param("deep_sets", marks=pytest.mark.long)]
KINDS = [*PARTICLES, *(pytest.param(kind, marks=pytest.mark.long) for kind in ("mlp", "mlp_mixer"))]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def student(kind: str) -> BrevitasStudent:
    return build_brevitas(SPECS[kind])


@pytest.fixture(scope="module")
def firmware(student: BrevitasStudent, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return firmware_of(student.to_keras(), tmp_path_factory.mktemp("firmware") / "project")


def jets_of(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Normal features; of particles a mask, and whatever features where it is zero."""
    rng = np.random.default_rng(3)
    jets = rng.normal(0.0, 2.0, (2000, *shape)).astype(np.float32)
    if len(shape) == 2:
        jets[..., -1] = np.arange(shape[0]) < rng.integers(0, shape[0] + 1, len(jets))[:, None]
    return jets


def halves_of(firmware: Firmware) -> NDArray[np.float32]:
    """Numbers half a step from two neighbours, over twice the range of the input: ties, and what saturates."""
    value = firmware.compiled.input
    codes = np.random.default_rng(4).integers(-(2**value.width), 2**value.width, (2000, *firmware.circuit.shape))
    return ((codes + 0.5) * 2.0**-value.fraction_bits).astype(np.float32)


def test_jets_ties_and_corners_give_the_same_bits_everywhere(student: BrevitasStudent, firmware: Firmware) -> None:
    for inputs in (jets_of(firmware.circuit.shape), halves_of(firmware), firmware.vectors()):
        expected = student.predict(inputs)
        assert len(np.unique(expected)) > 20
        assert np.array_equal(firmware.compiled.predict(inputs, threads=1), expected)
        assert np.array_equal(firmware.circuit.interpret(inputs), expected)
        tame = inputs[np.abs(inputs).reshape(len(inputs), -1).max(axis=1) < QKERAS_LIMIT]
        assert len(tame) >= 2000
        assert np.array_equal(student.finished(tame).predict_on_batch(tame), student.predict(tame))


def test_one_step_of_one_weight_is_seen(student: BrevitasStudent, firmware: Firmware, kind: str) -> None:
    model, name = student.to_keras(), "dense_0" if kind == "mlp" else "particle_1"
    (plan,) = [plan for plan in plan_layers(model, HlsConfig()) if plan.name == name]
    kernel = plan.data["weight"].copy()
    kernel.flat[0] += plan.types["weight"].step
    broken = trace(graph_of(model, {name: {"data": {**plan.data, "weight": kernel}}}))
    assert np.any(broken.interpret(firmware.vectors()) != student.predict(firmware.vectors()))


@pytest.mark.parametrize("kind", PARTICLES, indirect=True)
def test_what_a_masked_place_holds_changes_no_bit(student: BrevitasStudent, firmware: Firmware) -> None:
    jets = jets_of(firmware.circuit.shape)
    masked = jets[..., -1] == 0
    zeros = np.where(masked[..., None], 0.0, jets).astype(np.float32)
    assert masked.any(axis=1).mean() > 0.5 and not np.array_equal(jets, zeros)
    assert np.array_equal(student.predict(jets), student.predict(zeros))
    assert np.array_equal(firmware.compiled.predict(jets, threads=1), firmware.compiled.predict(zeros, threads=1))


def test_its_onnx_file_gives_the_same_bits(student: BrevitasStudent, firmware: Firmware, tmp_path: Path) -> None:
    (tmp_path / "network.onnx").write_bytes(quantized_onnx(student.to_keras(), HlsConfig()))
    jets = jets_of(firmware.circuit.shape)
    assert np.array_equal(run_onnx(tmp_path / "network.onnx", jets), student.predict(jets))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["mlp", "deep_sets", "jedi_linear"], indirect=True)
def test_verilog_gives_the_bits_of_brevitas(student: BrevitasStudent, firmware: Firmware, tmp_path: Path) -> None:
    traced = Traced.of(firmware.circuit, 300)
    values = (traced.sent.codes * firmware.circuit.input.step).reshape(-1, *firmware.circuit.shape)
    expected = np.rint(student.predict(values.astype(np.float32)) / firmware.circuit.output.step).astype(np.int64)
    result = cosim(traced.design, traced.sent, expected, CosimConfig(threads=1, reset_at=100), tmp_path / "run")
    assert result.agrees, result.complaints()
    assert result.n_mismatch == 0 and result.interval_cycles == 1.0
