"""YAML in, checked dataclasses out: unknown keys are refused with the nearest known one."""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jets.errors import ConfigError, InputError, LayoutError, TagwareError
from jets.files import existing_file, read_json

Config = TypeVar("Config")

# PyYAML follows YAML 1.1, where 1e-3 is text and only 1.0e-3 a number.
EXPONENT_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping at the top of a YAML file.

    Raises:
        InputError: no such file, or it may not be read.
        ConfigError: not YAML, or its top is not a mapping.
    """
    import yaml

    class OnceLoader(yaml.SafeLoader):
        """YAML lets the last of two equal keys win in silence; here it is an error."""

        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node = super().compose_mapping_node(anchor)
            keys = [(key.tag, key.value) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
            for tag, key in keys:
                if keys.count((tag, key)) > 1:
                    raise yaml.composer.ComposerError(None, None, f"the key {key!r} stands twice", node.start_mark)
            return node

    try:
        content = yaml.load(existing_file(path, "YAML file").read_text(), OnceLoader)
    except PermissionError:
        raise InputError("cannot be read", path, "correct its permissions") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # not text, no date or number, too deep
        raise ConfigError(f"is not YAML ({error})", path, "correct its syntax") from None
    if not isinstance(content, dict):
        raise ConfigError("must be a mapping of keys to values", path, "see docs/project.md for an example")
    return content


def fill(config_class: type[Config], mapping: Mapping[str, Any] | None, where: str | Path) -> Config:
    """Fill a (nested) config dataclass from a mapping.

    `where` is named in errors, e.g. ``project.yaml: student``. Values are checked against the annotations, through
    unions, tuples and mappings of dataclasses too (an int is taken for a float, a list for a tuple, text for a Path);
    the dataclass's own `__post_init__` may raise ConfigError or ValueError for values out of range.

    Raises:
        ConfigError: an unknown key (with the nearest known one), a missing one, or a value of the wrong kind.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Clock:
        ...     period_ns: float = 5.0
        >>> fill(Clock, {"period_ns": 4}, "project.yaml: clock")
        Clock(period_ns=4.0)
    """
    mapping = {} if mapping is None else mapping
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"must be a mapping, not {mapping!r}", where, "indent its keys below it")
    fields = [f for f in dataclasses.fields(config_class) if f.init]  # type: ignore[arg-type]
    check_keys(mapping, [f.name for f in fields], where)
    for field in fields:
        if field.name not in mapping and field.default is field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"the key {field.name!r} is missing", where, "add it")
    hints = typing.get_type_hints(config_class)
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in mapping.items()}
    try:
        return config_class(**values)
    except TagwareError as error:
        if error.where is not None:
            raise
        raise error.at(where) from None
    except (ValueError, TypeError) as error:
        raise ConfigError(str(error), where, "correct it") from None


def load_saved(kind: type[Config], path: Path, what: str, remedy: str) -> Config:
    """A dataclass from the JSON that its fields were written to; `what` it is and the `remedy` are named in errors.

    Raises:
        InputError: no such file.
        LayoutError: the file holds something else.
    """
    try:
        return fill(kind, read_json(path), path)
    except ConfigError as error:
        raise LayoutError(f"is not {what} ({error})", path, remedy) from None


def check_keys(mapping: Mapping[str, Any], known: Iterable[str], where: str | Path) -> None:
    """Raise ConfigError for the first key of `mapping` that is not `known`, naming the nearest one."""
    known = list(known)
    for key in mapping:
        if key in known:
            continue
        remedy = did_you_mean(str(key), known, "known keys: ", cutoff=0.5)
        raise ConfigError(f"unknown key {key!r}", where, remedy)


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "use one of ", cutoff: float = 0.6) -> str:
    """The remedy for an unknown name: the nearest known one, or `otherwise` and all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"did you mean {near[0]!r}?" if near else f"{otherwise}{', '.join(known)}"


def check_at_least(config: object, **least: float) -> None:
    """Raise ConfigError for the first named field of a config dataclass below its least value; None is not checked."""
    for name, smallest in least.items():
        value = getattr(config, name)
        if value is not None and not smallest <= value < math.inf:
            raise ConfigError(f"{name} must be at least {smallest}, not {value}", None, "correct it")


def check_above_zero(config: object, *names: str) -> None:
    """Raise ConfigError for the first named field that is not finite and above 0; None is not checked."""
    for name in names:
        value = getattr(config, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{name} must be above 0, not {value}", None, "correct it")


def check_choice(config: object, **known: Sequence[str]) -> None:
    """Raise ConfigError for the first named field with a value that is not known; None is not checked."""
    for name, values in known.items():
        value = getattr(config, name)
        if value is not None and value not in values:
            raise ConfigError(f"{name} must be one of {', '.join(values)}, not {value!r}", None, "correct it")


def _convert(kind: Any, value: Any, where: str) -> Any:
    """`value` as the annotation `kind` asks, or ConfigError."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(inner, value, where)
    if origin is typing.Literal:
        if value not in inner:
            raise ConfigError(f"must be one of {', '.join(map(str, inner))}, not {value!r}", where, "correct it")
        return value
    if origin is tuple or (origin in (list, Sequence) and inner):
        return _convert_sequence(origin, inner, value, where)
    if origin in (dict, Mapping, collections.abc.MutableMapping):
        if not isinstance(value, Mapping):
            raise _wrong_kind("a mapping", value, where)
        return {_convert(inner[0], k, where): _convert(inner[1], v, f"{where}: {k}") for k, v in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and not isinstance(value, kind):
        return fill(kind, value, where)
    return _convert_plain(kind if origin is None else origin, value, where)


def _convert_union(members: tuple[Any, ...], value: Any, where: str) -> Any:
    """The first member that takes the value as it is, or else converted; the complaint is the last one's."""
    for member in members:
        if isinstance(member, type) and type(value) is member:
            return value
    complaint: ConfigError | None = None
    for member in sorted(members, key=lambda member: member is type(None), reverse=True):
        try:
            return _convert(member, value, where)
        except ConfigError as error:
            complaint = error
    assert complaint is not None
    raise complaint


def _convert_sequence(origin: Any, inner: tuple[Any, ...], value: Any, where: str) -> Any:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _wrong_kind("a list", value, where)
    if origin is tuple and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            raise ConfigError(f"must be a list of {len(inner)} values, not {value!r}", where, "correct it")
        kinds = list(inner)
    else:
        kinds = [inner[0]] * len(value)
    items = [_convert(kind, item, f"{where}: {i}") for i, (kind, item) in enumerate(zip(kinds, value, strict=True))]
    return items if origin is list else tuple(items)


def _convert_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is float:
        return _as_float(value, where)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is Any or not isinstance(kind, type):
        return value
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise _wrong_kind("null" if kind is type(None) else kind.__name__, value, where)
    return value


def _as_float(value: Any, where: str) -> float:
    if isinstance(value, str) and EXPONENT_NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise _wrong_kind("a number", value, where)
    return float(value)


def _wrong_kind(wanted: str, value: Any, where: str) -> ConfigError:
    return ConfigError(f"must be {wanted}, not {value!r}", where, "correct it")
