"""A Report as tables: the same cells for HTML, Markdown and the terminal, and the table in the README."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hls.report import WORKING_POINTS, Report
from jets.errors import LayoutError
from jets.files import existing_file, replacing

MARKERS = "<!-- {0}:begin -->", "<!-- {0}:end -->"
ABSENT = "–"
MODEL_NAMES = {
    "teacher": "Teacher",
    "reference": "Reference",
    "control_float": "Float control",
    "control_quantized": "Quantized control",
    "student_float": "Float student",
    "student_quantized": "Quantized student",
    "csim": "C simulation",
    "rtl": "RTL simulation",
}
KIND_NAMES = {
    "estimate": "estimate",
    "synthesis": "synthesis",
    "place_and_route": "place and route",
    "vendor": "vendor report",
}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Table:
    """A header and rows of text; the first column is text, the others are numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table as GitHub Markdown."""
        rule = ("---", *["---:"] * (len(self.header) - 1))
        return "\n".join("| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows))

    def text(self) -> str:
        """The table in aligned columns for a terminal."""
        widths = [max(len(row[index]) for row in (self.header, *self.rows)) for index in range(len(self.header))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in (self.header, *self.rows)
        ]
        return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])


def measured(measure: Mapping[str, Any]) -> str:
    """value ± error, both to the second significant digit of the error; > value for a bound; – when not known."""
    value, error = measure["value"], measure["error"]
    if value is None:
        return ABSENT
    if measure.get("is_lower_bound"):
        return f"> {_rounded(value, _decimals(value))}"
    if not error:
        return f"{value:.6g} ± 0".replace("-", "−")
    decimals = _decimals(error)
    if decimals <= 6:
        return f"{_rounded(value, decimals)} ± {_rounded(error, decimals)}"
    scale = decimals - 1
    power = f"10{str(-scale).translate(_SUPERSCRIPT)}"
    return f"({_rounded(value * 10**scale, 1)} ± {_rounded(error * 10**scale, 1)}) × {power}"


def _decimals(number: float) -> int:
    """Decimal places of the second significant digit (after rounding to two), negative above 99."""
    return 1 - int(f"{number:.1e}".split("e")[1])


def _rounded(number: float, decimals: int) -> str:
    text = f"{round(number, decimals):,.{max(decimals, 0)}f}".replace("-", "−")
    return text.removeprefix("−") if not re.search("[1-9]", text) else text


def count(number: float | None) -> str:
    """A whole number with thousands separators; – when not known."""
    return ABSENT if number is None else f"{number:,.0f}"


def bits_of(precision: str) -> int | None:
    """The width in a fixed-point type such as ap_fixed<8,1,…> or fixed<8,1>; None when there is none."""
    found = re.search(r"<\s*(\d+)", precision)
    return int(found[1]) if found else None


def weight_bits(report: Report) -> str:
    """The widths of the firmware's weights, e.g. 8 or 4 – 8; – when no layer states one."""
    types = [
        text for layer in report.precision for role, text in layer["precisions"].items() if "weight" in role.lower()
    ]
    widths = sorted({width for text in types if (width := bits_of(text)) is not None})
    if not widths:
        return ABSENT
    return str(widths[0]) if len(widths) == 1 else f"{widths[0]}–{widths[-1]}"


def latency(row: Mapping[str, Any] | None) -> str:
    """The latency of a hardware row in ns or µs, else in cycles; – when not known."""
    if row is None or (row.get("latency_ns") is None and row.get("latency_cycles") is None):
        return ABSENT
    nanoseconds = row.get("latency_ns")
    if nanoseconds is None:
        return f"{row['latency_cycles']:,} cycles"
    return f"{nanoseconds / 1000:.3g} µs" if nanoseconds >= 1000 else f"{nanoseconds:.3g} ns"


def model_name(model: str, inside: bool = False) -> str:
    """A model's name to be read at the start of a sentence, or `inside` one."""
    name = MODEL_NAMES.get(model, model)
    return name[0].lower() + name[1:] if inside and name[1].islower() else name


def physics_table(report: Report) -> Table:
    """Model by parameters, weight bits, accuracy, AUC and the background rejections."""
    points = [f"1/ε_B at {point}" for point in WORKING_POINTS]
    rows = [(model_name(name), *_size(report, name), *_physics(report, name)) for name in report.models]
    return Table(("Model", "Parameters", "Bits", "Accuracy", "AUC", *points), tuple(rows))


def _physics(report: Report, model: str) -> list[str]:
    numbers = report.physics[model]
    return [measured(item) for item in (numbers["accuracy"], numbers["auc"], *numbers["rejection"].values())]


def _size(report: Report, model: str) -> tuple[str, str]:
    parameters = {"teacher": "teacher_parameters", "reference": "reference_parameters"}
    number = report.cost.get(parameters.get(model, "student_parameters"))
    is_quantized = "quantized" in model or model in ("csim", "rtl")
    return count(number), weight_bits(report) if is_quantized else "float"


def firmware_cells(report: Report, model: str) -> tuple[str, str, str, str]:
    """Exactness, latency, LUT and their kind in a model's row of the main table; empty where they do not apply."""
    if model not in ("csim", "rtl"):
        return "", "", "", ""
    key = {"csim": "quantized_vs_csim", "rtl": "csim_vs_rtl"}[model]
    exactness = report.exactness.get(key)
    verdict = ABSENT if exactness is None else f"{exactness['n_mismatch']:,} of {exactness['n_vectors']:,}"
    row = next(iter(report.hardware_of({"csim": "hls", "rtl": "rtl"}[model])), None)
    if row is None:
        return verdict, ABSENT, ABSENT, ABSENT
    return verdict, latency(row), count(row.get("lut")), KIND_NAMES[row["kind"]]


def exactness_lines(report: Report) -> list[str]:
    """One sentence for each comparison of two implementations on stored vectors."""
    compared = report.exactness["quantized_vs_csim"]
    lines = [_compared("The C simulation against the quantized student", compared)]
    if compared["n_mismatch"]:
        within = "within" if compared["max_abs_difference"] <= compared["limit"] else "ABOVE"
        reason = f" ({compared['reason']})" if compared["reason"] else ""
        difference, limit = (f"{compared[key]:.3g}" for key in ("max_abs_difference", "limit"))
        lines[0] += f", by at most {difference}, {within} the limit of {limit}{reason}"
    lines.append(_compared("The standalone testbench against the golden outputs", report.exactness["csim_testbench"]))
    if "csim_vs_rtl" in report.exactness:
        lines.append(_compared("The RTL simulation against the C simulation", report.exactness["csim_vs_rtl"]))
    kept = report.exactness.get("kept", {})
    for key, name in (("csim", "C"), ("rtl", "RTL")):
        if key in kept:
            what = f"The outputs of {kept['project']} in the {name} simulation against those of its own firmware"
            lines.append(_compared(what, kept[key]))
    return [f"{line}." for line in lines]


def _compared(what: str, equality: Mapping[str, Any]) -> str:
    vectors = f"{equality['n_vectors']:,}"
    if equality["n_mismatch"] == 0:
        return f"{what}: equal bit for bit on all {vectors} vectors"
    return f"{what}: {equality['n_mismatch']:,} of {vectors} vectors differ"


def hardware_lines(report: Report) -> list[str]:
    """Latency, interval and resources of either design, as near to silicon as there is, with kind, tool and note."""
    lines = []
    for design, name in (("hls", "HLS"), ("rtl", "RTL")):
        rows = report.hardware_of(design)
        if design == "hls":
            rows = [row for row in rows if row["kind"] == rows[0]["kind"]]
        lines += [f"{name} {_hardware_line(row)}" for row in rows]
    return lines or ["Hardware: no numbers."]


def unbuilt_lines(report: Report) -> list[str]:
    """What is not built: the parameters that are zero, and the neurons that nothing reads."""
    lines = []
    if report.cost.get("student_zeros"):
        of = report.cost["student_parameters"]
        lines.append(f"Of the student's {count(of)} parameters {count(report.cost['student_zeros'])} are zero.")
    free = [f"{n} of {of} in {name}" for name, (n, of) in report.cost.get("free_neurons", {}).items() if n]
    if free:
        lines.append(f"Neurons that nothing reads, free for another task: {', '.join(free)}.")
    return lines


def _hardware_line(row: Mapping[str, Any]) -> str:
    resources = [f"{count(row[key])} {key.upper()}" for key in ("lut", "ff", "dsp", "bram") if row.get(key) is not None]
    interval = row.get("initiation_interval")
    pace = [] if interval is None else [f"interval {interval:,} cycle{'' if interval == 1 else 's'}"]
    parts = [f"latency {latency(row)}", *pace, *resources]
    if row.get("fmax_mhz") is not None:
        parts.append(f"Fmax {row['fmax_mhz']:.0f} MHz{_at_fmax(row)}")
    source = ", ".join(filter(None, (row["tool"], row.get("part"))))
    note = f"; {row['note'].rstrip('.')}" if row.get("note") else ""
    return f"hardware, {KIND_NAMES[row['kind']]} ({source}): {', '.join(parts)}{note}."


def _at_fmax(row: Mapping[str, Any]) -> str:
    """What a clock slower than the one asked for does to the latency; empty where it is fast enough."""
    asked, cycles = row.get("clock_ns"), row.get("latency_cycles")
    if asked is None or cycles is None or row["fmax_mhz"] >= 1000 / asked:
        return ""
    reached = latency({"latency_ns": 1000 * cycles / row["fmax_mhz"]})
    return f" instead of {1000 / asked:.4g} (then {reached})"


def difference_table(report: Report) -> Table:
    """Paired differences between models on the same jets."""
    rows = []
    for name, numbers in report.physics["differences"].items():
        first, second = name.split("_minus_")
        cells = [measured(item) for item in (numbers["accuracy"], numbers["auc"], *numbers["rejection"].values())]
        rows.append((f"{model_name(first)} − {model_name(second, inside=True)}", *cells))
    points = [f"1/ε_B at {point}" for point in WORKING_POINTS]
    return Table(("Difference", "Accuracy", "AUC", *points), tuple(rows))


def hardware_table(report: Report) -> Table:
    """Every hardware row, with its kind."""
    header = (
        "Design",
        "Tool",
        "Kind",
        "Part",
        "Clock (ns)",
        "Latency",
        "Cycles",
        "Interval",
        "LUT",
        "FF",
        "DSP",
        "BRAM",
        "Fmax (MHz)",
    )
    return Table(header, tuple(_hardware_cells(row) for row in report.hardware))


def _hardware_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    tool = " ".join(filter(None, (row["tool"], row.get("tool_version"))))
    clock, fmax = (ABSENT if row.get(key) is None else f"{row[key]:.4g}" for key in ("clock_ns", "fmax_mhz"))
    keys = ("latency_cycles", "initiation_interval", "lut", "ff", "dsp", "bram")
    numbers = [count(row.get(key)) for key in keys]
    design = row.get("design", "hls").upper()
    return (design, tool, KIND_NAMES[row["kind"]], row.get("part") or ABSENT, clock, latency(row), *numbers, fmax)


def precision_table(report: Report) -> Table:
    """The fixed-point type of every tensor of every layer."""
    rows = [
        (layer["name"] if first else "", layer["kind"] if first else "", role, text, count(bits_of(text)))
        for layer in report.precision
        for first, (role, text) in zip(
            [True, *[False] * len(layer["precisions"])], layer["precisions"].items(), strict=False
        )
    ]
    return Table(("Layer", "Kind", "Tensor", "Type", "Bits"), tuple(rows))


def markdown_table(report: Report) -> str:
    """The main table and the sentences on exactness and hardware, as Markdown for the README."""
    jets = f"{report.jets['n_test']:,} test jets ({', '.join(report.jets['classes'])}; {report.jets['source']})"
    bullets = "\n".join(f"- {line}" for line in _sentences(report))
    return (
        f"{physics_table(report).markdown()}\n\n{jets}; ± is one standard deviation of the test sample.\n\n{bullets}\n"
    )


def main_table_text(report: Report) -> str:
    """The main table and the sentences on exactness and hardware, for a terminal."""
    return "\n".join([physics_table(report).text(), "", *_sentences(report)])


def _sentences(report: Report) -> list[str]:
    return [*exactness_lines(report), *unbuilt_lines(report), *hardware_lines(report)]


def update_readme(readme: Path, report: Report) -> bool:
    """Write the table of a report into a README, as `replace_table` does."""
    return replace_table(readme, markdown_table(report))


def replace_table(page: Path, table: str, name: str = "report") -> bool:
    """Replace what stands between the markers of this name in a page; True when that changed it.

    Raises:
        InputError: no such file.
        LayoutError: the markers are missing, doubled or in the wrong order.
    """
    text = existing_file(page, "page").read_text()
    first, last = (marker.format(name) for marker in MARKERS)
    begin, end = text.find(first), text.find(last)
    if min(begin, end) < 0 or end < begin or text.count(first) != 1 or text.count(last) != 1:
        remedy = f"put the lines {first} and {last} where the table belongs"
        raise LayoutError(f"does not have the two {name} markers once each, in order", page, remedy)
    new = f"{text[: begin + len(first)]}\n\n{table}\n{text[end:]}"
    if new == text:
        return False
    with replacing(page) as temporary:
        temporary.write_text(new)
    return True
