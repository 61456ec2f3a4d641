"""Tables as CSV in full precision: rows of any kind, and every table of a Report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from hls.report import Report

Row = Mapping[str, Any]


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV in full precision: value, error, difference to the first tagger and its error in own columns."""
    flat = [_flat(row) for row in rows]
    if not flat:
        return ""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(key for row in flat for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue()


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat[key] = value["value"]
            flat |= {f"{key}_{name}": item for name, item in value.items() if name not in ("value", "difference")}
            if "difference" in value:
                difference = value["difference"] or {"value": None, "error": None}
                flat[f"{key}_difference"], flat[f"{key}_difference_error"] = difference["value"], difference["error"]
        else:
            flat[key] = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat


def report_sheets(report: Report) -> dict[str, str]:
    """The tables of a report's page by name, those that it has, as CSV."""
    physics = report.physics
    tables: dict[str, Iterable[Row]] = {
        "models": [{"model": name, **_measures(physics[name])} for name in report.models],
        "differences": [{"difference": name, **_measures(item)} for name, item in physics["differences"].items()],
        "agreement": [{"models": name, "agreement": item} for name, item in physics["agreement"].items()],
        "classes": [
            {"model": model, "class": name, **_measures(item)}
            for model in report.models
            for name, item in physics[model].get("per_class", {}).items()
        ],
        "exactness": [{"vectors": name, **item} for name, item in report.exactness.items() if name != "kept"],
        "hardware": report.hardware,
        "design": _blocks(report.design) if report.design else [],
        "precision": [
            {"layer": layer["name"], "kind": layer["kind"], "tensor": role, "type": text}
            for layer in report.precision
            for role, text in layer["precisions"].items()
        ],
        "cost": [{"quantity": name, "value": value} for name, value in _costs(report.cost)],
        "versions": [{"package": name, "version": version} for name, version in report.versions.items()],
    }
    return {name: text for name, rows in tables.items() if (text := csv_text(rows))}


def _measures(numbers: Row) -> Row:
    """Accuracy, where it is one of them, AUC and the rejections, each a column with its error."""
    rejections = {f"rejection_at_{point}": number for point, number in numbers["rejection"].items()}
    return {name: numbers[name] for name in ("accuracy", "auc") if name in numbers} | rejections


def _blocks(design: Row) -> list[Row]:
    """A row a block of the RTL, one a part that is mapped as a whole, and the design."""
    rows: list[Row] = []
    for block in design["blocks"]:
        of = {"block": block["name"]}
        sizes = {key: value for key, value in block.items() if key not in ("name", "resources", "parts")}
        rows.append({**of, "part": None, **sizes, **(block.get("resources") or {})})
        parts = block.get("parts") or ()
        rows += [{**of, "part": part["name"], **{key: part[key] for key in part if key != "name"}} for part in parts]
    whole = ("latency_cycles", "interval_cycles", "input_bits", "output_bits")
    sizes = {key: design[key] for key in whole}
    return [*rows, {"block": "design", "part": None, **sizes, **(design.get("resources") or {})}]


def _costs(cost: Row) -> Iterable[tuple[str, Any]]:
    """The numbers of `cost`, those of stages and layers by `name/part`."""
    for name, value in cost.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}/{part}", number) for part, number in value.items())
        else:
            yield name, value
