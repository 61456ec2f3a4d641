"""Activation layers: linear (a cast), relu, and the functions that are tables (nnet_activation.h)."""

from __future__ import annotations

from typing import Any

from hls.rtl.casts import cast, each
from hls.rtl.refusal import input_type, refuse, result_type
from hls.rtl.tables import FUNCTIONS, gate_table, look_up


def activation(node: Any, inputs: list[Any]) -> Any:
    """An Activation layer of the values of any shape, one by one."""
    (values,) = inputs
    name = str(node.get_attr("activation"))
    result = result_type(node)
    if name == "linear":
        return cast(values, result)
    if name == "relu":
        return cast(each(values, lambda value: value.relu()), result)
    if name in FUNCTIONS:
        return look_up(values, gate_table(node, name, input_type(node), result))
    remedy = f"use linear, relu, {', '.join(FUNCTIONS)}; a function in hls/rtl/layers/activation.py would add it"
    raise refuse(node, f"the activation {name} is not traced", remedy)
