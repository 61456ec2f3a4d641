"""What a teacher's tokens keep of jets as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hls.plots import canvas
from hls.render import data_link, page_environment
from hls.sheets import csv_text
from hls.spectra import draw_spectrum, shares
from hls.svg import svg
from jets.files import replacing
from jets.metrics import Measure
from models.teachers.tokenization_quality import RELATIVE, Histogram, TokenizationQuality

QUANTITIES = {
    "jet_mass": ("Jet mass", "Jet mass (GeV)"),
    "jet_pt": ("Jet pT", r"Jet $p_T$ (GeV)"),
    "tau32": ("τ₃₂", r"$\tau_{32}$"),
    "constituent_pt": ("Constituent pT", r"Constituent $p_T$ (GeV)"),
    "constituent_deta": ("Constituent Δη", r"Constituent $\Delta\eta$"),
    "constituent_dphi": ("Constituent Δφ", r"Constituent $\Delta\phi$"),
}
"""What a quantity is called in a table and on an axis."""
LINES: dict[str, dict[str, Any]] = {
    "original": {"color": "#000000", "linestyle": "-", "linewidth": 1.6},
    "reconstructed": {"color": "#d55e00", "linestyle": (0, (6, 2)), "linewidth": 1.6},
    "difference": {"color": "#0072b2", "linestyle": "-", "linewidth": 1.6},
}


def render_tokens(quality: TokenizationQuality, name: str, out: Path) -> Path:
    """Write the page of a measured tokenization; `name` says whose it is.

    Raises:
        StorageError: `out` cannot be written.
    """
    page = (
        page_environment()
        .get_template("tokens.html")
        .render(
            name=name,
            quality=quality,
            auc=_numbers(quality.classifier_auc),
            rows=[
                (QUANTITIES[key][0], _kind(key), _numbers(quality.bias[key]), _numbers(quality.resolution[key]))
                for key in quality.resolution
            ],
            figures=figures(quality),
            links={title: data_link(text, "text/csv") for title, text in sheets(quality).items()},
        )
    )
    with replacing(out) as temporary:
        temporary.write_text(page)
    return Path(out)


def figures(quality: TokenizationQuality) -> dict[str, tuple[str, str]]:
    """The plots of every quantity as SVG: original and reconstructed, and their difference."""
    drawn = {}
    for key, (name, axis) in QUANTITIES.items():
        loss = f"{axis.removesuffix(' (GeV)')}, {_kind(key)}"
        spectrum, lost = quality.spectra[key], quality.losses[key]
        drawn[name] = (_drawn(f"{key}-spectrum", spectrum, axis), _drawn(f"{key}-loss", lost, loss))
    return drawn


def sheets(quality: TokenizationQuality) -> dict[str, str]:
    """The numbers of the page by table, and its histograms, as CSV."""
    resolutions = [
        {"quantity": key, "bias": _numbers(quality.bias[key]), "resolution": _numbers(width)}
        for key, width in quality.resolution.items()
    ]
    codes = {name: getattr(quality, name) for name in ("n_jets", "codebook", "used_codes", "perplexity")}
    codes["classifier_auc"] = _numbers(quality.classifier_auc)
    found = [*quality.spectra.items(), *quality.losses.items()]
    bins = [
        {"quantity": key, "counted": counted, "low": low, "high": high, "count": count}
        for key, histogram in found
        for counted, counts in histogram.counts.items()
        for low, high, count in zip(histogram.edges[:-1], histogram.edges[1:], counts, strict=True)
    ]
    tables: dict[str, list[dict[str, Any]]] = {"resolutions": resolutions, "codes": [codes], "histograms": bins}
    return {name: csv_text(rows) for name, rows in tables.items()}


def _kind(key: str) -> str:
    """How the difference of a quantity is meant."""
    return "relative difference" if key in RELATIVE else "difference"


def _numbers(measure: Measure) -> Mapping[str, float]:
    return {"value": measure.value, "error": measure.error}


def _drawn(name: str, histogram: Histogram, label: str) -> str:
    with canvas(4.4, 2.9) as figure:
        axis = figure.subplots()
        for counted, counts in histogram.counts.items():
            draw_spectrum(axis, shares(histogram.edges, counts), counted, LINES[counted])
        axis.set(xlabel=label, ylabel="Share in a bin", xlim=(histogram.low, histogram.high))
        axis.set_ylim(0, 1.3 * axis.get_ylim()[1])
        axis.legend(loc="upper right", ncols=2)
        return svg(figure, name)
