"""The table `layers`: which layers answer each other, and that a difference shows in the layer it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from compress.quantize.exact import ExactBits
from compress.quantize.exact import build_quantized as build_exact
from compress.quantize.qkeras import Bits, build_quantized, warm_start
from hls.comparison import Candidate
from hls.comparison.layers import difference, layers, pairs_of
from jets.dataset import Jets, JetsFile
from jets.features import PowerOfTwoScaling
from models.registry import architecture
from models.students.feed_forward import ParticleSpec
from models.students.feed_forward_network import build_float
from models.students.recurrent import RecurrentSpec
from models.students.recurrent import build_float as build_float_recurrent
from models.tagger import Tagger
from tests.hls.comparison.conftest import QUICK

SPEC = ParticleSpec("jedi_linear", n_constituents=6, features=3, particle=(4, 4), dense=(5,))


def test_the_numbers_are_those_of_the_differences() -> None:
    wanted = np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0], [0.0, 2.0]])
    row = difference(wanted + np.array([[0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [0.5, -4.0]]), wanted)
    assert (row["n_values"], row["spread"], row["median_abs"], row["max_abs"]) == (2, 1.0, 0.5, 4.0)
    assert row["mean"]["value"] == (0 + 0 + 0.5 - 1.75) / 4 and row["mean_abs"]["value"] == 7.5 / 8
    assert row["mean_abs"]["error"] == pytest.approx(np.std([0.5, 0.5, 0.5, 2.25], ddof=1) / 2)


def test_each_float_layer_meets_the_cast_behind_its_quantized_one() -> None:
    found = dict(pairs_of(build_quantized(SPEC, Bits(), 1), build_float(SPEC, 1)))
    casts = {"constituents_q": "constituents", "mean_1_q": "mean_1", "pool_q": "pool", "logit_q": "logit"}
    assert casts.items() <= found.items() and found["meet_1"] == "meet_1" and found["dense_0"] == "dense_0"
    both = RecurrentSpec("lstm", 3, (4,), 5, arithmetic="exact", bidirectional=True, skip_padding=True)
    found = dict(pairs_of(build_exact(both, ExactBits(), 1), build_float_recurrent(both, 1)))
    assert found == {
        "constituents_q": "constituents", "states": "rnn", "dense_0": "dense_0", "relu_0": "relu_0", "logit_q": "logit",
    }  # fmt: skip


def saved(network: Any, scaling: PowerOfTwoScaling, folder: Path, **quantization: Any) -> Path:
    fields = {"quantization": quantization} if quantization else {}
    return Tagger("particle_student", SPEC, ("QCD", "top"), scaling, network, "keras", **fields).save(folder)


def test_a_changed_weight_moves_its_own_layer_and_those_behind_it(jets: Jets, jets_file: Path, tmp_path: Path) -> None:
    scaling = architecture("particle_student").fit_scaling(jets, SPEC)
    keras.utils.set_random_seed(1)  # of other weights all units of a layer may be silent
    floating, quantized = build_float(SPEC, 1), build_quantized(SPEC, Bits(), 1)
    warm_start(quantized, floating)
    one = saved(floating, scaling, tmp_path / "float")
    two = saved(quantized, scaling, tmp_path / "quantized", front_end="qkeras")
    kernel, bias = quantized.get_layer("dense_0").get_weights()
    quantized.get_layer("dense_0").set_weights([kernel, bias + 0.5])
    three = saved(quantized, scaling, tmp_path / "changed", front_end="qkeras")
    candidates = [Candidate("alone", tagger=one)]
    candidates += [Candidate(path.name, tagger=path, float_tagger=one) for path in (two, three)]
    file = JetsFile(jets_file)
    rows = layers(candidates, file, len(file.read("test")), QUICK)["layers"]
    mean = {(row["tagger"], row["layer"]): row["mean"]["value"] for row in rows}
    names = [layer for tagger, layer in mean if tagger == "quantized"]
    before = names[: names.index("dense_0")]
    assert {"constituents", "particle_0", "meet_1", "pool"} <= {*before} and names[-2:] == ["relu_0", "logit"]
    assert all(mean["quantized", name] == mean["changed", name] for name in before)
    assert mean["changed", "dense_0"] - mean["quantized", "dense_0"] == pytest.approx(0.5, abs=1e-6)
    assert mean["changed", "logit"] != mean["quantized", "logit"]
    assert all(0 < row["median_abs"] <= row["max_abs"] for row in rows if row["layer"] == "logit")


def test_without_a_float_tagger_there_is_nothing_to_compare(jets_file: Path) -> None:
    assert layers([Candidate("x", scores=Path("y"))], JetsFile(jets_file), 10, QUICK) == {"layers": []}
