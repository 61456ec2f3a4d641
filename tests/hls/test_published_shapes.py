"""The recurrent identifiers of arXiv:2207.00559 as exact students: Keras and the C simulation give the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import keras
import numpy as np
import pytest

from compress.quantize.exact import ExactBits, build_quantized
from hls.csim import build, probe_inputs
from models.sequence import Sequence
from models.students.recurrent import RecurrentSpec
from tests.hls.firmware import write_project

SHAPES: dict[str, tuple[int, tuple[int, ...], int, Sequence, int]] = {
    "top tagging": (20, (64,), 20, "constituents", 1),
    "flavour tagging": (120, (50, 10), 15, "tracks", 3),
    "QuickDraw": (128, (256, 128), 100, "momenta", 5),
}


@pytest.mark.long
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_firmware_of_a_published_shape_equals_keras_on_ten_thousand_vectors(
    shape: str, cell: Literal["gru", "lstm"], tmp_path: Path
) -> None:
    units, dense, n_steps, sequence, n_outputs = SHAPES[shape]
    spec = RecurrentSpec(cell, units, dense, n_steps, arithmetic="exact", sequence=sequence)
    keras.utils.set_random_seed(1)
    model = build_quantized(spec, ExactBits(), n_outputs)
    compiled = build(write_project(model, tmp_path / "project"))
    inputs = probe_inputs(compiled.input, 10_000, seed=3)
    expected = model.predict(inputs, batch_size=1024, verbose=0)
    assert len(np.unique(expected)) > 300
    np.testing.assert_array_equal(compiled.predict(inputs), expected)
    broken = model.get_layer("rnn").weights_by_role["recurrent_weight"]
    values = np.asarray(broken).copy()
    values[:, -units:] *= -1
    broken.assign(values)
    assert np.any(model.predict(inputs[:500], verbose=0) != expected[:500])
