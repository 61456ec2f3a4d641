"""A student of any kind: which spec describes it, and which architecture builds it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jets.config import did_you_mean, fill
from jets.errors import ConfigError
from models.students.feed_forward import KINDS, AttentionSpec, FeedForwardSpec, MlpSpec
from models.students.recurrent import CELLS, RecurrentSpec

StudentSpec = RecurrentSpec | FeedForwardSpec


def fill_student(mapping: Mapping[str, Any] | None, where: str | Path) -> StudentSpec:
    """The spec of a student from the mapping of a YAML file, whose `kind` says which; a GRU where it says nothing.

    `kind: gru` and `kind: lstm` are other words for `cell: gru` and `cell: lstm`.

    Raises:
        ConfigError: an unknown kind, an option that this kind does not have, or a value out of range.
    """
    if not isinstance(mapping, Mapping) or "kind" not in mapping:
        return fill(RecurrentSpec, mapping, where)
    kind, kinds = mapping["kind"], (*CELLS, *KINDS)
    if kind not in kinds:
        raise ConfigError(f"unknown kind {kind!r}", where, did_you_mean(str(kind), kinds))
    if kind in KINDS:
        return fill(KINDS[kind], mapping, where)
    if mapping.get("cell", kind) != kind:
        raise ConfigError(f"kind {kind!r} has no cell {mapping['cell']!r}", where, "leave one of them out")
    return fill(RecurrentSpec, {**{key: mapping[key] for key in mapping if key != "kind"}, "cell": kind}, where)


def architecture_name(spec: StudentSpec) -> str:
    """The name in `models.registry` of what builds students of this spec."""
    if isinstance(spec, RecurrentSpec):
        return "recurrent_student"
    if isinstance(spec, AttentionSpec):
        return "attention_student"
    return "mlp_student" if isinstance(spec, MlpSpec) else "particle_student"
