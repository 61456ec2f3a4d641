"""The Report: every number shown about a project, checked against `report.schema.json`, saved as report.json."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from jets.errors import LayoutError
from jets.files import read_json, write_json

LAYOUT = "tagware-report-1"
SCHEMA_PATH = Path(__file__).with_name("report.schema.json")
MODELS = ("teacher", "reference", "student_float", "student_quantized", "csim", "rtl")
WORKING_POINTS = ("0.3", "0.5", "0.8")
HARDWARE_KINDS = ("estimate", "synthesis", "place_and_route", "vendor")
_REMEDY = "make it again with `tagware run`"


@dataclass(frozen=True)
class Report:
    """What was measured about one project; the sections are those of `report.schema.json`, `design` None without RTL.

    Raises:
        LayoutError: a section does not follow the schema; the message names the path inside the JSON.
    """

    project: str
    created: str
    versions: Mapping[str, str | None]
    jets: Mapping[str, Any]
    physics: Mapping[str, Any]
    exactness: Mapping[str, Any]
    hardware: Sequence[Mapping[str, Any]]
    precision: Sequence[Mapping[str, Any]]
    cost: Mapping[str, Any]
    design: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        validate(self.to_json(), "report")

    @classmethod
    def build(cls, *, created: str | None = None, **sections: Any) -> Report:
        """A checked Report from sections that may hold dataclasses, numpy numbers, tuples and paths.

        `created` is the current time (UTC) unless it is given.

        Raises:
            LayoutError: a section is missing, unknown or does not follow the schema.
        """
        created = created or datetime.now(UTC).isoformat(timespec="seconds")
        content = {"layout": LAYOUT, "created": created, **{name: plain(value) for name, value in sections.items()}}
        return cls._from_json(content, "report")

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read and check a report.json.

        Raises:
            InputError: no such file.
            LayoutError: not JSON, or not a report; the message names the path inside the JSON.
        """
        return cls._from_json(read_json(Path(path)), path)

    @classmethod
    def _from_json(cls, content: Any, where: str | Path) -> Report:
        validate(content, where)
        return cls(**{name: value for name, value in content.items() if name != "layout"})

    def save(self, path: Path) -> Path:
        """Write report.json, all or nothing, and return its path."""
        write_json(path, self.to_json())
        return Path(path)

    def to_json(self) -> dict[str, Any]:
        """The content of report.json."""
        sections = {item.name: plain(getattr(self, item.name)) for item in dataclasses.fields(self)}
        return {"layout": LAYOUT, **{name: section for name, section in sections.items() if section is not None}}

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were measured, teacher first, controls before the csim."""
        controls = sorted(name for name in self.physics if name.startswith("control_"))
        order = (*MODELS[:2], *controls, *MODELS[2:])
        return tuple(name for name in order if name in self.physics)

    def hardware_of(self, design: str) -> list[Mapping[str, Any]]:
        """The hardware rows of the "hls" or the "rtl" design, those of the project's own part first.

        Then the one nearest to silicon: vendor, place and route, synthesis, estimate. The part of the first row is the
        project's; another one, for which open tools place and route, counts other look-up tables.
        """
        own = self.hardware[0].get("part") if self.hardware else None
        rows = [row for row in self.hardware if row.get("design", "hls") == design]
        return sorted(rows, key=lambda row: (row.get("part") != own, -HARDWARE_KINDS.index(row["kind"])))


def validate(content: Any, where: str | Path) -> None:
    """Check the content of a report.json against the schema.

    Raises:
        LayoutError: naming `where` and the path inside the JSON, e.g. ``report.json: physics.csim.auc.value``.
    """
    check_against(_validator(), content, where, _REMEDY)


def check_against(validator: Any, content: Any, where: str | Path, remedy: str) -> None:
    """Check the content of a JSON file, whose numbers must be finite, with a jsonschema validator.

    Raises:
        LayoutError: naming `where` and the path inside the JSON.
    """
    from jsonschema.exceptions import best_match

    for path in _not_finite(content):
        raise LayoutError("must be a finite number or null", f"{where}: {_dotted(path)}", remedy)
    error = best_match(validator.iter_errors(content))
    if error is not None:
        message = error.message if len(error.message) < 200 else f"…{error.message[-160:]}"
        raise LayoutError(message, f"{where}: {_dotted(error.absolute_path) or 'top level'}", remedy)


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA_PATH.read_text()))


def _not_finite(value: Any, path: tuple[str | int, ...] = ()) -> Iterable[tuple[str | int, ...]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _not_finite(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _not_finite(item, (*path, index))


def _dotted(path: Iterable[str | int]) -> str:
    """A path inside a JSON as text: physics.csim.rejection["0.3"], hardware[0].kind."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if part.isidentifier() else f'["{part}"]'
    return text.removeprefix(".")


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses and mappings to objects, sequences to arrays, numpy numbers to numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value


def installed_versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Versions of Python and of the named distributions; None for one that is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions
