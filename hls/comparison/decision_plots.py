"""Efficiency and rejection in bins, turn-on curves, differing decisions, and varied inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hls.comparison.comparison import Comparison
from hls.comparison.drawing import (
    Plot,
    Row,
    column,
    draw_bin_lines,
    draw_points,
    efficiency_axis,
    look,
    marker,
    plain_column,
)
from hls.comparison.tables import is_nominal, variation_name
from hls.plots import literal, name_above

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXES = {"pt_gev": "Jet $p_T$ (GeV)", "eta": "Jet $\\eta$", "n_constituents": "Number of constituents"}


def decision_plots(comparison: Comparison) -> Iterator[Plot]:
    """The plots of every signal class."""
    signals = dict.fromkeys(row["signal"] for row in comparison.tables["auc"])
    for number, signal in enumerate(signals):
        yield Plot(f"turn-on-{number}", f"Turn-on curve of {signal}", (5.0, 4.0), partial(_turn_on, comparison, signal))
        for variable in AXES:
            title = f"Efficiency of {signal} and rejection against {variable}"
            yield Plot(f"{variable}-{number}", title, (4.4, 5.2), partial(_bins, comparison, signal, variable))
        if comparison.rows("agreement_bins", signal=signal):
            title = f"Decisions on {signal} that differ"
            yield Plot(f"agreement-{number}", title, (9.4, 3.6), partial(_agreement, comparison, signal))
        for table, cause in (("robustness", "varied inputs"), ("views", "other simulations")):
            if rows := comparison.rows(table, signal=signal):
                title = f"Shift of the rejection of {signal} by {cause}"
                yield Plot(f"{table}-{number}", title, (6.2, 4.0), partial(_rejection_shifts, comparison, rows))
        if comparison.rows("bit_flips", signal=signal):
            title = f"Decisions on {signal} changed by a flipped bit"
            yield Plot(f"bit-flips-{number}", title, (4.4, 4.0), partial(_bit_flips, comparison, signal))


def _turn_on(comparison: Comparison, signal: str, figure: Figure) -> None:
    axis = figure.subplots()
    for tagger in comparison.names:
        rows = comparison.rows("bins", tagger=tagger, signal=signal, cut="rate", variable="pt_gev")
        draw_points(axis, comparison, tagger, rows, "signal_efficiency")
    draw_bin_lines(axis, rows)
    efficiency_axis(axis)
    axis.set_xlabel(AXES["pt_gev"])
    axis.set_ylabel(f"$\\varepsilon_S$ ({literal(signal)}) at {comparison.config['rate_budget_khz']:g} kHz")
    name_above(figure, axis)


def _bins(comparison: Comparison, signal: str, variable: str, figure: Figure) -> None:
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.06})
    for tagger in comparison.names:
        rows = comparison.rows("bins", tagger=tagger, signal=signal, cut="efficiency", variable=variable)
        draw_points(upper, comparison, tagger, rows, "signal_efficiency")
        draw_points(lower, comparison, tagger, rows, "rejection")
    for axis in (upper, lower):
        draw_bin_lines(axis, rows)
    upper.axhline(comparison.config["working_point"], color="0.6", linewidth=0.8, linestyle=(0, (2, 2)))
    efficiency_axis(upper)
    upper.set_ylabel("$\\varepsilon_S$")
    name_above(figure, upper)
    lower.set_yscale("log")
    lower.set_ylabel("$1/\\varepsilon_B$")
    lower.set_xlabel(AXES[variable])


def _agreement(comparison: Comparison, signal: str, figure: Figure) -> None:
    panels = figure.subplots(1, 2, sharey=True)
    for axis, variable in zip(panels, ("pt_gev", "n_constituents"), strict=True):
        for tagger in comparison.names[1:]:
            for jets, line in (("signal", "-"), ("background", (0, (2, 2)))):
                rows = comparison.rows("agreement_bins", tagger=tagger, signal=signal, jets=jets, variable=variable)
                values, errors = column(rows, "differing")
                x = (plain_column(rows, "low") + plain_column(rows, "high")) / 2
                style = look(comparison, tagger) | {"linestyle": line, "linewidth": 1.1}
                label = f"{literal(tagger)}, {jets}"
                axis.errorbar(x, values, errors, marker=marker(comparison, tagger), markersize=4, label=label, **style)
        axis.set_xlabel(AXES[variable])
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("Fraction of decisions that differ")
    name_above(figure, panels[0])


def _rejection_shifts(comparison: Comparison, rows: Sequence[Row], figure: Figure) -> None:
    axis = figure.subplots()
    kinds = list(dict.fromkeys(variation_name(row) for row in rows if not is_nominal(row)))
    taggers = [name for name in comparison.names if any(row["tagger"] == name for row in rows)]
    for place, tagger in enumerate(taggers):
        own = {variation_name(row): row["rejection"] for row in rows if row["tagger"] == tagger}
        (nominal,) = (row["rejection"]["value"] for row in rows if row["tagger"] == tagger and is_nominal(row))
        known = [(y, own[kind]["difference"]) for y, kind in enumerate(kinds) if own.get(kind, {}).get("difference")]
        if not known:
            continue
        y = np.array([item for item, _ in known]) + 0.6 * ((place + 1) / (len(taggers) + 1) - 0.5)
        values, errors = (np.array([item[part] for _, item in known]) / nominal for part in ("value", "error"))
        style = {"color": look(comparison, tagger)["color"], "marker": marker(comparison, tagger), "markersize": 5}
        axis.errorbar(100 * values, y, xerr=100 * errors, linestyle="", elinewidth=1, label=literal(tagger), **style)
    axis.axvline(0, color="0.4", linewidth=0.8)
    axis.set_yticks(range(len(kinds)), [literal(kind) for kind in kinds])
    axis.tick_params(axis="y", which="minor", left=False, right=False)
    axis.set_ylim(len(kinds) - 0.4, -0.6)
    axis.set_xlabel("Shift of $1/\\varepsilon_B$ (%)")
    name_above(figure, axis)


def _bit_flips(comparison: Comparison, signal: str, figure: Figure) -> None:
    axis = figure.subplots()
    for tagger in comparison.names:
        rows = comparison.rows("bit_flips", tagger=tagger, signal=signal)
        if rows:
            values, errors = column(rows, "changed")
            style = look(comparison, tagger) | {"linewidth": 1.1}
            bits = plain_column(rows, "bit")
            axis.errorbar(
                bits, values, errors, marker=marker(comparison, tagger), markersize=4, label=literal(tagger), **style
            )
    axis.set_ylim(bottom=0)
    axis.set_xlabel("Flipped bit of an input (0: lowest)")
    axis.set_ylabel("Fraction of decisions changed")
    name_above(figure, axis)
