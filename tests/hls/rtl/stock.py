"""Graphs that hls4ml makes of Keras models by itself, with types for each layer, traced and compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np

from hls.convert.graph import quiet, tensors
from hls.convert.write import firmware_files
from hls.csim import build
from hls.project import MANIFEST, HlsConfig, Project, digests, write_files
from hls.rtl import trace
from tests.hls.rtl.firmware import Firmware

Settings = Mapping[str, Mapping[str, Any]]
"""Layer → hls4ml key (`Strategy`, `ReuseFactor`, …) or role of a type (`result`, `weight`, …) → value."""

ROLES = ("result", "weight", "bias", "scale", "accum")


def stock_graph(
    model: Any, settings: Settings, default: str = "fixed<10,4>", backend: str = "Vitis", io_type: str = "io_parallel"
) -> Any:
    """hls4ml's graph of a Keras model; every type is `default` unless a layer's settings say otherwise."""
    with quiet():
        config = hls4ml.utils.config_from_keras_model(
            model, granularity="name", backend=backend, default_precision=default
        )
        config["Model"]["Strategy"] = "Latency"
        for name, layer in config["LayerName"].items():
            layer["Precision"] = {role: default for role in ("accum", *layer["Precision"])}
            for key, value in settings.get(name, {}).items():
                (layer["Precision"] if key in ROLES else layer)[key] = value
        return hls4ml.converters.convert_from_keras_model(
            model,
            hls_config=config,
            output_dir="unused",
            project_name="tagger",
            backend=backend,
            io_type=io_type,
            write_weights_txt=False,
        )


def stock_firmware(graph: Any, folder: Path) -> Firmware:
    """The graph traced and compiled."""
    circuit = trace(graph)
    files = firmware_files(graph)
    project = Project(
        folder=folder,
        name="tagger",
        config=HlsConfig(backend=graph.config.get_config_value("Backend")),
        tagger_digest="of a test",
        inputs=tensors(graph.get_input_variables()),
        outputs=tensors(graph.get_output_variables()),
        layers=(),
        files=digests(files),
    )
    write_files({**files, MANIFEST: project.manifest().encode()}, folder)
    return Firmware(graph, circuit, build(project))


def randomize(model: Any, seed: int, spread: float = 0.7) -> Any:
    """The model with normal weights, so that every bit of their types is used."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights(
            [
                np.abs(rng.normal(0.5, spread, values.shape))
                if "var" in name
                else rng.normal(0.0, spread, values.shape)
                for name, values in zip([w.name for w in layer.weights], layer.get_weights(), strict=True)
            ]
        )
    return model


def dense_model(seed: int = 0) -> Any:
    """Two dense layers."""
    inputs = keras.Input((6,), name="inputs")
    x = keras.layers.Dense(5, name="wide")(inputs)
    return randomize(keras.Model(inputs, keras.layers.Dense(4, name="rounded")(x)), seed)


def merged_model(seed: int = 0) -> Any:
    """Branches of dense layers, merged in every way that hls4ml has."""
    layers = keras.layers
    inputs = keras.Input((6,), name="inputs")
    a = layers.Dense(5, name="a")(inputs)
    b = layers.Dense(5, name="b")(inputs)
    parts = [
        layers.Add(name="add")([a, b]),
        layers.Subtract(name="subtract")([a, b]),
        layers.Multiply(name="multiply")([a, b]),
        layers.Average(name="average")([a, b]),
        layers.Maximum(name="maximum")([a, b]),
        layers.Minimum(name="minimum")([a, b]),
        layers.Dot(axes=1, name="dot")([a, b]),
    ]
    x = parts[0]
    for k, part in enumerate(parts[1:]):
        x = layers.Concatenate(name=f"join_{k}")([x, part])
    x = layers.BatchNormalization(name="norm")(x)
    return randomize(keras.Model(inputs, x), seed)


def image_model(seed: int = 0) -> Any:
    """An image and a sequence through every layer that moves pixels, and every kind of convolution."""
    layers = keras.layers
    inputs = keras.Input((5, 6, 2), name="inputs")
    x = layers.ZeroPadding2D(((1, 0), (0, 2)), name="pad2d")(inputs)
    x = layers.Conv2D(3, (3, 2), strides=(2, 1), padding="same", name="conv2d")(x)
    x = layers.Cropping2D(((1, 0), (2, 1)), name="crop2d")(x)
    x = layers.Conv2D(2, 1, name="point2d")(x)
    x = layers.UpSampling2D((2, 3), name="up2d")(x)
    x = layers.Permute((3, 1, 2), name="permute")(x)
    x = layers.Reshape((-1, 6), name="rows")(x)
    x = layers.Cropping1D((1, 6), name="crop1d")(x)
    x = layers.ZeroPadding1D((0, 1), name="pad1d")(x)
    x = layers.Conv1D(4, 3, padding="same", name="conv1d")(x)
    x = layers.UpSampling1D(2, name="up1d")(x)
    x = layers.Conv1D(3, 2, strides=2, name="stride1d")(x)
    x = layers.Dense(2, name="dense2d")(x)
    x = layers.Conv1D(2, 1, strides=2, name="point1d")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(4, name="dense")(x)
    return randomize(keras.Model(inputs, x), seed)


def einsum_graph(seed: int = 0, sums: str = "fixed<10,4>", backend: str = "Vitis") -> Any:
    """Two EinsumDense layers and an Einsum of them; the latter has no layer in Keras."""
    from hls4ml.model.graph import ModelGraph

    rng = np.random.default_rng(seed)
    shapes = {"left": ((2, 3, 4), (2, 4, 2), (2, 3, 2)), "right": ((2, 3, 4), (2, 4, 3), (3, 2, 3))}
    equations = {"left": "btc,bcd->btd", "right": "btc,bcd->dbt"}
    nodes: list[dict[str, Any]] = [{"class_name": "Input", "name": "inputs", "input_shape": [2, 3, 4]}]
    for name, (inp, kernel, out) in shapes.items():
        nodes.append({"class_name": "EinsumDense", "name": name, "inputs": ["inputs"], "outputs": [name]})
        nodes[-1] |= {"equation": equations[name], "inp_shape": inp, "out_shape": out, "n_out": out[-1]}
        nodes[-1] |= {"weight_data": rng.normal(0.0, 0.7, kernel), "bias_data": rng.normal(0.0, 0.7, out)}
    nodes.append({"class_name": "Einsum", "name": "both", "inputs": ["left", "right"], "outputs": ["both"]})
    nodes[-1] |= {"equation": "btd,sbt->bds", "inp0_shape": (2, 3, 2), "inp1_shape": (3, 2, 3), "out_shape": (2, 2, 3)}
    names = {node["name"]: {"Precision": {"result": "fixed<10,4>", "accum": sums}} for node in nodes}
    settings = {
        "OutputDir": "unused",
        "ProjectName": "tagger",
        "Backend": backend,
        "Version": "1.0.0",
        "IOType": "io_parallel",
        "WriterConfig": {"Namespace": None, "WriteWeightsTxt": False, "WriteTar": False, "TBOutputStream": "both"},
        "HLSConfig": {
            "Model": {"Precision": "fixed<10,4>", "ReuseFactor": 1, "Strategy": "latency"},
            "LayerName": names,
        },
    }
    with quiet():
        return ModelGraph.from_layer_list(settings, nodes, ["inputs"], ["both"])


def particle_model(seed: int = 0, n_particles: int = 4, width: int = 4, classes: int = 3) -> Any:
    """Interactions linear in the number of particles: each meets the mean of all, then all are averaged."""
    layers = keras.layers
    inputs = keras.Input((n_particles, 3), name="inputs")
    x = layers.BatchNormalization(name="norm")(inputs)
    x = layers.Dense(width, activation="relu", name="embed")(x)
    each = layers.Dense(width, name="each")(x)
    mean = layers.GlobalAveragePooling1D(keepdims=True, name="mean")(x)
    all_ = layers.Dense(width, name="all")(mean)
    x = layers.ReLU(name="meet")(layers.Add(name="both")([each, all_]))
    x = layers.Concatenate(name="join")([layers.Dense(width, name="update")(x), x])
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    x = layers.Dense(width, activation="relu", name="head")(x)
    return randomize(keras.Model(inputs, layers.Dense(classes, name="scores")(x)), seed)


def classifier(seed: int = 0) -> Any:
    """Dense layers of features, and a stable softmax over five classes."""
    layers = keras.layers
    inputs = keras.Input((16,), name="inputs")
    x = layers.Dense(12, activation="relu", name="hidden")(inputs)
    x = layers.Softmax(name="softmax")(layers.Dense(5, name="scores")(x))
    return randomize(keras.Model(inputs, x), seed, spread=0.3)


def deep_set(seed: int = 0) -> Any:
    """A dense network of each particle, their mean, and a dense network of it."""
    layers = keras.layers
    inputs = keras.Input((6, 3), name="inputs")
    x = layers.Dense(8, activation="relu", name="particle")(inputs)
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    x = layers.Dense(8, activation="relu", name="set")(x)
    return randomize(keras.Model(inputs, layers.Dense(5, name="scores")(x)), seed)
