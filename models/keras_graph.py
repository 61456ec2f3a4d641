"""How the layers of a Keras model are joined."""

from __future__ import annotations

from typing import Any


def sources_of(layer: Any) -> list[str]:
    """The names of the layers that feed a layer, in the order of its inputs."""
    return [tensor._keras_history.operation.name for node in layer._inbound_nodes for tensor in node.input_tensors]
