"""The front end of our own cells (docs/recurrent.md): every number of the student has a stated fixed-point type.

The types may be learnt: each weight, and each tensor of the activations, then keeps as many of its declared fraction
bits as they are worth, see `compress.quantize.exact_cost`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.errors import ConfigError, DataError, TagwareError
from models.students.exact.fixed_point import MAX_TABLE_BITS, FixedPoint
from models.students.recurrent import CELL_LAYERS, RecurrentSpec
from models.students.student import StudentSpec

Width = tuple[int, int]
Weights = Mapping[str, Sequence[NDArray[Any]]]
"""Float weights by layer, as Keras' own layers have them: kernel, bias; kernel, recurrent kernel, bias."""

UNSIGNED = ("gate", "activations")
SUMS = ("gate_sum", "candidate_sum")


@dataclass(frozen=True)
class ExactBits:
    """Width of every tensor as (total, integer), the convention of ap_fixed: the sign is one of the integer bits.

    On the test split of the packaged top/QCD jets, trained with labels alone (one seed), a 20x6 GRU had AUC .9536 in
    float, .9539 with the defaults at 84,200 EBOPs and .9526 at 24,300 with `learn` (all ± .0013; cell counted once).

    Attributes:
        input: the scaled constituent features.
        weights: the recurrent layer's input kernel.
        recurrent_weights: its recurrent kernel.
        bias: its biases.
        gate_sum: the sums that the sigmoids see, codes of their tables.
        gate: what the sigmoids give, unsigned.
        candidate_sum: the sums that the tanhs see.
        candidate: what the tanhs give.
        recurrent_sum: U h + c, which the reset gate of a GRU multiplies (`reset_after`).
        state: the hidden state, and r h where the reset gate acts on the state.
        cell_state: of an LSTM.
        dense_weights: kernels of the dense layers.
        dense_bias: their biases.
        activations: what the ReLU layers hand on, unsigned.
        output: the logits.
        learn: let training take fraction bits away, from every weight by itself.
        ebops_weight: loss of one effective bit operation (of the cell, used once) when bits are learnt.

    Raises:
        ConfigError: a width that a fixed-point type or a table cannot have, or a weight below zero.
    """

    input: Width = (10, 4)
    weights: Width = (8, 2)
    recurrent_weights: Width = (7, 1)
    bias: Width = (8, 2)
    gate_sum: Width = (8, 4)
    gate: Width = (8, 0)
    candidate_sum: Width = (8, 3)
    candidate: Width = (8, 1)
    recurrent_sum: Width = (8, 3)
    state: Width = (8, 1)
    cell_state: Width = (11, 4)
    dense_weights: Width = (8, 1)
    dense_bias: Width = (8, 1)
    activations: Width = (8, 3)
    output: Width = (16, 6)
    learn: bool = False
    ebops_weight: float = 1e-6

    def __post_init__(self) -> None:
        for name in self.tensors():
            try:
                fixed = self.type_of(name)
            except TagwareError as error:
                raise ConfigError(f"{name}: {error.what}", None, error.remedy) from None
            if name in SUMS and fixed.total > MAX_TABLE_BITS:
                what = f"{name}: a table over {fixed.total} bits has too many entries"
                raise ConfigError(what, None, f"use {MAX_TABLE_BITS} bits at most, 8 are enough")
        if not (math.isfinite(self.ebops_weight) and self.ebops_weight >= 0):
            raise ConfigError(f"ebops_weight must be 0 or more, not {self.ebops_weight}", None, "e.g. 1.0e-6")

    @classmethod
    def tensors(cls) -> list[str]:
        """The names of the widths."""
        return [field.name for field in dataclasses.fields(cls) if field.name not in ("learn", "ebops_weight")]

    def type_of(self, name: str) -> FixedPoint:
        """The type of a tensor."""
        total, integer = getattr(self, name)
        return FixedPoint(total, integer, name not in UNSIGNED)

    def check_for(self, spec: StudentSpec) -> None:
        """Raise ConfigError when a student of this shape is not made of our own cells."""
        if spec.arithmetic != "exact":
            raise ConfigError("these are the bits of arithmetic: exact", None, "give student: {arithmetic: exact}")

    def cell_types(self, spec: RecurrentSpec) -> dict[str, FixedPoint]:
        """The type of every role of the recurrent layer."""
        sources = {"weight": "weights", "recurrent_weight": "recurrent_weights", "bias": "bias", "state": "state"}
        sources |= {"candidate_sum": "candidate_sum", "candidate": "candidate"}
        for gate in ("update", "reset") if spec.cell == "gru" else ("enter", "forget", "leave"):
            sources |= {f"{gate}_sum": "gate_sum", gate: "gate"}
        if spec.cell == "lstm":
            sources |= {"squashed_sum": "candidate_sum", "squashed": "candidate", "cell_state": "cell_state"}
        elif spec.reset_after:
            sources |= {"recurrent_bias": "bias", "recurrent_sum": "recurrent_sum"}
        else:
            sources |= {"reset_state": "state"}
        return {role: self.type_of(name) for role, name in sources.items()}


def build_quantized(spec: RecurrentSpec, bits: ExactBits, n_outputs: int) -> Any:
    """The exact model of a spec, (n_jets, n_constituents, n_features) -> logits (n_jets, n_outputs) on their grid.

    Layers: "constituents" (input), "constituents_q", "rnn", "dense_0", "relu_0", …, "logit", "logit_q": those of
    `models.students.recurrent.build_float` with a cast of the input and of the output. A bidirectional student has
    "rnn", "rnn_backward" and "states", the concatenation of both.

    Raises:
        ConfigError: a spec of another arithmetic.
    """
    import keras

    from models.students.exact.layers import ExactCast, ExactDense

    bits.check_for(spec)
    learn: dict[str, Any] = {"learn_bits": bits.learn}
    dense = {"weight": bits.type_of("dense_weights"), "bias": bits.type_of("dense_bias")}
    inputs = keras.Input(spec.shape, name="constituents")
    x = ExactCast({"result": bits.type_of("input")}, **learn, name="constituents_q")(inputs)
    cells = [_cell(spec, bits, name)(x) for name in spec.cell_layers]
    x = keras.layers.Concatenate(name="states")(cells) if spec.bidirectional else cells[0]
    for place, width in enumerate(spec.dense):
        x = ExactDense(width, dense, **learn, name=f"dense_{place}")(x)
        x = ExactCast({"result": bits.type_of("activations")}, **learn, name=f"relu_{place}")(x)
    x = ExactDense(n_outputs, dense, **learn, name="logit")(x)
    x = ExactCast({"result": bits.type_of("output")}, name="logit_q")(x)
    return keras.Model(inputs, x, name=f"exact_{spec.cell}_student")


def _cell(spec: RecurrentSpec, bits: ExactBits, name: str) -> Any:
    from models.students.exact.recurrent import ExactGRU, ExactLSTM

    options: dict[str, Any] = {"learn_bits": bits.learn, "skip_padding": spec.skip_padding, "name": name}
    options["go_backwards"] = name == CELL_LAYERS[1]
    if spec.cell == "gru":
        options["reset_after"] = spec.reset_after
    return (ExactGRU if spec.cell == "gru" else ExactLSTM)(spec.units, bits.cell_types(spec), **options)


def warm_start(network: Any, float_model: Any) -> None:
    """Give an exact network the weights of a Keras one of the same spec, or of a torch `RecurrentReference`.

    Raises:
        DataError: a layer's weights do not fit.
    """
    given_weights = float_weights(float_model)
    wanted = [layer.name for layer in network.layers if getattr(layer, "weights_by_role", {})]
    if list(given_weights) != wanted:
        what = f"{len(given_weights)} layers with weights do not fit {len(wanted)}"
        raise DataError(what, f"model {network.name}", "use the spec of the float network")
    for name, weights in given_weights.items():
        layer = network.get_layer(name)
        given = _exact_weights(layer, weights)
        shapes = {role: tuple(weight.shape) for role, weight in layer.weights_by_role.items()}
        if {role: values.shape for role, values in given.items()} != shapes:
            what = f"weights of shape {[values.shape for values in weights]} do not fit {list(shapes.values())}"
            raise DataError(what, f"layer {name}", "use the spec of the float network")
        for role, values in given.items():
            layer.weights_by_role[role].assign(values)


def float_weights(model: Any) -> Weights:
    """The weights of a Keras model or of a torch `RecurrentReference`, by layer of the student.

    Layers are told by their order: the recurrent one, or the two of a Keras `Bidirectional`, then the dense ones.
    """
    if hasattr(model, "get_weights"):
        cell, *linear = (weights for layer in model.layers if (weights := layer.get_weights()))
        found = [*(cell[start : start + 3] for start in range(0, len(cell), 3)), *linear]
    else:
        dense = [*model.dense, model.output]
        linear = [[_array(layer.weight).T, _array(layer.bias)] for layer in dense]
        found = [_torch_recurrent(model.rnn), *linear]
    cells = CELL_LAYERS[: len(found) - len(linear)]
    return dict(zip([*cells, *(f"dense_{place}" for place in range(len(linear) - 1)), "logit"], found, strict=True))


def _torch_recurrent(rnn: Any) -> list[NDArray[Any]]:
    """torch's gates are ordered r, z, n in a GRU and i, f, g, o in an LSTM; Keras' are z, r, h and i, f, c, o."""
    weights = [_array(rnn.get_parameter(f"{name}_l0")) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if type(rnn).__name__ == "GRU":
        weights = [np.concatenate([np.split(values, 3)[k] for k in (1, 0, 2)]) for values in weights]
        bias = np.stack(weights[2:])
    else:
        bias = weights[2] + weights[3]
    return [weights[0].T, weights[1].T, bias]


def _exact_weights(layer: Any, weights: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Weights in Keras' layout by the roles of an exact layer."""
    if len(weights) == 2:
        return dict(zip(("weight", "bias"), weights, strict=True))
    kernel, recurrent, bias = weights
    found = {"weight": kernel, "recurrent_weight": recurrent, "bias": bias}
    if bias.ndim == 2:  # two biases: the gates see their sum, the candidate keeps its second one inside r
        inside = 2 * bias.shape[1] // 3
        found["bias"] = np.concatenate([bias.sum(axis=0)[:inside], bias[0, inside:]])
        found["recurrent_bias"] = bias[1, inside:]
    return found


def _array(parameter: Any) -> NDArray[Any]:
    return np.asarray(parameter.detach().cpu().numpy())
