"""The students of `compression.py` in tables, sentences and a plot."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from compression_students import WAYS, WIDTHS, Results, Student, over_seeds

from hls.plots import canvas
from hls.tables import Table, count
from jets.files import replacing
from jets.metrics import Measure

COLORS = dict(zip(WAYS, ("#d55e00", "#0072b2", "#009e73", "#000000", "#8a8a8a"), strict=True))
TICKS = (3000, 10_000, 30_000)


def percent(measure: Measure, relative: bool = False) -> str:
    """A share, or a difference of logarithms, in per cent."""
    sign = "+" if relative else ""
    return f"{100 * measure.value:{sign}.2f} ± {100 * measure.error:.2f}".replace("-", "−")


def rejection(measure: Measure) -> str:
    """1/eps_B from its logarithm."""
    value = np.exp(measure.value)
    return f"{value:.0f} ± {value * measure.error:.0f}"


def gain_table(results: Results) -> Table:
    """Teacher against labels at the same limit of EBOPs."""
    head = ("student", "EBOPs", "accuracy %, labels", "teacher", "gain", "1/ε_B, labels", "teacher", "gain %")
    rows = []
    for kind, size in results.taught:
        ways = {way: results.of(kind, way, size) for way in ("labels", "teacher")}
        single = {way: over_seeds(found) for way, found in ways.items()}
        gain = results.less(ways["teacher"], ways["labels"])
        cells = [kind, " / ".join(count(results.mean("ebops", kind, way, size)) for way in ways)]
        cells += [*(percent(single[way]["accuracy"]) for way in ways), percent(gain["accuracy"], relative=True)]
        cells += [*(rejection(single[way]["rejection"]) for way in ways), percent(gain["rejection"], relative=True)]
        rows.append(tuple(cells))
    return Table(head, tuple(rows))


def significance(results: Results) -> str:
    """Which gains are above two standard deviations."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for kind, size in results.taught:
        gain = results.less(*(results.of(kind, way, size) for way in ("teacher", "labels")))
        for name, measure in gain.items():
            found[abs(measure.value) > 2 * measure.error].append(f"{name} of {kind} at {size:,}")
    told = {True: "Above two standard deviations", False: "Not significant"}
    return ". ".join(f"{told[above]}: {', '.join(names) or 'none'}" for above, names in found.items()) + "."


def front_table(results: Results) -> Table:
    """The MLPs by what they cost."""
    rows = []
    for way, size in results.front:
        single = over_seeds(results.of("MLP", way, size))
        cells = [Student("MLP", way, size, 0).name, percent(single["accuracy"]), rejection(single["rejection"])]
        rows.append((*cells, *(count(results.mean(n, "MLP", way, size)) for n in ("ebops", "cost", "lut", "cycles"))))
    return Table(("MLP", "accuracy %", "1/ε_B", "EBOPs", "LUT, alkaid", "LUT, Yosys", "cycles"), tuple(rows))


def cheapest(results: Results) -> Iterator[str]:
    """For each student without a teacher the least with one that is no more than a standard deviation less accurate."""

    def cost(pair: tuple[str, int]) -> float:
        return results.mean("cost", "MLP", *pair) or 0.0

    ours = sorted((pair for pair in results.front if pair[0] == "teacher"), key=cost)
    for other in (pair for pair in results.front if pair not in ours):
        told = "none of ours is as accurate"
        for pair in ours:
            found = results.less(results.of("MLP", *pair), results.of("MLP", *other))
            if found["accuracy"].value >= -found["accuracy"].error:
                accuracy, gain = (percent(found[name], relative=True) for name in ("accuracy", "rejection"))
                told = f"{pair[1]:,} EBOPs have {lut_share(results, pair, other)} of its LUT, "
                told += f"{accuracy} % accuracy, {gain} % rejection"
                break
        yield f"- {Student('MLP', *other, 0).name}: {told}"


def lut_share(results: Results, ours: tuple[str, int], other: tuple[str, int]) -> str:
    """What one MLP takes of the LUT of another, by alkaid and, where both are known, by Yosys."""
    told = []
    for number, tool in (("cost", "alkaid"), ("lut", "Yosys")):
        mine, theirs = (results.mean(number, "MLP", *pair) for pair in (ours, other))
        if mine and theirs:
            told.append(f"{mine / theirs:.2f} ({tool})")
    return " or ".join(told)


def rounding_table(results: Results) -> Table:
    """Rounded against trained MLPs of the same bits."""
    rows = []
    for width in WIDTHS:
        found = [results.of("MLP", way, width) for way in ("rounded", "qkeras")]
        gain, single = results.less(*reversed(found)), [over_seeds(each) for each in found]
        cells = [*(percent(one["accuracy"]) for one in single), percent(gain["accuracy"], relative=True)]
        rows.append((f"{width}", *cells, *(rejection(one["rejection"]) for one in single)))
    head = ("bits", "accuracy %, rounded", "trained", "difference", "1/ε_B, rounded", "trained")
    return Table(head, tuple(rows))


def gains(results: Results) -> list[str]:
    """What a teacher brings, and which of that is significant, in Markdown."""
    return [gain_table(results).markdown(), significance(results)]


def costs(results: Results) -> list[str]:
    """What accuracy takes, in Markdown."""
    return [
        front_table(results).markdown(),
        "At equal accuracy, the cheapest with a teacher against",
        "\n".join(cheapest(results)),
    ]


def draw(results: Results, parts: Sequence[str], path: Path) -> None:
    """Accuracy against LUT, and against bits with and without training."""
    with canvas(9, 3.8) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for way, pairs in itertools.groupby(results.front, key=lambda pair: pair[0]):
            sizes = [size for _, size in pairs]
            costs = [results.mean("cost", "MLP", way, size) for size in sizes]
            _errorbar(left, costs, results, way, sizes)
        for way in ("qkeras", "rounded") if "rounding" in parts else ():
            _errorbar(right, WIDTHS, results, way, WIDTHS)
        left.set(xscale="log", xlabel="LUT, alkaid", ylabel="accuracy of the MLP")
        left.set_xticks(TICKS, labels=[f"{tick:,}" for tick in TICKS])
        left.tick_params(which="minor", labelbottom=False)
        right.set(xlabel="bits of weights, biases and activations")
        figure.legend(*_legend(left, right), loc="outside right center")
        with replacing(path) as temporary:
            figure.savefig(temporary, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))


def _errorbar(axis: Any, x: Sequence[float | None], results: Results, way: str, sizes: Sequence[int]) -> None:
    found = [over_seeds(results.of("MLP", way, size))["accuracy"] for size in sizes]
    values, errors = zip(*((item.value, item.error) for item in found), strict=True)
    axis.errorbar(x, values, errors, fmt="o-", capsize=2, color=COLORS[way], label=WAYS[way])


def _legend(*axes: Any) -> tuple[list[Any], list[str]]:
    """Every way once."""
    found = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    return list(found.values()), list(found)
