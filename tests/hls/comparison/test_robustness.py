from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hls.comparison import Candidate, RobustnessConfig, robustness
from hls.comparison.robustness import sample
from hls.comparison.variations import drop_constituents, flip_bits, smear, variations
from hls.csim import build
from hls.project import Project, Tensor
from jets.dataset import Jets, JetsFile
from tests.hls.comparison.conftest import QUICK
from tests.hls.test_csim_errors import write_doubling

SIGNED, UNSIGNED = (Tensor("x", (2, 3), "", 8, 4, signed) for signed in (True, False))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_dropped_constituents_are_the_ones_that_are_gone(jets: Jets) -> None:
    fewer = drop_constituents(jets, rng(), probability=0.2).check()
    lost = 1 - fewer.mask.sum() / jets.mask.sum()
    assert abs(lost - 0.2) < 4 * np.sqrt(0.16 / jets.mask.sum())
    change = jets.jet("n_constituents") - fewer.jet("n_constituents")
    assert np.array_equal(change, jets.mask.sum(axis=1) - fewer.mask.sum(axis=1))
    pt = [item.feature("pt_gev").sum(axis=1) for item in (jets, fewer)]
    np.testing.assert_allclose(jets.jet("pt_gev") - fewer.jet("pt_gev"), pt[0] - pt[1], atol=0.2)
    for before, after in zip(jets.feature("pt_gev")[:50], fewer.feature("pt_gev")[:50], strict=True):
        assert np.isin(after[after > 0], before).all()


def test_a_jet_never_loses_its_last_constituent(jets: Jets) -> None:
    last = drop_constituents(jets, rng(), probability=0.999).check()
    assert last.mask[:, 0].all() and last.mask.sum() < 1.2 * len(jets)


def test_smearing_widens_what_it_is_asked_to_and_nothing_else(jets: Jets) -> None:
    by_pt, by_angle = smear(jets, rng(), pt=0.1).check(), smear(jets, rng(), angle=0.01).check()
    assert np.array_equal(by_pt.mask, jets.mask) and np.array_equal(by_angle.mask, jets.mask)
    assert np.array_equal(np.sort(by_pt.feature("deta")), np.sort(jets.feature("deta")))
    factors = np.sort(by_pt.feature("pt_gev").sum(axis=1) / jets.feature("pt_gev").sum(axis=1))
    assert 0.8 < factors[0] < 0.99 and 1.01 < factors[-1] < 1.3
    moved = (by_angle.feature("deta") - jets.feature("deta"))[jets.mask]
    assert moved.std() == pytest.approx(0.01, rel=0.02) and abs(moved.mean()) < 4e-4
    assert np.array_equal(by_angle.feature("pt_gev"), jets.feature("pt_gev"))
    assert not np.array_equal(by_pt.jet("pt_gev"), jets.jet("pt_gev"))


def test_the_same_seed_gives_the_same_variation(jets: Jets) -> None:
    for variation in variations(RobustnessConfig()):
        first, again = (variation.apply(jets, rng(7)).constituents for _ in range(2))
        assert np.array_equal(first, again) and not np.array_equal(first, jets.constituents)


@pytest.mark.parametrize("tensor", [SIGNED, UNSIGNED])
def test_exactly_one_bit_of_each_jet_is_flipped(tensor: Tensor) -> None:
    low = -128 if tensor.signed else 0
    codes = rng(2).integers(low, low + 256, (4000, 6))
    flipped, bits = flip_bits(codes, tensor, rng())
    changed = (flipped ^ codes) & 255
    assert np.array_equal((changed != 0).sum(axis=1), np.ones(len(codes)))
    assert np.array_equal(changed.max(axis=1), 1 << bits)
    assert flipped.min() >= low and flipped.max() < low + 256
    assert set(bits) == set(range(8)) and (changed != 0).any(axis=0).all()


class SumOfPt:
    """A tagger that adds up the pT of the first two constituents."""

    classes = ("QCD", "top")

    def predict(self, jets: Jets) -> NDArray[np.float32]:
        return (jets.feature("pt_gev")[:, :2].sum(axis=1, keepdims=True) / 100).astype(np.float32)

    def inputs(self, jets: Jets) -> dict[str, Any]:
        """What the doubling firmware takes: its first output is their sum."""
        values = jets.constituents[:, :2, :3] * np.array([0.01, 5.0, 5.0], np.float32)
        return {"constituents": values}


def candidate(**extra: Any) -> Candidate:
    made = Candidate("sum", tagger=Path("nowhere"), **extra)
    made.__dict__["network"] = SumOfPt()
    return made


CONFIG = dataclasses.replace(
    QUICK, robustness=RobustnessConfig(n_jets=600, drop=(0.3,), smear_pt=(), smear_angle=(0.01,))
)


def test_a_tagger_of_pt_is_moved_by_lost_constituents_and_not_by_angles(jets_file: Path) -> None:
    file = JetsFile(jets_file)
    n_test = sum(len(block) for block in file.slices(split="test"))
    tables = robustness.robustness([candidate()], file, n_test, CONFIG)
    nominal, drop, angle = tables["robustness"]
    assert [row["variation"] for row in (nominal, drop, angle)] == ["nominal", "drop", "smear_angle"]
    assert (drop["size"], nominal["size"]) == (0.3, None)
    assert angle["rejection"]["difference"] == {"value": 0.0, "error": 0.0} and angle["changed"]["value"] == 0
    assert drop["changed"]["value"] > 0.05 and drop["signal_efficiency"]["difference"]["value"] < 0
    assert drop["signal_efficiency"]["difference"]["error"] > 0
    assert nominal["signal_efficiency"]["value"] == pytest.approx(0.5, abs=0.01)
    assert tables["bit_flips"] == []


def test_candidates_that_only_have_scores_are_left_out(jets_file: Path) -> None:
    assert robustness.robustness([Candidate("x", scores=Path("y"))], JetsFile(jets_file), 10, CONFIG) == {
        "robustness": [],
        "bit_flips": [],
    }


def test_the_sample_has_both_classes_and_is_the_same_each_time(jets_file: Path) -> None:
    file = JetsFile(jets_file)
    n_test = sum(len(block) for block in file.slices(split="test"))
    some = sample(file, n_test, 100, seed=1)
    assert len(some) == 100 and len(set(some.labels)) == 2
    assert np.array_equal(sample(file, n_test, 100, seed=1).ids, some.ids)
    assert len(sample(file, n_test, 10**6, seed=1)) == n_test


def test_upsets_go_through_the_compiled_firmware_and_high_bits_matter_more(
    jets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_doubling(tmp_path / "project")
    compiled = build(project)
    one = dataclasses.replace(compiled.output, shape=(1,))
    monkeypatch.setattr(robustness, "build", lambda _: OneOutput(compiled, one))
    monkeypatch.setattr(Project, "load", lambda _: project)
    file = JetsFile(jets_file)
    n_test = sum(len(block) for block in file.slices(split="test"))
    tables = robustness.robustness([candidate(firmware=project.folder)], file, n_test, CONFIG)
    assert [row["variation"] for row in tables["robustness"]] == ["nominal", "drop", "smear_angle", "bit_flip"]
    changed = [row["changed"]["value"] for row in tables["bit_flips"]]
    assert len(changed) == 8 and max(changed[:2]) < 0.15 < min(changed[5:])
    flips = tables["robustness"][-1]
    assert flips["changed"]["value"] == pytest.approx(np.mean(changed), abs=0.05)
    assert flips["rejection"]["difference"]["error"] > 0


class OneOutput:
    """The doubling firmware without its second output."""

    def __init__(self, compiled: Any, output: Tensor) -> None:
        self.compiled, self.input, self.output, self.encode = compiled, compiled.input, output, compiled.encode

    def predict(self, inputs: Any) -> Any:
        return self.compiled.predict(inputs)[:, :1]

    def predict_codes(self, codes: Any) -> Any:
        return self.compiled.predict_codes(codes)[:, :1]
