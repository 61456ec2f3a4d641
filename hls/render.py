"""A saved Report as one HTML page that needs nothing else; it never runs tools or models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hls import plots, tables
from hls.compare import Scores
from hls.report import Report
from hls.sheets import report_sheets
from hls.synth.config import FAMILIES
from hls.tables import main_table_text, markdown_table, update_readme
from jets.errors import DataError
from jets.files import replacing

__all__ = ["main_table_text", "markdown_table", "render_html", "update_readme"]

UNQUOTED = "/,:;=()[]{}|!*@$?+"
"""What may stand in a data link as it is, besides letters and digits."""
TEMPLATES = Path(__file__).with_name("templates")


def render_html(
    report: Report, scores: Scores, curves: Mapping[str, Path], out: Path, pages: Mapping[str, str] | None = None
) -> Path:
    """Write the page of a report: tables from the report, plots from the scores and the training logs.

    `curves` maps a model's name (teacher, student_float, …) to its CSV log; `pages` is where those of the "comparison"
    and of the teacher's "tokens" lie, where they are, as seen from `out`.

    Raises:
        DataError: the scores are not those of the report.
        InputError, LayoutError: a training log is missing or damaged.
        StorageError: `out` cannot be written.
    """
    _check_same_jets(report, scores)
    order = [*(name for name in tables.MODEL_NAMES if name in curves), *sorted(set(curves) - set(tables.MODEL_NAMES))]
    read = {name: plots.TrainingCurve.read(curves[name]) for name in order}
    drawn = {"roc": plots.roc_plots(scores), "distributions": plots.score_plots(scores)}
    page = _page(report, {**drawn, "training": plots.training_plots(read)}, pages or {})
    with replacing(out) as temporary:
        temporary.write_text(page)
    return Path(out)


def _check_same_jets(report: Report, scores: Scores) -> None:
    remedy = "make the report again"
    if list(scores.classes) != list(report.jets["classes"]):
        raise DataError(f"classes {scores.classes} are not the report's {report.jets['classes']}", "scores", remedy)
    if len(scores) != report.physics["method"]["n_test"]:
        raise DataError(
            f"{len(scores)} jets are not the report's {report.physics['method']['n_test']}", "scores", remedy
        )
    for name in report.models:
        if name not in scores.outputs:
            raise DataError(f"there are no scores of {name}, which the report has", "scores", remedy)


def _page(report: Report, drawn: Mapping[str, Mapping[str, str]], pages: Mapping[str, str]) -> str:
    rows = zip(report.models, tables.physics_table(report).rows, strict=True)
    return str(
        page_environment()
        .get_template("report.html")
        .render(
            report=report,
            main_rows=[(model, (*cells, *tables.firmware_cells(report, model))) for model, cells in rows],
            verdicts=tables.exactness_lines(report),
            hardware_lines=[*tables.unbuilt_lines(report), *tables.hardware_lines(report)],
            differences=tables.difference_table(report),
            hardware=tables.hardware_table(report),
            notes=[row.get("note") for row in report.hardware],
            precision=tables.precision_table(report),
            has_controls=any(name.startswith("control_") for name in report.models),
            provenance=json.dumps(report.jets["provenance"], indent=2, ensure_ascii=False),
            pages=pages,
            links={name: data_link(text, "text/csv") for name, text in report_sheets(report).items()},
            **drawn,
        )
    )


def page_environment() -> Any:
    """What renders the pages: their templates and filters, every text escaped and every missing value an error."""
    import jinja2

    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        measured=_measured, count=tables.count, model=tables.model_name, symbols=_symbols, family=FAMILIES.get
    )
    return environment


def _symbols(text: str) -> Any:
    """A text whose ε_B and ε_S are set as symbols, and whose values stay on a line with their errors."""
    import markupsafe

    escaped = markupsafe.escape(re.sub(r" ([±=]) ", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", text))
    return markupsafe.Markup(
        str(escaped)
        .replace("1/ε_B", "1/\N{WORD JOINER}ε_B")
        .replace("ε_B", "<i>ε</i><sub>B</sub>")
        .replace("ε_S", "<i>ε</i><sub>S</sub>")
    )


def _measured(measure: Mapping[str, Any]) -> str:
    """value ± error that is not broken over two lines."""
    return tables.measured(measure).replace(" ", "\N{NO-BREAK SPACE}")


def data_link(text: str, kind: str) -> str:
    """A file of a MIME type inside a link, for pages that need nothing else."""
    return f"data:{kind};charset=utf-8,{quote(text, safe=UNQUOTED)}"
