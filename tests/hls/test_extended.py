"""A student that learnt a second task, as firmware: the outputs of the first one keep every bit, and only just."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from compress.neurons import free_neurons, hold_earlier
from compress.prune import PruneConfig, Restraint
from compress.quantize.qkeras import Bits, build_quantized
from hls.convert.plan import plan_layers
from hls.project import HlsConfig
from hls.rtl import trace
from models.students.neurons import kernel_of, neurons_of
from tests.feed_forward_students import IN_QKERAS, SPECS, build_feed_forward
from tests.hls.rtl.firmware import firmware_of, graph_of


def pruned(kind: str) -> Any:
    """A student of one output, without half of the neurons of every layer."""
    spec = SPECS[kind]
    network = build_feed_forward(spec, n_outputs=1)
    restraint = Restraint(network, PruneConfig())
    masks = {neurons.relu: np.arange(neurons.width) % 2 == 0 for neurons in neurons_of(spec)}
    restraint.hold_out(network, neurons_of(spec), masks)
    restraint.apply()
    assert {name: mask.tolist() for name, mask in free_neurons(network, spec).items()} == {
        name: mask.tolist() for name, mask in masks.items()
    }
    return network


def extended(kind: str, earlier: Any) -> Any:
    """The same with another output, whose own weights are the largest that there are."""
    network = build_quantized(SPECS[kind], Bits(), 2)
    rng = np.random.default_rng(5)
    for layer in network.layers:
        layer.set_weights([rng.choice([-1.0, 1.0], values.shape) for values in layer.get_weights()])
    restraint = Restraint(network, PruneConfig())
    hold_earlier(restraint, network, earlier, SPECS[kind])
    restraint.apply()
    return network


def with_one_weight(network: Any, name: str, place: tuple[int, int]) -> Any:
    """The network with one more step of one weight."""
    other = keras.models.clone_model(network)
    other.set_weights(network.get_weights())
    kernel = kernel_of(other.get_layer(name))
    values = keras.ops.convert_to_numpy(kernel).copy()
    values[place] += 2.0**-7
    kernel.assign(values)
    return other


def test_wider_sums_of_a_second_task_change_no_bit_of_the_first_in_csim_and_rtl(tmp_path: Path) -> None:
    first = pruned("mlp")
    second = extended("mlp", first)
    sums = [
        {plan.name: plan.types["accum"] for plan in plan_layers(m, HlsConfig()) if "accum" in plan.types}
        for m in (first, second)
    ]
    assert sums[1]["dense_1"].width > sums[0]["dense_1"].width and sums[1]["logit"].width > sums[0]["logit"].width
    before, after = (firmware_of(m, tmp_path / name) for m, name in ((first, "first"), (second, "second")))
    inputs = before.vectors(5000)
    expected, found = (firmware.compiled.predict(inputs, threads=1) for firmware in (before, after))
    assert len(np.unique(expected)) > 100 and len(np.unique(found[:, 1])) > 100
    np.testing.assert_array_equal(found[:, :1], expected)
    np.testing.assert_array_equal(after.circuit.interpret(inputs)[:, :1], expected)


@pytest.mark.parametrize("kind", IN_QKERAS)
def test_one_step_of_one_earlier_weight_or_one_way_back_is_seen(kind: str) -> None:
    first = pruned(kind)
    second = extended(kind, first)
    circuit = trace(graph_of(first))
    rng = np.random.default_rng(3)
    inputs = rng.normal(0.0, 2.0, (500, *circuit.shape)).astype(np.float32)
    if len(circuit.shape) == 2:
        inputs[..., -1] = 1.0
    expected = circuit.interpret(inputs)

    def n_mismatch(network: Any) -> int:
        return int(np.count_nonzero(trace(graph_of(network)).interpret(inputs)[:, :1] != expected))

    (name,) = neurons_of(SPECS[kind])[0].out_of[:1]
    assert n_mismatch(second) == 0
    assert n_mismatch(with_one_weight(second, name, (1, 1))) > 0  # from a neuron that is kept into one that is kept
    assert n_mismatch(with_one_weight(second, name, (0, 1))) > 0  # from a free one into one that is kept
    assert n_mismatch(with_one_weight(second, name, (1, 0))) == 0  # from one that is kept into a free one
