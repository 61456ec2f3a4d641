"""Layers that move values: reshape, transpose, padding, cropping, upsampling (nnet_padding.h, nnet_image.h, …)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hls.rtl.casts import array, cast, constant
from hls.rtl.refusal import check_option, refuse, result_type

SIDES = {"height": ("top", "bottom"), "width": ("left", "right")}


def reshape(node: Any, inputs: list[Any]) -> Any:
    """The values as they are: the walk gives them the new shape."""
    return inputs[0]


def transpose(node: Any, inputs: list[Any]) -> Any:
    """The values with their axes in another order."""
    return cast(inputs[0].transpose(tuple(int(axis) for axis in node.get_attr("perm"))), result_type(node))


def zero_padding(node: Any, inputs: list[Any]) -> Any:
    """Zeros around the values."""
    check_channels_last(node)
    return cast(padded(node, inputs[0]), result_type(node))


def cropping(node: Any, inputs: list[Any]) -> Any:
    """The inner part of the values."""
    (values,) = inputs
    check_channels_last(node)
    starts = [int(node.get_attr(f"crop_{SIDES[axis][0]}")) for axis in axes_of(values)]
    sizes = [int(size) for size in node.get_output_variable().shape[:-1]]
    inner = values[tuple(slice(at, at + size) for at, size in zip(starts, sizes, strict=True))]
    return cast(inner, result_type(node))


def resize(node: Any, inputs: list[Any]) -> Any:
    """The nearest pixel of a smaller image, (height, width, n_channels) or (width, n_channels)."""
    check_option(node, "algorithm", ("nearest",))
    rows, columns = (_nearest(int(node.get_attr(f"in_{axis}")), int(node.get_attr(f"out_{axis}"))) for axis in SIDES)
    (values,) = inputs
    image = values.reshape(int(node.get_attr("in_height")), int(node.get_attr("in_width")), -1)
    return image[rows][:, columns]


def _nearest(size: int, new_size: int) -> list[int]:
    """The pixel that each new one copies, as hls4ml computes it with 16 fraction bits."""
    ratio = (size << 16) // new_size + 1
    return [(k * ratio) >> 16 for k in range(new_size)]


def padded(node: Any, values: Any) -> Any:
    """The values with the zeros around them that the layer's pad_… attributes ask for."""
    sides = [tuple(int(node.get_attr(f"pad_{side}")) for side in SIDES[axis]) for axis in axes_of(values)]
    places = np.pad(np.arange(values.size).reshape(values.shape), [*sides, (0, 0)], constant_values=values.size)
    return array([*values.ravel(), constant(0.0, values.flat[0])], values)[places]


def axes_of(values: Any) -> tuple[str, ...]:
    """The names of the axes of an image (width, n_channels) or (height, width, n_channels)."""
    return ("height", "width")[3 - values.ndim :]


def check_channels_last(node: Any) -> None:
    """Raise InputError if the channels of the layer's input come first."""
    if node.get_attr("data_format", "channels_last") != "channels_last":
        remedy = "convert the model to channels_last; other strides would support it"
        raise refuse(node, "its channels come first", remedy)
