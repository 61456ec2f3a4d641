"""Plots of a report as SVG text: ROC curves, score distributions, training curves, told apart by line style."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hls.compare import Scores
from hls.spectra import draw_spectrum, shares
from hls.svg import svg
from hls.tables import model_name
from jets.errors import LayoutError
from jets.files import existing_file
from jets.metrics import roc
from models.curves import read_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

# Okabe-Ito colours (distinct with colour-blind eyes) and, for print, a line style each.
STYLES: dict[str, dict[str, Any]] = {
    "teacher": {"color": "#000000", "linestyle": "-", "linewidth": 1.6},
    "reference": {"color": "#8a8a8a", "linestyle": (0, (8, 2, 1, 2, 1, 2)), "linewidth": 1.2},
    "student_float": {"color": "#0072b2", "linestyle": (0, (6, 2)), "linewidth": 1.5},
    "student_quantized": {"color": "#d55e00", "linestyle": "-", "linewidth": 2.4, "alpha": 0.65},
    "csim": {"color": "#3b1f5b", "linestyle": (0, (1, 1.4)), "linewidth": 1.6},
    "rtl": {"color": "#009e73", "linestyle": (0, (3, 1.5, 1, 1.5)), "linewidth": 1.2},
}
EFFICIENCIES = np.linspace(0.02, 0.995, 196)
CURVE_COLUMNS = ("epoch", "train_loss", "validation_loss")
MARGIN, CHARACTER, LINE = 0.62, 0.06, 0.19
"""Of an entry of a legend in inches: what is not text, one character, one line."""
_STYLE: dict[str, Any] = {
    "font.size": 9.5,
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.handlelength": 2.8,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "xtick.major.size": 5,
    "xtick.minor.size": 2.5,
    "ytick.major.size": 5,
    "ytick.minor.size": 2.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "tagware",
}


@dataclass(frozen=True)
class TrainingCurve:
    """Losses by epoch, (n_epochs,) each, and which of them was kept: the one marked `best`, else that of the lowest."""

    epochs: Floats
    training: Floats
    validation: Floats
    best: int

    @classmethod
    def read(cls, path: Path) -> TrainingCurve:
        """Read a training's `curves.csv`, one row an epoch.

        Raises:
            InputError: no such file.
            LayoutError: a column is missing, a cell is not a number, or there is no epoch.
        """
        try:
            rows = read_curves(existing_file(path, "training log"))
            epochs, training, validation = (np.array([row[name] for row in rows]) for name in CURVE_COLUMNS)
        except KeyError as error:
            raise LayoutError(f"has no column {error}", path, "train again") from None
        except (ValueError, TypeError, csv.Error) as error:
            raise LayoutError(f"is not a training log ({error})", path, "train again") from None
        if not rows:
            raise LayoutError("holds no epoch", path, "train again")
        best = np.argmax([row.get("best", -row["validation_loss"]) for row in rows])
        return cls(epochs, training, validation, int(best))


def roc_plots(scores: Scores) -> dict[str, str]:
    """ε_B against ε_S with one-sigma binomial bands and the ratio to the teacher: signal class -> SVG."""
    plots = {}
    size = (6.2, 5.6) if len(scores.signal_classes) == 1 else (4.4, 4.6)
    for index in scores.signal_classes:
        name = scores.classes[index]
        against = literal(scores.classes[0]) if len(scores.classes) == 2 else "all others"
        with canvas(*size) as figure:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw={"hspace": 0.06})
            _draw_roc(upper, lower, scores, index)
            upper.set_ylabel(f"Background efficiency $\\varepsilon_B$ ({against})")
            lower.set_xlabel(f"Signal efficiency $\\varepsilon_S$ ({literal(name)})")
            name_above(figure, upper)
            plots[name] = svg(figure, f"roc-{index}")
    return plots


def _draw_roc(upper: Axes, lower: Axes, scores: Scores, index: int) -> None:
    signal = scores.labels == index
    n_background = int((~signal).sum())
    efficiencies = {name: _background_efficiencies(scores, name, index) for name in _drawn(scores)}
    reference = efficiencies["teacher"]
    for name, values in efficiencies.items():
        error = np.sqrt(values * (1 - values) / n_background)
        style = {**STYLES[name], "label": model_name(name)}
        upper.plot(EFFICIENCIES, values, **style)
        lower.plot(EFFICIENCIES, values / reference, **style)
        band = {"color": style["color"], "alpha": 0.14, "linewidth": 0}
        upper.fill_between(EFFICIENCIES, np.maximum(values - error, 1e-9), values + error, **band)
        lower.fill_between(EFFICIENCIES, (values - error) / reference, (values + error) / reference, **band)
    upper.set_yscale("log")
    present = np.concatenate(list(efficiencies.values()))
    upper.set_ylim(np.nanmin(present, initial=0.1) / 2, 1)
    upper.set_xlim(0, 1)
    lower.set_ylabel("Ratio to\nteacher", loc="center")
    lower.set_ylim(*_ratio_limits(efficiencies, reference))
    for axis in (upper, lower):
        for point in (0.3, 0.5, 0.8):
            axis.axvline(point, color="0.8", linewidth=0.7, zorder=0)


def _ratio_limits(efficiencies: Mapping[str, Floats], reference: Floats) -> tuple[float, float]:
    """Limits that show 1 and 94 % of every curve, so that few jets at low efficiency do not flatten the rest."""
    ratios = [values[np.isfinite(values)] for values in (item / reference for item in efficiencies.values())]
    shown = [np.percentile(values, (3, 97)) for values in ratios if len(values)]
    low, high = (float(np.min(shown, initial=1)), float(np.max(shown, initial=1)))
    margin = 0.25 * (high - low) + 0.05
    return max(0.0, low - margin), high + margin


def _background_efficiencies(scores: Scores, model: str, index: int) -> Floats:
    curve = roc(scores.discriminants(model)[:, index], scores.labels == index)
    values = np.interp(EFFICIENCIES, curve.true_positive_rate, curve.false_positive_rate)
    return np.where(values > 0, values, np.nan)


def score_plots(scores: Scores) -> dict[str, str]:
    """Distribution of ln(p / (1 - p)) for the jets of each class, models overlaid: class -> SVG."""
    plots = {}
    for index, name in enumerate(scores.classes):
        signal = 1 if len(scores.classes) == 2 else index
        with canvas(5.0, 3.6) as figure:
            axis = figure.subplots()
            _draw_scores(axis, scores, scores.labels == index, signal)
            axis.set_xlabel(f"$\\ln\\,p/(1-p)$, $p$ = probability of {literal(scores.classes[signal])}")
            axis.set_title(f"{literal(name)} jets", loc="left")
            name_above(figure, axis)
            plots[name] = svg(figure, f"scores-{index}")
    return plots


def _draw_scores(axis: Axes, scores: Scores, chosen: NDArray[np.bool_], signal: int) -> None:
    values = {name: scores.discriminants(name)[:, signal] for name in _drawn(scores)}
    low, high = np.percentile(np.concatenate(list(values.values())), (0.1, 99.9))
    # A power of two as bin width gives every bin the same number of fixed-point values.
    width = 2.0 ** np.round(np.log2((high - low) / 45))
    edges = np.arange(np.floor(low / width), np.ceil(high / width) + 1) * width
    for name, items in values.items():
        inside = np.clip(items[chosen], edges[0], np.nextafter(edges[-1], edges[0]))
        draw_spectrum(axis, shares(edges, np.histogram(inside, edges)[0]), model_name(name), STYLES[name])
    axis.set_ylim(bottom=0)
    axis.set_ylim(top=axis.get_ylim()[1] * 1.05)
    axis.set_xlim(edges[0], edges[-1])
    axis.set_ylabel(f"Fraction of jets / {width:g}")


def training_plots(curves: Mapping[str, TrainingCurve]) -> dict[str, str]:
    """Training and validation loss by epoch, the epoch that was kept marked: name -> SVG."""
    from matplotlib.ticker import MaxNLocator

    plots = {}
    for number, (name, curve) in enumerate(curves.items()):
        with canvas(3.6, 3.0) as figure:
            axis = figure.subplots()
            axis.plot(curve.epochs, curve.training, color="#0072b2", linestyle=(0, (5, 2)), label="Training")
            axis.plot(curve.epochs, curve.validation, color="#000000", label="Validation")
            kept = curve.epochs[curve.best], curve.validation[curve.best]
            axis.plot(*kept, "o", color="#d55e00", markersize=5, label="Best")
            axis.set(xlabel="Epoch", ylabel="Loss")
            axis.set_title(literal(model_name(name)), loc="left")
            axis.legend(loc="upper right")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            plots[name] = svg(figure, f"training-{number}")
    return plots


def literal(name: str) -> str:
    """A name that matplotlib does not read as mathematics."""
    return name.replace("$", r"\$")


def name_above(figure: Figure, axis: Axes) -> None:
    """The legend of an axis above the figure, which grows by it: many or long names hide and squeeze nothing."""
    handles, labels = axis.get_legend_handles_labels()
    width = figure.get_figwidth()
    labels = [_shortened(label, int((width - MARGIN) / CHARACTER)) for label in labels]
    columns = int(width / (MARGIN + CHARACTER * max(map(len, labels), default=0)))
    columns = min(max(columns, 1), max(len(labels), 1))
    figure.set_figheight(figure.get_figheight() + LINE * -(-len(labels) // columns))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, fontsize=8.5)


def _shortened(label: str, most: int) -> str:
    """A label without its middle where it has more than `most` characters."""
    return label if len(label) <= most else f"{label[: most // 2]}…{label[len(label) + 1 - (most + 1) // 2 :]}"


def _drawn(scores: Scores) -> list[str]:
    return [name for name in STYLES if name in scores.outputs]


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of inches in the style of mplhep; global settings are as before when the block ends."""
    import matplotlib
    import mplhep
    from matplotlib.figure import Figure

    settings: Any = {**mplhep.style.CMS, **_STYLE}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The font has no Chinese; such a name is boxes in a plot and whole on the page.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        yield Figure(figsize=(width, height), layout="constrained")
