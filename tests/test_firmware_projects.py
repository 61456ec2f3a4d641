"""Every committed project runs again from its project.yaml alone and keeps what its saved report promises."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tagware
from flow.project import ProjectFolder
from flow.reporting import GOLDEN
from hls.convert import convert
from hls.csim import Vectors, build
from hls.package.onnx import quantized_onnx, run_onnx
from hls.report import Report
from jets.config import read_yaml
from models.keras_start import start_keras
from models.tagger import Tagger
from tests.documentation import types_in

ROOT = Path(__file__).parents[1]
PROJECTS = sorted(
    path.parent for path in ROOT.glob("firmware_projects/*/project.yaml") if "extend" not in read_yaml(path)
)
"""Those that stand alone; of the others see tests/flow/test_extension.py."""


def apart(first: dict[str, Any], second: dict[str, Any]) -> float:
    """The difference of two measures of the same jets in units of one's statistical error."""
    return abs(first["value"] - second["value"]) / math.hypot(first["error"], second["error"])


def chosen_types(report: Report) -> dict[tuple[str, str], str]:
    """The types that the project's bits decide; accumulators follow from the trained weights."""
    roles = ("weight", "recurrent_weight", "bias", "recurrent_bias", "table")
    types = {(layer["name"], role): layer["precisions"].get(role) for layer in report.precision for role in roles}
    return {place: text for place, text in types.items() if text is not None}


def learns_bits(project: Path) -> bool:
    """Whether training decides types, which another processor may round to others."""
    compress = ProjectFolder.load(project).config.compress
    return compress.exact.learn or compress.front_end == "hgq2"


@pytest.mark.long
@pytest.mark.remake
@types_in(*(project / "README.md" for project in PROJECTS))
@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_a_project_runs_again_to_its_saved_report(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / project.name
    folder.mkdir()
    shutil.copyfile(project / "project.yaml", folder / "project.yaml")
    assert tagware.main(["run", str(folder)]) == 0
    saved, made = Report.load(project / "report.json"), Report.load(folder / "build/report/report.json")
    assert made.jets == saved.jets
    if not learns_bits(project):
        assert chosen_types(made) == chosen_types(saved)
    assert made.exactness["csim_testbench"]["n_mismatch"] == 0
    assert made.exactness["csim_vs_rtl"]["n_mismatch"] == 0
    assert made.physics["rtl"] == made.physics["csim"]
    assert made.exactness["quantized_vs_csim"]["n_mismatch"] == saved.exactness["quantized_vs_csim"]["n_mismatch"]
    for model in saved.models:  # another processor rounds training differently: the physics must agree, not the bits
        assert apart(made.physics[model]["auc"], saved.physics[model]["auc"]) < 3, model
    quantized, simulated = (made.physics[model]["auc"]["value"] for model in ("student_quantized", "csim"))
    assert abs(simulated - quantized) <= 0.003
    assert abs(quantized - made.physics["student_float"]["auc"]["value"]) <= 0.01
    assert made.cost["student_parameters"] == saved.cost["student_parameters"]


@pytest.mark.long
@pytest.mark.parametrize("project", [path for path in PROJECTS if (path / GOLDEN).is_dir()], ids=lambda path: path.name)
def test_firmware_and_onnx_of_the_saved_student_give_the_golden_vectors(project: Path, tmp_path: Path) -> None:
    start_keras()
    student, config = project / GOLDEN / "student", ProjectFolder.load(project).config.hls
    compiled = build(convert(student, config, tmp_path / "firmware"))
    vectors = Vectors.load(project / GOLDEN / "vectors", compiled.input, compiled.output)
    assert np.array_equal(compiled.predict_codes(vectors.inputs), vectors.golden)
    assert len(np.unique(vectors.golden, axis=0)) > 100
    (tmp_path / "network.onnx").write_bytes(quantized_onnx(Tagger.load(student).network, config))
    inputs = vectors.inputs.reshape(-1, *compiled.input.shape) * 2.0**-compiled.input.fraction_bits
    logits = run_onnx(tmp_path / "network.onnx", inputs)
    assert np.array_equal(logits * 2.0**compiled.output.fraction_bits, vectors.golden)
