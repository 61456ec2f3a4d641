"""The look-up tables that stand for the gates of a recurrent layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hls.convert.quantizers import refuse
from hls.fixed_point import FixedType
from hls.project import HlsConfig

SIGMOID_RANGE, TANH_RANGE = 8, 4
"""hls4ml's tables cover -8 … 8 (sigmoid) and -4 … 4 (tanh), `nnet_activation.h`."""


@dataclass(frozen=True)
class GateTables:
    """Both gates share hls4ml's table size and value type; `exact` when Python computes with the same tables."""

    size: int
    type: FixedType
    exact: bool


def gate_tables(layer: Any, config: HlsConfig) -> GateTables:
    """The tables of a layer: the student's own (`models.students.tables`), or an approximation of real functions.

    Raises:
        InputError: a gate function that hls4ml's recurrent kernels do not have, or two tables that differ.
    """
    gates = (layer.cell.recurrent_activation, layer.cell.activation)
    own = [_own_table(gate) for gate in gates]
    if own[0] is not None and own[1] is not None:
        if own[0] != own[1]:
            raise refuse(layer, "its two gate tables differ in size or type", "give both the same size and bits")
        return own[0]
    fractions = [
        _real_fraction(layer, gate, name, config) for gate, name in zip(gates, ("sigmoid", "tanh"), strict=True)
    ]
    fraction = max(fractions)
    return GateTables(config.table_size, FixedType(fraction + 1, 1, True, "RND_CONV", "SAT"), exact=False)


def _own_table(gate: Any) -> GateTables | None:
    if type(gate).__name__ not in ("TableSigmoid", "TableTanh"):
        return None
    return GateTables(gate.size, FixedType(gate.total_bits, gate.integer_bits), exact=True)


def _real_fraction(layer: Any, gate: Any, name: str, config: HlsConfig) -> int:
    """Fraction bits of a gate that is a real (then quantized) sigmoid or tanh."""
    kind = type(gate).__name__
    if getattr(gate, "__name__", "") == name:
        return config.table_bits - 1
    if kind == f"quantized_{name}" and getattr(gate, f"use_real_{name}"):
        return int(gate.bits) - (name == "tanh")
    if kind in ("TableSigmoid", "TableTanh"):
        raise refuse(layer, f"only one of its gates is a table ({kind})", "use TableSigmoid and TableTanh together")
    shown = str(getattr(gate, "__name__", gate))
    table = f"models.students.tables.Table{name.capitalize()}"
    raise refuse(layer, f"the gate {shown} is not a {name} that the firmware has", f"use {table} or {name}")
