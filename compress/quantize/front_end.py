"""The ways to quantize a student, chosen by the bits it is given: QKeras, HGQ2, Brevitas, or our own cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compress.quantize import brevitas, exact, hgq2, qkeras
from compress.quantize.brevitas import BrevitasBits
from compress.quantize.budget import Budget
from compress.quantize.exact import ExactBits
from compress.quantize.hgq2 import HgqBits
from compress.quantize.qkeras import Bits

AnyBits = Bits | ExactBits | HgqBits | BrevitasBits


@dataclass(frozen=True)
class FrontEnd:
    """One way to quantize.

    Attributes:
        name: "qkeras", "hgq2", "brevitas" or "exact".
        build: (spec, bits, n_outputs) -> the quantized network.
        warm_start: (quantized network, float network) -> None, copies the weights.
        widths: network -> the width of every tensor, "layer/tensor" -> total, integer, signed.
        ebops: (network, shared_cell) -> effective bit operations.
        packages: distributions that its networks depend on, beside Keras and QKeras.
        trains: (spec, quantized network, embedding loss, width of the teacher's embedding) -> what is trained where
            that is not the network itself, and writes it in the end (`finished`).
    """

    name: str
    build: Callable[[Any, Any, int], Any]
    warm_start: Callable[[Any, Any], None]
    widths: Callable[[Any], dict[str, dict[str, Any]]]
    ebops: Callable[[Any, bool], int]
    packages: tuple[str, ...] = ()
    trains: Callable[[Any, Any, str | None, int], Any] | None = None

    def describe(self, network: Any, bits: AnyBits) -> dict[str, Any]:
        """What a tagger stores of its quantization (JSON-serialisable)."""
        return {
            "front_end": self.name,
            "bits": dataclasses.asdict(bits),
            "tensors": self.widths(network),
            "ebops": self.ebops(network, False),
            "ebops_shared_cell": self.ebops(network, True),
        }

    def penalty(self, network: Any, bits: AnyBits) -> Budget | None:
        """What the network's learnt bits add to the loss of a jet; None where no bits are learnt."""
        if isinstance(bits, HgqBits):
            return Budget(network, hgq2.cost, hgq2.ebops, bits.ebops, bits.ebops_weight)
        if not isinstance(bits, ExactBits) or not bits.learn:
            return None
        from compress.quantize import exact_cost

        return Budget(network, exact_cost.cost, exact_cost.ebops, None, bits.ebops_weight)


def front_end_of(bits: AnyBits) -> FrontEnd:
    """The front end that these bits belong to; its libraries are imported only now.

    Raises:
        ToolNotFound: HGQ2 or Brevitas is not installed.
    """
    if isinstance(bits, ExactBits):
        from compress.quantize import exact_cost

        return FrontEnd("exact", exact.build_quantized, exact.warm_start, exact_cost.tensor_widths, exact_cost.ebops)
    if isinstance(bits, HgqBits):
        from models.students import heterogeneous  # noqa: F401 (a missing package is rather said before any training)

        return FrontEnd("hgq2", hgq2.build_quantized, hgq2.warm_start, hgq2.bits_per_tensor, hgq2.ebops, ("hgq2",))
    from compress.quantize import cost

    stored = FrontEnd("qkeras", qkeras.build_quantized, qkeras.warm_start, cost.bits_per_tensor, cost.ebops)
    if not isinstance(bits, BrevitasBits):
        return stored
    from compress.quantize.brevitas_student import BrevitasStudent

    own: dict[str, Any] = {
        "build": brevitas.build_quantized,
        "packages": ("brevitas", "torch"),
        "trains": BrevitasStudent,
    }
    return dataclasses.replace(stored, name="brevitas", **own)
