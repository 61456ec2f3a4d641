"""The two ways to quantize a student, chosen by the bits it is given: QKeras' layers, or our own cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compress.quantize import exact, qkeras
from compress.quantize.exact import ExactBits
from compress.quantize.qkeras import Bits


@dataclass(frozen=True)
class FrontEnd:
    """One way to quantize.

    Attributes:
        name: "qkeras" or "exact".
        build: (spec, bits, n_outputs) -> the quantized network.
        warm_start: (quantized network, float network) -> None, copies the weights.
        widths: network -> the width of every tensor, "layer/tensor" -> total, integer, signed.
        ebops: (network, shared_cell) -> effective bit operations.
    """

    name: str
    build: Callable[[Any, Any, int], Any]
    warm_start: Callable[[Any, Any], None]
    widths: Callable[[Any], dict[str, dict[str, Any]]]
    ebops: Callable[[Any, bool], int]

    def describe(self, network: Any, bits: Bits | ExactBits) -> dict[str, Any]:
        """What a tagger stores of its quantization (JSON-serialisable)."""
        return {
            "front_end": self.name,
            "bits": dataclasses.asdict(bits),
            "tensors": self.widths(network),
            "ebops": self.ebops(network, False),
            "ebops_shared_cell": self.ebops(network, True),
        }

    def penalty(self, network: Any, bits: Bits | ExactBits) -> Callable[[], Any] | None:
        """What the network's learnt bits add to the loss of a jet; None where no bits are learnt."""
        if not isinstance(bits, ExactBits) or not bits.learn:
            return None
        from compress.quantize.exact_cost import cost

        weight = bits.ebops_weight
        return lambda: weight * cost(network)


def front_end_of(bits: Bits | ExactBits) -> FrontEnd:
    """The front end that these bits belong to; its libraries are imported only now."""
    if isinstance(bits, ExactBits):
        from compress.quantize import exact_cost

        return FrontEnd("exact", exact.build_quantized, exact.warm_start, exact_cost.tensor_widths, exact_cost.ebops)
    from compress.quantize import cost

    return FrontEnd("qkeras", qkeras.build_quantized, qkeras.warm_start, cost.bits_per_tensor, cost.ebops)
