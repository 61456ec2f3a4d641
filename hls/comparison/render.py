"""A saved Comparison as one HTML page that needs nothing else, with its tables as CSV and its plots as SVG and PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hls.comparison import tables
from hls.comparison.comparison import Comparison
from hls.comparison.decision_plots import decision_plots
from hls.comparison.drawing import Plot, save_plots
from hls.comparison.hardware_plots import hardware_plots
from hls.comparison.layer_plots import layer_plots
from hls.comparison.physics_plots import physics_plots
from hls.render import data_link, page_environment
from hls.sheets import csv_text
from jets.files import OWNER_MARK, replacing

PAGE, TABLES, PLOTS = "comparison.html", "tables", "plots"


def render_comparison(folder: Path) -> Path:
    """Write the page, tables/ and plots/ of the comparison.json in a folder, and return the page; nothing is measured.

    Raises:
        InputError: there is no comparison.
        LayoutError: it is damaged.
        StorageError: the folder cannot be written.
    """
    folder = Path(folder)
    comparison = Comparison.load(folder)
    sheets = {name: csv_text(rows) for name, rows in comparison.tables.items()}
    with replacing(folder / TABLES) as temporary:
        temporary.mkdir()
        (temporary / OWNER_MARK).touch()
        for name, text in sheets.items():
            (temporary / f"{name}.csv").write_text(text)
    kinds = (physics_plots, decision_plots, layer_plots, hardware_plots)
    pictures = save_plots((plot for plots in kinds for plot in plots(comparison)), folder / PLOTS)
    with replacing(folder / PAGE) as temporary:
        temporary.write_text(_page(comparison, sheets, pictures))
    return folder / PAGE


def _page(comparison: Comparison, sheets: Mapping[str, str], pictures: Sequence[tuple[Plot, str]]) -> str:
    text: str = (
        page_environment()
        .get_template("comparison.html")
        .render(
            comparison=comparison,
            tables=tables,
            pictures=pictures,
            links={name: data_link(text, "text/csv") for name, text in sheets.items() if text},
        )
    )
    return text
