"""Layers without memory, one file a family: what hls4ml's kernel does to the values, by its name of the layer.

A family takes the layer's node and the values of each of its inputs, in the input's shape, and gives those of the
output, row by row as the C++ arrays are; the walk shapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hls.rtl.layers.activation import activation
from hls.rtl.layers.dense import dense

LAYERS: Mapping[str, Callable[[Any, list[Any]], Any]] = {
    "Activation": activation,
    "Dense": dense,
}
