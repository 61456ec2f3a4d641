"""Exact students between Keras, which the converter reads, and torch: the same types, weights and numbers.

Importing this module imports torch and Keras.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, cast

import keras
import numpy as np
import torch
from torch import nn

from jets.errors import InputError
from models.students.exact.cells import GRUCell
from models.students.exact.layers import ExactCast, ExactDense, ExactLayer
from models.students.exact.recurrent import ExactGRU, ExactLSTM, ExactRecurrent
from models.students.exact.torch_layers import ExactModule, TorchCast, TorchDense, TorchRecurrent, Walk


def to_torch(model: Any) -> nn.Sequential:
    """The torch network of an exact Keras model, a chain of layers; its modules have the layers' names.

    Learnt bits become types of that many bits, and weights with bits of their own those that are left.

    Raises:
        InputError: a layer that is not exact, or layers side by side; names the model or the layer.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    entering = model.inputs
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if not isinstance(layer, ExactLayer):
            raise InputError(f"is a {type(layer).__name__}, not exact", f"layer {layer.name!r}", "use exact layers")
        if layer.input is not entering[0] or len(entering) > 1:
            raise InputError("is not fed by the layer before it", f"layer {layer.name!r}", "use a chain of layers")
        entering = [layer.output]
        modules[layer.name] = _module(layer)
    return nn.Sequential(modules)


def _module(layer: Any) -> ExactModule:
    types, n_in = layer.current_types(), int(layer.input.shape[-1])
    module: ExactModule
    if isinstance(layer, ExactRecurrent):
        walk = Walk(layer.return_sequences, layer.go_backwards, layer.skip_padding)
        module = TorchRecurrent(layer.cell, n_in, types, walk)
    elif isinstance(layer, ExactDense):
        module = TorchDense(n_in, layer.units, types)
    else:
        module = TorchCast(types)
    given = layer.constants() if layer.learn_bits else layer.weights_by_role
    with torch.no_grad():
        for role, values in module.weights.items():
            values.copy_(torch.tensor(np.asarray(keras.ops.convert_to_numpy(given[role]), np.float32)))
    return module


def to_keras(network: nn.Sequential, n_constituents: int, n_features: int, name: str = "exact_student") -> Any:
    """The Keras model (n_jets, n_constituents, n_features) -> what the last module gives, of a chain of exact modules.

    Raises:
        InputError: a module that is not exact; names it.
    """
    x = inputs = keras.Input((n_constituents, n_features), name="constituents")
    for place, module in network.named_children():
        layer = _layer(module, place)
        x = layer(x)
        for role, values in cast(ExactModule, module).weights.items():
            layer.weights_by_role[role].assign(values.detach().cpu().numpy())
    return keras.Model(inputs, x, name=name)


def _layer(module: Any, name: str) -> ExactLayer:
    if isinstance(module, TorchCast):
        return ExactCast(module.types, name=name)
    if isinstance(module, TorchDense):
        return ExactDense(module.weights["weight"].shape[1], module.types, name=name)
    if not isinstance(module, TorchRecurrent):
        raise InputError(f"is a {type(module).__name__}, not exact", f"module {name!r}", "use exact modules")
    cell, options = module.cell, {**vars(module.walk), "name": name}
    if isinstance(cell, GRUCell):
        return ExactGRU(cell.units, module.types, reset_after=cell.reset_after, **options)
    return ExactLSTM(cell.units, module.types, **options)
