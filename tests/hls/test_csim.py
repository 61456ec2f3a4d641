"""C simulation: the fast library, the testbench that checks it, and what a stage keeps of them."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls.convert.library import build_library, simulate
from hls.csim import CompiledProject, CsimResult, Vectors, build, load_outputs, probe_inputs, run_csim, run_testbench
from hls.csim import compiler as csim_compiler
from hls.csim.library import CHUNK
from hls.csim.run import difference
from hls.project import HlsConfig, Project
from hls.report import validate
from jets.dataset import Jets, JetsFile
from jets.errors import ExactnessError
from jets.features import PowerOfTwoScaling
from jets.samples import sample_path
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger
from tests.hls.firmware import edited, write_project
from tests.hls.students import build_student

pytestmark = pytest.mark.xdist_group("csim")  # what one test compiles serves the others

LOSSY_ACCUMULATOR = (r"ap_fixed<\d+,\d+> rnn_accum_t", "ap_fixed<14,4> rnn_accum_t")


@pytest.fixture(scope="module")
def student() -> Tagger:
    spec = RecurrentSpec(cell="gru", units=4, dense=(8,), n_constituents=5)
    scaling = PowerOfTwoScaling((0.0,) * 6, (2, 1, 1, 2, 2, 0))
    return Tagger("recurrent_student", spec, ("QCD", "top"), scaling, build_student("gru"), "keras", {"state": [8, 1]})


@pytest.fixture(scope="module")
def project(student: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return write_project(student.network, tmp_path_factory.mktemp("gru") / "project")


@pytest.fixture(scope="module")
def compiled(project: Project) -> CompiledProject:
    return build(project)


@pytest.fixture(scope="module")
def jets() -> Jets:
    return JetsFile(sample_path("top_qcd")).read(limit=1500)


@pytest.fixture(scope="module")
def simulated(
    project: Project, student: Tagger, jets: Jets, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, CsimResult]:
    """The whole stage, on firmware whose accumulator floors products and overflows, with a limit that allows it."""
    folder = tmp_path_factory.mktemp("lossy")
    loose = dataclasses.replace(project, self_check={**project.self_check, "limit": 64.0})
    lossy = edited(loose, folder / "project", "firmware/defines.h", *LOSSY_ACCUMULATOR)
    student.save(folder / "student")
    return lossy, run_csim(lossy, folder / "student", jets)


def copy_of(simulated: tuple[Project, CsimResult], folder: Path) -> Project:
    """A copy with everything that was built: only what is edited after this is compiled again."""
    shutil.copytree(simulated[0].folder, folder)
    return dataclasses.replace(simulated[0], folder=folder)


def predictions_of_hls4ml(project: Project, inputs: np.ndarray[Any, Any], folder: Path) -> np.ndarray[Any, Any]:
    shutil.copytree(project.folder, folder)
    return simulate(build_library(folder, project.name), project.name, inputs, project.outputs[0].shape[0])


def test_ten_thousand_random_and_corner_vectors_equal_hls4mls_predict(
    project: Project, compiled: CompiledProject, tmp_path: Path
) -> None:
    inputs = probe_inputs(compiled.input, 10_000, seed=5)
    expected = predictions_of_hls4ml(project, inputs, tmp_path / "hls4ml")
    assert compiled.arithmetic == "tagware"
    assert np.array_equal(compiled.predict(inputs), expected)
    assert len(np.unique(expected)) > 1000


def test_two_threads_give_the_bits_of_one_in_every_order(compiled: CompiledProject) -> None:
    inputs = probe_inputs(compiled.input, 5 * CHUNK, seed=6)
    one = compiled.predict(inputs, threads=1)
    for threads in (2, 3, 2):
        assert np.array_equal(compiled.predict(inputs, threads=threads), one)
    backwards = compiled.predict(inputs[::-1], threads=2)
    assert np.array_equal(backwards[::-1], one)


def test_codes_are_the_values_of_the_firmwares_own_types(compiled: CompiledProject) -> None:
    inputs = probe_inputs(compiled.input, 500, seed=7)
    codes = compiled.encode(inputs)
    step_in, step_out = (2.0**-tensor.fraction_bits for tensor in (compiled.input, compiled.output))
    rounded = np.clip(np.round(inputs.reshape(len(inputs), -1) / step_in), -512, 511)
    assert np.array_equal(codes, rounded)
    assert np.array_equal(compiled.predict_codes(codes) * step_out, compiled.predict(inputs))
    assert np.array_equal(compiled.predict((codes * step_in).reshape(inputs.shape)), compiled.predict(inputs))


def test_no_jets_give_no_outputs(compiled: CompiledProject) -> None:
    assert compiled.predict(np.zeros((0, 5, 6), np.float32)).shape == (0, 1)


def test_the_same_sources_are_compiled_once_and_changed_ones_again(
    project: Project, compiled: CompiledProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []
    compile_ = csim_compiler.Compiler.compile
    monkeypatch.setattr(csim_compiler.Compiler, "compile", lambda *a: (calls.append(a[3]), compile_(*a))[1])
    assert build(project) == compiled and calls == []
    changed = edited(project, tmp_path / "project", "firmware/defines.h", *LOSSY_ACCUMULATOR)
    inputs = probe_inputs(compiled.input, 500, seed=8)
    assert not np.array_equal(build(changed).predict(inputs), compiled.predict(inputs))
    assert len(calls) == 1


def test_the_stage_checks_every_stored_vector_against_the_vendors_types(
    simulated: tuple[Project, CsimResult], student: Tagger, jets: Jets
) -> None:
    lossy, result = simulated
    assert (result.n_vectors, result.n_mismatch, result.first_difference) == (1211, 0, None)
    assert result.arithmetic == "tagware" and result.jets_per_second is not None and result.jets_per_second > 0
    assert CsimResult.load(lossy.folder / "csim/result.json") == result
    assert (lossy.folder / result.log).read_text().endswith("\n1211 vectors, 0 differ\n")
    outputs = load_outputs(lossy.folder, jets.ids)
    apart = difference(student.predict(jets), outputs)
    assert result.quantized_vs_csim == {**apart, "limit": 64.0, "reason": "a test"}
    assert 0 < apart["n_mismatch"] <= apart["n_vectors"] == 1500 and apart["max_abs_difference"] > 0


def test_the_exactness_of_a_result_fits_the_report(simulated: tuple[Project, CsimResult], top_report: Any) -> None:
    validate({**top_report.to_json(), "exactness": simulated[1].exactness()}, "report")


def test_outputs_are_found_by_the_jets_own_ids(simulated: tuple[Project, CsimResult], jets: Jets) -> None:
    order = np.random.default_rng(1).permutation(len(jets))
    folder = simulated[0].folder
    assert np.array_equal(load_outputs(folder, jets.ids[order]), load_outputs(folder, jets.ids)[order])


def test_replaying_stored_vectors_changes_nothing_in_the_project(simulated: tuple[Project, CsimResult]) -> None:
    lossy, result = simulated
    before = {path: path.read_bytes() for path in lossy.folder.rglob("*") if path.is_file()}
    replayed = run_csim(lossy)
    assert (replayed.n_vectors, replayed.n_mismatch, replayed.n_mismatch_fast) == (result.n_vectors, 0, 0)
    assert replayed.agrees and replayed.jets_per_second is None
    assert {path: path.read_bytes() for path in lossy.folder.rglob("*") if path.is_file()} == before


def test_one_flipped_golden_bit_is_found_and_named(simulated: tuple[Project, CsimResult], tmp_path: Path) -> None:
    copy = copy_of(simulated, tmp_path / "project")
    entry, exit_ = copy.inputs[0], copy.outputs[0]
    vectors = Vectors.load(copy.folder / "vectors", entry, exit_)
    vectors.golden[17, 0] ^= 1
    vectors.save(copy.folder / "vectors", entry, exit_)
    found = run_testbench(copy)
    got, want = vectors.golden[17, 0] ^ 1, vectors.golden[17, 0]
    assert (found.n_vectors, found.n_mismatch) == (1211, 1)
    assert found.first_difference == f"first difference: jet 17, output 0: got {got}, want {want} (units of 2^-10)"
    replayed = run_csim(copy)
    assert (replayed.n_mismatch, replayed.n_mismatch_fast, replayed.agrees) == (1, 1, False)


def test_a_fast_library_that_returns_zeros_does_not_pass_a_replay(
    simulated: tuple[Project, CsimResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_of(simulated, tmp_path / "project")
    golden = Vectors.load(copy.folder / "vectors", copy.inputs[0], copy.outputs[0]).golden
    monkeypatch.setattr(CompiledProject, "predict_codes", lambda self, codes: np.zeros((len(codes), 1), np.int64))
    replayed = run_csim(copy)
    assert (replayed.n_mismatch, replayed.n_mismatch_fast) == (0, np.count_nonzero(golden))
    assert not replayed.agrees


def test_one_changed_weight_is_found(simulated: tuple[Project, CsimResult], tmp_path: Path) -> None:
    """Golden outputs of firmware with another weight, against the testbench of the firmware as it was."""
    lossy, _ = simulated
    weights = next(path for path in sorted(lossy.files) if path.startswith("firmware/weights/b"))
    other = edited(lossy, tmp_path / "other", weights, r"\{(-?[\d.]+)", r"{0.5 + \1")
    vectors = Vectors.load(lossy.folder / "vectors", lossy.inputs[0], lossy.outputs[0])
    golden = build(other).predict_codes(vectors.inputs)
    Vectors(vectors.inputs, golden).save(tmp_path / "vectors", lossy.inputs[0], lossy.outputs[0])
    assert run_testbench(lossy, tmp_path / "vectors").n_mismatch > 0


def test_a_stage_whose_testbench_disagrees_fails(
    simulated: tuple[Project, CsimResult], student: Tagger, jets: Jets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_of(simulated, tmp_path / "project")
    student.save(tmp_path / "student")
    predict_codes = CompiledProject.predict_codes
    monkeypatch.setattr(CompiledProject, "predict_codes", lambda self, codes: predict_codes(self, codes) ^ 1)
    with pytest.raises(ExactnessError, match=r"1211 of 1211 vectors differ.*first difference: jet 0, output 0"):
        run_csim(copy, tmp_path / "student", jets)


def test_a_student_further_away_than_the_limit_fails_the_stage(
    project: Project, student: Tagger, jets: Jets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = dataclasses.replace(project, folder=shutil.copytree(project.folder, tmp_path / "project"))
    student.save(tmp_path / "student")
    predict = Tagger.predict_heads
    monkeypatch.setattr(Tagger, "predict_heads", lambda self, jets: predict(self, jets) + 1.0)
    with pytest.raises(ExactnessError, match=r"differ in 1500 of 1500 jets, by up to 1 \(limit 0: a test\)") as error:
        run_csim(exact, tmp_path / "student", jets)
    assert error.value.exit_status == 1
    assert load_outputs(exact.folder, jets.ids).shape == (1500, 1)


def test_the_same_vectors_give_the_same_bytes_and_come_back(compiled: CompiledProject, tmp_path: Path) -> None:
    inputs = probe_inputs(compiled.input, 20, seed=2)
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        Vectors.of(compiled, inputs).save(folder, compiled.input, compiled.output)
    for name in ("inputs.txt", "golden.txt"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    header = (folders[0] / "inputs.txt").read_text().splitlines()[0]
    assert header == "tagware-vectors 1 inputs 31 30 10 6 1 ap_fixed<10,4,AP_RND_CONV,AP_SAT,0>"
    loaded = Vectors.load(folders[0], compiled.input, compiled.output)
    assert np.array_equal(loaded.inputs, compiled.encode(inputs))
    assert np.array_equal(loaded.golden, compiled.predict_codes(loaded.inputs))


def test_the_corners_reach_every_end_of_the_input_type(compiled: CompiledProject) -> None:
    codes = compiled.encode(probe_inputs(compiled.input, 0, seed=0))
    rows = {tuple(sorted(set(row))) for row in codes.tolist()}
    assert {(-512,), (511,), (0,), (1,), (-1,), (-512, 511), (-512, 0), (0, 511)} <= rows


@pytest.mark.long
@pytest.mark.parametrize(
    ("cell", "precision"),
    [
        ("gru", "ap_fixed<28,8>"),
        ("gru", "ap_fixed<15,5,AP_RND,AP_SAT>"),
        ("gru", "ap_fixed<40,12,AP_RND_CONV,AP_SAT_SYM>"),
        ("lstm", "ap_fixed<18,6,AP_TRN_ZERO>"),
    ],
)
def test_full_size_taggers_equal_hls4mls_predict(cell: str, precision: str, tmp_path: Path) -> None:
    config = HlsConfig(name="full", namespace="jets" if cell == "lstm" else None)
    full = write_project(build_student(cell, units=20, n_constituents=20), tmp_path / "project", config)
    full = edited(full, tmp_path / "edited", "firmware/defines.h", r"ap_fixed<[^>]*> (rnn_accum_t)", rf"{precision} \1")
    compiled = build(full)
    inputs = probe_inputs(compiled.input, 10_000, seed=9)
    assert compiled.arithmetic == "tagware"
    assert np.array_equal(compiled.predict(inputs), predictions_of_hls4ml(full, inputs, tmp_path / "hls4ml"))


@pytest.mark.long
def test_a_full_size_gru_takes_under_a_ten_thousandth_of_a_core_second_a_jet(tmp_path: Path) -> None:
    full = build(write_project(build_student("gru", units=20, n_constituents=20), tmp_path / "project"))
    inputs = probe_inputs(full.input, 40_000, seed=9)
    full.predict(inputs[:CHUNK], threads=1)
    start = time.process_time()
    full.predict(inputs, threads=1)
    assert time.process_time() - start < len(inputs) / 10_000


@pytest.mark.long
def test_numbers_too_wide_for_ours_are_simulated_with_the_vendors_types(
    project: Project, compiled: CompiledProject, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pattern = r"ap_fixed<[^>]*> rnn_accum_t"
    wide = edited(project, tmp_path / "project", "firmware/defines.h", pattern, "ap_fixed<100,20> rnn_accum_t")
    slow = build(wide)
    assert slow.arithmetic == "ap_types" and "too wide for the fast simulation" in caplog.text
    inputs = probe_inputs(compiled.input, 200, seed=3)
    assert np.array_equal(slow.predict(inputs, threads=2), compiled.predict(inputs))
    assert build(wide).library == slow.library
