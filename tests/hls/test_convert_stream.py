"""Firmware that takes a jet as a stream of constituents: the bits of firmware that takes it at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.convert import convert_student, student_graph
from hls.convert.plan import plan_layers
from hls.csim import Vectors, build, probe_inputs, run_testbench
from hls.project import HlsConfig, Project
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit
from jets.errors import InputError
from jets.features import PowerOfTwoScaling
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from tests.exact_students import build_exact
from tests.hls.firmware import write_project
from tests.hls.students import build_student

STREAM = HlsConfig(io_type="io_stream")
BOTH_WAYS = {"bidirectional": True, "skip_padding": True}


@pytest.fixture(scope="module")
def model() -> Any:
    return build_exact("gru", **BOTH_WAYS)


@pytest.fixture(scope="module")
def project(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return write_project(model, tmp_path_factory.mktemp("stream") / "project", STREAM)


def outputs(model: Any, folder: Path, config: HlsConfig, n_random: int = 4000) -> Any:
    """What the firmware gives, after a check that Keras gives the same."""
    compiled = build(write_project(model, folder, config))
    inputs = probe_inputs(compiled.input, n_random, seed=1)
    found = compiled.predict(inputs)
    assert len(np.unique(found)) > 100
    np.testing.assert_array_equal(found, model.predict(inputs, batch_size=4096, verbose=0))
    return found


def test_a_stream_that_goes_both_ways_is_what_was_trained(model: Any, project: Project) -> None:
    top = (project.folder / "firmware/tagger.h").read_text()
    assert "hls::stream<input_t> &constituents" in top
    compiled = build(project)
    inputs = probe_inputs(compiled.input, 4000, seed=1)
    np.testing.assert_array_equal(compiled.predict(inputs), np.asarray(model(inputs)))
    codes = compiled.encode(inputs)
    np.testing.assert_array_equal(compiled.predict_codes(codes), compiled.predict_codes(codes, threads=1))


def test_the_testbench_streams_jets_through_the_vendors_types_and_sees_one_bit(
    project: Project, tmp_path: Path
) -> None:
    compiled = build(project)
    vectors = Vectors.of(compiled, probe_inputs(compiled.input, 300, seed=2))
    golden = vectors.golden.copy()
    golden[100] ^= 1
    for name, stored, n_mismatch in (("right", vectors, 0), ("wrong", replace(vectors, golden=golden), 1)):
        stored.save(tmp_path / name, compiled.input, compiled.output)
        result = run_testbench(project, tmp_path / name)
        assert (result.n_vectors, result.n_mismatch) == (len(vectors), n_mismatch)


def test_the_rtl_of_a_streamed_student_is_that_of_arrays(model: Any, tmp_path: Path) -> None:
    spec = RecurrentSpec(units=4, dense=(8,), n_constituents=5, arithmetic="exact")
    scaling = PowerOfTwoScaling((0.0,) * 6, (2, 1, 1, 2, 2, 0))
    tagger = Tagger("recurrent_student", spec, ("QCD", "top"), scaling, model, "keras", {"front_end": "exact"})
    tagger.save(tmp_path / "student")
    designs = [
        emit(trace(student_graph(tmp_path / "student", config)), "tagger", RtlConfig())
        for config in (STREAM, HlsConfig())
    ]
    assert designs[0].digest == designs[1].digest


def test_a_layer_without_a_kernel_for_streams_is_refused_by_name() -> None:
    with pytest.raises(
        InputError, match=r"layer 'rnn' \(QLSTM\): has no kernel for io_stream; use io_type: io_parallel"
    ):
        plan_layers(build_student("lstm"), STREAM)


@pytest.mark.long
@pytest.mark.parametrize("build_one", [build_student, build_exact])
def test_a_gru_streams_the_bits_of_arrays_by_hls4mls_kernels_and_by_ours(build_one: Any, tmp_path: Path) -> None:
    student = build_one("gru")
    streamed = outputs(student, tmp_path / "stream", STREAM)
    np.testing.assert_array_equal(streamed, outputs(student, tmp_path / "arrays", HlsConfig()))


@pytest.mark.long
@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("gru", {"skip_padding": True}),
        ("gru", {"reset_after": False, "go_backwards": True, "return_sequences": True, "skip_padding": True}),
        ("lstm", BOTH_WAYS),
    ],
)
def test_every_cell_streams_what_was_trained(cell: str, options: dict[str, Any], backend: str, tmp_path: Path) -> None:
    config = HlsConfig(io_type="io_stream", backend=backend)
    outputs(build_exact(cell, **options), tmp_path / "project", config, 20_000)


@pytest.mark.long
def test_a_streamed_student_passes_its_self_check_on_the_vendors_types(tmp_path: Path) -> None:
    project = convert_student(build_exact("gru", 2, 3, **BOTH_WAYS), STREAM, tmp_path / "project", "ab")
    assert (project.self_check["n_mismatch"], project.self_check["limit"]) == (0, 0.0)
    assert Project.load(project.folder).config.io_type == "io_stream"
