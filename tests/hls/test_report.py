from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from hls import report as report_module
from hls.report import Report, installed_versions, plain
from jets.errors import InputError, LayoutError, StorageError
from jets.metrics import Measure


def test_the_schema_is_itself_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(report_module.SCHEMA_PATH.read_text()))


def test_a_saved_report_loads_as_the_same_report(top_report: Report, tmp_path: Path) -> None:
    path = top_report.save(tmp_path / "deep" / "report.json")
    assert Report.load(path).to_json() == top_report.to_json()
    assert [item.name for item in path.parent.iterdir()] == ["report.json"]


def test_saving_twice_gives_the_same_bytes(top_report: Report, tmp_path: Path) -> None:
    first, second = top_report.save(tmp_path / "a.json"), Report.load(top_report.save(tmp_path / "b.json"))
    assert second.save(tmp_path / "c.json").read_bytes() == first.read_bytes()


def test_models_are_listed_from_the_teacher_to_the_firmware(top_sections: dict[str, Any]) -> None:
    physics = dict(top_sections["physics"])
    physics["control_quantized"] = physics["rtl"] = physics["csim"]
    report = Report.build(**{**top_sections, "physics": physics})
    assert report.models == (
        "teacher",
        "reference",
        "control_quantized",
        "student_float",
        "student_quantized",
        "csim",
        "rtl",
    )


def test_hardware_rows_are_told_apart_by_design_nearest_to_silicon_first(top_sections: dict[str, Any]) -> None:
    kinds = ["synthesis", "place_and_route", "estimate"]
    rows = [{"tool": kind, "kind": kind} for kind in kinds]
    other = {"tool": "Yosys", "kind": "synthesis", "design": "rtl"}
    report = Report.build(**{**top_sections, "hardware": [*rows, other]})
    assert [row["kind"] for row in report.hardware_of("hls")] == ["place_and_route", "synthesis", "estimate"]
    assert report.hardware_of("rtl") == [other]
    foreign = {"tool": "nextpnr", "kind": "place_and_route", "design": "rtl", "part": "LFE5UM5G-85F"}
    report = Report.build(**{**top_sections, "hardware": [*rows, foreign, other]})
    assert report.hardware_of("rtl") == [other, foreign]
    assert Report.build(**{**top_sections, "hardware": []}).hardware_of("hls") == []


def test_dataclasses_numpy_numbers_and_paths_become_json() -> None:
    value = {"a": Measure(0.5, 0.1), "b": np.float32(0.5), "c": (np.int64(3), Path("x/y")), "d": np.arange(2)}
    expected = {"a": {"value": 0.5, "error": 0.1, "is_lower_bound": False}, "b": 0.5, "c": [3, "x/y"], "d": [0, 1]}
    assert json.loads(json.dumps(plain(value))) == expected


def test_the_time_is_added_when_none_is_given(top_sections: dict[str, Any]) -> None:
    report = Report.build(**{name: value for name, value in top_sections.items() if name != "created"})
    assert report.created.endswith("+00:00")


def test_versions_of_what_is_not_installed_are_none() -> None:
    versions = installed_versions(["numpy", "no-such-distribution-of-tagware"])
    assert versions["numpy"] == np.__version__ and versions["no-such-distribution-of-tagware"] is None


Change = Callable[[dict[str, Any]], object]
VIOLATIONS: list[tuple[str, Change]] = [
    ("physics.csim.auc.value", lambda c: c["physics"]["csim"]["auc"].update(value="high")),
    ("physics.csim.auc.value", lambda c: c["physics"]["csim"]["auc"].update(value=1.2)),
    ("physics.teacher.accuracy.error", lambda c: c["physics"]["teacher"]["accuracy"].update(error=-0.1)),
    ('physics.csim.rejection["0.3"].value', lambda c: c["physics"]["csim"]["rejection"]["0.3"].update(value=True)),
    ("physics.csim.rejection", lambda c: c["physics"]["csim"]["rejection"].pop("0.8")),
    ("physics.teacher.auc.value", lambda c: c["physics"]["teacher"]["auc"].update(value=float("nan"))),
    ("physics", lambda c: c["physics"].update(studnet={})),
    ("physics", lambda c: c["physics"].pop("csim")),
    ("hardware[0].kind", lambda c: c["hardware"][0].update(kind="guess")),
    ("hardware[0].lut", lambda c: c["hardware"][0].update(lut=1.5)),
    ("hardware[0]", lambda c: c["hardware"][0].update(luts=3)),
    ("exactness.quantized_vs_csim", lambda c: c["exactness"]["quantized_vs_csim"].pop("limit")),
    ("exactness.csim_testbench.n_vectors", lambda c: c["exactness"]["csim_testbench"].update(n_vectors=0)),
    ('versions["qkeras-v3"]', lambda c: c["versions"].update({"qkeras-v3": 1.2})),
    ("jets.classes", lambda c: c["jets"].update(classes=["top"])),
    ("top level", lambda c: c.pop("cost")),
    ("top level", lambda c: c.update(costs={})),
    ("layout", lambda c: c.update(layout="tagware-report-0")),
]


@pytest.mark.parametrize(("place", "change"), VIOLATIONS)
def test_a_violation_is_named_by_its_path_in_the_json(
    top_report: Report, tmp_path: Path, place: str, change: Change
) -> None:
    content = top_report.to_json()
    change(content)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content))
    with pytest.raises(LayoutError) as caught:
        Report.load(path)
    assert str(caught.value).startswith(f"{path}: {place}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.remedy == "make it again with `tagware run`"


def test_a_report_cannot_be_built_with_a_wrong_section(top_sections: dict[str, Any]) -> None:
    with pytest.raises(LayoutError, match=r"report: jets\.n_test"):
        Report.build(**{**top_sections, "jets": {**top_sections["jets"], "n_test": 0}})
    with pytest.raises(LayoutError, match="'cost' is a required property"):
        Report.build(**{name: value for name, value in top_sections.items() if name != "cost"})


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "\x00\x01"])
def test_a_file_that_is_not_json_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(LayoutError, match=r"report\.json: is not JSON"):
        Report.load(tmp_path / "report.json")


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_json_that_is_not_an_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(LayoutError, match="top level"):
        Report.load(tmp_path / "report.json")


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.json: no such file"):
        Report.load(tmp_path / "nothing.json")


def test_a_full_disk_leaves_the_old_report(top_report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = top_report.save(tmp_path / "report.json")
    before = path.read_bytes()

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="disk is full"):
        top_report.save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
