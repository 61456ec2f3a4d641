"""ROC curves, trigger rates, calibration, score distributions and mass spectra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from hls.comparison.comparison import Comparison
from hls.comparison.drawing import Floats, Plot, Row, band, column, look, marker, plain_column
from hls.comparison.tables import whole_background
from hls.plots import literal, name_above
from hls.spectra import draw_spectrum, fill_spectrum, spectrum

if TYPE_CHECKING:
    from hist import Hist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def physics_plots(comparison: Comparison) -> Iterator[Plot]:
    """The plots of every signal class."""
    signals = dict.fromkeys(row["signal"] for row in comparison.tables["auc"])
    for number, signal in enumerate(signals):
        yield Plot(f"roc-{number}", f"ROC curves of {signal}", (5.2, 5.0), partial(_roc, comparison, signal))
        yield Plot(
            f"rate-threshold-{number}",
            f"Trigger rate against the threshold on {signal}",
            (5.0, 4.2),
            partial(_rate_threshold, comparison, signal),
        )
        yield Plot(
            f"rate-{number}",
            f"Signal efficiency of {signal} against rate",
            (5.0, 4.2),
            partial(_rate, comparison, signal),
        )
        yield Plot(
            f"scores-{number}", f"Score distributions of {signal}", (8.4, 3.6), partial(_scores, comparison, signal)
        )
        yield Plot(
            f"reliability-{number}", f"Reliability of {signal}", (4.4, 4.2), partial(_reliability, comparison, signal)
        )
        yield Plot(
            f"mass-{number}",
            f"Background mass after the cut on {signal}",
            (5.0, 4.2),
            partial(_mass, comparison, signal),
        )


def _roc(comparison: Comparison, signal: str, figure: Figure) -> None:
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw={"hspace": 0.06})
    background = whole_background(comparison, signal)
    upper.set_yscale("log")
    ratios = []
    first = _passing(comparison, comparison.names[0], signal, background)[1]
    for tagger in comparison.names:
        x, y, error, paired = _passing(comparison, tagger, signal, background)
        style = look(comparison, tagger)
        upper.plot(x, y, label=literal(tagger), **style)
        lower.plot(x, y / first, **style)
        band(upper, (x, y, error), style["color"])
        band(lower, (x, y / first, paired / first), style["color"])
        ratios.append((y / first)[np.isfinite(y / first)])
    for axis in (upper, lower):
        for point in comparison.config["signal_efficiencies"]:
            axis.axvline(point, color="0.8", linewidth=0.7, zorder=0)
    upper.set(xlim=(0, 1), ylabel=f"Background efficiency $\\varepsilon_B$ ({literal(background)})")
    name_above(figure, upper)
    lower.set_xlabel(f"Signal efficiency $\\varepsilon_S$ ({literal(signal)})")
    lower.set_ylabel("Ratio to\nthe first", loc="center")
    lower.set_ylim(*_limits(np.concatenate(ratios)))


def _passing(comparison: Comparison, tagger: str, signal: str, background: str) -> tuple[Floats, ...]:
    """eps_S, and eps_B with its error and that of its difference to the first, NaN where no background passes."""
    rows = comparison.rows("roc", tagger=tagger, signal=signal, background=background)
    values, errors = column(rows, "background_efficiency")
    differences = [row["background_efficiency"]["difference"] or {"error": None} for row in rows]
    paired = np.array([item["error"] for item in differences], np.float64)
    return plain_column(rows, "signal_efficiency"), np.where(values > 0, values, np.nan), errors, paired


def _limits(values: Floats) -> tuple[float, float]:
    """Limits that show 1 and 94 % of the values."""
    low, high = np.percentile(values, (3, 97)) if len(values) else (1.0, 1.0)
    low, high = min(float(low), 1.0), max(float(high), 1.0)
    margin = 0.25 * (high - low) + 0.05
    return max(0.0, low - margin), high + margin


def _rate_threshold(comparison: Comparison, signal: str, figure: Figure) -> None:
    axis = figure.subplots()
    axis.set_yscale("log")
    for tagger in comparison.names:
        rows = comparison.rows("rate", tagger=tagger, signal=signal)
        rate, error = column(rows, "rate_khz")
        _curve(axis, comparison, tagger, (plain_column(rows, "threshold"), rate, error))
    _budget_line(axis.axhline, comparison)
    axis.set_xlabel(f"Threshold on $\\ln\\,p/(1-p)$ of {literal(signal)}")
    axis.set_ylabel("Rate (kHz)")
    name_above(figure, axis)


def _rate(comparison: Comparison, signal: str, figure: Figure) -> None:
    axis = figure.subplots()
    for tagger in comparison.names:
        rows = comparison.rows("rate", tagger=tagger, signal=signal)
        efficiency, error = column(rows, "signal_efficiency")
        _curve(axis, comparison, tagger, (column(rows, "rate_khz")[0], efficiency, error))
    _budget_line(axis.axvline, comparison)
    axis.set_xscale("log")
    axis.set_ylim(0, 1.05)
    axis.set_xlabel(f"Rate (kHz) of {comparison.config['jet_rate_khz']:g} kHz of jets")
    axis.set_ylabel(f"Signal efficiency $\\varepsilon_S$ ({literal(signal)})")
    name_above(figure, axis)


def _curve(axis: Axes, comparison: Comparison, tagger: str, curve: tuple[Floats, Floats, Floats]) -> None:
    """A curve of x, y and the error of y."""
    style = look(comparison, tagger)
    axis.plot(*curve[:2], label=literal(tagger), **style)
    band(axis, curve, style["color"])


def _budget_line(draw: object, comparison: Comparison) -> None:
    assert callable(draw)
    draw(comparison.config["rate_budget_khz"], color="0.4", linewidth=0.9, linestyle=(0, (2, 2)), label="rate budget")


def _reliability(comparison: Comparison, signal: str, figure: Figure) -> None:
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=0.9, label="calibrated")
    for tagger in comparison.names:
        rows = comparison.rows("reliability", tagger=tagger, signal=signal)
        x, _ = column(rows, "probability")
        y, error = column(rows, "true_fraction")
        style = look(comparison, tagger) | {"linewidth": 1.0}
        axis.errorbar(x, y, error, marker=marker(comparison, tagger), markersize=4, label=literal(tagger), **style)
    axis.set(xlim=(0, 1), ylim=(0, 1.02))
    axis.set_xlabel(f"Mean probability of {literal(signal)}")
    axis.set_ylabel("True fraction")
    name_above(figure, axis)


def _scores(comparison: Comparison, signal: str, figure: Figure) -> None:
    left, right = figure.subplots(1, 2, sharex=True)
    classes = comparison.jets["classes"]
    chosen = comparison.config["background"] or [name for name in classes if name != signal]
    rest = f"Background: {literal(whole_background(comparison, signal))}"
    for axis, names, title in ((left, [signal], f"Signal: {literal(signal)}"), (right, chosen, rest)):
        weights = {name: classes[name]["weight"] for name in names}
        for tagger in comparison.names:
            scores = _score_spectrum(comparison, tagger, signal, weights)
            draw_spectrum(axis, scores, literal(tagger), look(comparison, tagger))
        axis.set_title(title, loc="left")
        axis.set_ylim(bottom=0)
        axis.set_xlabel("$\\ln\\,p/(1-p)$")
        axis.set_ylabel("Fraction of jets")
    name_above(figure, left)


def _score_spectrum(comparison: Comparison, tagger: str, signal: str, weights: Mapping[str, float]) -> Hist[Any]:
    """The scores of several classes' jets together, by the weight of each class."""
    parts = []
    for name, weight in weights.items():
        rows = comparison.rows("distributions", tagger=tagger, signal=signal, **{"class": name})
        parts.append(spectrum(_edges(rows), *column(rows, "fraction")) * (weight / sum(weights.values())))
    return reduce(add, parts)


def _mass(comparison: Comparison, signal: str, figure: Figure) -> None:
    axis = figure.subplots()
    for tagger in comparison.names:
        rows = comparison.rows("mass", tagger=tagger, signal=signal)
        if tagger == comparison.names[0]:
            fill_spectrum(axis, spectrum(_edges(rows), *column(rows, "all")), "before the cut", "0.88")
        passing = spectrum(_edges(rows), *column(rows, "passing"))
        draw_spectrum(axis, passing, literal(tagger), look(comparison, tagger))
    axis.set_ylim(bottom=0)
    axis.set_xlabel("Jet mass (GeV)")
    axis.set_ylabel("Fraction of background jets")
    name_above(figure, axis)


def _edges(rows: Sequence[Row]) -> list[float]:
    """Of the bins of rows in order."""
    return [*(row["low"] for row in rows), rows[-1]["high"]]
