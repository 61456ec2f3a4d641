"""What a quantized student costs before any synthesis: the width of every tensor and its effective bit operations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.errors import DataError
from models.keras_graph import CARRIERS, sources_of

WEIGHTS = ("kernel", "recurrent_kernel", "bias")


@dataclass(frozen=True)
class Width:
    """A fixed-point type, the sign among the integer bits."""

    total: int
    integer: int
    signed: bool

    @property
    def fraction(self) -> int:
        """Bits right of the binary point."""
        return self.total - self.integer


def width_of(quantizer: Any) -> Width:
    """The type of a QKeras quantizer or of a gate's table.

    Raises:
        DataError: a quantizer whose values have no fixed type.
    """
    if hasattr(quantizer, "total_bits"):
        return Width(quantizer.total_bits, quantizer.integer_bits, signed=True)
    kind = type(quantizer).__name__
    if kind == "quantized_bits":
        signed = bool(quantizer.keep_negative)
    elif kind == "quantized_relu":
        signed = bool(quantizer.negative_slope)
    else:
        raise DataError(f"the quantizer {quantizer} has no fixed-point type", None, "use quantized_bits")
    return Width(int(quantizer.bits), int(quantizer.integer) + signed, signed)


def bits_per_tensor(model: Any) -> dict[str, dict[str, Any]]:
    """Width of every tensor of a quantized model: "layer/tensor" -> total, integer (sign included), signed.

    Of weights also their number, "size", and the share of "zeros", which cost nothing.
    """
    weights = constants(model)
    found = {}
    for layer in model.layers:
        for tensor, quantizer in _quantizers(layer).items():
            entry = asdict(width_of(quantizer))
            if (values := weights.get(layer.name, {}).get(tensor)) is not None:
                entry |= {"size": values.size, "zeros": float(np.mean(values == 0))}
            found[f"{layer.name}/{tensor}"] = entry
    return found


def constants(model: Any) -> dict[str, dict[str, NDArray[np.float32]]]:
    """The weights of every layer as its quantizers round them: layer -> "kernel", "recurrent_kernel", "bias"."""
    import keras

    found = {}
    for layer in model.layers:
        holder, quantizers = getattr(layer, "cell", layer), _quantizers(layer)
        rounded = {role: quantizers[role](getattr(holder, role)) for role in WEIGHTS if role in quantizers}
        if rounded:
            found[layer.name] = {role: keras.ops.convert_to_numpy(values) for role, values in rounded.items()}
    return found


def _quantizers(layer: Any) -> dict[str, Any]:
    if hasattr(layer, "cell"):
        cell = layer.cell
        return {
            "kernel": cell.kernel_quantizer_internal,
            "recurrent_kernel": cell.recurrent_quantizer_internal,
            "bias": cell.bias_quantizer_internal,
            "state": cell.state_quantizer_internal,
            "table": cell.activation,
        }
    if hasattr(layer, "kernel"):
        biases = {"bias": layer.bias_quantizer_internal} if layer.use_bias else {}
        return {"kernel": layer.kernel_quantizer_internal, **biases}
    return {"output": layer.activation} if hasattr(layer, "activation") else {}


def ebops(model: Any, shared_cell: bool = False) -> int:
    """Effective bit operations of one jet: products of operand widths over all multiplications of all steps.

    With `shared_cell` the recurrent cell counts once, as firmware has it that reuses one cell for every step: the
    number that goes with its resources, where the other goes with its work.

    HGQ (Sun et al., arXiv:2405.00645, section III): the sum of b_i * b_j over multiplications, where the width of a
    constant is the number of bits between its highest and its lowest set bit (a zero weight costs nothing) and that of
    a variable has its sign, as HGQ2 counts types that saturate. Matrix products and the element-wise products of the
    recurrent cell are counted, additions and table look-ups are not.

    Raises:
        DataError: a product whose input was never quantized.
    """
    widths: dict[str, int] = {}
    total = 0
    for layer in model.layers:
        quantizers = _quantizers(layer)
        if "output" in quantizers:
            widths[layer.name] = width_of(quantizers["output"]).total
        elif type(layer).__name__ in CARRIERS:
            widths[layer.name] = widths[sources_of(layer)[0]]
        if not {"kernel", "state"} & quantizers.keys():
            continue
        incoming = widths.get(sources_of(layer)[0])
        if incoming is None:
            raise DataError("its input is not quantized", f"layer {layer.name}", "put a QActivation before it")
        if "state" in quantizers:
            total += (1 if shared_cell else model.input_shape[1]) * _cell_ebops(layer.cell, quantizers, incoming)
        else:
            n_rows = int(np.prod(layer.input.shape[1:-1]))
            total += n_rows * incoming * constant_bits(layer.kernel, quantizers["kernel"])
    return total


def _cell_ebops(cell: Any, quantizers: dict[str, Any], incoming: int) -> int:
    state, table = (width_of(quantizers[name]).total for name in ("state", "table"))
    products = incoming * constant_bits(cell.kernel, quantizers["kernel"])
    products += state * constant_bits(cell.recurrent_kernel, quantizers["recurrent_kernel"])
    if type(cell).__name__ == "QGRUCell":
        recurrent = width_of(quantizers["recurrent_kernel"]).total
        inner = state + recurrent + int(np.ceil(np.log2(cell.units)))  # width of U h, a sum over the units
        return products + int(cell.units) * (table * inner + table * table + table * state)
    return products + int(cell.units) * (table * table + table * state + table * table)


def constant_bits(kernel: Any, quantizer: Any) -> int:
    """`enclosed_bits` of a kernel as its quantizer rounds it, summed."""
    import keras

    values = keras.ops.convert_to_numpy(quantizer(kernel))
    return int(enclosed_bits(values, width_of(quantizer).fraction).sum())


def enclosed_bits(values: NDArray[np.floating[Any]], fraction: int) -> NDArray[np.int64]:
    """Bits from the highest to the lowest set bit of fixed-point constants with `fraction` fractional bits; 0 for 0."""
    whole = np.abs(np.rint(values.astype(np.float64) * 2.0**fraction)).astype(np.int64)
    length, trailing = np.frexp(whole)[1], np.frexp(whole & -whole)[1]
    return np.where(whole > 0, length - trailing + 1, 0).astype(np.int64)
