from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hls import tables
from hls.compare import Scores
from hls.plots import TrainingCurve
from hls.render import main_table_text, markdown_table, render_html, update_readme
from hls.report import Report
from jets.errors import DataError, InputError, LayoutError

LOG = "epoch,learning_rate,train_loss,validation_loss\n0,0.01,0.6,0.55\n1,0.01,0.4,0.45\n"


@pytest.fixture
def curves(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return {"teacher": path, "student_float": path}


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.970724, 0.000943, "0.97072 ± 0.00094"),
        (645.3, 12.4, "645 ± 12"),
        (3365.0, 213.0, "3,360 ± 210"),
        (3365.0, 996.0, "3,400 ± 1,000"),
        (12.3456, 0.0996, "12.35 ± 0.10"),
        (-0.0295, 0.0011, "−0.0295 ± 0.0011"),
        (-0.00001, 0.0012, "0.0000 ± 0.0012"),
        (-8.6e-7, 5.89e-6, "(−0.9 ± 5.9) × 10⁻⁶"),
        (-8.6e-8, 5.89e-7, "(−0.9 ± 5.9) × 10⁻⁷"),
        (1.0, 0.0, "1 ± 0"),
        (None, None, "–"),
    ],
)
def test_value_and_error_end_at_the_errors_second_digit(value: Any, error: Any, text: str) -> None:
    assert tables.measured({"value": value, "error": error}) == text


def test_a_bound_is_shown_as_a_bound() -> None:
    assert tables.measured({"value": 8710.0, "error": 8710.0, "is_lower_bound": True}) == "> 8,700"


@pytest.mark.parametrize(
    ("text", "width"), [("ap_fixed<8,1,AP_RND>", 8), ("fixed< 18,8>", 18), ("ap_uint<6>", 6), ("float", None)]
)
def test_the_width_of_a_type_is_read(text: str, width: int | None) -> None:
    assert tables.bits_of(text) == width


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"latency_ns": 1655.0}, "1.66 µs"),
        ({"latency_ns": 95.0}, "95 ns"),
        ({"latency_ns": None, "latency_cycles": 1331}, "1,331 cycles"),
        ({}, "–"),
        (None, "–"),
    ],
)
def test_latency_has_its_unit(row: Any, text: str) -> None:
    assert tables.latency(row) == text


def test_the_main_table_has_every_model_and_working_point(top_report: Report) -> None:
    table = tables.physics_table(top_report)
    assert [row[0] for row in table.rows] == [tables.model_name(name) for name in top_report.models]
    csim = table.rows[-1]
    assert csim[1:3] == ("3,089", "6–8")
    assert csim[4] == tables.measured(top_report.physics["csim"]["auc"])
    assert csim[5:] == tuple(tables.measured(item) for item in top_report.physics["csim"]["rejection"].values())
    assert table.rows[0][1:3] == ("2,141,186", "float") and table.rows[1][1] == "–"


def test_exactness_says_how_many_differ_by_how_much_and_why(top_report: Report) -> None:
    lines = tables.exactness_lines(top_report)
    assert "23 of 2,000 vectors differ, by at most 0.0156, within the limit of 0.0312 (gates are tables)" in lines[0]
    assert "equal bit for bit on all 2,000 vectors" in lines[1]


def test_a_difference_above_the_limit_is_said_loudly(top_sections: dict[str, Any]) -> None:
    compared = {**top_sections["exactness"]["quantized_vs_csim"], "limit": 0.001}
    exactness = {**top_sections["exactness"], "quantized_vs_csim": compared}
    report = Report.build(**{**top_sections, "exactness": exactness})
    assert "ABOVE the limit of 0.001" in tables.exactness_lines(report)[0]


def test_hardware_numbers_are_marked_by_their_kind(top_report: Report, top_sections: dict[str, Any]) -> None:
    line = "HLS hardware, estimate (rule): latency 1.66 µs, 50,012 LUT, 60 DSP; before synthesis."
    assert line in main_table_text(top_report) and line in markdown_table(top_report)
    assert "Hardware: no numbers." in main_table_text(Report.build(**{**top_sections, "hardware": []}))


def test_text_columns_are_aligned(top_report: Report) -> None:
    lines = tables.physics_table(top_report).text().splitlines()
    assert len({len(line) for line in lines}) == 1 and len(lines) == 2 + len(top_report.models)


def _page(report: Report, scores: Scores, curves: dict[str, Path], out: Path) -> str:
    return render_html(report, scores, curves, out).read_text()


def test_the_page_needs_nothing_else(
    top_report: Report, top_scores: Scores, curves: dict[str, Path], tmp_path: Path
) -> None:
    page = _page(top_report, top_scores, curves, tmp_path / "report.html")
    links = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert links <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"<script|<link|<img|<iframe|@import|\bsrc=|url\((?!#)", page)
    assert set(re.findall(r'href="(#|data:text/csv)?', page)) == {"#", "data:text/csv"}


def test_the_page_shows_every_number_of_the_tables(
    top_report: Report, top_scores: Scores, curves: dict[str, Path], tmp_path: Path
) -> None:
    page = html.unescape(_page(top_report, top_scores, curves, tmp_path / "report.html")).replace("\xa0", " ")
    shown = [tables.physics_table, tables.difference_table, tables.hardware_table, tables.precision_table]
    for cell in {cell for table in shown for row in table(top_report).rows for cell in row}:
        assert cell in page
    for text in (
        *tables.exactness_lines(top_report),
        *tables.hardware_lines(top_report),
        "23 of 2,000",
        "before synthesis",
    ):
        assert text in page
    assert "<em>estimate</em>" in page and page.count("<figure") == 1 + 2 + 2


def test_ids_are_unique_and_references_resolve(
    five_class_report: Report, five_class_scores: Scores, curves: dict[str, Path], tmp_path: Path
) -> None:
    page = _page(five_class_report, five_class_scores, curves, tmp_path / "report.html")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)
    assert page.count("<figure") == 5 + 5 + 2 and "Each class against all others" in page


def test_the_same_report_gives_the_same_page(
    top_report: Report, top_scores: Scores, curves: dict[str, Path], tmp_path: Path
) -> None:
    first = _page(top_report, top_scores, curves, tmp_path / "a.html")
    assert _page(top_report, top_scores, curves, tmp_path / "b.html") == first


def test_text_from_the_report_is_escaped(
    top_sections: dict[str, Any], top_scores: Scores, curves: dict[str, Path], tmp_path: Path
) -> None:
    jets = {**top_sections["jets"], "provenance": {"note": "</pre><script>"}}
    report = Report.build(**{**top_sections, "project": "<b>&", "jets": jets})
    page = _page(report, top_scores, curves, tmp_path / "report.html")
    assert "<script" not in page and "<h1>&lt;b&gt;&amp;</h1>" in page


def test_separated_classes_and_no_logs_still_make_a_page(top_sections: dict[str, Any], tmp_path: Path) -> None:
    from hls.compare import physics

    labels = (np.arange(40) % 2).astype(np.int16)
    outputs = {name: labels * 2.0 - 1 for name in ("teacher", "student_float", "student_quantized", "csim")}
    scores = Scores(labels, np.arange(40, dtype=np.uint64), ("QCD", "top"), outputs)
    jets = {**top_sections["jets"], "n_test": 40}
    report = Report.build(**{**top_sections, "physics": physics(scores, n_replicas=2), "jets": jets})
    page = _page(report, scores, {}, tmp_path / "report.html")
    assert "<h2>Training</h2>" not in page and "&gt; " in page


def test_scores_of_other_jets_are_refused_and_nothing_is_written(
    top_report: Report, top_scores: Scores, five_class_scores: Scores, tmp_path: Path
) -> None:
    half = slice(0, 1000)
    outputs = {name: values[half] for name, values in top_scores.outputs.items()}
    fewer = Scores(top_scores.labels[half], top_scores.ids[half], top_scores.classes, outputs)
    outputs = {name: values for name, values in top_scores.outputs.items() if name != "csim"}
    without = Scores(top_scores.labels, top_scores.ids, top_scores.classes, outputs)
    cases = [
        (five_class_scores, "are not the report's"),
        (fewer, "1000 jets are not the report's 2000"),
        (without, "csim"),
    ]
    for scores, message in cases:
        with pytest.raises(DataError, match=message):
            render_html(top_report, scores, {}, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_a_training_log_is_read_by_its_columns(curves: dict[str, Path]) -> None:
    curve = TrainingCurve.read(curves["teacher"])
    assert (curve.epochs.tolist(), curve.training.tolist(), curve.validation.tolist()) == (
        [0, 1],
        [0.6, 0.4],
        [0.55, 0.45],
    )


def test_the_epoch_that_was_kept_is_the_marked_one_or_that_of_the_lowest_loss(curves: dict[str, Path]) -> None:
    assert TrainingCurve.read(curves["teacher"]).best == 1
    curves["teacher"].write_text("epoch,train_loss,validation_loss,best\n0,0.6,0.45,0\n1,0.4,0.55,1\n2,0.4,0.5,0\n")
    assert TrainingCurve.read(curves["teacher"]).best == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no epoch"),
        ("epoch,train_loss,validation_loss\n", "holds no epoch"),
        ("epoch,train_loss\n0,1\n", "has no column 'validation_loss'"),
        ("epoch,train_loss,validation_loss\n0,low,1\n", "is not a training log"),
        ("epoch,train_loss,validation_loss\n0\n", "is not a training log"),
        ("epoch,train_loss,validation_loss\n0,1,\n", "is not a training log"),
    ],
)
def test_a_damaged_training_log_is_refused_by_name(
    top_report: Report, top_scores: Scores, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(LayoutError, match=message) as caught:
        render_html(top_report, top_scores, {"teacher": tmp_path / "log.csv"}, tmp_path / "report.html")
    assert "log.csv" in str(caught.value) and not (tmp_path / "report.html").exists()


def test_a_missing_training_log_is_named(top_report: Report, top_scores: Scores, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: no such training log"):
        render_html(top_report, top_scores, {"teacher": tmp_path / "none.csv"}, tmp_path / "report.html")


def test_the_readme_table_is_the_rendering_of_the_saved_report(top_report: Report, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# A\n\n<!-- report:begin -->\nold\n<!-- report:end -->\n\nend ε\n")
    saved = Report.load(top_report.save(tmp_path / "report.json"))
    assert update_readme(readme, saved)
    before, rest = readme.read_text().split("<!-- report:begin -->")
    table, after = rest.split("<!-- report:end -->")
    assert (before, table.strip(), after) == ("# A\n\n", markdown_table(saved).strip(), "\n\nend ε\n")
    assert not update_readme(readme, saved)


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "<!-- report:begin -->",
        "<!-- report:end --> <!-- report:begin -->",
        "<!-- report:begin --><!-- report:begin --><!-- report:end -->",
    ],
)
def test_a_readme_without_its_markers_is_left_alone(top_report: Report, tmp_path: Path, text: str) -> None:
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(LayoutError, match=r"README\.md: does not have the two report markers"):
        update_readme(tmp_path / "README.md", top_report)
    assert (tmp_path / "README.md").read_text() == text
    with pytest.raises(InputError, match="no such page"):
        update_readme(tmp_path / "none.md", top_report)


def test_rendering_imports_no_model_and_no_tool() -> None:
    code = "import sys, hls.render; print({'torch', 'keras', 'hls4ml', 'tensorflow', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
