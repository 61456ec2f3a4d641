"""The transformer of particles whose attention is linear in their number (docs/students.md).

Importing this module imports Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models.students.feed_forward import AttentionSpec, Parts
from models.students.particles import Masked

SCORES = "nihc,njhc->nihj"
ATTEND = "nihj,njhc->nihc"
"""The two products of attention: of queries and keys, of scores and values; jet, row, head, width."""


@keras.saving.register_keras_serializable(package="tagware")
class HeadProduct(keras.layers.Layer):  # type: ignore[misc]
    """Sums of products of two tensors (n_jets, rows, heads * width), head by head: (n_jets, rows, heads * width).

    Attributes:
        equation: the einsum of both as (n_jets, rows, heads, width), n being the jets.
        heads: each has an equal share of the last axis.
    """

    def __init__(self, equation: str, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.equation, self.heads = equation, heads

    def call(self, inputs: Sequence[Any]) -> Any:
        """The sums."""
        apart = [ops.reshape(values, (-1, *self.apart(values.shape[1:]))) for values in inputs]
        rows, width = self.compute_output_shape([values.shape for values in inputs])[1:]
        return ops.reshape(ops.einsum(self.equation, *apart), (-1, rows, width))

    def apart(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """The shape (rows, heads, width) of a jet's values (rows, heads * width)."""
        rows, width = shape
        return rows, self.heads, width // self.heads

    def sizes(self, shapes: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The size of each axis of the equation, for inputs of these shapes."""
        first, second = self.equation.split("->")[0].split(",")
        axes = [(shape[0], *self.apart(shape[1:])) for shape in shapes]
        return dict(zip(first + second, axes[0] + axes[1], strict=True))

    def compute_output_shape(self, shapes: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Rows of the first, and all heads in a row."""
        sizes = self.sizes(shapes)
        n_jets, rows, heads, width = (sizes[axis] for axis in self.equation.split("->")[1])
        return n_jets, rows, heads * width

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of it."""
        return {**super().get_config(), "equation": self.equation, "heads": self.heads}


def attending(spec: AttentionSpec, x: Any, constituents: Any, parts: Parts) -> Any:
    """The particles behind the last block, (n_jets, n_constituents, width), from their features.

    Layers: "embed", "embed_relu"; of block 0 those of `_attention`, its sum with the block's input "attention_0",
    "attention_relu_0"; "hidden_0", "hidden_relu_0", "feed_forward_0", the sum "block_0" and "block_relu_0".
    """
    x = parts.relu("embed_relu")(parts.dense(spec.width, True, "embed")(x))
    for block in range(spec.blocks):
        found = _attention(spec, block, x, constituents, parts)
        x = parts.relu(f"attention_relu_{block}")(keras.layers.Add(name=f"attention_{block}")([x, found]))
        found = parts.relu(f"hidden_relu_{block}")(parts.dense(spec.hidden, True, f"hidden_{block}")(x))
        found = parts.dense(spec.width, True, f"feed_forward_{block}")(found)
        x = parts.relu(f"block_relu_{block}")(keras.layers.Add(name=f"block_{block}")([x, found]))
    return x


def _attention(spec: AttentionSpec, block: int, x: Any, constituents: Any, parts: Parts) -> Any:
    """What each particle gathers from all, (n_jets, n_constituents, width).

    Layers: "masked_0", "turn_0", "project_0", "turn_back_0"; "query_0", "key_0", "value_0"; "scores_0",
    "scores_relu_0", "attend_0" and "join_0". All but "scores_0" and "join_0" have a cast.
    """

    def dense(name: str, values: Any, width: int = spec.width, use_bias: bool = True) -> Any:
        found = parts.dense(width, use_bias, f"{name}_{block}")(values)
        return parts.cast("attention", f"{name}_{block}_q")(found)

    turned = keras.layers.Permute((2, 1), name=f"turn_{block}")(Masked(name=f"masked_{block}")([x, constituents]))
    projected = dense("project", turned, spec.projections, use_bias=False)
    projected = keras.layers.Permute((2, 1), name=f"turn_back_{block}")(projected)
    query, key, value = dense("query", x), dense("key", projected), dense("value", projected)
    scores = HeadProduct(SCORES, spec.heads, name=f"scores_{block}")([query, key])
    scores = parts.relu(f"scores_relu_{block}")(scores)
    found = HeadProduct(ATTEND, spec.heads, name=f"attend_{block}")([scores, value])
    return parts.dense(spec.width, True, f"join_{block}")(parts.cast("attention", f"attend_{block}_q")(found))
