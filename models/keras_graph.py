"""How the layers of a Keras model are joined, and which of its variables are numbers of bits."""

from __future__ import annotations

from typing import Any

HGQ2_BITS = ("f", "i")
LEARNT_BITS = ("taken", *HGQ2_BITS)
"""The names of the variables that are numbers of bits: those of our own cells and of HGQ2's quantizers."""

CARRIERS = ("Masked", "Permute", "Unmasked")
"""Layers whose values are some of those of the layer that feeds them first, or zero."""


def sources_of(layer: Any) -> list[str]:
    """The names of the layers that feed a layer, in the order of its inputs."""
    return [tensor._keras_history.operation.name for node in layer._inbound_nodes for tensor in node.input_tensors]
