"""What the page of a Comparison shows of its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hls.comparison.comparison import Comparison
from hls.tables import ABSENT, KIND_NAMES, Table, count, measured

VARIABLE_NAMES = {"pt_gev": "pT (GeV)", "eta": "η", "n_constituents": "constituents", "mass_gev": "mass (GeV)"}
RESOURCE_NAMES = {"lut": "LUT", "dsp": "DSP", "latency_ns": "latency (ns)"}
VARIATION_NAMES = {
    "nominal": "as they are",
    "drop": "constituents dropped",
    "smear_pt": "constituent pT smeared",
    "smear_angle": "angles smeared",
    "bit_flip": "one input bit flipped",
}
VIEW_NAMES = {
    "nominal": "as they are",
    "seed": "showered again",
    "fsr_down": "FSR scale × 1/√2",
    "fsr_up": "FSR scale × √2",
    "vincia": "Vincia shower",
}


def difference(number: Mapping[str, Any]) -> str:
    """The difference to the first tagger; – for the first itself."""
    return ABSENT if number["difference"] is None else measured(number["difference"])


def _both(number: Mapping[str, Any]) -> tuple[str, str]:
    return measured(number), difference(number)


def summary_table(comparison: Comparison) -> Table:
    """One row a tagger: accuracy, rejection, efficiency at the rate budget, and its cost as it keeps the budget best.

    The efficiency is there where one class alone is the signal.
    """
    at_rate = (f"ε_S at {comparison.config['rate_budget_khz']:g} kHz",) if _has_one_signal(comparison) else ()
    physics = ("Tagger", "Accuracy", f"1/ε_B at {comparison.config['working_point']:g}", "Difference", *at_rate)
    header = (*physics, "Latency (ns)", "LUT", "DSP", "Kind") if comparison.tables["hardware"] else physics
    rows = []
    for name in comparison.names:
        accuracy = measured(comparison.rows("accuracy", tagger=name)[0]["accuracy"])
        rejection = _both(comparison.rows("merit", tagger=name)[0]["rejection"])
        passing = [measured(row["signal_efficiency"]) for row in comparison.rows("rate_budget", tagger=name)]
        built = comparison.rows("budget", tagger=name)
        cost = (*_resources(built[0]), KIND_NAMES[built[0]["kind"]]) if built else ("", "", "", "")
        rows.append((name, accuracy, *rejection, *passing[: len(at_rate)], *cost)[: len(header)])
    return Table(header, tuple(rows))


def _has_one_signal(comparison: Comparison) -> bool:
    return len({row["signal"] for row in comparison.tables["rate_budget"]}) == 1


def _resources(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return count(row["latency_ns"]), count(row["lut"]), count(row["dsp"])


def rejection_table(comparison: Comparison) -> Table:
    """AUC and rejections against the whole background; single backgrounds are in the CSV."""
    points = comparison.config["signal_efficiencies"]
    columns = [text for point in points for text in (f"1/ε_B at {point:g}", "Difference")]
    rows = []
    for row in comparison.tables["auc"]:
        key = {name: row[name] for name in ("tagger", "signal", "background")}
        if key["background"] == whole_background(comparison, key["signal"]):
            numbers = [item["rejection"] for item in comparison.rows("rejection", **key)]
            cells = [text for number in numbers for text in _both(number)]
            rows.append((row["tagger"], f"{row['signal']} / {row['background']}", *_both(row["auc"]), *cells))
    return Table(("Tagger", "Signal / background", "AUC", "Difference", *columns), tuple(rows))


def whole_background(comparison: Comparison, signal: str) -> str:
    """The name of all of a signal's background, the first one of its rows."""
    return str(comparison.rows("auc", signal=signal)[0]["background"])


def rate_table(comparison: Comparison) -> Table:
    """The signal efficiency that the rate budget leaves."""
    rows = [
        (row["tagger"], row["signal"], *_both(row["signal_efficiency"])) for row in comparison.tables["rate_budget"]
    ]
    header = ("Tagger", "Signal", f"ε_S at {comparison.config['rate_budget_khz']:g} kHz", "Difference")
    return Table(header, tuple(rows))


def shape_table(comparison: Comparison) -> Table:
    """Mass sculpting and calibration."""
    rows = []
    for sculpting, calibration in zip(comparison.tables["sculpting"], comparison.tables["calibration"], strict=True):
        floor = ABSENT if sculpting["floor_bits"] is None else f"{sculpting['floor_bits']:.2g}"
        divergence = _both(sculpting["jensen_shannon_bits"])
        rows.append(
            (sculpting["tagger"], sculpting["signal"], *divergence, floor, *_both(calibration["calibration_error"]))
        )
    header = ("Tagger", "Signal", "Sculpting (bits)", "Difference", "Floor", "Calibration error", "Difference")
    return Table(header, tuple(rows))


def agreement_table(comparison: Comparison) -> Table:
    """How often the decision at the working point is not the first tagger's."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in comparison.tables["agreement"]:
        groups.setdefault((row["tagger"], row["signal"]), []).append(measured(row["differing"]))
    rows = tuple((*key, *cells) for key, cells in groups.items())
    return Table(("Tagger", "Signal", "Of all jets", "Of signal", "Of background"), rows)


def layer_table(comparison: Comparison) -> Table:
    """How far each layer of a quantized student is from that of the float one it was trained from."""
    rows = []
    for row in comparison.tables["layers"]:
        sizes = (f"{row[name]:.3g}" for name in ("median_abs", "q90_abs", "q99_abs", "max_abs", "spread"))
        rows.append((row["tagger"], row["layer"], measured(row["mean"]), measured(row["mean_abs"]), *sizes))
    header = ("Tagger", "Layer", "Mean", "Mean size", "Median", "90 %", "99 %", "Largest", "Spread of the layer")
    return Table(header, tuple(rows))


def robustness_table(comparison: Comparison, table: str) -> Table:
    """`robustness` or `views`: rejection in every variation, and what it changes at a threshold that is kept."""
    rows = []
    for row in comparison.tables[table]:
        shifts = (difference(row["signal_efficiency"]), difference(row["background_efficiency"]))
        changed = ABSENT if is_nominal(row) else measured(row["changed"])
        rows.append((row["tagger"], row["signal"], variation_name(row), *_both(row["rejection"]), *shifts, changed))
    point = comparison.config["working_point"]
    header = ("Tagger", "Signal", "Jets", f"1/ε_B at {point:g}", "Shift", "Shift of ε_S", "Shift of ε_B", "Changed")
    return Table(header, tuple(rows))


def is_nominal(row: Mapping[str, Any]) -> bool:
    """Whether a row of `robustness` or `views` is of the jets as they are."""
    return row["signal_efficiency"]["difference"] is None


def variation_name(row: Mapping[str, Any]) -> str:
    """The variation of a row of `robustness` or the view of one of `views`, to be read."""
    if "view" in row:
        return view_name(row["view"])
    size = "" if row["size"] is None or row["variation"] == "bit_flip" else f" {row['size']:g}"
    return f"{VARIATION_NAMES[row['variation']]}{size}"


def view_name(view: str) -> str:
    """A view to be read; its own name where it is of another's making."""
    for prefix, kind in (("detector_", "detector"), ("pile_up_", "pile-up")):
        if view.startswith(prefix):
            return f"{kind} {view.removeprefix(prefix)}"
    return VIEW_NAMES.get(view, view)


def shift_table(comparison: Comparison) -> Table:
    """How far each view moves the scores: a row a tagger, signal and class, a column a view."""
    groups: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in comparison.tables["shifts"]:
        cells = groups.setdefault((row["tagger"], row["signal"], row["class"]), {})
        cells[row["view"]] = measured(row["distance"])
    views = tuple(next(iter(groups.values()), {}))
    rows = tuple((*key, *(cells.get(view, ABSENT) for view in views)) for key, cells in groups.items())
    return Table(("Tagger", "Signal", "Class", *map(view_name, views)), rows)


def hardware_table(comparison: Comparison) -> Table:
    """Every design with its kind and the fronts it is on."""
    rows = []
    for row in comparison.tables["hardware"]:
        fronts = ", ".join(RESOURCE_NAMES[name].split(" ")[0] for name in row["unbeaten_in"]) or ABSENT
        made = (row["design"].upper(), row["tool"], KIND_NAMES[row["kind"]])
        rows.append((row["tagger"], *made, *_resources(row), measured(row["rejection"]), fronts))
    header = ("Tagger", "Design", "Tool", "Kind", "Latency (ns)", "LUT", "DSP", "1/ε_B", "Unbeaten in")
    return Table(header, tuple(rows))


def budget_table(comparison: Comparison) -> Table:
    """The ranking under the budget."""
    rows = []
    for row in comparison.tables["budget"]:
        use = (
            ABSENT
            if row["use_of_limit"] is None
            else f"{100 * row['use_of_limit']:.4g} % of {RESOURCE_NAMES[row['tightest']].split(' ')[0]}"
        )
        unknown = ", ".join(row["unknown"])
        verdict = "within" if row["within"] else f"unknown: {unknown}" if unknown else "over"
        ahead = ABSENT if row["ahead_of_next"] is None else measured(row["ahead_of_next"])
        cells = (KIND_NAMES[row["kind"]], verdict, use, *_resources(row), measured(row["rejection"]), ahead)
        rows.append((f"{row['place']}. {row['tagger']}", *cells))
    header = ("Tagger", "Kind", "Budget", "Tightest", "Latency (ns)", "LUT", "DSP", "1/ε_B", "Ahead of the next")
    return Table(header, tuple(rows))


def verdict(comparison: Comparison) -> str:
    """Who wins under the budget at what cost and loss, or how far the nearest is from it; by what kind of numbers."""
    ranking = comparison.tables["budget"]
    limits = _limits_text(comparison.config["budget"])
    if not ranking:
        return "No tagger has hardware numbers, so there is no winner."
    best = ranking[0]
    name, physics = f"{best['tagger']} ({KIND_NAMES[best['kind']]})", _physics_text(comparison, best["tagger"])
    if best["within"]:
        under = f"within {limits}" if limits else "with no budget set"
        costs = ", ".join(_amount(key, best[key]) for key in RESOURCE_NAMES if best[key] is not None)
        return f"The winner {under} is {name}: {costs}; {physics}.{_once_built(ranking)}"
    if best["use_of_limit"] is None or best["unknown"]:
        return f"Nothing is known to keep {limits}; the nearest is {name}, with unknown numbers."
    use = _amount(best["tightest"], best[best["tightest"]])
    return f"Nothing keeps {limits}; the nearest is {name} with {use}: {physics}."


def _once_built(ranking: Sequence[Mapping[str, Any]]) -> str:
    """Where the best number is an estimate: what a firmware of the same physics takes once it is built, if too much."""
    best, *others = ranking
    for row in others if best["kind"] == "estimate" else ():
        if (
            row["rejection"] == best["rejection"]
            and row["kind"] != "estimate"
            and row["tightest"]
            and not row["within"]
        ):
            use = _amount(row["tightest"], row[row["tightest"]])
            return f" Not so once built: {row['tagger']}, of the same physics, takes {use} ({KIND_NAMES[row['kind']]})."
    return ""


def _physics_text(comparison: Comparison, tagger: str) -> str:
    """Rejection, and with one signal class the efficiency at the rate budget, each with what it is off the first."""
    (merit,) = comparison.rows("merit", tagger=tagger)
    texts = [f"1/ε_B = {measured(merit['rejection'])}{_off(comparison, merit['rejection'])}"]
    if _has_one_signal(comparison):
        (row,) = comparison.rows("rate_budget", tagger=tagger)
        number = row["signal_efficiency"]
        texts.append(f"ε_S = {measured(number)}{_off(comparison, number)} at {row['rate_khz']:g} kHz")
    return "; ".join(texts)


def _off(comparison: Comparison, number: Mapping[str, Any]) -> str:
    return "" if number["difference"] is None else f" ({difference(number)} to {comparison.names[0]})"


def _limits_text(budget: Mapping[str, Any]) -> str:
    return ", ".join(_amount(key, budget[key]) for key in RESOURCE_NAMES if budget.get(key) is not None)


def _amount(resource: str, number: float) -> str:
    """A number of one resource with its unit."""
    return f"{number:,.10g} {RESOURCE_NAMES[resource]}".replace("latency (ns)", "ns of latency")
