"""How taggers look in every plot, and a plot as SVG and PNG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hls.comparison.comparison import Comparison
from hls.plots import canvas, literal
from hls.svg import svg
from jets.files import OWNER_MARK, replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
Floats = NDArray[np.float64]

# Okabe-Ito colours, and for those who do not see them a line style and a marker each.
LOOKS: tuple[tuple[str, Any, str], ...] = (
    ("#000000", "-", "o"),
    ("#d55e00", (0, (6, 2)), "s"),
    ("#0072b2", (0, (1, 1.4)), "^"),
    ("#009e73", (0, (3, 1.5, 1, 1.5)), "D"),
    ("#cc79a7", (0, (8, 2, 1, 2, 1, 2)), "v"),
    ("#8a6d00", (0, (4, 1)), "P"),
    ("#56b4e9", (0, (2, 1)), "X"),
    ("#5c5c5c", (0, (5, 1, 1, 1, 1, 1, 1, 1)), "<"),
)
PNG_DPI = 160


@dataclass(frozen=True)
class Plot:
    """One plot: a name for its files, a sentence for those who cannot see it, its size in inches and what draws it."""

    name: str
    title: str
    size: tuple[float, float]
    draw: Callable[[Figure], None]

    def save(self, folder: Path) -> str:
        """Write NAME.svg and NAME.png into a folder; the <svg> element."""
        with canvas(*self.size) as figure:
            self.draw(figure)
            figure.savefig(folder / f"{self.name}.png", dpi=PNG_DPI, metadata={"Software": None})
            figure.set_layout_engine("none")  # found once, it holds for both files
            text = svg(figure, self.name)
        (folder / f"{self.name}.svg").write_text(text)
        return text


def save_plots(plots: Iterable[Plot], folder: Path) -> list[tuple[Plot, str]]:
    """Write plots into a folder, in the place of those that were there; each with its <svg> element."""
    with replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / OWNER_MARK).touch()
        return [(plot, plot.save(temporary)) for plot in plots]


def look(comparison: Comparison, tagger: str) -> dict[str, Any]:
    """Colour and line style of a tagger; past the eighth a colour comes again with another line."""
    place = comparison.names.index(tagger)
    style = LOOKS[(place + place // len(LOOKS)) % len(LOOKS)][1]
    return {"color": LOOKS[place % len(LOOKS)][0], "linestyle": style, "linewidth": 1.6}


def marker(comparison: Comparison, tagger: str) -> str:
    """The marker of a tagger, with another colour past the eighth."""
    place = comparison.names.index(tagger)
    return LOOKS[(place + place // len(LOOKS)) % len(LOOKS)][2]


def column(rows: Sequence[Row], key: str) -> tuple[Floats, Floats]:
    """Values and errors of a measured column, NaN where they are not known."""
    numbers = [row[key] for row in rows]
    values, errors = (np.array([item[part] for item in numbers], np.float64) for part in ("value", "error"))
    return values, errors


def plain_column(rows: Sequence[Row], key: str) -> Floats:
    """A column that is a number, NaN where it is not known."""
    return np.array([row[key] for row in rows], np.float64)


def draw_points(axis: Axes, comparison: Comparison, tagger: str, rows: Sequence[Row], key: str) -> None:
    """Values in bins as points with errors, the taggers side by side; a bound is an arrow upwards."""
    low, high = plain_column(rows, "low"), plain_column(rows, "high")
    values, errors = column(rows, key)
    n, place = len(comparison.names), comparison.names.index(tagger)
    x = (low + high) / 2 + (high - low) * 0.6 * ((place + 1) / (n + 1) - 0.5)
    style = {"color": look(comparison, tagger)["color"], "marker": marker(comparison, tagger), "markersize": 4.5}
    bound = np.array([bool(row[key].get("is_lower_bound")) for row in rows])
    shown = ~bound
    axis.errorbar(x[shown], values[shown], errors[shown], linestyle="", elinewidth=1, label=literal(tagger), **style)
    if bound.any():
        height = 0.25 * values[bound]
        axis.errorbar(x[bound], values[bound], height, linestyle="", lolims=True, elinewidth=1, **style)


def draw_bin_lines(axis: Axes, rows: Sequence[Row]) -> None:
    """Thin lines between the bins."""
    for edge in plain_column(rows, "low")[1:]:
        axis.axvline(edge, color="0.9", linewidth=0.6, zorder=0)


def band(axis: Axes, curve: tuple[Floats, Floats, Floats], color: str) -> None:
    """One standard deviation about a curve of x, y and the error of y; on a logarithmic axis below y as above it."""
    x, y, error = curve
    low = y**2 / (y + error) if axis.get_yscale() == "log" else y - error
    axis.fill_between(x, low, y + error, color=color, alpha=0.13, linewidth=0)


def efficiency_axis(axis: Axes) -> None:
    """From 0 to 1."""
    axis.set_ylim(0, 1.05)
    axis.axhline(1, color="0.6", linewidth=0.6, zorder=0)
