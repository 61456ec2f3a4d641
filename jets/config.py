"""YAML in, checked dataclasses out: unknown keys are refused with the nearest known one."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from jets.errors import ConfigError, TagwareError
from jets.files import existing_file

Config = TypeVar("Config")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping at the top of a YAML file.

    Raises:
        InputError: no such file.
        ConfigError: not YAML, or its top is not a mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(existing_file(path, "YAML file").read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not YAML ({error})", path, "correct its syntax") from None
    if not isinstance(content, dict):
        raise ConfigError("must be a mapping of keys to values", path, "see docs/project.md for an example")
    return content


def fill(config_class: type[Config], mapping: Mapping[str, Any] | None, where: str | Path) -> Config:
    """Fill a (nested) config dataclass from a mapping.

    `where` is named in errors, e.g. ``project.yaml: student``. Values are checked against the annotations
    (an int is taken for a float, a list for a tuple); the dataclass's own `__post_init__` may raise ConfigError
    or ValueError for values out of range.

    Raises:
        ConfigError: an unknown key (with the nearest known one), a missing one, or a value of the wrong kind.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Clock:
        ...     period_ns: float = 5.0
        >>> fill(Clock, {"period_ns": 4}, "project.yaml: clock")
        Clock(period_ns=4.0)
    """
    import dacite

    mapping = {} if mapping is None else mapping
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"must be a mapping, not {mapping!r}", where, "indent its keys below it")
    check_keys(mapping, [f.name for f in dataclasses.fields(config_class)], where)  # type: ignore[arg-type]
    hints = typing.get_type_hints(config_class)
    values = {key: _nested(hints[str(key)], value, f"{where}: {key}") for key, value in mapping.items()}
    settings = dacite.Config(strict=True, cast=[tuple], type_hooks={float: _as_float})
    try:
        return dacite.from_dict(config_class, values, settings)  # type: ignore[type-var]
    except dacite.WrongTypeError as error:
        wanted = getattr(error.field_type, "__name__", error.field_type)
        raise ConfigError(f"must be {wanted}, not {error.value!r}", f"{where}: {error.field_path}", "correct it") from None
    except dacite.MissingValueError as error:
        raise ConfigError(f"the key {error.field_path!r} is missing", where, "add it") from None
    except TagwareError as error:
        if error.where is not None:
            raise
        raise type(error)(error.what, where, error.remedy) from None
    except (dacite.DaciteError, ValueError, TypeError) as error:
        raise ConfigError(str(error), where, "correct it") from None


def check_keys(mapping: Mapping[str, Any], known: typing.Iterable[str], where: str | Path) -> None:
    """Raise ConfigError for the first key of `mapping` that is not `known`, naming the nearest one."""
    known = list(known)
    for key in mapping:
        if key in known:
            continue
        near = difflib.get_close_matches(str(key), known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        raise ConfigError(f"unknown key {key!r}", where, remedy)


def _nested(annotation: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type) and not isinstance(value, annotation):
        return fill(annotation, value, where)
    return value


def _as_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"must be a number, not {value!r}")
    return float(value)
