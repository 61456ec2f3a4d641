from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward
import numpy as np
import pytest
import uproot

from jets.dataset import Jets, JetsFile, concatenate
from jets.errors import DataError, LayoutError, TagwareError
from jets.readers import ImportConfig, import_jets, jetclass
from tests.jets.readers.public_files import assert_refused
from tests.jets.readers.root_files import Branches, jetclass_branches, lists, write_tree


@pytest.fixture
def branches(random_momenta: Callable[..., Any]) -> Branches:
    return jetclass_branches(random_momenta)


def read(path: Path, size: int = 7) -> Jets:
    return concatenate(list(jetclass.read(path, range(jetclass.count(path)), size)))


def flat(values: awkward.Array) -> Any:
    return awkward.to_numpy(awkward.flatten(values))


def test_jets_are_those_of_the_tree(tmp_path: Path, branches: Branches) -> None:
    jets = read(write_tree(tmp_path / "QCD.root", "tree", branches))
    assert jets.classes == ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
    assert jets.labels.tolist() == [*range(10), *range(10)]
    px, py = flat(branches["part_px"]).astype(float), flat(branches["part_py"]).astype(float)
    assert jets.feature("pt_gev")[jets.mask] == pytest.approx(np.hypot(px, py), rel=1e-6)
    assert jets.feature("charge")[jets.mask].tolist() == flat(branches["part_charge"]).tolist()
    kinds = [flat(branches[name]) for name in jetclass.KINDS]
    expected = sum(place * flag for place, flag in enumerate(kinds, 1))
    assert jets.feature("identity")[jets.mask].tolist() == expected.tolist()
    for name, branch in jetclass.TRACKS.items():
        assert jets.feature(name)[jets.mask].tolist() == flat(branches[branch]).tolist()
    total = np.array([awkward.to_numpy(awkward.sum(branches[f"part_{axis}"], axis=1)) for axis in ("px", "py")])
    assert jets.jet("pt_gev") == pytest.approx(np.hypot(*total), rel=1e-5)
    assert jets.constituents.shape == (20, 128, 10)
    jets.check()


def test_rows_and_blocks_do_not_change_the_jets(tmp_path: Path, branches: Branches) -> None:
    path = write_tree(tmp_path / "QCD.root", "tree", branches)
    whole, part = read(path, 100), concatenate(list(jetclass.read(path, range(5, 17), 4)))
    for name in ("constituents", "mask", "kinematics", "labels", "ids"):
        assert np.array_equal(getattr(whole[5:17], name), getattr(part, name)), name


def test_the_hardest_constituents_of_a_full_jet_are_kept(tmp_path: Path, branches: Branches) -> None:
    pt = np.arange(1, 201, dtype=np.float32)[None]
    there = np.ones((1, 200), bool)
    one = {name: values[:1] for name, values in branches.items()}
    one |= {name: lists(np.zeros((1, 200)), there) for name in jetclass.LISTS}
    one |= {"part_px": lists(pt, there), "part_energy": lists(pt, there)}
    jets = read(write_tree(tmp_path / "QCD.root", "tree", one))
    assert jets.feature("pt_gev")[0].tolist() == [*range(200, 72, -1)]
    assert jets.jet("n_constituents") == 200 and jets.jet("pt_gev") == 20100


def test_flags_may_be_numbers(tmp_path: Path, branches: Branches) -> None:
    whole = read(write_tree(tmp_path / "QCD.root", "tree", branches))
    numbers = {name: branches[name].astype(np.float32) for name in jetclass.LABELS}
    assert np.array_equal(read(write_tree(tmp_path / "QCD.root", "tree", branches | numbers)).labels, whole.labels)


def put(values: awkward.Array, jet: int, value: float) -> awkward.Array:
    changed = flat(values).copy()
    changed[int(awkward.sum(awkward.num(values)[:jet]))] = value
    return awkward.unflatten(changed, awkward.num(values))


def without(branches: Branches, name: str) -> Branches:
    return {key: values for key, values in branches.items() if key != name}


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda b: without(b, "part_px"), LayoutError, "tree: has no branch 'part_px'"),
        (lambda b: without(b, "part_dzerr"), LayoutError, "tree: has no branch 'part_dzerr'"),
        (lambda b: without(b, "label_Tbl"), LayoutError, "tree: has no branch 'label_Tbl'"),
        (lambda b: b | {"part_px": b["jet_pt"]}, LayoutError, "'part_px' does not hold a list of numbers an entry"),
        (lambda b: b | {"label_Tbl": b["part_px"]}, LayoutError, "'label_Tbl' does not hold a number an entry"),
        (lambda b: b | {"part_py": b["part_py"][::-1]}, LayoutError, "lists of 'part_py' are not as long as those of"),
        (lambda b: b | {"part_px": put(b["part_px"], 13, np.nan)}, DataError, "tree: NaN or infinity in row 13"),
        (lambda b: b | {"part_d0val": put(b["part_d0val"], 13, np.inf)}, DataError, "tree: NaN or infinity in row 13"),
        (lambda b: b | {"part_energy": put(b["part_energy"], 13, -1)}, DataError, "tree: a negative energy in row 13"),
        (
            lambda b: b | {name: b[name] * (np.arange(20) != 13) for name in jetclass.MOMENTA},
            DataError,
            "tree: no constituent in row 13",
        ),
        (
            lambda b: b | {"label_QCD": np.arange(20) == 13},
            DataError,
            "tree: not exactly one of label_QCD, ",
        ),
    ],
)
def test_a_bad_tree_is_named_by_file_and_branch_and_nothing_is_written(
    tmp_path: Path,
    branches: Branches,
    change: Callable[[Branches], Branches],
    kind: type[TagwareError],
    message: str,
) -> None:
    path = write_tree(tmp_path / "QCD.root", "tree", change(branches))
    assert_refused("jetclass", path, kind, message)


def test_another_tree_is_named_with_what_the_file_holds(tmp_path: Path, branches: Branches) -> None:
    path = write_tree(tmp_path / "QCD.root", "Events", branches)
    with pytest.raises(LayoutError, match=r"QCD\.root: has no tree 'tree' \(it holds TTree Events\); give ROOT files"):
        import_jets("jetclass", [path], tmp_path / "jets.h5")


def test_a_tree_without_entries_is_named(tmp_path: Path, branches: Branches) -> None:
    empty: Mapping[str, Any] = {name: values[:0] for name, values in branches.items()}
    whole = write_tree(tmp_path / "QCD_000.root", "tree", branches)
    path = write_tree(tmp_path / "QCD_001.root", "tree", empty)
    with pytest.raises(DataError, match=r"QCD_001\.root: there are no jets"):
        import_jets("jetclass", [whole, path], tmp_path / "jets.h5")


def test_a_truncated_file_is_named(tmp_path: Path, branches: Branches) -> None:
    path = write_tree(tmp_path / "QCD.root", "tree", branches)
    content = path.read_bytes()
    for kept in (len(content) - 1, len(content) // 2, 200, 30):
        path.write_bytes(content[:kept])
        with pytest.raises(LayoutError, match=r"QCD\.root: is (truncated|not a ROOT file or is damaged)"):
            import_jets("jetclass", [path], tmp_path / "jets.h5")
        assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_basket_is_named(tmp_path: Path, branches: Branches) -> None:
    path = write_tree(tmp_path / "QCD.root", "tree", branches)
    with uproot.open(path) as file:
        place = int(file["tree"]["part_pz"].member("fBasketSeek")[0])
    with open(path, "r+b") as raw:
        raw.seek(place + 20)
        raw.write(b"flipped!" * 20)
    with pytest.raises(LayoutError, match=r"QCD\.root: is damaged in 'part_pz'"):
        import_jets("jetclass", [path], tmp_path / "jets.h5", ImportConfig(processes=1))
    assert list(tmp_path.iterdir()) == [path]


def test_imported_files_hold_their_jets(tmp_path: Path, branches: Branches) -> None:
    paths = [write_tree(tmp_path / f"file{i}.root", "tree", branches) for i in range(2)]
    file = JetsFile(import_jets("jetclass", paths, tmp_path / "jets.h5", ImportConfig(processes=1)))
    file.verify()
    assert len(file) == 40 and file.provenance["counts"] == dict.fromkeys(jetclass.CLASSES, 4)
    assert np.array_equal(file.read().constituents[20:], read(paths[1]).constituents)
