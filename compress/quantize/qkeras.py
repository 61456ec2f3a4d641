"""The QKeras front end: a student whose every tensor has a stated fixed-point type.

The quantizers are chosen so that hls4ml's kernels reproduce the student exactly: scales of one (alpha=1), rounding half
to even with saturation (ap_fixed's AP_RND_CONV, AP_SAT), gates that are hls4ml's own tables (`models.students.tables`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from jets.errors import ConfigError, DataError
from models.students.feed_forward import AttentionSpec, Parts
from models.students.recurrent import RecurrentSpec
from models.students.student import StudentSpec
from models.tagger import restore_recurrent_name

MAX_BITS = 32
TABLE_SIZES = (64, 65536)
UNSIGNED = ("activations", "mean")
FixedPoint = tuple[int, int]


@dataclass(frozen=True)
class Bits:
    """Width of every tensor as (total, integer), the convention of ap_fixed: the sign is one of the integer bits.

    In single precision Keras computes the GRU exactly as long as r * (U h + b), the widest number of a step, fits in 24
    bits: the fractional bits of table, state and recurrent weights (8 + 7 + 6 by default) and three more for a U h + b
    of up to 8. The converter checks the trained weights (`hls.convert.plan`).

    Attributes:
        input: the scaled constituent features.
        weights: the recurrent layer's input kernel.
        recurrent_weights: its recurrent kernel.
        bias: its biases.
        state: its state, and what it hands on. A GRU's lies in [-1, 1); an LSTM's cell state shares the type and
            needs about four integer bits.
        table: the entries of the sigmoid and tanh tables.
        table_size: entries of each table, a power of two.
        dense_weights: kernels of the dense layers.
        dense_bias: their biases.
        activations: what the ReLU layers hand on (unsigned).
        mean: of the particles of a DeepSets or JEDI-linear student (unsigned).
        output: the logits.

    Raises:
        ConfigError: a width that is not between 1 and 32 (signed types need 2), integer bits outside 0 to that width,
            a table size that is not a power of two between 64 and 65536.
    """

    input: FixedPoint = (10, 4)
    weights: FixedPoint = (8, 2)
    recurrent_weights: FixedPoint = (7, 1)
    bias: FixedPoint = (8, 2)
    state: FixedPoint = (8, 1)
    table: FixedPoint = (9, 1)
    table_size: int = 1024
    dense_weights: FixedPoint = (8, 1)
    dense_bias: FixedPoint = (8, 1)
    activations: FixedPoint = (8, 3)
    mean: FixedPoint = (10, 3)
    output: FixedPoint = (16, 6)

    def __post_init__(self) -> None:
        for name in self.tensors():
            check_width(name, getattr(self, name))
        low, high = TABLE_SIZES
        if not low <= self.table_size <= high or self.table_size & (self.table_size - 1):
            what = f"table_size must be a power of two between {low} and {high}, not {self.table_size}"
            raise ConfigError(what, None, "1024 is hls4ml's own")
        if self.table[1] < 1:
            raise ConfigError("table: entries reach 1, they need an integer bit for the sign", None, "e.g. [9, 1]")

    def check_for(self, spec: StudentSpec) -> None:
        """Raise ConfigError when a student of this shape cannot have these types."""
        if spec.arithmetic != "qkeras":
            raise ConfigError("these are the bits of arithmetic: qkeras", None, "give compress: {exact: …} instead")
        if isinstance(spec, AttentionSpec):
            raise ConfigError("students of linear attention are made of HGQ2's layers", None, "use front_end: hgq2")
        if isinstance(spec, RecurrentSpec) and spec.cell == "lstm" and self.state[1] < 2:
            what = f"state: an LSTM's cell state leaves [-1, 1), {self.state[1]} integer bits are too few"
            raise ConfigError(what, None, "e.g. bits: {state: [12, 4]}")

    @classmethod
    def tensors(cls) -> list[str]:
        """The names of the widths."""
        return [field.name for field in dataclasses.fields(cls) if field.name != "table_size"]


def check_width(name: str, width: FixedPoint) -> None:
    """Raise ConfigError unless a width is one that the tensor of this name can have."""
    total, integer = width
    least = 1 if name in UNSIGNED else 2
    if not least <= total <= MAX_BITS:
        what = f"{name}: total bits must be between {least} and {MAX_BITS}, not {total}"
        raise ConfigError(what, None, "write [total, integer], e.g. [8, 1]")
    if not 0 <= integer <= total:
        what = f"{name}: integer bits must be between 0 and the {total} of the total, not {integer}"
        raise ConfigError(what, None, "write [total, integer], e.g. [8, 1]")


def build_quantized(spec: StudentSpec, bits: Bits, n_outputs: int) -> Any:
    """The QKeras model of a spec, (n_jets, …) -> quantized logits (n_jets, n_outputs).

    Layers of a feed-forward one: see `models.students.feed_forward_network.network`.

    Raises:
        ConfigError: bits that this student cannot have.
    """
    bits.check_for(spec)
    if isinstance(spec, RecurrentSpec):
        return _recurrent_network(spec, bits, n_outputs)
    from models.students.feed_forward_network import network

    return network(spec, n_outputs, _parts(bits))


def _recurrent_network(spec: RecurrentSpec, bits: Bits, n_outputs: int) -> Any:
    """A recurrent student.

    Layers: "constituents" (input), "constituents_q", "rnn", "rnn_q", "dense_0", "relu_0", …, "logit", "logit_q": those
    of `models.students.recurrent.build_float` with a QActivation behind each, since QKeras does not quantize a layer's
    output. "rnn_q" has the state's own type, so that firmware needs nothing there.
    """
    import keras

    parts = _parts(bits)
    inputs = keras.Input(spec.shape, name="constituents")
    x = parts.cast("input", "constituents_q")(inputs)
    x = _recurrent(spec, bits)(x)
    x = parts.cast("state", "rnn_q")(x)
    for place, width in enumerate(spec.dense):
        x = parts.dense(width, True, f"dense_{place}")(x)
        x = parts.relu(f"relu_{place}")(x)
    x = parts.dense(n_outputs, True, "logit")(x)
    x = parts.cast("output", "logit_q")(x)
    model = keras.Model(inputs, x, name=f"quantized_{spec.cell}_student")
    restore_recurrent_name(model)
    return model


def _signed(width: FixedPoint) -> Any:
    """ap_fixed<total, integer, AP_RND_CONV, AP_SAT> as QKeras writes it: its integer bits leave out the sign."""
    import qkeras

    return qkeras.quantized_bits(width[0], width[1] - 1, alpha=1)


def _recurrent(spec: RecurrentSpec, bits: Bits) -> Any:
    import qkeras

    from models.students.tables import TableSigmoid, TableTanh

    options: dict[str, Any] = {
        "kernel_quantizer": _signed(bits.weights),
        "recurrent_quantizer": _signed(bits.recurrent_weights),
        "bias_quantizer": _signed(bits.bias),
        "state_quantizer": _signed(bits.state),
        "activation": TableTanh(bits.table_size, *bits.table),
        "recurrent_activation": TableSigmoid(bits.table_size, *bits.table),
        "implementation": 2,  # one product for all gates: the same numbers, less time to train
        "name": "rnn",
    }
    if spec.cell == "lstm":
        return qkeras.QLSTM(spec.units, **options)
    return qkeras.QGRU(spec.units, reset_after=True, **options)


def _parts(bits: Bits) -> Parts:
    """Layers of qkeras, which does not quantize what a layer gives: a QActivation does."""
    import qkeras

    def dense(width: int, use_bias: bool, name: str) -> Any:
        weights = {"kernel_quantizer": _signed(bits.dense_weights), "bias_quantizer": _signed(bits.dense_bias)}
        return qkeras.QDense(width, use_bias=use_bias, name=name, **weights)

    def cast(tensor: str, name: str) -> Any:
        width = getattr(bits, tensor)
        quantizer = qkeras.quantized_relu(*width) if tensor in UNSIGNED else _signed(width)
        return qkeras.QActivation(quantizer, name=name)

    return Parts(dense, lambda name: cast("activations", name), cast)


def warm_start(quantized: Any, float_model: Any) -> None:
    """Copy the weights of the float model into the quantized one, layer by layer, by name.

    Raises:
        DataError: a layer's weights do not fit.
    """
    for layer in float_model.layers:
        weights = layer.get_weights()
        if not weights:
            continue
        target = quantized.get_layer(layer.name)
        shapes = [tuple(variable.shape) for variable in target.weights]
        if [weight.shape for weight in weights] != shapes:
            what = f"weights of shape {[w.shape for w in weights]} do not fit {shapes}"
            raise DataError(what, f"layer {layer.name}", "distil again with one student spec")
        target.set_weights(weights)
