from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jets.dataset import JetsFile
from jets.errors import InputError
from jets.files import file_digest
from jets.high_level import HIGH_LEVEL_FEATURES
from jets.samples import SAMPLES, sample_path
from jets.samples.make import SAMPLE_CONFIGS, Sample, make_sample, rounded, significant
from jets.simulate import SimulateConfig
from jets.simulate.chunk import simulate_chunk
from jets.simulate.config import JETS_PER_CHUNK


def test_an_unknown_sample_is_named() -> None:
    with pytest.raises(InputError, match=r"'top_qdc'.*top_qcd"):
        sample_path("top_qdc")


def test_a_sample_that_was_not_installed_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jets.samples.FOLDER", tmp_path)
    with pytest.raises(InputError, match=r"python -m jets\.samples"):
        sample_path("top_qcd")


@pytest.mark.parametrize("sample", SAMPLE_CONFIGS, ids=lambda sample: sample.name)
def test_a_packaged_sample_is_whole_and_is_what_its_configuration_says(sample: Sample) -> None:
    file = JetsFile(sample_path(sample.name))
    file.verify()
    jets = file.read().check()
    config = sample.config
    assert file.classes == config.classes
    assert np.bincount(jets.labels).tolist() == [config.n_per_class] * len(config.classes)
    assert jets.mask.shape[1] == config.n_constituents
    assert file.high_level_features == (HIGH_LEVEL_FEATURES if config.high_level else ())
    assert jets.jet("pt_gev").min() >= config.pt_gev[0] and jets.jet("pt_gev").max() <= config.pt_gev[1]
    assert file.provenance["config"]["detector"] == "light"
    assert file.provenance["config"]["seed"] == config.seed
    assert len(np.unique(jets.ids)) == len(jets)


def test_the_samples_fit_into_git() -> None:
    assert {sample.name for sample in SAMPLE_CONFIGS} == set(SAMPLES)
    assert sum(sample_path(name).stat().st_size for name in SAMPLES) <= 8_000_000


def test_the_top_sample_has_twenty_thousand_test_jets() -> None:
    assert sum(len(block) for block in JetsFile(sample_path("top_qcd")).slices(split="test")) >= 20_000


def test_making_a_sample_again_gives_the_same_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    sample = Sample("tiny", SimulateConfig(classes=("q",), n_per_class=10, n_constituents=4, high_level=True))
    first, second = (make_sample(sample, tmp_path / name, processes=1) for name in "ab")
    assert file_digest(first) == file_digest(second)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["tiny.h5"]
    jets = JetsFile(first).read()
    assert jets.ids.tolist() == list(range(10))
    deta = jets.feature("deta") * 2**9
    assert np.array_equal(deta, np.round(deta))


@pytest.mark.long
def test_a_chunk_that_is_simulated_again_is_the_one_that_was_packaged() -> None:
    config = SAMPLE_CONFIGS[0].config
    made = rounded(simulate_chunk(config, "QCD", 0, JETS_PER_CHUNK))
    packaged = JetsFile(sample_path("top_qcd")).read(limit=len(config.classes) * JETS_PER_CHUNK)
    found, wanted = (
        sorted(jet.tobytes() for jet in jets.constituents) for jets in (made, packaged[packaged.labels == 0])
    )
    assert found == wanted
    assert packaged.events is None and made.events is not None and len(np.unique(made.events)) < 0.7 * len(made)


def test_significant_bits_round_to_half_a_unit() -> None:
    values = np.random.default_rng(1).uniform(1e-3, 1e3, 1000)
    rounded = significant(values, 8)
    assert np.abs(rounded / values - 1).max() <= 2.0**-8
    mantissa = np.frexp(rounded)[0] * 2**8
    assert np.array_equal(mantissa, np.round(mantissa))
    assert significant(np.array([0.0, -3.0]), 8).tolist() == [0.0, -3.0]
