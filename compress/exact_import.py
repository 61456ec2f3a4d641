"""A tagger that was trained elsewhere, made of our own cells: the same weights, in arithmetic that firmware repeats.

Importing this module imports Keras.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from compress.quantize import exact
from compress.quantize.cost import Width, width_of
from compress.quantize.exact import ExactBits
from compress.quantize.front_end import front_end_of
from jets.dataset import Jets
from jets.errors import ConfigError, DataError, InputError
from jets.metrics import Measure, agreement, auc_of_logits
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger

RECURRENT_SUM = (12, 4)
"""QKeras does not round U h + b before the reset gate multiplies it: a type that hardly does."""

REAL_GATE = (9, 6)
"""Of a sigmoid or tanh that is no table: as fine as hls4ml's table of 1024 entries of nine bits."""

WIDE = 12
WIDE_BITS = ExactBits(
    input=(14, 6),
    gate_sum=(12, 4),
    gate=(10, 0),
    candidate_sum=(12, 3),
    candidate=(11, 1),
    recurrent_sum=(12, 4),
    state=(12, 1),
    cell_state=(14, 5),
    activations=(12, 5),
    output=(18, 7),
)
"""Types that change a float network little: what was trained without rounding has not learnt to bear it."""

QKERAS_CELLS = ("QGRU", "QLSTM")


@dataclass(frozen=True)
class ImportEffect:
    """What becoming exact changed, on jets.

    Attributes:
        n_jets: looked at.
        n_equal: of the same logits, bit for bit.
        max_abs_difference: of a logit.
        agreement: share of jets with the same decision (the likelier class, a logit above zero for two classes).
        before, after: area under the ROC, macro-averaged for more than two classes.
    """

    n_jets: int
    n_equal: int
    max_abs_difference: float
    agreement: Measure
    before: Measure
    after: Measure


def import_exact(tagger: Tagger, bits: ExactBits | None = None) -> Tagger:
    """An exact student with the weights of a GRU or LSTM tagger; it is not trained any further.

    Takes the torch references "gru" and "lstm", a float Keras student and a QKeras student: Keras networks of a
    recurrent layer and dense layers after it, whatever the layers' names. Without `bits` the types are those of the
    QKeras quantizers, or for a float network types wide enough to change little.

    Raises:
        InputError: another network, or one that is exact already; names it.
        DataError: the weights do not fit the spec of the tagger.
    """
    spec = _spec_of(tagger)
    if bits is None:
        cell = _qkeras_cell(tagger)
        bits = bits_of_float(tagger.network) if cell is None else bits_of_qkeras(tagger.network, spec)
    network = exact.build_quantized(spec, bits, tagger.n_outputs)
    exact.warm_start(network, tagger.network)
    quantization = front_end_of(bits).describe(network, bits)
    provenance = {**tagger.provenance, "imported": {"architecture": tagger.architecture, "framework": tagger.framework}}
    return Tagger("recurrent_student", spec, tagger.classes, tagger.scaling, network, "keras", quantization, provenance)


def effect(before: Tagger, after: Tagger, jets: Jets) -> ImportEffect:
    """How the logits and the decisions of two taggers differ on jets, and their areas under the ROC.

    Raises:
        DataError: no jets, or a class without any.
    """
    first, second = before.predict(jets), after.predict(jets)
    two_classes = before.n_outputs == 1
    decisions = [logits[:, 0] > 0 if two_classes else logits.argmax(axis=1) for logits in (first, second)]
    return ImportEffect(
        n_jets=len(jets),
        n_equal=int(np.count_nonzero((first == second).all(axis=1))),
        max_abs_difference=float(np.abs(first.astype(np.float64) - second).max()),
        agreement=agreement(*decisions),
        before=auc_of_logits(first, jets.labels),
        after=auc_of_logits(second, jets.labels),
    )


def bits_of_qkeras(network: Any, spec: RecurrentSpec) -> ExactBits:
    """The types of a QKeras student's quantizers; its tables' entries become those of ours, and their steps our sums'.

    Raises:
        InputError: a quantizer without a fixed-point type; names the layer.
    """
    casts = [layer for layer in network.layers if type(layer).__name__ == "QActivation"]
    dense = [layer for layer in network.layers if type(layer).__name__ == "QDense"]
    cell = next(layer for layer in network.layers if type(layer).__name__ in QKERAS_CELLS)
    relus = [layer for layer in casts if not _width(layer, layer.activation).signed]
    if len(casts) < 2 or not dense:
        remedy = "quantize input and output with a QActivation each"
        raise InputError("its input or its output is not quantized", f"model {network.name!r}", remedy)
    inside = cell.cell
    state = _width(cell, inside.state_quantizer_internal)
    gate, gate_steps = _table(inside.recurrent_activation)
    candidate, candidate_steps = _table(inside.activation)
    found = {
        "input": _width(casts[0], casts[0].activation),
        "weights": _width(cell, inside.kernel_quantizer_internal),
        "recurrent_weights": _width(cell, inside.recurrent_quantizer_internal),
        "bias": _width(cell, inside.bias_quantizer_internal),
        "state": state,
        "dense_weights": _width(dense[0], dense[0].kernel_quantizer_internal),
        "dense_bias": _width(dense[0], dense[0].bias_quantizer_internal),
        "output": _width(casts[-1], casts[-1].activation),
    }
    if spec.cell == "lstm":
        found["cell_state"] = state
    if relus:
        found["activations"] = _width(relus[0], relus[0].activation)
    widths: dict[str, Any] = {name: (width.total, width.integer) for name, width in found.items()}
    widths |= {"gate": (gate - 1, 0), "candidate": (candidate, 1), "recurrent_sum": RECURRENT_SUM}
    widths |= {"gate_sum": (gate_steps + 4, 4), "candidate_sum": (candidate_steps + 3, 3)}
    try:
        return ExactBits(**widths)
    except ConfigError as error:
        raise InputError(error.what, f"model {network.name!r}", error.remedy) from None


def bits_of_float(network: Any) -> ExactBits:
    """Types for float weights: twelve bits each, as many of them integer as the largest weight needs."""

    def width(*values: NDArray[Any]) -> tuple[int, int]:
        largest = max(float(np.abs(part).max(initial=0.0)) for part in values)
        return WIDE, 1 + max(0, math.floor(math.log2(max(largest, 2.0**-WIDE))) + 1)

    found = exact.float_weights(network).values()
    cells, dense = ([weights for weights in found if len(weights) == size] for size in (3, 2))
    kernels, recurrents, biases = zip(*cells, strict=True)
    return dataclasses.replace(
        WIDE_BITS,
        weights=width(*kernels),
        recurrent_weights=width(*recurrents),
        bias=width(*(bias.sum(axis=0) for bias in biases), *biases),
        dense_weights=width(*(weights[0] for weights in dense)),
        dense_bias=width(*(weights[1] for weights in dense)),
    )


def _spec_of(tagger: Tagger) -> RecurrentSpec:
    where = f"tagger {tagger.architecture!r}"
    if tagger.architecture in ("gru", "lstm"):
        sizes = dataclasses.asdict(tagger.config)
        return RecurrentSpec(cell=cast(Literal["gru", "lstm"], tagger.architecture), **sizes, arithmetic="exact")
    if tagger.architecture != "recurrent_student":
        raise InputError("is no GRU or LSTM", where, "import a gru, lstm or recurrent_student tagger")
    if tagger.quantization is not None and tagger.quantization.get("front_end") == "exact":
        raise InputError("is exact already", where, "convert it as it is")
    spec: RecurrentSpec = dataclasses.replace(tagger.config, arithmetic="exact")
    return spec


def _qkeras_cell(tagger: Tagger) -> Any:
    layers = getattr(tagger.network, "layers", [])
    return next((layer for layer in layers if type(layer).__name__ in QKERAS_CELLS), None)


def _width(layer: Any, quantizer: Any) -> Width:
    try:
        return width_of(quantizer)
    except DataError as error:
        raise InputError(error.what, f"layer {layer.name!r}", error.remedy) from None


def _table(function: Any) -> tuple[int, int]:
    """Bits of a gate's entries, the sign among them, and fraction bits of the codes that tell its entries apart."""
    if hasattr(function, "total_bits"):
        return function.total_bits, int(np.log2(function.size / (2 * function.limit)))
    return int(getattr(function, "bits", REAL_GATE[0])), REAL_GATE[1]
