"""The recurrent references and the float student: sizes of the paper, names for the quantizer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from jets.config import fill
from jets.dataset import IMPACT, Jets
from jets.errors import ConfigError
from models.registry import architecture
from models.students.recurrent import RecurrentSpec, build_float
from models.teachers.recurrent import RecurrentConfig, RecurrentReference

CELLS = pytest.mark.parametrize(("cell", "recurrent_parameters"), [("gru", 1680), ("lstm", 2160)])


@CELLS
def test_the_reference_has_the_parameters_of_the_paper(cell: str, recurrent_parameters: int) -> None:
    network = architecture(cell).build(RecurrentConfig(), 1)
    trainable = {name: weights.numel() for name, weights in network.named_parameters() if weights.requires_grad}
    assert sum(count for name, count in trainable.items() if name.startswith("rnn")) == recurrent_parameters
    assert sum(count for name, count in trainable.items() if not name.startswith("rnn")) == 1409


@CELLS
def test_the_student_has_the_parameters_of_the_paper(cell: str, recurrent_parameters: int) -> None:
    model = build_float(fill(RecurrentSpec, {"cell": cell}, "student"), 1)
    assert model.get_layer("rnn").count_params() == recurrent_parameters
    assert model.count_params() == recurrent_parameters + 1409


def test_the_student_names_the_layers_that_the_quantizer_expects() -> None:
    model = build_float(RecurrentSpec(dense=(32, 16)), 5)
    names = [layer.name for layer in model.layers]
    assert names == ["constituents", "rnn", "dense_0", "relu_0", "dense_1", "relu_1", "logit"]
    assert model.output_shape == (None, 5)


def test_the_student_gives_raw_logits() -> None:
    model = build_float(RecurrentSpec(), 1)
    model.get_layer("logit").set_weights([np.zeros((64, 1)), np.array([-3.5])])
    logits = model.predict_on_batch(np.zeros((2, 20, 6), np.float32))
    np.testing.assert_array_equal(np.asarray(logits), np.full((2, 1), -3.5, np.float32))


def test_the_torch_gru_and_the_keras_gru_are_the_same_function(jets: Jets) -> None:
    torch.manual_seed(5)
    network = RecurrentReference("gru", RecurrentConfig(), 1).eval()
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.randn_like(weights) * 0.4)
    model = build_float(RecurrentSpec(), 1)
    state = {name: weights.numpy() for name, weights in network.state_dict().items()}
    model.get_layer("rnn").set_weights(
        [_keras_gates(state[f"rnn.weight_{side}_l0"]).T for side in ("ih", "hh")]
        + [np.stack([_keras_gates(state[f"rnn.bias_{side}_l0"]) for side in ("ih", "hh")])]
    )
    for ours, theirs in (("dense.0", "dense_0"), ("output", "logit")):
        model.get_layer(theirs).set_weights([state[f"{ours}.weight"].T, state[f"{ours}.bias"]])
    inputs = architecture("gru").inputs(jets, RecurrentConfig(), None)["constituents"]
    logits = network(torch.from_numpy(inputs)).detach().numpy()
    np.testing.assert_allclose(np.asarray(model.predict_on_batch(inputs)), logits, rtol=0, atol=1e-5)


def _keras_gates(weights: np.ndarray) -> np.ndarray:
    """torch orders the gates r, z, h and Keras z, r, h."""
    reset, update, candidate = np.split(weights, 3)
    return np.concatenate([update, reset, candidate])


@pytest.mark.parametrize("config_class", [RecurrentSpec, RecurrentConfig])
@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"units": 0}, "units"), ({"dense": [64, -1]}, r"dense\[1\]"), ({"n_constituents": 0}, "n_con")],
)
def test_sizes_out_of_range_are_refused(config_class: type, wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        fill(config_class, wrong, "project.yaml: student")


@pytest.mark.parametrize(
    ("cell", "preset", "n_outputs", "parameters"),
    [
        ("gru", "flavour", 3, 3 * 120 * (6 + 120 + 2) + 121 * 50 + 51 * 10 + 11 * 3),
        ("lstm", "flavour", 3, 4 * 120 * (6 + 120 + 1) + 121 * 50 + 51 * 10 + 11 * 3),
        ("gru", "long_sequence", 5, 3 * 128 * (3 + 128 + 2) + 129 * 256 + 257 * 128 + 129 * 5),
    ],
)
def test_the_other_identifiers_of_the_paper_have_their_sizes(
    cell: str, preset: str, n_outputs: int, parameters: int
) -> None:
    design = architecture(cell)
    network = design.build(design.preset(preset), n_outputs)
    assert sum(weights.numel() for weights in network.parameters() if weights.requires_grad) == parameters


def test_the_long_sequence_reads_momenta(jets: Jets) -> None:
    design = architecture("gru")
    config = design.preset("long_sequence")
    inputs = design.inputs(jets, config, design.fit_scaling(jets, config))["constituents"]
    assert inputs.shape == (len(jets), 100, 3)
    six = design.inputs(jets, replace(RecurrentConfig(), n_constituents=100), None)["constituents"]
    np.testing.assert_array_equal(design.inputs(jets, config, None)["constituents"], six[..., :3])


def test_a_student_reads_the_tracks_that_its_teacher_reads(jets: Jets) -> None:
    impact = np.random.default_rng(2).normal(0, 0.2, (*jets.mask.shape, len(IMPACT))).astype(np.float32)
    columns, names = np.concatenate([jets.constituents, impact], axis=-1), jets.constituent_features + IMPACT
    jets = replace(jets, constituents=columns, constituent_features=names)
    teacher, student = architecture("gru"), architecture("recurrent_student")
    flavour, spec = teacher.preset("flavour"), RecurrentSpec(n_constituents=15, sequence="tracks")
    scaling = teacher.fit_scaling(jets, flavour)
    assert student.fit_scaling(jets, spec) == scaling
    read = student.inputs(jets, spec, scaling)["constituents"]
    assert read.shape == (len(jets), *spec.shape) and read.any()
    np.testing.assert_array_equal(read, teacher.inputs(jets, flavour, scaling)["constituents"])
    assert build_float(spec, 3).input_shape[1:] == spec.shape == (15, 6)
    assert build_float(replace(spec, sequence="momenta"), 3).input_shape[1:] == (15, 3)


@pytest.mark.parametrize("config_class", [RecurrentSpec, RecurrentConfig])
def test_an_unknown_sequence_is_refused(config_class: type) -> None:
    with pytest.raises(ConfigError, match="unknown sequence 'vertices'"):
        config_class(sequence="vertices")


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(ConfigError, match="rnn"):
        fill(RecurrentSpec, {"cell": "rnn"}, "project.yaml: student")
