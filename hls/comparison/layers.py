"""Where a quantized student leaves the float one that it was trained from: layer by layer, on the same jets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.comparison.candidates import Candidate
from hls.comparison.config import CompareConfig
from hls.comparison.performance import Row, Tables
from hls.comparison.robustness import sample
from jets.dataset import JetsFile
from models.tagger import Tagger

N_JETS = 2000
QUANTILES = {"median_abs": 0.5, "q90_abs": 0.9, "q99_abs": 0.99, "max_abs": 1.0}
Floats = NDArray[np.float64]


def layers(candidates: Sequence[Candidate], file: JetsFile, n_test: int, config: CompareConfig) -> Tables:
    """The table `layers`: for each candidate with a float tagger, how far the outputs of each layer are apart.

    Raises:
        InputError, LayoutError: the float tagger is missing or damaged.
    """
    pairs = [(item, Tagger.load(item.float_tagger)) for item in candidates if item.float_tagger is not None]
    if not pairs:
        return {"layers": []}
    jets = sample(file, n_test, N_JETS, config.seed)
    rows: list[Row] = []
    for candidate, unquantized in pairs:
        networks = candidate.network.network, unquantized.network
        inputs = candidate.network.inputs(jets), unquantized.inputs(jets)
        names = dict(pairs_of(*networks))
        quantized = _outputs(networks[0], [*names], inputs[0])
        floating = _outputs(networks[1], [*names.values()], inputs[1])
        for layer, values, wanted in zip(names.values(), quantized, floating, strict=True):
            rows.append({"tagger": candidate.name, "layer": layer, **difference(values, wanted)})
    return {"layers": rows}


def pairs_of(quantized: Any, floating: Any) -> Iterator[tuple[str, str]]:
    """The layers of two Keras networks that answer each other, in order: the quantized one's name and the float one's.

    What follows a layer to cast its output, NAME_q, stands for it. The two halves of a bidirectional layer are joined
    in "states".
    """
    shapes = {layer.name: tuple(layer.output.shape) for layer in quantized.layers}
    for layer in floating.layers:
        joined = ("states",) if layer.name == "rnn" else ()
        for name in (*joined, f"{layer.name}_q", layer.name):
            if shapes.get(name) == tuple(layer.output.shape):
                yield name, layer.name
                break


def difference(values: Floats, wanted: Floats) -> Row:
    """How far values (n_jets, n_values) are from those wanted: signed mean, and mean and quantiles of the size.

    `spread` is the standard deviation of those wanted; an `error` is that of a mean over the jets.
    """
    apart = values - wanted
    sizes = np.quantile(np.abs(apart), list(QUANTILES.values()))
    return {
        "n_values": apart.shape[1],
        "spread": float(wanted.std()),
        "mean": _mean(apart),
        "mean_abs": _mean(np.abs(apart)),
        **dict(zip(QUANTILES, sizes.tolist(), strict=True)),
    }


def _mean(values: Floats) -> Mapping[str, float]:
    each = values.mean(axis=1)
    return {"value": float(each.mean()), "error": float(each.std(ddof=1) / np.sqrt(len(each)))}


def _outputs(network: Any, names: Sequence[str], inputs: Mapping[str, NDArray[Any]]) -> list[Floats]:
    """What layers give for the inputs, (n_jets, n_values) each."""
    import keras

    part = keras.Model(network.inputs, [network.get_layer(name).output for name in names])
    (values,) = inputs.values()
    found = (keras.ops.convert_to_numpy(output) for output in part([values], training=False))
    return [output.astype(np.float64).reshape(len(values), -1) for output in found]
