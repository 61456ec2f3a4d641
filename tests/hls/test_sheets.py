"""Every table of a report's page is there as CSV, with the report's own numbers."""

from __future__ import annotations

import csv
import html
import io
import re
from pathlib import Path
from urllib.parse import unquote

from hls.compare import Scores
from hls.render import render_html
from hls.report import Report
from hls.sheets import report_sheets

SAVED = Path(__file__).parents[2] / "firmware_projects"


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_section_of_the_page_with_tables_has_as_many_csv_files(
    five_class_report: Report, five_class_scores: Scores, tmp_path: Path
) -> None:
    page = render_html(five_class_report, five_class_scores, {}, tmp_path / "report.html").read_text()
    sheets = report_sheets(five_class_report)
    links = re.findall(r'download="(\w+)\.csv" href="data:text/csv;charset=utf-8,([^"]+)"', page)
    assert {name: unquote(html.unescape(link)) for name, link in links} == sheets and len(links) == len(sheets)
    counts = {
        section.split("</h2>")[0]: (section.count("<table"), section.count(".csv"))
        for section in page.split("<h2>")[1:]
        if "<table" in section
    }
    assert len(counts) >= 6 and all(files >= tables for tables, files in counts.values()), counts


def test_numbers_are_those_of_the_report_in_full() -> None:
    report = Report.load(SAVED / "top_gru/report.json")
    sheets = {name: read(text) for name, text in report_sheets(report).items()}
    for row in sheets["models"]:
        number = report.physics[row["model"]]["rejection"]["0.5"]
        assert (float(row["rejection_at_0.5"]), float(row["rejection_at_0.5_error"])) == tuple(number.values())[:2]
    assert [row["model"] for row in sheets["models"]] == list(report.models)
    assert [row["tool"] for row in sheets["hardware"]] == [row["tool"] for row in report.hardware]
    assert [row["lut"] or None for row in sheets["hardware"]] == [
        None if row["lut"] is None else str(row["lut"]) for row in report.hardware
    ]
    assert report.design is not None
    blocks = [row for row in sheets["design"] if not row["part"]]
    assert [int(row["lut"]) for row in blocks] == [
        *(block["resources"]["lut"] for block in report.design["blocks"]),
        report.design["resources"]["lut"],
    ]
    cost = {row["quantity"]: float(row["value"]) for row in sheets["cost"] if row["value"]}
    assert cost["stage_seconds/teacher"] == report.cost["stage_seconds"]["teacher"]
    assert {row["package"] for row in sheets["versions"]} == set(report.versions)
    assert {(row["layer"], row["tensor"], row["type"]) for row in sheets["precision"]} == {
        (layer["name"], role, text) for layer in report.precision for role, text in layer["precisions"].items()
    }


def test_each_class_of_each_model_is_a_row_and_empty_tables_are_no_files(top_report: Report) -> None:
    report = Report.load(SAVED / "jets5_hlf_mlp/report.json")
    rows = read(report_sheets(report)["classes"])
    assert len(rows) == 5 * len(report.models)
    for row in rows:
        assert float(row["auc"]) == report.physics[row["model"]]["per_class"][row["class"]]["auc"]["value"]
    assert "classes" not in report_sheets(top_report)
