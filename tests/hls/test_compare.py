from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hls.compare import Scores, difference_physics, physics
from hls.paired import SortedScores, auc_influence, bootstrap_efficiencies, mean_difference
from jets.errors import DataError, InputError, LayoutError, StorageError
from jets.metrics import accuracy, auc, background_rejection, macro_auc

POINTS = np.array([0.3, 0.5, 0.8])


def _brute_force_auc_covariance(a: Any, b: Any, signal: Any) -> float:
    """DeLong's covariance from the full matrix of pairs."""
    placements = []
    for values in (a, b):
        positive, negative = values[signal][:, None], values[~signal][None, :]
        wins = (positive > negative) + 0.5 * (positive == negative)
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    (pos_a, neg_a), (pos_b, neg_b) = placements
    return float(np.cov(pos_a, pos_b)[0, 1] / len(pos_a) + np.cov(neg_a, neg_b)[0, 1] / len(neg_a))


def _two_models(n_jets: int = 300) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(11)
    signal = np.arange(n_jets) % 3 == 0
    first = np.round(rng.normal(size=n_jets) + signal, 1)
    return first, np.round(first + 0.5 * rng.normal(size=n_jets), 1), signal


def test_influences_give_delongs_variances_and_covariance_with_ties() -> None:
    first, second, signal = _two_models()
    area_a, a = auc_influence(first, signal)
    _, b = auc_influence(second, signal)
    expected = auc(first, signal)
    assert area_a == pytest.approx(expected.value, rel=1e-12)
    assert np.sqrt(np.sum(a * a)) == pytest.approx(expected.error, rel=1e-12)
    assert np.sum(a * b) == pytest.approx(_brute_force_auc_covariance(first, second, signal), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_efficiencies_of_a_replica_are_those_of_the_jets_repeated(seed: int) -> None:
    first, _, signal = _two_models()
    counts = np.random.default_rng(seed).integers(0, 3, len(first))
    efficiencies = SortedScores.of(first, signal).background_efficiencies(counts, POINTS)
    repeated, labels = np.repeat(first, counts), np.repeat(signal, counts)
    expected = [1 / background_rejection(repeated, labels, point).value for point in POINTS]
    assert efficiencies == pytest.approx(expected, rel=1e-9)


def test_the_bootstrap_spread_of_eps_b_is_that_of_repeated_experiments() -> None:
    rng = np.random.default_rng(5)
    signal = np.arange(4000) % 2 == 0

    def experiment() -> SortedScores:
        return SortedScores.of(rng.normal(size=4000) + 1.5 * signal, signal)

    once = np.ones(4000, np.intp)
    repeated = np.std([experiment().background_efficiencies(once, POINTS) for _ in range(400)], axis=0)
    replicas = [bootstrap_efficiencies({"m": [experiment()]}, 4000, POINTS, 100, rng)["m"] for _ in range(10)]
    bootstrapped = np.mean([item.std(axis=0, ddof=1) for item in replicas], axis=0)
    assert bootstrapped == pytest.approx(repeated, rel=0.15)


def test_the_difference_of_paired_means_has_the_error_of_pairs() -> None:
    measure = mean_difference(np.array([True, True, False, False]), np.array([True, False, False, False]))
    assert measure.value == 0.25
    assert measure.error == pytest.approx(np.std([0, 1, 0, 0], ddof=1) / 2)


def test_two_classes_give_the_numbers_of_jets_metrics(top_scores: Scores) -> None:
    numbers = physics(top_scores, n_replicas=2)["csim"]
    logit, labels = top_scores.outputs["csim"][:, 0].astype(float), top_scores.labels
    assert numbers["auc"] == pytest.approx(vars_of(auc(logit, labels)))
    assert numbers["accuracy"] == pytest.approx(vars_of(accuracy(logit > 0, labels)))
    for point in ("0.3", "0.5", "0.8"):
        expected = background_rejection(logit, labels, float(point))
        assert numbers["rejection"][point] == pytest.approx(vars_of(expected))


def vars_of(measure: Any) -> dict[str, float]:
    return {"value": measure.value, "error": measure.error}


def test_several_classes_are_each_against_all_others(five_class_scores: Scores) -> None:
    numbers = physics(five_class_scores, n_replicas=20)["teacher"]
    expected = macro_auc(five_class_scores.discriminants("teacher"), five_class_scores.labels)
    assert numbers["auc"] == pytest.approx(vars_of(expected))
    per_class = numbers["per_class"]
    assert list(per_class) == list(five_class_scores.classes)
    assert np.mean([item["auc"]["value"] for item in per_class.values()]) == pytest.approx(expected.value)
    efficiency = np.mean([1 / item["rejection"]["0.8"]["value"] for item in per_class.values()])
    assert numbers["rejection"]["0.8"]["value"] == pytest.approx(1 / efficiency)
    assert 0 < numbers["rejection"]["0.8"]["error"] < numbers["rejection"]["0.8"]["value"]


def test_the_discriminant_is_the_log_odds_of_the_softmax(five_class_scores: Scores) -> None:
    logits = five_class_scores.outputs["teacher"].astype(float)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert five_class_scores.discriminants("teacher") == pytest.approx(np.log(p / (1 - p)))


def test_a_model_does_not_differ_from_its_copy(top_scores: Scores) -> None:
    copied = top_scores.with_model("csim", top_scores.outputs["student_quantized"])
    numbers = physics(copied, n_replicas=5)
    none = {"value": 0.0, "error": 0.0}
    difference = numbers["differences"]["csim_minus_student_quantized"]
    assert difference == {"auc": none, "accuracy": none, "rejection": dict.fromkeys(("0.3", "0.5", "0.8"), none)}
    assert numbers["agreement"]["csim_and_student_quantized"] == {"value": 1.0, "error": 0.0}


def test_paired_errors_are_smaller_than_single_errors_of_correlated_models(top_scores: Scores) -> None:
    numbers = physics(top_scores, n_replicas=50)
    difference = numbers["differences"]["csim_minus_student_quantized"]
    assert 0 < difference["auc"]["error"] < 0.05 * numbers["csim"]["auc"]["error"]
    assert difference["rejection"]["0.5"]["error"] < 0.5 * numbers["csim"]["rejection"]["0.5"]["error"]


def test_any_two_models_are_compared_as_those_of_a_report(top_scores: Scores) -> None:
    mine, numbers = difference_physics(top_scores, "csim", "teacher", n_replicas=50), physics(top_scores, n_replicas=50)
    known = numbers["differences"]["csim_minus_teacher"]
    assert mine == known


def test_the_seed_fixes_every_number(top_scores: Scores) -> None:
    first = physics(top_scores, n_replicas=5, seed=4)
    assert physics(top_scores, n_replicas=5, seed=4) == first
    assert physics(top_scores, n_replicas=5, seed=5)["differences"] != first["differences"]


def test_a_control_is_compared_with_its_student(top_scores: Scores) -> None:
    numbers = physics(top_scores.with_model("control_quantized", -top_scores.outputs["teacher"]), n_replicas=5)
    difference = numbers["differences"]["student_quantized_minus_control_quantized"]["auc"]
    control, student = numbers["control_quantized"]["auc"], numbers["student_quantized"]["auc"]
    assert difference["value"] == pytest.approx(student["value"] - control["value"])


def test_separated_classes_give_a_bound_and_no_difference() -> None:
    labels = (np.arange(40) % 2).astype(np.int16)
    outputs = {name: labels * 2.0 - 1 for name in ("teacher", "student_float", "student_quantized", "csim")}
    numbers = physics(Scores(labels, np.arange(40, dtype=np.uint64), ("QCD", "top"), outputs), n_replicas=2)
    bound = background_rejection(outputs["csim"], labels, 0.3).value
    assert numbers["csim"]["rejection"]["0.3"] == {"value": bound, "error": bound, "is_lower_bound": True}
    assert numbers["differences"]["csim_minus_teacher"]["rejection"]["0.3"] == {"value": None, "error": None}


def test_a_model_without_scores_is_named(top_scores: Scores) -> None:
    outputs = {name: values for name, values in top_scores.outputs.items() if name != "csim"}
    with pytest.raises(DataError, match="no scores of csim"):
        physics(Scores(top_scores.labels, top_scores.ids, top_scores.classes, outputs))


def test_saved_scores_load_as_the_same_scores(five_class_scores: Scores, tmp_path: Path) -> None:
    loaded = Scores.load(five_class_scores.save(tmp_path / "scores.h5"))
    assert loaded.classes == five_class_scores.classes and list(loaded.outputs) == sorted(five_class_scores.outputs)
    for name, values in five_class_scores.outputs.items():
        np.testing.assert_array_equal(loaded.outputs[name], values)
    np.testing.assert_array_equal(loaded.labels, five_class_scores.labels)
    np.testing.assert_array_equal(loaded.ids, five_class_scores.ids)


def test_files_that_are_not_scores_are_refused_by_name(top_scores: Scores, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.h5: no such file of scores"):
        Scores.load(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(LayoutError, match=r"text\.h5: is not an HDF5 file or is damaged"):
        Scores.load(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("labels", data=[0, 1])
    with pytest.raises(LayoutError, match=r"other\.h5: is not laid out"):
        Scores.load(tmp_path / "other.h5")
    whole = top_scores.save(tmp_path / "cut.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LayoutError, match=r"cut\.h5: is not an HDF5 file or is damaged"):
        Scores.load(tmp_path / "cut.h5")
    with h5py.File(top_scores.save(tmp_path / "less.h5"), "r+") as file:
        del file["labels"]
    with pytest.raises(LayoutError, match=r"less\.h5: is damaged"):
        Scores.load(tmp_path / "less.h5")
    with h5py.File(top_scores.save(tmp_path / "few.h5"), "r+") as file:
        del file["ids"]
        file["ids"] = np.arange(3, dtype=np.uint64)
    with pytest.raises(DataError, match=r"few\.h5: 3 ids for \d+ labels"):
        Scores.load(tmp_path / "few.h5")


def _scores(labels: Any, outputs: Any, n_ids: int | None = None) -> Scores:
    labels = np.asarray(labels, np.int16)
    return Scores(labels, np.arange(n_ids or len(labels), dtype=np.uint64), ("QCD", "top"), {"teacher": outputs})


@pytest.mark.parametrize(
    ("labels", "outputs", "message"),
    [
        ([], [], "there are no jets"),
        ([0, 0, 0, 1], np.zeros(4), "fewer than two jets of class 'top'"),
        ([0, 0, 1, 2], np.zeros(4), "a label outside the 2 classes"),
        ([0, 0, 1, -1], np.zeros(4), "a label outside the 2 classes"),
        ([0, 0, 1, 1], np.array([0, 1, np.nan, 3]), "scores of teacher: the logit of jet 2 is not finite"),
        ([0, 0, 1, 1], np.zeros(3), r"scores of teacher: \(3, 1\) logits where \(4, 1\) are needed"),
        ([0, 0, 1, 1], np.zeros((4, 2)), r"\(4, 2\) logits where \(4, 1\) are needed"),
    ],
)
def test_scores_that_cannot_be_used_are_refused(labels: Any, outputs: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _scores(labels, outputs)


def test_ids_must_be_one_a_jet() -> None:
    with pytest.raises(DataError, match="3 ids for 4 labels"):
        _scores([0, 0, 1, 1], np.zeros(4), n_ids=3)


def test_a_full_disk_leaves_the_old_scores(top_scores: Scores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = top_scores.save(tmp_path / "scores.h5").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError("Can't write data (file write failed: no space left on device)")

    monkeypatch.setattr(h5py.File, "create_dataset", full)
    with pytest.raises(StorageError, match=r"scores\.h5: the disk is full"):
        top_scores.save(tmp_path / "scores.h5")
    assert (tmp_path / "scores.h5").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.long
def test_five_models_on_400k_jets_take_less_than_a_minute_of_cpu() -> None:
    rng = np.random.default_rng(1)
    labels = (np.arange(400_000) % 2).astype(np.int16)
    base = rng.normal(size=len(labels)) + 2 * labels
    names = ("teacher", "reference", "student_float", "student_quantized", "csim")
    outputs = {name: base + 0.3 * rng.normal(size=len(labels)) for name in names}
    scores = Scores(labels, np.arange(len(labels), dtype=np.uint64), ("QCD", "top"), outputs)
    start = time.process_time()
    physics(scores)
    assert time.process_time() - start < 60
