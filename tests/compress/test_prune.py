"""Pruning along a schedule while a student is trained: as many zeros as asked for, and for good."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from compress.fit import Phase, Split, best_epoch, fit
from compress.objective import LossConfig, Objective, pack
from compress.prune import MATRICES, PruneConfig, Restraint
from compress.quantize import cost, exact, exact_cost
from compress.quantize.exact import ExactBits
from compress.quantize.qkeras import Bits, build_quantized
from jets.config import fill
from jets.errors import ConfigError
from models.students.feed_forward import MlpSpec
from models.students.recurrent import RecurrentSpec

PRUNE = PruneConfig(weights=0.75, begin=0.25, end=0.75)


def students() -> dict[str, Any]:
    keras.utils.set_random_seed(1)
    cell = RecurrentSpec(units=3, dense=(4,), n_constituents=3, arithmetic="exact")
    learns = ExactBits(learn=True, ebops_weight=0.0)
    return {
        "qkeras": build_quantized(MlpSpec(dense=(8, 4)), Bits(), 1),
        "exact": exact.build_quantized(cell, learns, 1),
    }


def split(shape: tuple[int, ...], n_jets: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n_jets, *shape)).astype(np.float32)
    labels = (inputs.reshape(n_jets, -1)[:, 0] > 0).astype(np.int16)
    return Split(inputs, pack(labels, np.ones(n_jets)), labels)


def zeros(network: Any) -> dict[str, set[int]]:
    """The places of the zeros of every matrix."""
    matrices = [weight for weight in network.weights if weight.name in MATRICES]
    return {w.path: set(np.flatnonzero(keras.ops.convert_to_numpy(w) == 0).tolist()) for w in matrices}


def test_the_share_of_zeros_grows_as_in_the_paper() -> None:
    shares = [PRUNE.sparsity(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert shares == [0.0, 0.0, 0.75 * (1 - 0.5**3), 0.75, 0.75]


@pytest.mark.parametrize("name", ["qkeras", pytest.param("exact", marks=pytest.mark.long)])
def test_zeros_stay_zero_and_are_as_many_as_asked_for(name: str, tmp_path: Path) -> None:
    network = students()[name]
    ebops, widths = {
        "qkeras": (cost.ebops, cost.bits_per_tensor), "exact": (exact_cost.ebops, exact_cost.tensor_widths)
    }[name]  # fmt: skip
    dense = ebops(network)
    restraint, seen = Restraint(network, PRUNE), []

    def after_step(share: float) -> float:
        sparsity = restraint.apply(share)
        seen.append(zeros(network))
        return sparsity

    phase = Phase("quantized", 4, 1e-2, 64, patience=1, seed=1, after_step=after_step)
    shape = network.input_shape[1:]
    objective = Objective(LossConfig(logits="cross_entropy"), 1)
    rows = fit(network, split(shape, 256, 1), split(shape, 64, 2), objective, phase, tmp_path / "curves.csv")
    for before, after in itertools.pairwise(seen):
        assert all(before[path] <= after[path] for path in before)
    for weight in network.weights:
        if weight.name in MATRICES:
            assert len(zeros(network)[weight.path]) == round(0.75 * np.prod(weight.shape))
    assert ebops(network) < 0.5 * dense
    (entry,) = (found for tensor, found in widths(network).items() if tensor in ("dense_0/kernel", "dense_0/weight"))
    assert 0.75 <= entry["zeros"] < 1
    assert rows[0].sparsity < 0.75 == best_epoch(rows).sparsity


def test_only_weights_that_are_not_held_are_pruned() -> None:
    network = students()["qkeras"]
    kernel = network.get_layer("dense_1").kernel
    restraint = Restraint(network, PruneConfig(weights=0.5))
    restraint.hold(kernel, np.arange(4) < 2, 2.0**-7)  # the smallest of all
    restraint.apply()
    values = keras.ops.convert_to_numpy(kernel)
    assert (values[:, :2] == 2.0**-7).all()
    assert np.count_nonzero(values[:, 2:] == 0) == 8


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ({"weights": 1.0}, "weights must be at least 0 and below 1, not 1.0"),
        ({"neurons": -0.1}, "neurons must be at least 0 and below 1, not -0.1"),
        ({"begin": 0.7}, "begin and end must be shares of the phase, not 0.7 and 0.6"),
        ({"end": 1.5}, "begin and end must be shares"),
        ({"neurons": 0.5, "margin": -1}, "margin must be at least 0, not -1"),
        ({"margin": 0.1}, "a margin without neurons prunes none"),
        ({"wieghts": 0.5}, "did you mean 'weights'"),
    ],
)
def test_a_pruning_that_cannot_be_is_refused(mapping: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        fill(PruneConfig, mapping, "project.yaml: compress: prune")
    assert str(caught.value.where).startswith("project.yaml: compress: prune")
