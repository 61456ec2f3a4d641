"""What an exact student costs before any synthesis, as a number and as a loss that learnt bits are held against.

Effective bit operations after HGQ (Sun et al., arXiv:2405.00645, section III): the sum of b_i * b_j over
multiplications. A constant is as wide as the span of its set bits; for the loss, which has to be differentiable, as its
integer and fraction bits.

Importing this module imports Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keras import ops

from compress.quantize.cost import enclosed_bits
from jets.errors import DataError
from models.students.exact.cells import EXACT_CELLS
from models.students.exact.quantizers import Quantizer


@dataclass(frozen=True)
class Product:
    """Multiplications of one kind: `variable` by the constants of a role, or `count` times by another variable.

    `rows` are those of the constants, `steps` is how often a jet needs them, `wider` by how many bits the variable is
    wider than its quantizer's type.
    """

    variable: Quantizer
    layer: Any = None
    role: str = ""
    rows: slice = field(default_factory=lambda: slice(None))
    other: Quantizer | None = None
    count: int = 1
    steps: int = 1
    wider: int = 0


def ebops(model: Any, shared_cell: bool = False) -> int:
    """Effective bit operations of one jet; with `shared_cell` the recurrent cell counts once, as it is built once.

    Raises:
        DataError: a product whose input was never cast.
    """

    def constants(product: Product) -> float:
        fraction = product.layer.types[product.role].fraction
        return float(enclosed_bits(product.layer.constants()[product.role][product.rows], fraction).sum())

    return int(_total(model, lambda quantizer: quantizer.current().total, constants, shared_cell))


def cost(model: Any) -> Any:
    """Effective bit operations with the cell counted once, as a scalar tensor that learnt bits get gradients from.

    A constant is as wide as it is before it is rounded: one that is rounded up to a power of two counts a bit less than
    it takes. Epochs are judged by `ebops`, which counts the rounded ones.
    """

    def width(quantizer: Quantizer) -> Any:
        if quantizer.learnt is None:
            return float(quantizer.declared.total)
        return quantizer.declared.integer + quantizer.grid().fraction

    def constants(product: Product) -> Any:
        quantizer, values = product.layer.quantizers[product.role], product.layer.weights_by_role[product.role]
        magnitude = ops.stop_gradient(ops.floor(ops.log2(ops.maximum(ops.abs(values), 2.0**-24))) + 1.0)
        fraction = quantizer.declared.fraction if quantizer.learnt is None else quantizer.grid().fraction
        return ops.sum(ops.relu(magnitude + fraction)[product.rows])

    return _total(model, width, constants, shared_cell=True)


def tensor_widths(model: Any) -> dict[str, dict[str, Any]]:
    """Width of every tensor: "layer/role" -> total, integer (sign included), signed; of weights also their mean span.

    "mean_bits" is the mean number of bits from the highest to the lowest set one, "size" the number of weights, "zeros"
    the share of those that are zero and cost nothing.
    """
    found: dict[str, dict[str, Any]] = {}
    for layer in model.layers:
        for role, fixed in getattr(layer, "current_types", dict)().items():
            entry = {"total": fixed.total, "integer": fixed.integer, "signed": fixed.signed}
            if role in layer.parameters():
                spans = enclosed_bits(layer.constants()[role], fixed.fraction)
                entry |= {"mean_bits": float(spans.mean()), "size": spans.size, "zeros": float(np.mean(spans == 0))}
            found[f"{layer.name}/{role}"] = entry
    return found


def _total(
    model: Any, width: Callable[[Quantizer], Any], constants: Callable[[Product], Any], shared_cell: bool
) -> Any:
    total = 0.0
    for product in _products(model):
        steps = 1 if shared_cell else product.steps
        other = constants(product) if product.other is None else width(product.other)
        total = total + steps * product.count * (width(product.variable) + product.wider) * other
    return total


def _products(model: Any) -> Iterator[Product]:
    for layer in model.layers:
        if "weight" not in getattr(layer, "quantizers", {}):
            continue
        is_cell = type(layer).__name__ in EXACT_CELLS
        steps = int(layer.input.shape[1]) if is_cell else 1
        row = 0
        for quantizer, width in _values(layer.input):
            if quantizer is None:
                raise DataError("its input is not quantized", f"layer {layer.name}", "put an ExactCast before it")
            yield Product(quantizer, layer, "weight", slice(row, row + width), steps=steps)
            row += width
        if is_cell:
            yield from _cell_products(layer, steps)


def _values(tensor: Any) -> list[tuple[Quantizer | None, int]]:
    """What rounded the last axis of a tensor, part by part, and the size of each part."""
    source = tensor._keras_history.operation
    if type(source).__name__ == "Concatenate":
        return [part for value in source.input for part in _values(value)]
    quantizers = getattr(source, "quantizers", {})
    return [(quantizers.get("result", quantizers.get("state")), int(tensor.shape[-1]))]


def _cell_products(layer: Any, steps: int) -> Iterator[Product]:
    quantizers = layer.quantizers
    yield Product(quantizers["state"], layer, "recurrent_weight", steps=steps)
    if type(layer).__name__ == "ExactLSTM":
        pairs = [("cell_state", "forget", 0), ("candidate", "enter", 0), ("squashed", "leave", 0)]
    else:  # h - g has one bit more than h
        pairs = [("state", "update", 1), ("recurrent_sum" if layer.reset_after else "state", "reset", 0)]
    for value, gate, wider in pairs:
        yield Product(quantizers[value], other=quantizers[gate], count=layer.units, steps=steps, wider=wider)
