"""Feed-forward students as firmware: Keras, C simulation, traced logic and Verilog agree; masked places are void."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras

from compress.quantize import cost, hgq2
from hls import estimate
from hls.convert import convert_student
from hls.convert.plan import plan_layers
from hls.cosim import CosimConfig, cosim
from hls.csim import build
from hls.fixed_point import FixedType
from hls.project import HlsConfig, LayerConfig, Project, SelfCheckConfig
from hls.rtl import trace
from jets.errors import InputError
from models.students.particles import MaskedMean, Unmasked
from tests.feed_forward_students import SPECS, build_feed_forward, build_heterogeneous
from tests.hls.cosim.traced import Traced
from tests.hls.rtl.firmware import Firmware, firmware_of, graph_of
from tests.hls.students import quantized

pytestmark = pytest.mark.xdist_group("particles")  # one firmware of a kind serves every test


def long(*kinds: str) -> list[Any]:
    return [pytest.param(kind, marks=pytest.mark.long) for kind in kinds]


SYMMETRIC = ["deep_sets", "jedi_linear", "jedi_linear of HGQ2"]
MIXERS = long("mlp_mixer", "mlp_mixer of HGQ2")
ATTENTION = "linear_attention of HGQ2"
PARTICLES = [*SYMMETRIC, *MIXERS, ATTENTION]
KINDS = ["mlp", *PARTICLES, *long("mlp of HGQ2", "deep_sets of HGQ2")]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def student(kind: str) -> Any:
    name, *front_end = kind.split(" of ")
    return (build_heterogeneous if front_end else build_feed_forward)(SPECS[name])


@pytest.fixture(scope="module")
def firmware(student: Any, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return firmware_of(student, tmp_path_factory.mktemp("firmware") / "project")


def jets_of(shape: tuple[int, ...], n_jets: int = 2000, seed: int = 3) -> np.ndarray[Any, Any]:
    """Normal features; of particles a mask, and whatever features where it is zero."""
    rng = np.random.default_rng(seed)
    jets = rng.normal(0.0, 2.0, (n_jets, *shape)).astype(np.float32)
    if len(shape) == 2:
        jets[..., -1] = np.arange(shape[0]) < rng.integers(0, shape[0] + 1, n_jets)[:, None]
    return jets


def test_csim_and_traced_logic_give_the_bits_of_keras(student: Any, firmware: Firmware) -> None:
    jets = jets_of(firmware.circuit.shape)
    expected = student.predict_on_batch(jets)
    assert len(np.unique(expected)) > 20
    assert np.array_equal(firmware.compiled.predict(jets, threads=1), expected)
    assert np.array_equal(firmware.circuit.interpret(jets), expected)
    assert firmware.n_mismatch() == 0


def test_the_estimate_counts_the_operations_of_the_student(student: Any, firmware: Firmware, kind: str) -> None:
    counted = hgq2 if "HGQ2" in kind else cost
    assert estimate.ebops(firmware.graph) == counted.ebops(student) > 0
    (row, *_) = estimate.estimate(firmware.graph)
    assert row["initiation_interval"] == 1 and row["latency_cycles"] >= 3


def test_one_step_of_one_weight_is_seen(student: Any, firmware: Firmware, kind: str) -> None:
    name = {"mlp": "dense_0", "linear_attention": "key_0"}.get(kind.split()[0], "particle_1")
    (plan,) = [plan for plan in plan_layers(student, HlsConfig()) if plan.name == name]
    kernel = plan.data["weight"].copy()
    kernel.flat[0] += plan.types["weight"].step
    broken = trace(graph_of(student, {name: {"data": {**plan.data, "weight": kernel}}}))
    assert firmware.n_mismatch(broken) > 0


@pytest.mark.parametrize(
    "kind",
    ["jedi_linear", *long("mlp", "deep_sets", "mlp of HGQ2", "jedi_linear of HGQ2", "mlp_mixer of HGQ2", ATTENTION)],
    indirect=True,
)
def test_verilog_gives_the_bits_of_csim(firmware: Firmware, tmp_path: Path) -> None:
    traced = Traced.of(firmware.circuit, 300)
    expected = firmware.compiled.predict_codes(traced.sent.codes, threads=1)
    result = cosim(traced.design, traced.sent, expected, CosimConfig(threads=1, reset_at=100), tmp_path / "run")
    assert result.agrees, result.complaints()
    assert result.n_mismatch == 0 and result.interval_cycles == 1.0


@pytest.mark.parametrize("kind", PARTICLES, indirect=True)
def test_what_a_masked_place_holds_changes_no_bit(student: Any, firmware: Firmware) -> None:
    jets = jets_of(firmware.circuit.shape)
    rng = np.random.default_rng(9)
    masked = jets[..., -1] == 0
    other = jets.copy()
    other[masked, :-1] = rng.uniform(-8.0, 8.0, (masked.sum(), jets.shape[-1] - 1))
    zeros = np.where(masked[..., None], 0.0, jets).astype(np.float32)
    assert masked.any(axis=1).mean() > 0.5
    for simulate in (lambda x: firmware.compiled.predict(x, threads=1), firmware.circuit.interpret):
        assert np.array_equal(simulate(other), simulate(zeros))
    swapped = zeros.copy()
    swapped[..., -1] = 1.0
    assert not np.array_equal(
        firmware.compiled.predict(swapped, threads=1), firmware.compiled.predict(zeros, threads=1)
    )


@pytest.mark.parametrize("kind", SYMMETRIC, indirect=True)
def test_the_order_of_particles_changes_no_bit(firmware: Firmware) -> None:
    jets = jets_of(firmware.circuit.shape)
    expected = firmware.compiled.predict(jets, threads=1)
    assert np.array_equal(firmware.compiled.predict(np.ascontiguousarray(jets[:, ::-1]), threads=1), expected)


@pytest.mark.parametrize("kind", ["jedi_linear", *long("jedi_linear of HGQ2")], indirect=True)
def test_a_conversion_promises_no_difference(student: Any, tmp_path: Path) -> None:
    config = HlsConfig(backend="Vivado", self_check=SelfCheckConfig(n_jets=2000))
    project = convert_student(student, config, tmp_path / "project", "ab", jets_of((5, 4), 200))
    assert (project.self_check["n_mismatch"], project.self_check["limit"]) == (0, 0.0)
    assert {layer.kind for layer in project.layers} >= {"MaskedMean", "Merge", "PointwiseConv1D"}
    jets = jets_of((5, 4), 50)
    found = build(Project.load(project.folder)).predict(jets, threads=1)
    assert np.array_equal(found, student.predict_on_batch(jets))


@pytest.mark.parametrize(("kind", "layer"), [("deep_sets", "pool"), (ATTENTION, "scores_0")], indirect=["kind"])
def test_an_accumulator_that_is_too_narrow_is_seen(student: Any, firmware: Firmware, layer: str) -> None:
    assert firmware.n_mismatch(trace(graph_of(student, {layer: {"types": {"accum": FixedType(6, 3)}}}))) > 0


@pytest.mark.parametrize("options", [{"strategy": "Resource"}, {"reuse_factor": 2}])
@pytest.mark.parametrize(("kind", "layer"), [("deep_sets", "particle_1"), (ATTENTION, "attend_0")], indirect=["kind"])
def test_particles_that_would_share_multipliers_are_refused(student: Any, layer: str, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="shares multipliers") as caught:
        plan_layers(student, HlsConfig(layers={layer: LayerConfig(**options)}))
    assert f"layer '{layer}'" in str(caught.value)


@pytest.mark.parametrize("kind", ["deep_sets"], indirect=True)
def test_streams_of_particles_are_refused(student: Any) -> None:
    with pytest.raises(InputError, match="io_stream") as caught:
        plan_layers(student, HlsConfig(io_type="io_stream"))
    assert "layer 'pool'" in str(caught.value)


def particles(add: str) -> Any:
    """A student of particles whose Add, or whose mean, is fed wrongly."""
    inputs = keras.Input((3, 3), name="constituents")
    cast = qkeras.QActivation(quantized(10, 3), name="cast")(inputs)
    features = Unmasked(name="unmasked")(cast)
    if add == "raw":
        mean = MaskedMean(name="mean")([features, inputs])
    elif add == "columns":
        narrow = qkeras.QDense(1, kernel_quantizer=quantized(8, 0), bias_quantizer=quantized(8, 0), name="narrow")(
            features
        )
        mean = MaskedMean(name="mean")([keras.layers.Add(name="add")([features, narrow]), cast])
    else:
        mean = MaskedMean(name="mean")([keras.layers.Add(name="add")([features, features, features]), cast])
    return keras.Model(inputs, qkeras.QActivation(quantized(12, 4), name="out")(mean), name="particles")


@pytest.mark.parametrize(
    ("add", "names"),
    [
        ("raw", ["layer 'mean'", "the cast of the input"]),
        ("columns", ["layer 'add'", r"adds \(3, 2\) and \(3, 1\)"]),
        ("three", ["layer 'add'", "is fed by"]),
    ],
)
def test_branches_that_hls4ml_would_compute_otherwise_are_named(add: str, names: list[str]) -> None:
    for name in names:
        with pytest.raises(InputError, match=name):
            plan_layers(particles(add), HlsConfig())
