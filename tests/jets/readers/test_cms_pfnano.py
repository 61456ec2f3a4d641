from collections.abc import Callable
from pathlib import Path

import awkward
import numpy as np
import pytest

from jets.dataset import IDENTITIES, Jets, JetsFile, concatenate
from jets.errors import ConfigError, DataError, LayoutError, TagwareError
from jets.readers import READERS, ImportConfig, cms_pfnano, import_jets
from tests.jets.readers.public_files import assert_refused
from tests.jets.readers.root_files import Branches, pfnano_branches, write_tree

ONE = ImportConfig(processes=1)
PUBLIC_FILES = Path(__file__).parents[4] / "shared" / "data"
"""Where a developer may put public files; the tests pass without them."""


@pytest.fixture
def branches() -> Branches:
    return pfnano_branches()


def read(path: Path, size: int = 2) -> Jets:
    reader = READERS["cms_pfnano"]
    return concatenate(list(reader.read(path, range(reader.count(path)), size)))


def test_each_jet_has_its_own_candidates_scaled_by_their_weight(tmp_path: Path, branches: Branches) -> None:
    jets = read(write_tree(tmp_path / "nano.root", "Events", branches))
    jets.check()
    assert len(jets) == 5 and jets.classes == ("unlabelled",)
    for row, (event, jet) in enumerate([(0, 0), (0, 1), (2, 0), (3, 0), (3, 1)]):
        of = {name: np.asarray(values[event]) for name, values in branches.items() if name != "nFatJet"}
        mine = of["FatJetPFCands_pFCandsIdx"][of["FatJetPFCands_jetIdx"] == jet]
        pt = of["PFCands_pt"][mine].astype(float) * of["PFCands_puppiWeight"][mine]
        mine, pt = mine[pt > 0], pt[pt > 0]
        order, mask = np.argsort(-pt, kind="stable"), jets.mask[row]
        assert jets.feature("pt_gev")[row][mask] == pytest.approx(pt[order], rel=1e-6)
        assert jets.feature("charge")[row][mask].tolist() == of["PFCands_charge"][mine][order].tolist()
        momentum = (pt * np.exp(1j * of["PFCands_phi"][mine])).sum()
        assert jets.jet("pt_gev")[row] == pytest.approx(abs(momentum), rel=1e-5)
        assert jets.jet("n_constituents")[row] == len(mine)


def test_identities_and_impact_parameters_are_those_of_tracks(tmp_path: Path, branches: Branches) -> None:
    jets = read(write_tree(tmp_path / "nano.root", "Events", branches))
    kinds = jets.feature("identity")[jets.mask].astype(int)
    assert {IDENTITIES[kind] for kind in kinds} == set(IDENTITIES) - {"unknown"}
    neutral = jets.feature("charge")[jets.mask] == 0
    for name, of_tracks in (("d0_error_mm", 1.0), ("dz_error_mm", 2.0)):
        values = jets.feature(name)[jets.mask]
        assert (values[neutral] == 0).all() and values[~neutral] == pytest.approx(of_tracks)
    largest = float(np.abs(awkward.to_numpy(awkward.flatten(branches["PFCands_d0"]))).max())
    assert 0 < np.abs(jets.feature("d0_mm")).max() <= 10.001 * largest


def test_ak4_jets_are_not_scaled(tmp_path: Path, branches: Branches) -> None:
    ak4 = {name.replace("FatJet", "Jet"): values for name, values in branches.items() if "puppi" not in name}
    path = write_tree(tmp_path / "nano.root", "Events", ak4)
    jets = next(READERS["cms_pfnano_ak4"].read(path, range(1), 1))
    mine = np.asarray(ak4["JetPFCands_pFCandsIdx"][0])[np.asarray(ak4["JetPFCands_jetIdx"][0]) == 0]
    assert jets.feature("pt_gev")[0, 0] == pytest.approx(np.asarray(ak4["PFCands_pt"][0])[mine].max(), rel=1e-6)


def test_rows_events_and_blocks_do_not_change_the_jets(
    tmp_path: Path, branches: Branches, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tree(tmp_path / "nano.root", "Events", branches)
    whole = read(path, 100)
    monkeypatch.setattr(cms_pfnano, "EVENTS", 1)
    for rows in (range(5), range(1, 4), range(2, 3), range(4, 5)):
        part = concatenate(list(READERS["cms_pfnano"].read(path, rows, 2)))
        for name in ("constituents", "kinematics", "ids"):
            assert np.array_equal(getattr(whole[rows.start : rows.stop], name), getattr(part, name)), (rows, name)


def test_the_class_of_a_file_is_the_users(tmp_path: Path, branches: Branches) -> None:
    paths = [write_tree(tmp_path / f"{name}.root", "Events", branches) for name in ("qcd", "tt")]
    out = tmp_path / "jets.h5"
    file = JetsFile(import_jets("cms_pfnano", [f"QCD={paths[0]}", f"top={paths[1]}"], out, ONE))
    file.verify()
    assert file.classes == ("QCD", "top") and file.read().labels.tolist() == [0] * 5 + [1] * 5
    assert [entry["class"] for entry in file.provenance["files"]] == ["QCD", "top"]
    with pytest.raises(ConfigError, match=r"tt\.root: has no class, but other files have; give it as CLASS=PATH"):
        import_jets("cms_pfnano", [f"QCD={paths[0]}", paths[1]], out, ONE)
    assert JetsFile(import_jets("cms_pfnano", paths, out, ONE)).classes == ("unlabelled",)


def nano(branches: Branches, *kept: str) -> Branches:
    return {name: values for name, values in branches.items() if name in kept}


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            lambda b: nano(b, "nFatJet") | {"FatJet_pt": b["PFCands_pt"]},
            LayoutError,
            "is NanoAOD without PFCands, the particle-flow candidates that jets are made of; give files that PFNano",
        ),
        (
            lambda b: nano(b, "nFatJet") | {"PFCand_pt": b["PFCands_pt"]},
            LayoutError,
            "(its PFCand lists only those of some jets, without charge and impact parameters)",
        ),
        (lambda b: {k: v for k, v in b.items() if k != "PFCands_d0"}, LayoutError, "has no branch 'PFCands_d0'"),
        (
            lambda b: {k: v for k, v in b.items() if k != "FatJetPFCands_jetIdx"},
            LayoutError,
            "has no branch 'FatJetPFCands_jetIdx'",
        ),
        (
            lambda b: b | {"FatJetPFCands_jetIdx": b["FatJetPFCands_jetIdx"] + 1},
            LayoutError,
            "FatJetPFCands points to a jet or a candidate that is not there",
        ),
        (
            lambda b: b | {"FatJetPFCands_pFCandsIdx": b["FatJetPFCands_pFCandsIdx"] - 20},
            LayoutError,
            "FatJetPFCands points to a jet or a candidate that is not there",
        ),
        (
            lambda b: b | {"FatJetPFCands_jetIdx": b["FatJetPFCands_jetIdx"] * 0},
            DataError,
            "Events: FatJet: no constituent in row 1",
        ),
        (lambda b: b | {"PFCands_pt": b["PFCands_pt"] * np.nan}, DataError, "FatJet: NaN or infinity in row 0"),
        (lambda b: b | {"nFatJet": b["nFatJet"] * 0}, DataError, "there are no jets"),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_written(
    tmp_path: Path,
    branches: Branches,
    change: Callable[[Branches], Branches],
    kind: type[TagwareError],
    message: str,
) -> None:
    path = write_tree(tmp_path / "nano.root", "Events", change(branches))
    assert_refused("cms_pfnano", path, kind, message)


def test_a_public_file_is_read_where_there_is_one(tmp_path: Path) -> None:
    """Jets agree with the uncorrected pT and mass that CMS stored, within what their 10 or so bits hold."""
    import uproot

    for path in PUBLIC_FILES.glob("pfnano*.root"):
        jets = JetsFile(import_jets("cms_pfnano", [path], tmp_path / "jets.h5", ONE)).read()
        with uproot.open(path) as file:
            stored = file["Events"].arrays(["FatJet_pt", "FatJet_mass", "FatJet_rawFactor"])
        raw = 1 - awkward.to_numpy(awkward.flatten(stored["FatJet_rawFactor"]))
        assert jets.jet("pt_gev") == pytest.approx(
            raw * awkward.to_numpy(awkward.flatten(stored["FatJet_pt"])), rel=5e-3
        )
        mass = raw * awkward.to_numpy(awkward.flatten(stored["FatJet_mass"]))
        assert jets.jet("mass_gev") == pytest.approx(mass, rel=2e-2)


def test_public_nanoaod_without_candidates_is_refused_where_there_is_some(tmp_path: Path) -> None:
    for path in PUBLIC_FILES.glob("nano_*.root"):
        with pytest.raises(LayoutError, match=r"is NanoAOD without PFCands"):
            import_jets("cms_pfnano", [path], tmp_path / "jets.h5", ONE)
