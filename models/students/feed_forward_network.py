"""The Keras network of a feed-forward student, written once for float layers and for those of every front end.

Importing this module imports Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from models.students.attention import attending
from models.students.feed_forward import AttentionSpec, ConstituentSpec, FeedForwardSpec, ParticleSpec, Parts
from models.students.particles import Masked, MaskedMean, Unmasked


def build_float(spec: FeedForwardSpec, n_outputs: int) -> Any:
    """The float Keras model of a spec, (n_jets, *spec.input_shape) -> raw logits (n_jets, n_outputs)."""
    return network(
        spec,
        n_outputs,
        Parts(
            dense=lambda width, use_bias, name: keras.layers.Dense(width, use_bias=use_bias, name=name),
            relu=lambda name: keras.layers.ReLU(name=name),
            cast=lambda tensor, name: lambda x: x,
        ),
    )


def network(spec: FeedForwardSpec, n_outputs: int, parts: Parts) -> Any:
    """The Keras model of a spec made of `parts`.

    Layers: "features" or "constituents" (input), its cast; of particles "unmasked", those of `_meeting` or
    `models.students.attention.attending`, "pool" and its cast; then "dense_0", "relu_0", …, "logit", and the cast of
    the output.
    """
    name = "constituents" if isinstance(spec, ConstituentSpec) else "features"
    inputs = keras.Input(spec.input_shape, name=name)
    x = parts.cast("input", f"{name}_q")(inputs)
    if isinstance(spec, ConstituentSpec):
        x = _mean(spec, x, parts)
    for place, width in enumerate(spec.dense):
        x = parts.dense(width, True, f"dense_{place}")(x)
        x = parts.relu(f"relu_{place}")(x)
    x = parts.dense(n_outputs, True, "logit")(x)
    return keras.Model(inputs, parts.cast("output", "logit_q")(x), name=f"{spec.kind}_student")


def _mean(spec: ParticleSpec | AttentionSpec, constituents: Any, parts: Parts) -> Any:
    """The mean of the particles behind their last layer, (n_jets, width)."""
    x = Unmasked(name="unmasked")(constituents)
    if isinstance(spec, ParticleSpec):
        x = _meeting(spec, x, constituents, parts)
    else:
        x = attending(spec, x, constituents, parts)
    return parts.cast("mean", "pool_q")(MaskedMean(name="pool")([x, constituents]))


def _meeting(spec: ParticleSpec, x: Any, constituents: Any, parts: Parts) -> Any:
    """The particles behind their last layer, (n_jets, n_constituents, width).

    Layers: "particle_0", "particle_relu_0"; then "particle_1", "particle_relu_1", …, each where particles meet with
    those of `_others`, "exchange_1" and their sum "meet_1" between.
    """
    for place, width in enumerate(spec.particle):
        each = parts.dense(width, True, f"particle_{place}")(x)
        if spec.exchanges and place:
            others = _others(spec, place, [x, constituents], parts)
            others = parts.dense(width, False, f"exchange_{place}")(others)
            each = keras.layers.Add(name=f"meet_{place}")([each, others])
        x = parts.relu(f"particle_relu_{place}")(each)
    return x


def _others(spec: ParticleSpec, place: int, tensors: Sequence[Any], parts: Parts) -> Any:
    """What particles see of all, from their values and constituents: one row, or one for each place.

    Layers: "mean_1" and its cast; in an MLP-Mixer "masked_1", "turn_1", "mix_1", "mix_relu_1", "turn_back_1".
    """
    if spec.kind == "jedi_linear":
        return parts.cast("mean", f"mean_{place}_q")(MaskedMean(keepdims=True, name=f"mean_{place}")(tensors))
    x = keras.layers.Permute((2, 1), name=f"turn_{place}")(Masked(name=f"masked_{place}")(tensors))
    x = parts.relu(f"mix_relu_{place}")(parts.dense(spec.n_constituents, True, f"mix_{place}")(x))
    return keras.layers.Permute((2, 1), name=f"turn_back_{place}")(x)
