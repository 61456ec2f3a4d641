"""Exact students in torch: the bits and gradients of Keras, and the way to and from it."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import ops

from jets.errors import ConfigError, InputError
from models.students.exact.cells import GRUCell
from models.students.exact.exchange import to_keras, to_torch
from models.students.exact.fixed_point import FixedPoint
from models.students.exact.torch_layers import TorchCast, TorchRecurrent
from tests.exact_students import build_exact, types_of

KINDS = [("gru", {}), ("gru", {"reset_after": False}), ("lstm", {})]
OPTIONS = [{}, {"skip_padding": True}, {"go_backwards": True, "return_sequences": True, "skip_padding": True}]


def inputs(n_jets: int = 1500, seed: int = 0) -> np.ndarray[Any, Any]:
    """Values beyond the range, small ones, and padding from a random constituent on."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 4.0, (n_jets, 5, 6)).astype(np.float32)
    x[: n_jets // 3] /= 16
    x[np.arange(5)[None, :] >= rng.integers(0, 6, n_jets)[:, None]] = 0
    return x


def outputs(network: torch.nn.Module, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with torch.no_grad():
        return network(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("cell", "kind"), KINDS)
def test_torch_computes_the_bits_of_keras_and_goes_back_to_it(
    cell: str, kind: dict[str, Any], options: dict[str, Any]
) -> None:
    model, x = build_exact(cell, **kind, **options), inputs()
    network = to_torch(model)
    expected = np.asarray(model(x))
    np.testing.assert_array_equal(outputs(network, x), expected)
    assert len(np.unique(expected)) > 100
    np.testing.assert_array_equal(np.asarray(to_keras(network, 5, 6)(x)), expected)


def test_bits_that_were_learnt_stay_as_they_are() -> None:
    model, x = build_exact("gru", learn_bits=True), inputs()
    rng = np.random.default_rng(3)
    for weight in model.trainable_variables:
        if weight.name == "taken":
            weight.assign(rng.uniform(0.0, 0.25, weight.shape))
    network = to_torch(model)
    assert network.get_submodule("rnn").types == model.get_layer("rnn").current_types() != types_of("gru")
    np.testing.assert_array_equal(outputs(network, x), np.asarray(model(x)))


@pytest.mark.parametrize(("cell", "kind"), KINDS)
def test_gradients_are_those_of_keras(cell: str, kind: dict[str, Any]) -> None:
    import tensorflow as tf

    model, x = build_exact(cell, skip_padding=True, **kind), inputs(300)
    network = to_torch(model)
    torch.mean((network(torch.from_numpy(x)) + 0.3) ** 2).backward()
    layers = [layer for layer in model.layers if getattr(layer, "weights_by_role", {})]
    variables = {(layer.name, role): weight for layer in layers for role, weight in layer.weights_by_role.items()}
    with tf.GradientTape() as tape:
        loss = ops.mean(ops.square(model(x) + 0.3))
    gradients = tape.gradient(loss, [weight.value for weight in variables.values()])
    for (name, role), gradient in zip(variables, map(np.asarray, gradients), strict=True):
        found = network.get_submodule(name).weights[role].grad
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(found, gradient, rtol=1e-3, atol=1e-5 * np.abs(gradient).max(), err_msg=role)


def test_one_other_weight_or_type_is_seen() -> None:
    model, x = build_exact("gru"), inputs(300)
    network = to_torch(model)
    with torch.no_grad():
        network.get_submodule("rnn").weights["recurrent_weight"][0, 0] += 2.0**-5
    assert np.any(outputs(network, x) != np.asarray(model(x)))
    network = to_torch(model)
    network.get_submodule("rnn").types["recurrent_sum"] = FixedPoint(7, 3)
    assert np.any(outputs(network, x) != np.asarray(model(x)))


@pytest.mark.parametrize(("cell", "kind"), [("gru", {"reset_after": False}), ("lstm", {})])
def test_a_student_trained_in_torch_becomes_equal_firmware(cell: str, kind: dict[str, Any], tmp_path: Path) -> None:
    from hls.csim import build, probe_inputs
    from tests.hls.firmware import write_project

    network, x = to_torch(build_exact(cell, **kind)), torch.from_numpy(inputs(256))
    wanted = x[:, 0, :1] - x[:, 1, 1:2]
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(network(x), wanted)
        loss.backward()
        optimizer.step()
        for module in network:
            module.keep_in_range()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    compiled = build(write_project(to_keras(network, 5, 6), tmp_path / "project"))
    vectors = probe_inputs(compiled.input, 3000, seed=2)
    simulated = compiled.predict(vectors)
    np.testing.assert_array_equal(simulated, outputs(network, vectors))
    assert len(np.unique(simulated)) > 100


def test_weights_are_kept_where_they_have_a_gradient() -> None:
    cell = TorchRecurrent(GRUCell(3), 2, types_of("gru"))
    with torch.no_grad():
        cell.weights["weight"].fill_(9.0)
    cell.keep_in_range()
    assert float(cell.weights["weight"].detach().max()) == types_of("gru")["weight"].high


def test_layers_that_are_not_exact_or_not_a_chain_are_named() -> None:
    constituents = keras.Input((5, 6))
    plain = keras.Model(constituents, keras.layers.GRU(3, name="plain")(constituents))
    with pytest.raises(InputError, match="layer 'plain': is a GRU, not exact"):
        to_torch(plain)
    with pytest.raises(InputError, match="layer 'rnn_backward': is not fed by the layer before it"):
        to_torch(build_exact("gru", bidirectional=True))
    other = torch.nn.Sequential(OrderedDict(head=torch.nn.Linear(6, 1)))
    with pytest.raises(InputError, match="module 'head': is a Linear, not exact"):
        to_keras(other, 5, 6)
    with pytest.raises(ConfigError, match="TorchCast: types: the type of 'result' is missing"):
        TorchCast({})
    with pytest.raises(ConfigError, match="types: update_sum: a table over 18 bits has too many entries"):
        TorchRecurrent(GRUCell(3), 2, types_of("gru", update_sum=FixedPoint(18, 4)))
