import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jets.dataset import FOUR_VECTOR, OPTIONAL, PER_JET, Jets, JetsFile, JetsWriter, concatenate, rows_of
from jets.errors import ConfigError, DataError, InputError, LayoutError, StorageError, TagwareError
from jets.splits import SPLITS, split_of

MakeJets = Callable[..., Jets]


def write(path: Path, *blocks: Jets, **options: int) -> JetsFile:
    with JetsWriter(path, **options) as writer:
        for block in blocks:
            writer.append(block)
    return JetsFile(path)


def assert_equal(a: Jets, b: Jets) -> None:
    for name in PER_JET:
        assert getattr(a, name).dtype == getattr(b, name).dtype
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for name in OPTIONAL:
        assert (getattr(a, name) is None) == (getattr(b, name) is None)
        assert getattr(a, name) is None or np.array_equal(getattr(a, name), getattr(b, name))
    for name in ("classes", "constituent_features", "high_level_features", "provenance", "view_names"):
        assert getattr(a, name) == getattr(b, name)


def test_jets_come_back_as_they_were_written(tmp_path: Path, random_jets: MakeJets) -> None:
    features = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
    jets = random_jets(300, high_level=features, high_level_features=("mass_mmdt", "multiplicity"))
    file = write(tmp_path / "jets.h5", jets[:100], jets[100:101], jets[101:], chunk=64)
    assert_equal(file.read(), jets)
    assert (len(file), file.classes, file.provenance) == (300, ("QCD", "top"), {"source": "test"})
    file.verify()


def test_jets_of_double_precision_are_stored_in_single_and_verify(tmp_path: Path, random_jets: MakeJets) -> None:
    jets = random_jets()
    wide = replace(jets, constituents=jets.constituents.astype(float), kinematics=jets.kinematics.astype(float))
    file = write(tmp_path / "jets.h5", wide)
    file.verify()
    assert_equal(file.read(), jets)


def test_the_checksum_does_not_depend_on_the_blocks(tmp_path: Path, random_jets: MakeJets) -> None:
    jets = random_jets(200)
    whole = write(tmp_path / "a.h5", jets)
    pieces = write(tmp_path / "b.h5", *(jets[i : i + 30] for i in range(0, 200, 30)), chunk=7)
    other = write(tmp_path / "c.h5", jets[::-1])
    renamed = write(tmp_path / "d.h5", replace(jets, classes=("QCD", "W")))
    assert whole.checksum == pieces.checksum
    assert len({whole.checksum, other.checksum, renamed.checksum}) == 3


@pytest.mark.parametrize("split", [None, *SPLITS])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_streaming_gives_the_whole(tmp_path: Path, random_jets: MakeJets, split: str | None, size: int) -> None:
    file = write(tmp_path / "jets.h5", random_jets(60))
    blocks = list(file.slices(size, split))
    assert all(0 < len(block) <= size for block in blocks)
    assert_equal(concatenate(blocks), file.read(split))


def test_a_limit_gives_the_first_jets(tmp_path: Path, random_jets: MakeJets) -> None:
    file = write(tmp_path / "jets.h5", random_jets(100))
    assert_equal(file.read("train", limit=5), file.read("train")[:5])
    assert len(file.read(limit=1000)) == 100


def test_a_masked_selection_is_that_of_its_arrays(random_jets: MakeJets) -> None:
    jets = random_jets(50)
    chosen = jets[jets.labels == 1]
    assert (chosen.labels == 1).all()
    assert np.array_equal(chosen.ids, jets.ids[jets.labels == 1])
    assert np.array_equal(chosen.feature("deta"), jets.feature("deta")[jets.labels == 1])
    assert np.array_equal(chosen.jet("eta"), jets.kinematics[jets.labels == 1, 1])


def test_every_jet_is_in_exactly_one_split(random_jets: MakeJets) -> None:
    jets = random_jets(500)
    assert sum(len(jets.split(name)) for name in SPLITS) == 500
    ids = np.concatenate([jets.split(name).ids for name in SPLITS])
    assert set(ids.tolist()) == set(jets.ids.tolist())


def test_jets_of_one_event_are_in_one_split_and_views_of_a_jet_are_known(tmp_path: Path, random_jets: MakeJets) -> None:
    events, names = np.repeat(np.arange(50, dtype=np.uint64), 4), ("nominal", "seed")
    ids, views = np.arange(900, 1100, dtype=np.uint64), np.tile(np.array([0, 1], np.int8), 100)
    jets = random_jets(200, ids=ids, events=events, views=views, view_names=names)
    file = write(tmp_path / "jets.h5", jets)
    file.verify()
    again = file.read()
    assert_equal(again, jets)
    assert again.hard_ids.tolist() == (900 + 2 * (np.arange(200) // 2)).tolist()
    mixed = again[np.random.default_rng(1).permutation(200)[:150]]
    rows = mixed.view_rows()
    assert (mixed.ids[rows] % 2 == [0, 1]).all() and (mixed.hard_ids[rows] == mixed.hard_ids[rows[:, :1]]).all()
    assert len(rows) == (np.unique(mixed.hard_ids, return_counts=True)[1] == 2).sum() < 75
    with pytest.raises(DataError, match="one view each; simulate them with views"):
        replace(jets, views=None, view_names=()).view_rows()
    with pytest.raises(DataError, match="no jet is here in all 2 views"):
        jets[::2].view_rows()
    found = [set((file.read(name).ids // 4).tolist()) for name in SPLITS]
    assert sum(map(len, found)) == 50
    alone = write(tmp_path / "alone.h5", replace(jets, events=None))
    assert sum(len(set((alone.read(name).ids // 4).tolist())) for name in SPLITS) > 50
    with pytest.raises(DataError, match="a view outside the 1 named in jet 1"):
        replace(jets, view_names=("nominal",)).check()


@given(hnp.arrays(np.uint64, st.integers(1, 50)), hnp.arrays(np.uint64, st.integers(0, 50)), st.randoms())
def test_a_jet_stays_in_its_split_when_others_come_and_the_order_changes(old: Any, new: Any, random: Any) -> None:
    before = dict(zip(old.tolist(), split_of(old).tolist(), strict=True))
    everything = np.concatenate([old, new])
    random.shuffle(everything)
    after = dict(zip(everything.tolist(), split_of(everything).tolist(), strict=True))
    assert all(after[jet] == split for jet, split in before.items())


@pytest.mark.parametrize("fractions", [(0.6, 0.1, 0.3), (0.98, 0.01, 0.01), (0.5, 0.0, 0.5)])
@pytest.mark.parametrize("ids", ["consecutive", "random", "even"])
def test_split_fractions_hold_within_their_binomial_error(fractions: Sequence[float], ids: str) -> None:
    n = 200_000
    numbers = {
        "consecutive": np.arange(n, dtype=np.uint64),
        "random": np.random.default_rng(0).integers(0, 2**64 - 1, n, dtype=np.uint64),
        "even": np.arange(n, dtype=np.uint64) * np.uint64(2**20),
    }[ids]
    counts = np.bincount(split_of(numbers, fractions), minlength=3)
    for count, fraction in zip(counts, fractions, strict=True):
        assert abs(count - n * fraction) <= 4 * np.sqrt(n * fraction * (1 - fraction))


def test_neighbouring_ids_fall_independently() -> None:
    train = split_of(np.arange(100_000, dtype=np.uint64)) == 0
    p, n = 0.6, len(train) - 1
    variance = (p**2 - p**4 + 2 * (p**3 - p**4)) / n  # neighbouring pairs share a jet
    assert abs(np.mean(train[1:] & train[:-1]) - p**2) < 4 * np.sqrt(variance)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.6, 0.1, 0.2), (1.1, -0.1, 0.0)])
def test_fractions_that_are_no_split_are_a_config_error(fractions: Sequence[float]) -> None:
    with pytest.raises(ConfigError, match="split fractions"):
        split_of(np.arange(3, dtype=np.uint64), fractions)


def test_an_unknown_split_or_feature_is_named(random_jets: MakeJets) -> None:
    with pytest.raises(InputError, match=r"unknown split 'valid'; use one of train, validation, test"):
        random_jets().split("valid")
    with pytest.raises(DataError, match=r"no constituent feature 'd0_mm'; they carry pt_gev"):
        random_jets().feature("d0_mm")


def spoil(jets: Jets, name: str, place: Any, value: float) -> Jets:
    values = getattr(jets, name).copy()
    values[place] = value
    return replace(jets, **{name: values})


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("constituents", (17, 0, 1), np.nan, "NaN or infinity in constituents of jet 17"),
        ("kinematics", (17, 3), np.inf, "NaN or infinity in kinematics of jet 17"),
        ("weights", 17, np.nan, "NaN or infinity in weights of jet 17"),
        ("constituents", (17, 0, 0), -1, "negative or zero pT in jet 17"),
        ("kinematics", (17, 0), 0, "negative or zero pT in jet 17"),
        ("labels", 17, 2, "a label outside the 2 classes in jet 17"),
        ("labels", 17, -1, "a label outside the 2 classes in jet 17"),
        ("mask", 17, False, "no constituent in jet 17"),
        ("constituents", (17, 1, 0), 1e4, "constituents not in falling pT order in jet 17"),
        ("weights", 17, -1, "a negative weight in jet 17"),
        ("mask", (17, 0), False, "a gap among the constituents in jet 17"),
    ],
)
def test_unusable_jets_are_named_and_nothing_is_written(
    tmp_path: Path, random_jets: MakeJets, name: str, place: Any, value: float, message: str
) -> None:
    full = random_jets(30)
    full = replace(full, mask=np.ones_like(full.mask))  # padded places become constituents of no pT
    good = full[:20]
    with pytest.raises(DataError, match=message), JetsWriter(tmp_path / "jets.h5") as writer:
        writer.append(good)
        writer.append(spoil(full, name, place, value))
    assert list(tmp_path.iterdir()) == []


def test_no_jets_at_all_are_a_data_error_and_nothing_is_written(tmp_path: Path, random_jets: MakeJets) -> None:
    with pytest.raises(DataError, match=r"jets\.h5: there are no jets"), JetsWriter(tmp_path / "jets.h5"):
        pass
    with pytest.raises(DataError, match=r"jets\.h5: there are no jets"), JetsWriter(tmp_path / "jets.h5") as writer:
        writer.append(random_jets()[:0])
    with pytest.raises(DataError, match="there are no jets"):
        concatenate([])
    assert list(tmp_path.iterdir()) == []


def test_a_class_without_jets_is_named(random_jets: MakeJets) -> None:
    jets = random_jets()
    assert jets.require_classes() is jets
    with pytest.raises(DataError, match=r"here: class 'top' has no jets"):
        jets[jets.labels == 0].require_classes("here")


def test_a_failure_in_the_block_keeps_the_old_file(tmp_path: Path, random_jets: MakeJets) -> None:
    old = write(tmp_path / "jets.h5", random_jets(10))
    with pytest.raises(KeyboardInterrupt), JetsWriter(tmp_path / "jets.h5") as writer:
        writer.append(random_jets(20))
        raise KeyboardInterrupt
    assert JetsFile(tmp_path / "jets.h5").checksum == old.checksum
    assert [path.name for path in tmp_path.iterdir()] == ["jets.h5"]


def test_provenance_that_is_not_json_leaves_nothing(tmp_path: Path, random_jets: MakeJets) -> None:
    with pytest.raises(TypeError), JetsWriter(tmp_path / "jets.h5") as writer:
        writer.append(random_jets(10, provenance={"seed": object()}))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder, not a file"), JetsWriter(tmp_path):
        pytest.fail("the block must not run")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ("QCD", "W")}, "classes"),
        ({"constituent_features": (*FOUR_VECTOR, "d0_mm", "dz_mm")}, "constituent_features"),
        (
            {"high_level": np.zeros((5, 1), np.float32), "high_level_features": ("zlogz",)},
            "high_level_features",
        ),
        ({"high_level": np.zeros((5, 0), np.float32)}, "high-level features"),
        ({"events": np.zeros(5, np.uint64)}, "events"),
        ({"view_names": ("nominal", "seed"), "views": np.zeros(5, np.int8)}, "views"),
        ({"constituents": np.ones((5, 9, 6), np.float32), "mask": np.ones((5, 9), bool)}, "number of constituents"),
    ],
)
def test_blocks_that_do_not_fit_together_are_refused(
    tmp_path: Path, random_jets: MakeJets, changes: dict[str, Any], message: str
) -> None:
    first, other = random_jets(5), random_jets(5, **changes)
    with pytest.raises(DataError, match=f"blocks of jets differ in .*{message}"):
        concatenate([first, other])
    with pytest.raises(DataError, match=f"differ in .*{message}"), JetsWriter(tmp_path / "jets.h5") as writer:
        writer.append(first)
        writer.append(other)
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_different_lengths_are_refused(random_jets: MakeJets) -> None:
    jets = random_jets(5)
    with pytest.raises(DataError, match="4 rows of ids for 5 jets"):
        replace(jets, ids=jets.ids[:4]).check()


def test_a_file_that_is_missing_or_not_ours_is_named(tmp_path: Path) -> None:
    path = tmp_path / "jets.h5"
    with pytest.raises(InputError, match=r"jets\.h5: no such jets file"):
        JetsFile(path)
    path.write_text("not HDF5")
    with pytest.raises(LayoutError, match=r"jets\.h5: is not an HDF5 file or is damaged"):
        JetsFile(path)
    with h5py.File(path, "w") as file:
        file["table"] = [1]
    with pytest.raises(LayoutError, match=r"jets\.h5: is not a tagware jets file; convert it"):
        JetsFile(path)


def edit_header(path: Path, **changes: Any) -> None:
    with h5py.File(path, "a") as file:
        header = json.loads(file.attrs["tagware"]) | changes
        file.attrs["tagware"] = json.dumps({key: value for key, value in header.items() if value is not None})


def test_another_layout_or_a_header_with_holes_is_named(tmp_path: Path, random_jets: MakeJets) -> None:
    path = write(tmp_path / "jets.h5", random_jets()).path
    edit_header(path, checksum=None)
    with pytest.raises(LayoutError, match="has a damaged header"):
        JetsFile(path)
    edit_header(path, layout="tagware-jets-0")
    with pytest.raises(LayoutError, match="has layout 'tagware-jets-0', not 'tagware-jets-1'"):
        JetsFile(path)
    with h5py.File(path, "a") as file:
        file.attrs["tagware"] = "{"
    with pytest.raises(LayoutError, match="has a damaged header"):
        JetsFile(path)


def test_a_changed_header_or_missing_jets_do_not_verify(tmp_path: Path, random_jets: MakeJets) -> None:
    path = write(tmp_path / "jets.h5", random_jets()).path
    edit_header(path, classes=["top", "QCD"])
    with pytest.raises(LayoutError, match=r"jets\.h5: does not have the checksum"):
        JetsFile(path).verify()
    edit_header(path, classes=["QCD", "top"], n_jets=120)
    with pytest.raises(LayoutError, match=r"jets\.h5: is damaged \(jets are missing\)"):
        JetsFile(path).read()
    with h5py.File(path, "a") as file:
        del file["labels"]
    with pytest.raises(LayoutError, match=r"is damaged .*labels"):
        JetsFile(path).read()


def test_a_truncated_file_is_a_layout_error(tmp_path: Path, random_jets: MakeJets) -> None:
    path = write(tmp_path / "jets.h5", random_jets(1000)).path
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(LayoutError, match=r"jets\.h5: is not an HDF5 file or is damaged"):
            JetsFile(path)


def test_no_flipped_byte_gives_other_jets(tmp_path: Path, random_jets: MakeJets) -> None:
    """Each flip is found by HDF5 or by the checksum, or leaves every number as it was (unused bytes)."""
    jets = random_jets(1000)
    path = write(tmp_path / "jets.h5", jets).path
    content = path.read_bytes()
    found = 0
    places = np.random.default_rng(0).integers(0, len(content), 200)
    for place in places.tolist():
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            file = JetsFile(path)
            file.verify()
        except LayoutError as error:
            assert str(error).startswith(f"{path}: ")
            found += 1
        else:
            assert_equal(replace(file.read(), provenance=jets.provenance), jets)
    assert found > 150


def test_no_flipped_bit_of_a_small_file_escapes_as_another_error(tmp_path: Path, random_jets: MakeJets) -> None:
    """In a file of twenty jets nearly every byte that is not zero is HDF5's own: headers, heaps and trees."""
    jets = random_jets(20)
    path = write(tmp_path / "jets.h5", jets).path
    content = np.frombuffer(path.read_bytes(), np.uint8)
    rng, found = np.random.default_rng(0), 0
    for place in rng.choice(np.flatnonzero(content), 600).tolist():
        flipped = content.copy()
        flipped[place] ^= 1 << rng.integers(8)
        path.write_bytes(flipped.tobytes())
        try:
            JetsFile(path).verify()
        except TagwareError as error:
            assert "\n" not in str(error)
            found += 1
        else:
            assert_equal(replace(JetsFile(path).read(), provenance=jets.provenance), jets)
    assert found > 200


@settings(max_examples=40)
@given(st.data())
def test_any_shape_of_jets_goes_round(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    n, k = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5))
    number = st.floats(0, 1e6, width=32)
    mask = np.arange(k) < data.draw(hnp.arrays(int, n, elements=st.integers(1, k)))[:, None]
    constituents = data.draw(hnp.arrays(np.float32, (n, k, 4), elements=number))
    constituents[:, :, 0] = -np.sort(-constituents[:, :, 0], axis=1)
    jets = Jets(
        constituents=constituents * mask[:, :, None],
        mask=mask,
        kinematics=data.draw(hnp.arrays(np.float32, (n, 5), elements=number)) + np.float32(1),
        labels=data.draw(hnp.arrays(np.int16, n, elements=st.integers(0, 2))),
        ids=data.draw(hnp.arrays(np.uint64, n)),
        classes=("g", "q", "t"),
        constituent_features=FOUR_VECTOR,
        provenance=data.draw(st.dictionaries(st.text(), st.integers())),
    )
    file = write(tmp_path_factory.mktemp("round") / "jets.h5", jets)
    assert_equal(file.read(), jets)
    file.verify()


def test_rows_are_found_by_id_in_any_order_and_missing_ones_marked() -> None:
    known = np.array([7, 3, 9], np.uint64)
    assert rows_of(known, np.array([9, 4, 7, 3, 10], np.uint64)).tolist() == [2, -1, 0, 1, -1]
    assert rows_of(known[:0], known).tolist() == [-1, -1, -1]


def append_stored(writer: JetsWriter, path: Path, like: Jets) -> None:
    writer.append_stored(JetsFile(path), np.arange(2, dtype=np.int16), like.classes, like.provenance)


@pytest.mark.parametrize("n_jets", [16, 21])
def test_stored_jets_are_joined_as_if_they_were_appended(
    tmp_path: Path, random_jets: Callable[..., Jets], n_jets: int
) -> None:
    first, second = random_jets(16, 1), random_jets(n_jets, 2)
    with JetsWriter(tmp_path / "appended.h5", chunk=8) as writer:
        writer.append(first)
        writer.append(second)
    for name, jets in (("first", first), ("second", second)):
        with JetsWriter(tmp_path / f"{name}.h5", chunk=8) as writer:
            writer.append(jets)
    with JetsWriter(tmp_path / "joined.h5", chunk=8) as writer:
        for name in ("first", "second"):
            append_stored(writer, tmp_path / f"{name}.h5", first)
    joined, appended = JetsFile(tmp_path / "joined.h5"), JetsFile(tmp_path / "appended.h5")
    joined.verify()
    assert joined.checksum == appended.checksum
    assert np.array_equal(joined.read().constituents, appended.read().constituents)


def test_stored_jets_get_new_labels(tmp_path: Path, random_jets: Callable[..., Jets]) -> None:
    jets = random_jets(16)
    with JetsWriter(tmp_path / "stored.h5", chunk=8) as writer:
        writer.append(jets)
    with JetsWriter(tmp_path / "joined.h5", chunk=8) as writer:
        writer.append_stored(JetsFile(tmp_path / "stored.h5"), np.array([1, 0], np.int16), ("top", "QCD"), {})
    joined = JetsFile(tmp_path / "joined.h5")
    assert joined.classes == ("top", "QCD") and np.array_equal(joined.labels(), 1 - jets.labels)
    joined.verify()


def test_stored_jets_with_other_features_are_not_joined(tmp_path: Path, random_jets: Callable[..., Jets]) -> None:
    jets = random_jets(16)
    with JetsWriter(tmp_path / "stored.h5") as writer:
        writer.append(jets)
    with pytest.raises(DataError, match="differ in number of constituents"), JetsWriter(tmp_path / "out.h5") as writer:
        writer.append(jets.resized(5))
        append_stored(writer, tmp_path / "stored.h5", jets)
    assert not (tmp_path / "out.h5").exists()


def test_a_damaged_chunk_is_not_joined(tmp_path: Path, random_jets: Callable[..., Jets]) -> None:
    jets, path = random_jets(400), tmp_path / "stored.h5"
    with JetsWriter(path, chunk=100) as writer:
        writer.append(jets)
    with h5py.File(path) as file:
        place = file["constituents/pt_gev"].id.get_chunk_info(1).byte_offset
    with open(path, "r+b") as raw:
        raw.seek(place + 50)
        raw.write(b"flipped!")
    with pytest.raises(LayoutError, match=r"stored\.h5: is damaged"), JetsWriter(tmp_path / "out.h5", chunk=100) as w:
        append_stored(w, path, jets)
    assert not (tmp_path / "out.h5").exists()


def test_jets_are_resized_by_dropping_the_softest_or_padding(random_jets: Callable[..., Jets]) -> None:
    jets = random_jets(20)
    assert np.array_equal(jets.resized(3).constituents, jets.constituents[:, :3])
    wider = jets.resized(12)
    assert np.array_equal(wider.constituents[:, :8], jets.constituents)
    assert not wider.constituents[:, 8:].any() and not wider.mask[:, 8:].any()
    wider.check()


def test_stored_jets_are_joined_only_after_whole_chunks(tmp_path: Path, random_jets: Callable[..., Jets]) -> None:
    jets = random_jets(16)
    with JetsWriter(tmp_path / "stored.h5", chunk=8) as writer:
        writer.append(jets)
    with pytest.raises(ValueError, match="9 rows are no whole number of chunks"), JetsWriter(tmp_path / "o.h5", 8) as w:
        w.append(jets[:9])
        append_stored(w, tmp_path / "stored.h5", jets)
    assert not (tmp_path / "o.h5").exists()
