"""Layers without memory, one file a family: what hls4ml's kernel does to the values, by its name of the layer.

A family takes the layer's node and the values of each of its inputs, in the input's shape, and gives those of the
output, row by row as the C++ arrays are; the walk shapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hls.rtl.layers.activation import activation, hard, parametrized, prelu, unary_table
from hls.rtl.layers.convolution import convolution
from hls.rtl.layers.dense import dense
from hls.rtl.layers.einsum import einsum, einsum_dense
from hls.rtl.layers.merge import concatenate, dot, merge
from hls.rtl.layers.moving import cropping, reshape, resize, transpose, zero_padding
from hls.rtl.layers.pooling import global_pooling, masked, masked_mean, pooling
from hls.rtl.layers.quantizer import quantizer
from hls.rtl.layers.scale import scale
from hls.rtl.layers.softmax import softmax

LAYERS: Mapping[str, Callable[[Any, list[Any]], Any]] = {
    "Activation": activation,
    "ApplyAlpha": scale,
    "BatchNormalization": scale,
    "Concatenate": concatenate,
    "Conv1D": convolution,
    "Conv2D": convolution,
    "Cropping1D": cropping,
    "Cropping2D": cropping,
    "Dense": dense,
    "Dot": dot,
    "Einsum": einsum,
    "EinsumDense": einsum_dense,
    "FixedPointQuantizer": quantizer,
    "GlobalPooling1D": global_pooling,
    "GlobalPooling2D": global_pooling,
    "HardActivation": hard,
    "Masked": masked,
    "MaskedMean": masked_mean,
    "Merge": merge,
    "PReLU": prelu,
    "ParametrizedActivation": parametrized,
    "PointwiseConv1D": convolution,
    "PointwiseConv2D": convolution,
    "Pooling1D": pooling,
    "Pooling2D": pooling,
    "Reshape": reshape,
    "Resize": resize,
    "Softmax": softmax,
    "Transpose": transpose,
    "UnaryLUT": unary_table,
    "ZeroPadding1D": zero_padding,
    "ZeroPadding2D": zero_padding,
}
