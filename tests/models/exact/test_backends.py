"""The exact cells on Keras' other backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = """
import numpy as np
from keras import ops
from tests.exact_students import INPUT, recurrent_layer
from tests.integer_cell import IntegerCell

rng = np.random.default_rng(0)
codes = rng.integers(-256, 256, (300, 5, 6))
for cell in ("gru", "lstm"):
    for learn_bits in (False, True):
        layer = recurrent_layer(cell, learn_bits=learn_bits)
        layer.build((None, 5, 6))
        for weight in layer.weights_by_role.values():
            weight.assign(1.5 * ops.convert_to_numpy(weight) + rng.normal(0.0, 0.25, weight.shape))
        states = layer((codes * INPUT.step).astype(np.float32))
        integer = IntegerCell.of(layer)
        expected = integer.run(codes, INPUT.fraction) * 2.0 ** -integer.fraction("state")
        assert np.array_equal(ops.convert_to_numpy(states), expected)
        states.sum().backward()
        assert all(float(weight.value.grad.abs().sum()) > 0 for weight in layer.trainable_variables)
print("equal")
"""


@pytest.mark.long
def test_on_torch_keras_computes_the_same_integers_and_gradients_flow() -> None:
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "equal", done.stderr
