"""The Comparison: every number of it as tables of long rows, checked against `comparison.schema.json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from hls.report import check_against, plain
from jets.files import read_json, write_json

LAYOUT = "tagware-comparison-2"
SCHEMA_PATH = Path(__file__).with_name("comparison.schema.json")
FILE = "comparison.json"
REMEDY = "make it again with `tagware compare`"


@dataclass(frozen=True)
class Comparison:
    """What was measured of several taggers on the same test jets; the sections are those of the schema.

    Attributes:
        taggers: their names, the first one the reference of all differences, and where each comes from.
        jets: source, classes and numbers of the test jets.
        config: the resolved `CompareConfig`.
        tables: rows by table; docs/comparison.md says what each holds.

    Raises:
        LayoutError: a section does not follow the schema; the message names the path inside the JSON.
    """

    created: str
    versions: Mapping[str, str | None]
    jets: Mapping[str, Any]
    taggers: Sequence[Mapping[str, Any]]
    config: Mapping[str, Any]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]

    def __post_init__(self) -> None:
        check_against(_schema(), self.to_json(), "comparison", REMEDY)

    @classmethod
    def build(cls, *, created: str | None = None, **sections: Any) -> Comparison:
        """A checked Comparison from sections that may hold dataclasses, numpy numbers and paths; made now (UTC)."""
        created = created or datetime.now(UTC).isoformat(timespec="seconds")
        return cls(created=created, **{name: plain(value) for name, value in sections.items()})

    @classmethod
    def load(cls, folder: Path) -> Comparison:
        """Read and check the comparison.json in a folder.

        Raises:
            InputError: there is none.
            LayoutError: not JSON, or not a comparison; the message names the path inside the JSON.
        """
        path = Path(folder) / FILE
        content = read_json(path)
        check_against(_schema(), content, path, REMEDY)
        return cls(**{name: value for name, value in content.items() if name != "layout"})

    def save(self, folder: Path) -> Path:
        """Write comparison.json into a folder, all or nothing, and return its path."""
        path = Path(folder) / FILE
        write_json(path, self.to_json())
        return path

    def to_json(self) -> dict[str, Any]:
        """The content of comparison.json."""
        sections = {item.name: plain(getattr(self, item.name)) for item in dataclasses.fields(self)}
        return {"layout": LAYOUT, **sections}

    @property
    def names(self) -> tuple[str, ...]:
        """The taggers' names."""
        return tuple(tagger["name"] for tagger in self.taggers)

    def rows(self, table: str, **values: Any) -> list[Mapping[str, Any]]:
        """The rows of a table that have these values."""
        return [row for row in self.tables[table] if all(row[key] == value for key, value in values.items())]


@cache
def _schema() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA_PATH.read_text()))
