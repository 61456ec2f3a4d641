"""The result of a search as one HTML page that needs nothing else, with its plots as SVG and PNG."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flow.search.result import SearchResult, TrialRow, told
from hls.comparison.drawing import LOOKS, Plot, save_plots
from hls.render import data_link, page_environment
from jets.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE, PLOTS = "search.html", "plots"
AXES = {"lut": "LUT (estimate)", "latency_ns": "Latency (ns, estimate)"}
OTHERS = {"color": "0.62", "marker": "o", "markersize": 4}
FRONT = {"color": LOOKS[2][0], "marker": "o", "markersize": 5}
WINNER = {"color": LOOKS[1][0], "marker": "*", "markersize": 12}
DECADE = 10


def write_page(result: SearchResult, folder: Path) -> Path:
    """Write search.html and plots/ of a result into a folder of ours, and return the page.

    Raises:
        StorageError: the folder cannot be written.
    """
    pictures = save_plots(pareto_plots(result), folder / PLOTS)
    text = page_environment().get_template("search.html").render(
        result=result,
        pictures=pictures,
        links={trial.number: data_link(yaml_text(result, trial), "text/yaml") for trial in result.trials},
        sheet=data_link(result.csv_text(), "text/csv"),
        told=told,
        json=json.dumps,
    )  # fmt: skip
    with replacing(folder / PAGE) as temporary:
        temporary.write_text(text)
    return folder / PAGE


def yaml_text(result: SearchResult, trial: TrialRow) -> str:
    """A trial's project.yaml."""
    import yaml

    body: str = yaml.safe_dump(dict(trial.content), sort_keys=False, default_flow_style=None, allow_unicode=True)
    summary = f": {result.summary(trial)}" if trial.state == "complete" else ""
    return f"# Trial {trial.number} of the search {result.study}{summary}.\n{body}"


def pareto_plots(result: SearchResult) -> Iterator[Plot]:
    """Rejection against LUT and against latency; none before a trial is complete."""
    if any(trial.state == "complete" for trial in result.trials):
        for resource, label in AXES.items():
            yield Plot(
                f"pareto-{resource}", f"Rejection against {label}", (4.6, 3.7), partial(_pareto, result, resource)
            )


def _pareto(result: SearchResult, resource: str, figure: Figure) -> None:
    axis = figure.subplots()
    complete = [trial for trial in result.trials if trial.state == "complete"]
    front = result.front
    _draw(axis, result, resource, [trial for trial in complete if not trial.on_front], OTHERS, "beaten")
    line = _unbeaten(result, resource, front)
    axis.step(*zip(*line, strict=True), where="post", color="0.7", linewidth=1.0, zorder=1)
    _draw(axis, result, resource, [t for t in front if t.number != result.winner], FRONT, "on the front")
    _draw(axis, result, resource, [t for t in front if t.number == result.winner], WINNER, "winner")
    for trial in front:
        place = (trial.numbers[resource], result.rejection(trial)["value"])
        axis.annotate(str(trial.number), place, xytext=(4, 4), textcoords="offset points", fontsize=7.5)
    limit = result.budget.limits().get(resource)
    if limit is not None:
        axis.axvline(limit, color="0.3", linewidth=1.0, linestyle=(0, (2, 2)), label="budget")
    _scale(axis, [trial.numbers[resource] for trial in complete] + ([limit] if limit else []))
    axis.set_xlabel(AXES[resource])
    axis.set_ylabel(f"$1/\\varepsilon_B$ at $\\varepsilon_S$ = {result.working_point:g}, validation jets")
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.25 * (high - low))
    axis.legend(loc="upper left", ncols=2, fontsize=7.5)


def _draw(
    axis: Axes, result: SearchResult, resource: str, trials: list[TrialRow], style: Mapping[str, Any], label: str
) -> None:
    """Trials as points with the error of their rejection; a bound has none."""
    if not trials:
        return
    found = [result.rejection(trial) for trial in trials]
    errors = [0.0 if number.get("is_lower_bound") else number["error"] for number in found]
    x, y = [trial.numbers[resource] for trial in trials], [number["value"] for number in found]
    axis.errorbar(x, y, errors, linestyle="", elinewidth=0.9, label=label, **style)


def _unbeaten(result: SearchResult, resource: str, front: list[TrialRow]) -> list[tuple[float, float]]:
    """Those points of a plot that have no better one at lower cost, from left to right."""
    line: list[tuple[float, float]] = []
    for x, y in sorted((t.numbers[resource], -result.rejection(t)["value"]) for t in front):
        if not line or -y > line[-1][1]:
            line.append((x, -y))
    return line


def _scale(axis: Axes, values: list[float]) -> None:
    """A logarithmic axis for costs over more than a decade, else one from zero."""
    low, high = min(values), max(values)
    if low > 0 and high / low > DECADE:
        axis.set_xscale("log")
        axis.set_xlim(low / 1.3, 1.3 * high)
    else:
        axis.set_xlim(0, 1.12 * high)
