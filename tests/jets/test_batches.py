"""Batches: every jet once a pass, in an order that a seed repeats, whatever is in memory and however many share."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import jets.batches
from jets.batches import Arrays, Batches, StoredBatches, StoredSplit
from jets.dataset import Jets, JetsFile, JetsWriter
from jets.errors import DataError
from tests.synthetic import synthetic_jets

WINDOW = 300
N_VIEWS = 3


def written(jets: Jets, folder: Path) -> JetsFile:
    with JetsWriter(folder / "jets.h5", chunk=64) as writer:
        writer.append(jets)
    return JetsFile(folder / "jets.h5")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> JetsFile:
    """Sorted by class, as an import of one file a class leaves it."""
    jets = synthetic_jets(3000, classes=("g", "q", "W", "Z", "t"), width=8)
    return written(jets[np.argsort(jets.labels, kind="stable")], tmp_path_factory.mktemp("batches"))


def viewed(n_partons: int) -> Jets:
    jets = synthetic_jets(N_VIEWS * n_partons, width=8)
    rows = np.arange(len(jets))
    return replace(
        jets,
        events=(rows // N_VIEWS).astype(np.uint64),
        views=(rows % N_VIEWS).astype(np.int8),
        labels=(rows // N_VIEWS % 2).astype(np.int16),
        view_names=("nominal", "seed", "vincia"),
    )


def fed(jets: Jets, rows: slice) -> Arrays:
    return {"ids": jets.ids, "labels": jets.labels}


def one_pass(batches: Batches, seed: int, size: int = 70, rank: int = 0, world: int = 1) -> list[NDArray[Any]]:
    permutation = np.random.default_rng(seed).permutation
    return [batch["ids"] for batch in batches.batches(size, permutation, rank, world)]


@pytest.mark.parametrize("window", [WINDOW, 10_000])
def test_a_pass_hands_out_every_jet_of_the_split_once_in_whole_batches(source: JetsFile, window: int) -> None:
    batches = StoredBatches(StoredSplit(source, "train", window=window), fed)
    ids = one_pass(batches, seed=1)
    expected = source.read("train").ids
    assert [len(batch) for batch in ids[:-1]] == [70] * (len(expected) // 70)
    np.testing.assert_array_equal(np.sort(np.concatenate(ids)), np.sort(expected))
    assert len(batches) == len(expected)


@pytest.mark.parametrize("window", [WINDOW, 10_000])
def test_a_seed_repeats_a_pass_and_another_one_orders_it_anew(source: JetsFile, window: int) -> None:
    batches = StoredBatches(StoredSplit(source, "train", window=window), fed)
    first, again, other = (np.concatenate(one_pass(batches, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(again, first)
    assert (other != first).mean() > 0.9


def test_another_pass_has_other_jets_in_its_windows(source: JetsFile) -> None:
    stored = StoredSplit(source, "train", window=WINDOW)
    first, other = (next(stored.windows(np.random.default_rng(seed).permutation)) for seed in (1, 2))
    assert len(first) == len(other) and set(first) != set(other)


def test_what_fits_in_one_window_is_shuffled_as_a_whole_and_read_once(source: JetsFile) -> None:
    blocks = []

    def feed(jets: Jets, rows: slice) -> Arrays:
        blocks.append(jets)
        return fed(jets, rows)

    batches = StoredBatches(StoredSplit(source, "train"), feed)
    order = np.random.default_rng(3).permutation(len(batches))
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(one_pass(batches, seed=3)), source.read("train").ids[order])
    assert sum(map(len, blocks)) == len(batches)


def test_windows_are_of_equal_size_and_of_all_classes_where_the_file_is_sorted_by_class(source: JetsFile) -> None:
    stored = StoredSplit(source, "train", window=WINDOW)
    sizes = [sum(map(len, stored.read(blocks))) for blocks in stored.windows(np.random.default_rng(1).permutation)]
    assert len(sizes) == stored.n_windows == -(-len(stored) // WINDOW) > 5
    assert max(sizes) <= stored.largest_window() < 1.3 * WINDOW
    for blocks in stored.windows(np.random.default_rng(1).permutation):
        labels = np.concatenate([jets.labels for jets in stored.read(blocks)])
        assert np.bincount(labels, minlength=5).min() > 0


def test_all_windows_are_read_into_the_same_arrays(source: JetsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    places, read = set(), StoredBatches._read

    def watched(self: StoredBatches, blocks: list[int], place: Arrays) -> Arrays:
        window = read(self, blocks, place)
        assert len(window["ids"]) == sum(map(len, self.jets.read(blocks)))
        places.add(window["ids"].ctypes.data)
        return window

    monkeypatch.setattr(StoredBatches, "_read", watched)
    batches = StoredBatches(StoredSplit(source, "train", window=WINDOW), fed)
    for seed in (1, 2):
        one_pass(batches, seed)
    assert len(places) == 1


def test_two_passes_at_a_time_do_not_disturb_each_other(source: JetsFile) -> None:
    batches = StoredBatches(StoredSplit(source, "train", window=WINDOW), fed)
    both = zip(*(batches.batches(70, np.random.default_rng(seed).permutation) for seed in (1, 2)), strict=True)
    for (first, second), *expected in zip(both, one_pass(batches, 1), one_pass(batches, 2), strict=True):
        np.testing.assert_array_equal(first["ids"], expected[0])
        np.testing.assert_array_equal(second["ids"], expected[1])


def test_one_window_is_drawn_with_the_seed_and_has_all_classes(source: JetsFile) -> None:
    stored = StoredSplit(source, "train", window=WINDOW)
    first, again, other = (StoredBatches(stored.one_window(seed), fed) for seed in (1, 1, 2))
    ids = [np.concatenate([batch["ids"] for batch in batches.batches(70)]) for batches in (first, again, other)]
    assert first.jets.n_windows == 1 and len(np.unique(ids[0])) == len(first) <= stored.largest_window()
    np.testing.assert_array_equal(ids[1], ids[0])
    assert set(ids[2]) != set(ids[0]) and set(ids[0]) < set(source.read("train").ids)
    whole = StoredSplit(source, "train")
    assert whole.one_window(1) is whole


def test_a_sample_is_all_that_fits_in_a_window_and_else_evenly_spread(
    source: JetsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jets.batches, "SAMPLE_JETS", 400)
    np.testing.assert_array_equal(StoredSplit(source, "train").sample().ids, source.read("train").ids)
    sample = StoredSplit(source, "train", window=WINDOW).sample()
    assert 300 < len(sample) < 500 and np.bincount(sample.labels, minlength=5).min() > 0


@pytest.mark.parametrize("world", [2, 3])
def test_the_batches_of_several_processes_are_those_of_one(source: JetsFile, world: int) -> None:
    batches = StoredBatches(StoredSplit(source, "train", window=WINDOW), fed)
    whole = one_pass(batches, seed=4, size=60)
    shares = [one_pass(batches, seed=4, size=60 // world, rank=rank, world=world) for rank in range(world)]
    for number, batch in enumerate(whole[:-1]):
        for rank in range(world):
            np.testing.assert_array_equal(shares[rank][number], batch[rank::world])


@pytest.mark.parametrize("window", [WINDOW, 10_000])
def test_as_many_jets_as_asked_for_are_drawn_with_the_seed(source: JetsFile, window: int) -> None:
    stored = StoredSplit(source, "train", window=window)
    drawn = [stored.drawn(400, seed) for seed in (1, 1, 2)]
    ids = [np.sort(np.concatenate(one_pass(StoredBatches(split, fed), seed=5))) for split in drawn]
    assert len(drawn[0]) == drawn[0].n_jets == len(np.unique(ids[0])) == 400
    np.testing.assert_array_equal(ids[1], ids[0])
    assert not np.array_equal(ids[2], ids[0])
    chosen = np.random.default_rng(1).permutation(len(stored))[:400]
    np.testing.assert_array_equal(ids[0], np.sort(source.read("train").ids[chosen]))
    assert stored.drawn(10_000, 1) is stored


@pytest.mark.parametrize("window", [90, 10_000])
def test_the_views_of_a_jet_stay_together(window: int, tmp_path: Path) -> None:
    jets = viewed(400)
    stored = StoredSplit(written(jets, tmp_path), "train", by_view=True, window=window)
    assert (stored.n_windows > 1) == (window == 90)
    for split, n in ((stored, len(jets.split("train")) // N_VIEWS), (stored.drawn(100, seed=1), 33)):
        ids = np.concatenate(
            one_pass(StoredBatches(split, lambda some, rows: {"ids": some.ids.reshape(-1, N_VIEWS)}), seed=1, size=7)
        )
        assert len(ids) == len(split) == n and split.n_jets == N_VIEWS * n
        np.testing.assert_array_equal(ids, ids[:, :1] + np.arange(N_VIEWS, dtype=np.uint64))
        assert len(np.unique(ids)) == ids.size


def test_views_that_are_scattered_are_found_in_one_window_and_refused_in_several(tmp_path: Path) -> None:
    jets = viewed(400)
    scattered = written(jets[np.random.default_rng(1).permutation(len(jets))], tmp_path)
    assert StoredSplit(scattered, "train", by_view=True).n_jets == len(jets.split("train"))
    with pytest.raises(DataError, match=r"no jet is here in all 3 views; keep the views of a jet together"):
        StoredSplit(scattered, "train", by_view=True, window=90)


def test_the_mean_weight_is_that_of_the_split(tmp_path: Path) -> None:
    jets = synthetic_jets(900, width=8)
    weighted = replace(jets, weights=np.linspace(0.5, 3, len(jets), dtype=np.float32))
    stored = StoredSplit(written(weighted, tmp_path), "train")
    assert stored.mean_weight == pytest.approx(weighted.split("train").weights.mean(dtype=np.float64), rel=1e-12)


def test_a_class_without_jets_is_named(source: JetsFile, tmp_path: Path) -> None:
    jets = source.read()
    keep = jets[(jets.labels != 2) | ~np.isin(jets.ids, jets.split("validation").ids)]
    with pytest.raises(DataError, match=r"jets\.h5 \(split 'validation'\): class 'W' has no jets"):
        StoredSplit(written(keep, tmp_path), "validation")
    with pytest.raises(DataError, match=r"class '\w' has no jets"):
        StoredSplit(source, "train").drawn(2, seed=1)


@pytest.mark.long
def test_memory_grows_with_the_window_and_not_with_the_file(tmp_path: Path) -> None:
    block = synthetic_jets(3000)
    (tmp_path / "many").mkdir()
    few, many = written(block, tmp_path), tmp_path / "many/jets.h5"
    with JetsWriter(many, chunk=64, compression=None) as writer:
        for number in range(10):
            writer.append(replace(block, ids=block.ids + np.uint64(number * len(block))))

    def peak_bytes(source: JetsFile, window: int) -> int:
        tracemalloc.start()
        split = StoredSplit(source, "train", window=window)
        one_pass(StoredBatches(split, lambda some, rows: {"ids": some.ids, "constituents": some.constituents}), seed=1)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak = peak_bytes(few, 1000)
    assert peak_bytes(JetsFile(many), 1000) < 1.5 * peak < 5 * peak < peak_bytes(JetsFile(many), 100_000)
