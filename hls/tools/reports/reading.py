"""What the parsers share: numbers with their absence, tables, and errors that name the file and the field."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jets.errors import LayoutError

Report = TypeVar("Report")

REMEDY = "run this step again"
ABSENT = ("", "-", "--", "?", "na", "n/a", "undef", "tbd", "inf")


def read_report(path: Path, parse: Callable[[str], Report]) -> Report:
    """Parse a report file.

    Raises:
        LayoutError: it is not there, or not as the parser expects; names the file and the field.
    """
    try:
        return parse(check_written(path).read_text(errors="replace"))
    except LayoutError as error:
        raise error if error.where else error.at(path) from None


def check_written(path: Path) -> Path:
    """The path of a file that a step must have written.

    Raises:
        LayoutError: it is not there.
    """
    if not path.is_file():
        raise LayoutError("the step ended without writing this file", path, REMEDY)
    return path


def count(text: str, field: str) -> int | None:
    """A whole number, with or without thousands separators; None where the tool has none to give.

    Raises:
        LayoutError: it is neither; names the field.
    """
    number = decimal(text, field)
    if number is not None and number != int(number):
        raise malformed(field, text)
    return None if number is None else int(number)


def decimal(text: str, field: str) -> float | None:
    """A number; as `count`."""
    text = text.strip().replace(",", "")
    if text.lower() in ABSENT:
        return None
    try:
        number = float(text)
    except ValueError:
        raise malformed(field, text) from None
    if not math.isfinite(number):
        raise malformed(field, text)
    return number


def malformed(field: str, text: str) -> LayoutError:
    """The error for a field that holds something else than a number."""
    return LayoutError(f"{field} is {text.strip()!r}, not a number", None, REMEDY)


def missing(field: str) -> LayoutError:
    """The error for a field that a whole report has."""
    return LayoutError(f"has no {field}: it is of another kind, or incomplete", None, REMEDY)


def rows_of(text: str, separator: str) -> list[list[str]]:
    """The cells of every table line ``| a | b |``, stripped; `separator` is the character between cells."""
    lines = (line.strip() for line in text.splitlines())
    return [
        [cell.strip() for cell in line[1:-1].split(separator)]
        for line in lines
        if line.startswith(separator) and line.endswith(separator) and len(line) > 1
    ]
