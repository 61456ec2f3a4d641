"""The adder graph that da4ml writes as C++ for hls4ml's strategy distributed_arithmetic, read from that C++.

hls4ml drops the weights of such a layer, and da4ml takes them as they are, in single precision, not as the layer's
types would have them: what is computed is in the C++ alone. Every line is a shifted sum, a constant or an input, cast
to a type that holds it; there is no accumulator, only the result's cast.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hls.fixed_point import FixedType
from hls.rtl.casts import apart, array, cast_one, constant
from hls.rtl.products import independent
from hls.rtl.refusal import check_modes, refuse

_TYPE = r"ap_u?fixed<[^>]*>"
_ASSIGNMENT = re.compile(rf"(?:({_TYPE}) )?(\w+|model_out\[\d+\]) = (.*)")
_CAST = re.compile(rf"({_TYPE})\((.*)\)")
_SHIFT = re.compile(r"bit_shift<(-?\d+)>\((\w+)\)")
_SUM = re.compile(r"(\w+) ([+-]) (.*)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
CONSTANT_STEP_BITS = 24
"""Fraction bits that a number added is taken to have, so that alkaid does not join it to another one."""


def adder_graph(node: Any, row: Any) -> Any:
    """The sums of one row of values (n_in,), not yet of the result's type: (n_out,).

    Raises:
        InputError: an operation that da4ml does not write for sums of products with constants.
    """
    values = {f"model_inp[{place}]": value for place, value in enumerate(row)}
    outputs = []
    for fixed, name, expression in _assignments(node):
        value = _value(node, expression, values, row[0])
        if name.startswith("model_out"):
            outputs.append(value)
        else:
            values[name] = _held(node, value, fixed)
    return array(outputs, row)


def _assignments(node: Any) -> Iterator[tuple[str, str, str]]:
    """Type ("" for an output), name and expression of every statement."""
    body = str(node.get_attr("da_codegen").code).partition("{")[2].rpartition("}")[0]
    lines = (line.partition("//")[0].strip() for line in body.splitlines())
    for line in lines:
        if line and not line.startswith("#pragma"):
            found = _ASSIGNMENT.fullmatch(line.removesuffix(";"))
            if found is None:
                raise _unknown(node, line)
            yield found[1] or "", found[2], found[3]


def _value(node: Any, expression: str, values: dict[str, Any], like: Any) -> Any:
    """The exact value of an expression."""
    if expression in values:
        return values[expression]
    if expression.startswith("-") and not _NUMBER.fullmatch(expression):
        return -_value(node, expression[1:], values, like)
    if _NUMBER.fullmatch(expression):
        return constant(float(expression), like)
    if found := _CAST.fullmatch(expression):
        return _held(node, _value(node, found[2], values, like), found[1])
    if found := _SHIFT.fullmatch(expression):
        return values[found[2]] * 2.0 ** int(found[1])
    if (found := _SUM.fullmatch(expression)) and found[1] in values:
        left, right = values[found[1]], _value(node, found[3], values, like)
        if right.low == right.high:
            left = apart(left, CONSTANT_STEP_BITS)
        return left + right if found[2] == "+" else left - right
    raise _unknown(node, expression)


def _held(node: Any, value: Any, text: str) -> Any:
    return independent(cast_one(value, check_modes(node, "da4ml", FixedType.parse(text))))


def _unknown(node: Any, text: str) -> Exception:
    what = f"da4ml wrote {text!r} for it, which is not traced"
    return refuse(node, what, "use strategy Latency, or the da4ml that hls4ml asks for; hls/rtl would have to read it")
