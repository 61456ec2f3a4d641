"""Physics against hardware: what each firmware tagger costs, which are not beaten, and which wins under the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hls.comparison.candidates import Candidate
from hls.comparison.config import Budget
from hls.comparison.performance import Merit, Row, Tables
from hls.report import HARDWARE_KINDS

RESOURCES = ("lut", "dsp", "latency_ns")
COPIED = ("tool", "kind", "part", "clock_ns", "initiation_interval", "lut", "ff", "dsp", "bram", "latency_ns", "note")


def hardware(candidates: Sequence[Candidate], merit: Merit, budget: Budget) -> Tables:
    """The tables `hardware` (a row a design and way to build it) and `budget` (a row a design, the best first).

    Raises:
        InputError, LayoutError: a report is missing or damaged.
    """
    rows = [
        {
            "tagger": candidate.name,
            "design": candidate.design,
            **{key: row.get(key) for key in COPIED},
            "rejection": merit.rejection(candidate.name),
        }
        for candidate in candidates
        for row in candidate.hardware()
    ]
    return {
        "hardware": [{**row, "unbeaten_in": unbeaten_in(row, rows)} for row in rows],
        "budget": _ranking(rows, merit, budget),
    }


def unbeaten_in(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The resources in which no other row has as much rejection for less, or more for as much: its Pareto fronts."""
    return [
        resource
        for resource in RESOURCES
        if row[resource] is not None and not any(_beats(other, row, resource) for other in rows)
    ]


def _beats(other: Mapping[str, Any], row: Mapping[str, Any], resource: str) -> bool:
    if other[resource] is None:
        return False
    gain = other["rejection"]["value"] - row["rejection"]["value"]
    saving = row[resource] - other[resource]
    return bool(gain >= 0 and saving >= 0 and (gain > 0 or saving > 0))


def over_budget(row: Mapping[str, Any], budget: Budget) -> dict[str, float | None]:
    """Use over limit for each limited resource, above 1 where the limit is broken; None where the use is not known."""
    return {
        key: None if row[key] is None else row[key] / limit if limit else 1.0 + row[key]
        for key, limit in budget.limits().items()
    }


def _ranking(rows: Sequence[Row], merit: Merit, budget: Budget) -> list[Row]:
    """Each tagger by the row that is nearest to the budget: those within it by rejection, the others by distance."""
    chosen: dict[str, Row] = {}
    for row in rows:
        use = over_budget(row, budget)
        unknown = [key for key, ratio in use.items() if ratio is None]
        known = {key: ratio for key, ratio in use.items() if ratio is not None}
        tightest = max(known, key=lambda key: known[key], default=None)
        entry = {
            "tagger": row["tagger"],
            "kind": row["kind"],
            "within": not unknown and all(ratio <= 1 for ratio in known.values()),
            "tightest": tightest,
            "use_of_limit": None if tightest is None else known[tightest],
            "unknown": unknown,
            **{key: row[key] for key in RESOURCES},
            "rejection": row["rejection"],
        }
        if row["tagger"] not in chosen or _order(entry) < _order(chosen[row["tagger"]]):
            chosen[row["tagger"]] = entry
    ranked = sorted(chosen.values(), key=_order)
    for place, entry in enumerate(ranked):
        following = ranked[place + 1] if place + 1 < len(ranked) else entry
        compared = following is not entry and entry["within"] and following["within"]
        entry["place"] = place + 1
        entry["ahead_of_next"] = merit.ahead(entry["tagger"], following["tagger"]) if compared else None
    return ranked


def _order(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """The budget, then rejection; of equal rejection, numbers nearer to silicon, then fewer resources."""
    if entry["within"]:
        nearness = HARDWARE_KINDS.index(entry["kind"])
        uses = [entry[key] if entry[key] is not None else float("inf") for key in RESOURCES]
        return (0, -entry["rejection"]["value"], -nearness, *uses)
    return (1, len(entry["unknown"]), entry["use_of_limit"] or 0.0)
