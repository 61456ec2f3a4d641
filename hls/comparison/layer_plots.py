"""How far each layer of a quantized student is from the float one's, in units of what the layer's values vary by."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hls.comparison.comparison import Comparison
from hls.comparison.drawing import LOOKS, Plot, Row, plain_column
from hls.plots import literal, name_above

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = {"median_abs": "median", "q90_abs": "90 %", "q99_abs": "99 %", "max_abs": "largest"}


def layer_plots(comparison: Comparison) -> Iterator[Plot]:
    """One plot for each student whose layers were compared."""
    for number, tagger in enumerate(dict.fromkeys(row["tagger"] for row in comparison.tables["layers"])):
        rows = comparison.rows("layers", tagger=tagger)
        title = f"Float against fixed point in each layer of {tagger}"
        yield Plot(f"layers-{number}", title, (max(4.4, 1.0 + 0.55 * len(rows)), 4.2), partial(_layers, tagger, rows))


def _layers(tagger: str, rows: list[Row], figure: Figure) -> None:
    axis = figure.subplots()
    spread = plain_column(rows, "spread")
    for (color, line, sign), (name, label) in zip(LOOKS, SIZES.items(), strict=False):
        size = plain_column(rows, name)
        known = (size > 0) & (spread > 0)
        relative = np.divide(size, spread, out=np.full(len(rows), np.nan), where=known)
        axis.plot(range(len(rows)), relative, color=color, linestyle=line, marker=sign, markersize=5, label=label)
    axis.set_yscale("log")
    axis.set_xticks(range(len(rows)), [literal(row["layer"]) for row in rows], rotation=45, ha="right")
    axis.tick_params(axis="x", which="minor", bottom=False, top=False)
    axis.set_ylabel("|difference| / spread of the layer")
    axis.set_title(literal(tagger), loc="left", fontsize=9.5)
    name_above(figure, axis)
