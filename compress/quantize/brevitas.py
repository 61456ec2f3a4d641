"""The Brevitas front end: fixed-point types of stated widths whose binary points are learnt, trained in torch.

What is trained is the torch network of `compress.quantize.brevitas_student`; what is stored of it is the QKeras network
of the same numbers, so that firmware needs no second way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compress.quantize.cost import Width
from compress.quantize.qkeras import Bits, FixedPoint, check_width
from compress.quantize.qkeras import build_quantized as build_qkeras
from jets.errors import ConfigError
from models.students.feed_forward import FeedForwardSpec, MlpSpec, ParticleSpec, Parts
from models.students.student import StudentSpec


@dataclass(frozen=True)
class BrevitasBits:
    """Widths of the tensors; those of activations are (total, integer) as in ap_fixed, where the binary point starts.

    Every scale is a power of two. That of a kernel follows its largest weight, that of a bias is the product of those
    of its layer's input and kernel (Brevitas' `IntBias`), so that it is added without rounding, and those of
    activations are learnt.

    Attributes:
        input: the scaled features, and the mask.
        weights: bits of the kernels of the dense layers.
        bias: bits of their biases.
        activations: what the ReLU layers hand on (unsigned).
        mean: of particles (unsigned).
        output: the logits.

    Raises:
        ConfigError: a width that is not between 1 and 32 (signed types need 2), integer bits outside 0 to that width.
    """

    input: FixedPoint = (10, 4)
    weights: int = 8
    bias: int = 16
    activations: FixedPoint = (8, 3)
    mean: FixedPoint = (10, 3)
    output: FixedPoint = (16, 6)

    def __post_init__(self) -> None:
        for name in ("input", "activations", "mean", "output"):
            check_width(name, getattr(self, name))
        for name in ("weights", "bias"):
            check_width(name, (getattr(self, name), 0))

    def check_for(self, spec: StudentSpec) -> None:
        """Raise ConfigError when a student of this shape cannot be made of these layers."""
        if not isinstance(spec, MlpSpec | ParticleSpec):
            what = "the front end brevitas has no layers for this student"
            raise ConfigError(what, None, "use front_end: qkeras or hgq2, or a student of dense layers")


def build_quantized(spec: FeedForwardSpec, bits: BrevitasBits, n_outputs: int) -> Any:
    """The network where training starts, as QKeras has it: (n_jets, …) -> quantized logits (n_jets, n_outputs).

    Kernels and biases have their widths, and the range of weights below one until training finds another.

    Raises:
        ConfigError: a student of other layers.
    """
    bits.check_for(spec)
    casts = {name: getattr(bits, name) for name in ("input", "activations", "mean", "output")}
    start = Bits(dense_weights=(bits.weights, 1), dense_bias=(bits.bias, 1), **casts)
    return build_qkeras(spec, start, n_outputs)


def with_types(spec: FeedForwardSpec, n_outputs: int, types: Mapping[str, Width]) -> Any:
    """The QKeras network of a spec whose tensors have these types, by "layer/kernel", "layer/bias", "layer/output"."""
    import qkeras

    from models.students.feed_forward_network import network

    def quantizer(tensor: str) -> Any:
        width = types[tensor]  # of a quantized_relu the integer bits cannot be fewer than none
        integer = width.integer - width.signed
        return qkeras.quantized_bits(width.total, integer, keep_negative=width.signed, alpha=1)

    def dense(width: int, use_bias: bool, name: str) -> Any:
        bias = {"bias_quantizer": quantizer(f"{name}/bias")} if use_bias else {}
        kernel = quantizer(f"{name}/kernel")
        return qkeras.QDense(width, use_bias=use_bias, kernel_quantizer=kernel, **bias, name=name)

    def cast(tensor: str, name: str) -> Any:
        return qkeras.QActivation(quantizer(f"{name}/output"), name=name)

    return network(spec, n_outputs, Parts(dense, lambda name: cast("activations", name), cast))
