"""The whole way, small, through the front door: jets, teacher, quantized student, HLS C++, csim, RTL, report."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

import tagware
from hls.comparison import Comparison
from hls.csim import Vectors
from hls.project import Project
from hls.report import Report
from hls.rtl.design import Design
from jets.dataset import JetsWriter
from jets.files import read_json
from models.tagger import Tagger
from tests.synthetic import synthetic_jets

pytestmark = pytest.mark.xdist_group("end to end")  # one run serves every test

MOCK_TOOLS = Path(__file__).parent / "mock_tools"
PROJECT = """
jets: {file: jets.h5}
teacher:
  architecture: particle_transformer
  config: {n_constituents: 6, width: 8, heads: 2, class_blocks: 1, embedding: [8], pair_embedding: [4]}
  train: {epochs: 1}
reference:
  architecture: gru
  config: {n_constituents: 6, units: 3, dense: [4]}
  train: {epochs: 1}
student: {cell: gru, units: 3, dense: [4], n_constituents: 6}
compress:
  distil: {float_epochs: 2, quantized_epochs: 1}
  control: true
hls: {name: tiny}
synth: null
vendor: [{tool: vivado, design: rtl, steps: [synthesis]}]
compare: {n_replicas: 20, n_bins: 2, budget: {lut: 1000000}, robustness: {n_jets: 300, drop: [0.1], smear_pt: []}}
"""
STAGES = ("jets", "teacher", "reference", "teach", "distil", "control", "convert", "csim")
STAGES += ("rtl", "cosim", "vivado_rtl", "report", "comparison")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a tiny project."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "project.yaml").write_text(PROJECT)
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(synthetic_jets(3000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{MOCK_TOOLS}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("FAKE_LOG", str(folder / "calls"))
        assert tagware.main(["run", str(folder)]) == 0
    return folder


def test_the_report_is_complete_and_the_firmware_equals_the_student(project: Path) -> None:
    report = Report.load(project / "build/report/report.json")
    assert report.exactness["quantized_vs_csim"]["n_mismatch"] == 0
    assert report.exactness["quantized_vs_csim"]["n_vectors"] == report.jets["n_test"]
    assert report.exactness["csim_testbench"]["n_mismatch"] == 0
    models = {"teacher", "reference", "control_quantized", "student_quantized", "csim", "rtl"}
    assert models <= set(report.models)
    assert (project / "build/report/report.html").stat().st_size > 100_000


def test_the_rtl_equals_the_csim_and_a_tool_says_what_it_costs(project: Path) -> None:
    report = Report.load(project / "build/report/report.json")
    assert report.exactness["csim_vs_rtl"]["n_mismatch"] == 0
    assert report.exactness["csim_vs_rtl"]["n_vectors"] > report.jets["n_test"] + 2000
    assert report.physics["rtl"] == report.physics["csim"]
    counts = report.hardware_of("rtl")[0]
    assert counts["tool"] == "vivado" and counts["latency_cycles"] > 6
    shown = (project / "build/report/report.html").read_text()
    assert f"{counts['lut']:,} LUT" in shown and "RTL simulation against the C simulation: equal bit for bit" in shown


def test_the_run_ends_with_the_comparison_that_the_report_leads_to(project: Path) -> None:
    comparison = Comparison.load(project / "build/comparison")
    names = ("Teacher", "Float student", "Quantized student", "C simulation", "RTL simulation")
    assert comparison.names == names and comparison.config["budget"]["lut"] == 1_000_000
    merit = {row["tagger"]: row["rejection"]["value"] for row in comparison.tables["merit"]}
    assert merit["Quantized student"] == merit["C simulation"] == merit["RTL simulation"] != merit["Teacher"]
    assert comparison.rows("robustness", tagger="C simulation", variation="bit_flip")
    layers = [row["layer"] for row in comparison.tables["layers"]]
    assert layers == ["constituents", "rnn", "dense_0", "relu_0", "logit"]
    assert comparison.taggers[3]["firmware"] == "../csim/firmware"
    report = project / "build/report/report.html"
    (link,) = re.findall(r'href="([^#":]+)"', report.read_text())
    assert (report.parent / link).resolve() == (project / "build/comparison/comparison.html").resolve()


def test_effective_bit_operations_agree_between_the_student_and_the_firmware_graph(project: Path) -> None:
    student = read_json(project / "build/distil/quantized/tagger.json")["quantization"]
    report = Report.load(project / "build/report/report.json")
    assert report.cost["ebops"] == student["ebops_shared_cell"] > 0


def test_a_second_run_redoes_nothing_and_shows_the_same_table(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (project / "build").rglob("*") if path.is_file()}
    assert tagware.main(["run", str(project)]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("is up to date") == len(STAGES)
    assert "C simulation" in captured.out and str(project / "build/report/report.html") in captured.out
    assert "within 1,000,000 LUT" in captured.out and str(project / "build/comparison/comparison.html") in captured.out
    after = {path: path.stat().st_mtime_ns for path in (project / "build").rglob("*") if path.is_file()}
    assert {path for path in before if before[path] != after.get(path)} <= {project / "build/.lock"}


def test_status_shows_every_stage_fresh(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tagware.main(["status", str(project)]) == 0
    assert capsys.readouterr().out.count("fresh") == len(STAGES)


def test_the_testbench_of_a_project_can_be_run_in_its_place(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tagware.main(["csim", str(project / "build/csim/firmware")]) == 0
    assert tagware.main(["status", str(project)]) == 0
    assert capsys.readouterr().out.count("fresh") == len(STAGES)


def test_csim_passes_and_a_flipped_golden_bit_fails_it(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    firmware = tmp_path / "firmware"
    shutil.copytree(project / "build/csim/firmware", firmware)
    assert tagware.main(["csim", str(firmware)]) == 0
    assert json.loads(capsys.readouterr().out)["n_mismatch"] == 0
    golden = firmware / "vectors/golden.txt"
    header, first, *rest = golden.read_text().splitlines()
    golden.write_text("\n".join([header, str(int(first) ^ 1), *rest]) + "\n")
    assert tagware.main(["csim", str(firmware)]) == 1
    assert json.loads(capsys.readouterr().out)["n_mismatch"] == 1


def test_the_report_can_be_saved_and_put_into_a_readme(project: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# Mine\n<!-- report:begin -->\nlast year\n<!-- report:end -->\nthe rest\n")
    assert tagware.main(["report", str(project), "--save", "--readme", str(readme)]) == 0
    text = readme.read_text()
    assert "last year" not in text and "| C simulation" in text and text.endswith("the rest\n")
    assert Report.load(project / "report.json") == Report.load(project / "build/report/report.json")
    golden, firmware = project / "golden", Project.load(project / "build/csim/firmware")
    assert Tagger.load(golden / "student").classes == ("QCD", "top")
    assert str(project) not in (golden / "student/tagger.json").read_text()
    tensors = firmware.inputs[0], firmware.outputs[0]
    kept, stored = (Vectors.load(folder / "vectors", *tensors) for folder in (golden, firmware.folder))
    assert len(kept) == 200 and {*map(bytes, kept.inputs)} <= {*map(bytes, stored.inputs)}


def test_a_verb_at_a_time_gives_the_same_firmware(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jets, config = str(project / "jets.h5"), str(project / "project.yaml")
    teacher = str(project / "build/teacher")
    assert tagware.main(["teach", teacher, jets, str(tmp_path / "teacher.h5")]) == 0
    taught = ["--teacher-outputs", str(tmp_path / "teacher.h5")]
    assert tagware.main(["distil", jets, str(tmp_path / "student"), *taught, "--config", config]) == 0
    student = str(tmp_path / "student/quantized")
    assert tagware.main(["convert", student, str(tmp_path / "firmware"), "--config", config]) == 0
    ours = (tmp_path / "firmware/firmware/parameters.h").read_text()
    assert ours == (project / "build/convert/firmware/firmware/parameters.h").read_text()
    firmware = str(tmp_path / "firmware")
    assert tagware.main(["csim", firmware]) == 2
    assert "--student" in capsys.readouterr().err
    assert tagware.main(["csim", firmware, "--student", student, "--jets", jets]) == 0
    assert json.loads(capsys.readouterr().out)["quantized_vs_csim"]["n_mismatch"] == 0
    assert tagware.main(["csim", firmware]) == 0
    vectors = "vectors/golden.txt"
    assert (tmp_path / "firmware" / vectors).read_text() == (project / "build/csim/firmware" / vectors).read_text()


def test_rtl_verb_by_verb_and_a_broken_design_fails(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student, firmware = str(project / "build/distil/quantized"), str(project / "build/csim/firmware")
    config = str(project / "project.yaml")
    assert tagware.main(["rtl", student, str(tmp_path / "design"), "--config", config]) == 0
    design = Design.load(tmp_path / "design")
    assert design == Design.load(project / "build/rtl/design")
    capsys.readouterr()
    simulate = ["cosim", str(tmp_path / "design"), firmware]
    assert tagware.main([*simulate, str(tmp_path / "right"), "--n-jets", "100", "--trace", "vcd"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["n_mismatch"] == 0 and Path(shown["stream"]["trace"]).stat().st_size > 1000
    replace(design, latency_cycles=design.latency_cycles + 1).save(tmp_path / "design")
    assert tagware.main([*simulate, str(tmp_path / "late"), "--n-jets", "50"]) == 1
    assert "the latency is" in capsys.readouterr().err
    assert tagware.main([*simulate, str(tmp_path / "out"), "--student", student]) == 2
    assert "--student and --jets go together" in capsys.readouterr().err


def packaged(project: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert tagware.main(["package", str(project), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"package: {out}\n"
    return out


def test_the_project_is_packaged_to_the_same_bytes_from_another_folder(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = packaged(project, tmp_path / "first.zip", capsys)
    shutil.copytree(project, tmp_path / "elsewhere" / project.name)
    second = packaged(tmp_path / "elsewhere" / project.name, tmp_path / "second.zip", capsys)
    assert first.read_bytes() == second.read_bytes()
    with ZipFile(first) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        assert archive.namelist()[0].startswith(f"{project.name}-")
    assert {"hls/firmware/tiny.cpp", "rtl/rtl/tiny.v", "emulator/library/emulator.cpp"} <= names
    assert {"report/report.html", "comparison/comparison.html", "comparison/comparison.json"} <= names


def test_an_unfinished_project_is_not_packaged(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / project.name
    shutil.copytree(project, copy)
    (copy / "build/report/report.html").write_text("another page")
    assert tagware.main(["package", str(copy), "--out", str(tmp_path / "a.zip")]) == 2
    assert "stage 'report' is damaged" in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.long
def test_a_package_is_verified_and_one_with_a_flipped_weight_is_not(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = packaged(project, tmp_path / "tiny.zip", capsys)
    assert tagware.main(["verify", str(archive)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["verified"] * 5
    assert all(" vectors, 0 differ" in line for line in lines[1:])
    content = archive.read_bytes()
    with ZipFile(archive) as opened:
        weights = next(entry for entry in opened.infolist() if "/firmware/weights/" in entry.filename)
    place = weights.header_offset + 30 + len(weights.filename) + weights.compress_size // 2
    archive.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    assert tagware.main(["verify", str(archive)]) == 1
    assert f"files: failed: {weights.filename.partition('/')[2]}" in capsys.readouterr().out
