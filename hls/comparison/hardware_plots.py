"""Rejection against LUT, DSP and latency: a point a design, with the front of those that are not beaten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from hls.comparison.comparison import Comparison
from hls.comparison.drawing import Plot, look, marker
from hls.plots import literal, name_above
from hls.tables import KIND_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXES = {"lut": "LUT", "dsp": "DSP", "latency_ns": "Latency (ns)"}
FILLS = {"estimate": "none", "synthesis": "left", "place_and_route": "top", "vendor": "full"}


def hardware_plots(comparison: Comparison) -> Iterator[Plot]:
    """One plot for each resource that any design states."""
    for resource in AXES:
        if any(row[resource] is not None for row in comparison.tables["hardware"]):
            title = f"Rejection against {resource}"
            yield Plot(f"pareto-{resource}", title, (3.45, 3.5), partial(_pareto, comparison, resource))


def _pareto(comparison: Comparison, resource: str, figure: Figure) -> None:
    from matplotlib.ticker import MaxNLocator

    axis = figure.subplots()
    rows = [row for row in comparison.tables["hardware"] if row[resource] is not None]
    front = sorted((row for row in rows if resource in row["unbeaten_in"]), key=lambda row: float(row[resource]))
    x, y = [row[resource] for row in front], [row["rejection"]["value"] for row in front]
    axis.step(x, y, where="post", color="0.7", linewidth=1.0, zorder=1)
    named: set[tuple[str, str]] = set()
    for row in rows:
        _draw_design(axis, comparison, row, resource, (row["tagger"], row["kind"]) not in named)
        named.add((row["tagger"], row["kind"]))
    limit = comparison.config["budget"].get(resource)
    if limit is not None:
        axis.axvline(limit, color="0.3", linewidth=1.0, linestyle=(0, (2, 2)), label="budget")
    largest = max([*(row[resource] for row in rows), limit or 0, 1])
    axis.set_xlim(-0.04 * largest, 1.12 * largest)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_xlabel(AXES[resource])
    axis.set_ylabel(f"$1/\\varepsilon_B$ at $\\varepsilon_S$ = {comparison.config['working_point']:g}")
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, 0.0) if low < 0.3 * high else low, high)
    name_above(figure, axis)


def _draw_design(axis: Axes, comparison: Comparison, row: Mapping[str, Any], resource: str, first: bool) -> None:
    """One design; how much its marker is filled tells its kind, which the label names once."""
    name, kind = row["tagger"], row["kind"]
    axis.errorbar(
        row[resource],
        row["rejection"]["value"],
        None if row["rejection"].get("is_lower_bound") else row["rejection"]["error"],
        linestyle="",
        color=look(comparison, name)["color"],
        marker=marker(comparison, name),
        fillstyle=FILLS[kind],
        markersize=7,
        elinewidth=0.9,
        label=f"{literal(name)} ({KIND_NAMES[kind]})" if first else None,
    )
