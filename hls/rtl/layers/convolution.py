"""Convolutions, channels last: one matrix, applied to what each pixel sees (nnet_conv1d*.h, nnet_conv2d*.h)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hls.rtl.layers.dense import matrix_layer
from hls.rtl.layers.moving import axes_of, check_channels_last, padded
from hls.rtl.refusal import refuse


def convolution(node: Any, inputs: list[Any]) -> Any:
    """A convolution of the values (…, n_channels), zeros outside: a row a pixel, (n_pixels, n_filters)."""
    (values,) = inputs
    check_channels_last(node)
    if any(int(size) != 1 for size in np.atleast_1d(node.get_attr("dilation") or 1)):
        raise refuse(node, "it is dilated, which hls4ml ignores in io_parallel", "use a dilation of 1")
    axes = axes_of(values)
    sizes = [int(node.get_attr(f"filt_{axis}")) for axis in axes]
    strides = [int(node.get_attr(f"stride_{axis}")) for axis in axes]
    reuse_factor, n_in = int(node.get_attr("reuse_factor")), int(np.prod(sizes)) * values.shape[-1]
    if "resource" in str(node.get_attr("strategy")) and reuse_factor > n_in:
        what = f"its reuse factor {reuse_factor} exceeds the {n_in} inputs of a pixel, which hls4ml's kernel asserts"
        raise refuse(node, what, f"use {n_in} at most")
    image = padded(node, values)
    pixels = []
    for pixel in np.ndindex(*(int(size) for size in node.get_output_variable().shape[:-1])):
        starts = [at * stride for at, stride in zip(pixel, strides, strict=True)]
        pixels.append(image[tuple(slice(at, at + size) for at, size in zip(starts, sizes, strict=True))].ravel())
    return matrix_layer(node, np.stack(pixels), int(node.get_attr("n_filt")))
