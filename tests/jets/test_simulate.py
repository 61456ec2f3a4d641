from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from jets.dataset import IDENTITIES, Jets, JetsFile, JetsWriter
from jets.errors import ConfigError, InputError, LayoutError, StorageError, ToolFailed, ToolNotFound
from jets.files import file_digest
from jets.high_level import HIGH_LEVEL_FEATURES, high_level_features
from jets.simulate import SimulateConfig, run, simulate
from jets.splits import split_of

SMALL = SimulateConfig(classes=("q", "t"), n_per_class=20, n_constituents=400, impact_parameters=True)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "JETS_PER_CHUNK", 10)


@pytest.fixture
def one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For many jets: Pythia starts once, rather than for every ten of them."""
    monkeypatch.setattr(run, "JETS_PER_CHUNK", 2000)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "JETS_PER_CHUNK", 10)
        return simulate(SMALL, tmp_path_factory.mktemp("small") / "jets.h5", processes=1)


@pytest.fixture(scope="module")
def jets(small_file: Path) -> Jets:
    return JetsFile(small_file).read()


def test_two_processes_write_the_same_file_as_one(small_file: Path, tmp_path: Path) -> None:
    other = simulate(SMALL, tmp_path / "jets.h5", processes=2)
    assert JetsFile(other).checksum == JetsFile(small_file).checksum
    assert file_digest(other) == file_digest(small_file)
    assert [path.name for path in tmp_path.iterdir()] == ["jets.h5"]


def test_an_interrupted_run_resumes_to_the_same_file_and_keeps_its_finished_chunks(
    small_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, made, real = tmp_path / "jets.h5", [], run.simulate_chunk

    def interrupted_at_third(config: SimulateConfig, name: str, chunk: int, n_jets: int) -> Jets:
        made.append((name, chunk))
        if len(made) == 3:
            raise KeyboardInterrupt
        return real(config, name, chunk, n_jets)

    monkeypatch.setattr(run, "simulate_chunk", interrupted_at_third)
    with pytest.raises(KeyboardInterrupt):
        simulate(SMALL, out, processes=1)
    assert not out.exists()
    simulate(SMALL, out, processes=1)
    assert made == [("q", 0), ("t", 0), ("q", 1), ("q", 1), ("t", 1)]
    assert file_digest(out) == file_digest(small_file)


def test_chunks_of_another_configuration_are_not_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def count(config: SimulateConfig, name: str, chunk: int, n_jets: int) -> Jets:
        made.append(config.seed)
        if len(made) in (2, 4):
            raise KeyboardInterrupt
        return run_real(config, name, chunk, n_jets)

    run_real = run.simulate_chunk
    monkeypatch.setattr(run, "simulate_chunk", count)
    for seed in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            simulate(SimulateConfig(classes=("q",), n_per_class=20, seed=seed), tmp_path / "jets.h5", processes=1)
    assert made == [1, 1, 2, 2]
    simulate(SimulateConfig(classes=("q",), n_per_class=20, seed=2), tmp_path / "jets.h5", processes=1)
    simulate(SimulateConfig(classes=("q",), n_per_class=20, seed=1), tmp_path / "jets.h5", processes=1)
    assert made == [1, 1, 2, 2, 2, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["jets.h5"]


def test_a_damaged_finished_chunk_is_made_again(
    small_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_merge(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run, "_merge", no_merge)
        simulate(SMALL, tmp_path / "jets.h5", processes=1)
    chunk = next(tmp_path.rglob("q-000000.h5"))
    with h5py.File(chunk) as file:
        place = file["ids"].id.get_chunk_info(0).byte_offset
    content = bytearray(chunk.read_bytes())
    content[place] ^= 0x10
    chunk.write_bytes(content)
    with pytest.raises(LayoutError):
        JetsFile(chunk).verify()
    assert file_digest(simulate(SMALL, tmp_path / "jets.h5", processes=1)) == file_digest(small_file)


def test_a_longer_run_begins_with_the_jets_of_a_shorter_one(jets: Jets, tmp_path: Path) -> None:
    config = SimulateConfig(classes=("t",), n_per_class=10, n_constituents=400, impact_parameters=True)
    shorter = JetsFile(simulate(config, tmp_path / "jets.h5", processes=1)).read()
    place = {int(jet_id): row for row, jet_id in enumerate(jets.ids)}
    rows = np.array([place[int(jet_id)] for jet_id in shorter.ids])
    assert np.array_equal(jets.kinematics[rows], shorter.kinematics)
    assert np.array_equal(jets.constituents[rows], shorter.constituents)


def test_another_seed_gives_other_jets(jets: Jets, tmp_path: Path) -> None:
    config = SimulateConfig(classes=("t",), n_per_class=10, seed=2)
    other = JetsFile(simulate(config, tmp_path / "jets.h5", processes=1)).read()
    assert not set(other.ids.tolist()) & set(jets.ids.tolist())
    assert not set(other.jet("pt_gev").tolist()) & set(jets.jet("pt_gev").tolist())


def test_the_pt_spectrum_of_every_class_is_flat_in_the_window(jets: Jets) -> None:
    for label in range(2):
        pt = jets.jet("pt_gev")[jets.labels == label]
        counts, _ = np.histogram(pt, np.linspace(800, 1200, 11))
        assert counts.tolist() == [2] * 10


def test_both_jets_of_an_event_are_in_one_split(jets: Jets) -> None:
    assert jets.events is not None and len(set(jets.events.tolist())) < len(jets)
    for event in set(jets.events.tolist()):
        assert len({int(split) for split in split_of(jets.split_keys[jets.events == event])}) == 1


def test_every_jet_has_its_own_id(jets: Jets) -> None:
    assert len(set(jets.ids.tolist())) == len(jets) == 40


def test_constituents_add_up_to_the_jet(jets: Jets) -> None:
    pt, mass = jets.feature("pt_gev").astype(float), jets.feature("mass_gev").astype(float)
    eta = jets.feature("deta") + jets.jet("eta")[:, None].astype(float)
    phi = jets.feature("dphi") + jets.jet("phi")[:, None].astype(float)
    px, py, pz = ((pt * axis).sum(axis=1) for axis in (np.cos(phi), np.sin(phi), np.sinh(eta)))
    energy = np.where(jets.mask, np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2), 0).sum(axis=1)
    np.testing.assert_allclose(np.hypot(px, py), jets.jet("pt_gev"), rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(energy**2 - px**2 - py**2 - pz**2), jets.jet("mass_gev"), rtol=1e-3)
    assert np.array_equal(jets.mask.sum(axis=1), jets.jet("n_constituents"))


def test_constituents_are_in_order_of_pt_and_zero_where_padded(jets: Jets) -> None:
    assert (np.diff(jets.feature("pt_gev"), axis=1) <= 0).all()
    assert (jets.constituents[~jets.mask] == 0).all()
    assert (jets.feature("pt_gev")[jets.mask] > 0).all()


def test_tracks_alone_have_charge_and_impact_parameters(jets: Jets) -> None:
    track = np.isin(
        jets.feature("identity"), [IDENTITIES.index(name) for name in ("charged_hadron", "electron", "muon")]
    )
    assert np.array_equal(np.abs(jets.feature("charge")) == 1, track)
    for name in ("d0_error_mm", "dz_error_mm"):
        assert np.array_equal(jets.feature(name) > 0, track)
    assert set(np.unique(jets.feature("identity")[jets.mask]).astype(int)) <= {1, 2, 3, 4, 5}


def test_top_jets_have_the_top_mass_and_quark_jets_do_not(jets: Jets) -> None:
    median = [np.median(jets.jet("mass_gev")[jets.labels == label]) for label in range(2)]
    assert median[0] < 120 and 160 < median[1] < 190


def test_jets_are_cut_to_the_leading_constituents(jets: Jets, tmp_path: Path) -> None:
    config = SimulateConfig(classes=("q", "t"), n_per_class=10, n_constituents=5)
    short = JetsFile(simulate(config, tmp_path / "jets.h5", processes=1)).read()
    place = {int(jet_id): row for row, jet_id in enumerate(jets.ids)}
    rows = np.array([place[int(jet_id)] for jet_id in short.ids])
    assert short.constituents.shape == (20, 5, 6)
    assert np.array_equal(short.constituents, jets.constituents[rows][:, :5, :6])
    assert np.array_equal(short.jet("n_constituents"), jets.jet("n_constituents")[rows])


def test_high_level_features_are_those_of_all_constituents(jets: Jets, tmp_path: Path) -> None:
    config = SimulateConfig(classes=("t",), n_per_class=10, n_constituents=5, high_level=True)
    short = JetsFile(simulate(config, tmp_path / "jets.h5", processes=1)).read()
    place = {int(jet_id): row for row, jet_id in enumerate(jets.ids)}
    whole = jets[np.array([place[int(jet_id)] for jet_id in short.ids])]
    assert short.high_level_features == HIGH_LEVEL_FEATURES and short.high_level is not None
    np.testing.assert_allclose(short.high_level, high_level_features(whole), rtol=2e-3, atol=1e-6)


def test_provenance_says_what_was_simulated(small_file: Path) -> None:
    provenance = JetsFile(small_file).provenance
    assert provenance["multiple_interactions"] == "off"
    assert provenance["views"]["nominal"]["detector"]["tracker"]["eta_max"] == 2.5
    assert provenance["config"]["seed"] == 1 and provenance["versions"]["pythia8mc"]
    assert "flat" in provenance["pt_spectrum"]


@pytest.mark.long
@pytest.mark.usefixtures("one_chunk")
@pytest.mark.parametrize(("name", "mass"), [("W", 80.4), ("Z", 91.2), ("top", 172.5)])
def test_groomed_heavy_jets_peak_at_their_mass(name: str, mass: float, tmp_path: Path) -> None:
    config = SimulateConfig(classes=(name,), n_per_class=200, high_level=True, detector="none")
    found = JetsFile(simulate(config, tmp_path / "jets.h5", processes=1)).read().high_level
    assert found is not None
    masses = np.sort(found[:, HIGH_LEVEL_FEATURES.index("mass_mmdt")])
    fifth = len(masses) // 5
    densest = int(np.argmin(masses[fifth:] - masses[:-fifth]))
    assert masses[densest : densest + fifth].mean() == pytest.approx(mass, rel=0.03)


@pytest.mark.long
@pytest.mark.usefixtures("one_chunk")
def test_multiple_interactions_add_constituents(tmp_path: Path) -> None:
    means, errors = [], []
    for on in (False, True):
        config = SimulateConfig(classes=("QCD",), n_per_class=1000, multiple_interactions=on, detector="none")
        file = JetsFile(simulate(config, tmp_path / f"{on}.h5", processes=1))
        assert file.provenance["multiple_interactions"] == ("on" if on else "off")
        counts = file.read().jet("n_constituents")
        means.append(counts.mean())
        errors.append(counts.std() / len(counts) ** 0.5)
    assert means[1] - means[0] > 3 * np.hypot(*errors)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"classes": ("q", "tau")}, "'tau'"),
        ({"classes": ()}, "classes"),
        ({"classes": ("q", "q")}, "'q' is named twice"),
        ({"views": ("fsr_up", "fsr_up")}, "'fsr_up' is named twice"),
        ({"views": ("herwig",)}, r"unknown view 'herwig'.*detector_CARD \(e\.g\. detector_cms\), pile_up_MEAN"),
        ({"views": ("detector_delphes",)}, "unknown detector 'delphes'.*cms, light, none"),
        ({"views": ("pile_up_many",)}, "view 'pile_up_many' names no pile-up.*e.g. pile_up_140"),
        ({"views": ("pile_up_2000",)}, "from 0 to 1000"),
        ({"pile_up": -1.0}, "pile_up is -1"),
        ({"pt_gev": (1200.0, 800.0)}, "pt_gev"),
        ({"pt_gev": (10.0, 50.0)}, "pt_gev"),
        ({"n_per_class": 0}, "n_per_class"),
        ({"n_constituents": -3}, "n_constituents"),
        ({"eta_max": 9.0}, "eta_max"),
        ({"jet_radius": 0.0}, "jet_radius"),
        ({"seed": -1}, "seed"),
        ({"detector": "atlas"}, "'atlas'"),
    ],
)
def test_a_bad_configuration_is_named(change: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        SimulateConfig(**change)  # type: ignore[arg-type]


def test_no_processes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="processes"):
        simulate(SMALL, tmp_path / "jets.h5", processes=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["pythia8mc", "fastjet", "awkward"])
def test_a_missing_package_names_the_extra(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ToolNotFound, match=package) as raised:
        simulate(SMALL, tmp_path / "jets.h5", processes=1)
    assert "tagware[simulate]" in str(raised.value)
    assert not (tmp_path / "jets.h5").exists()


def test_a_full_disk_is_a_storage_error_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(writer: JetsWriter, jets: Jets) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(JetsWriter, "append", full)
    with pytest.raises(StorageError, match="disk is full"):
        simulate(SMALL, tmp_path / "jets.h5", processes=1)
    assert not list(tmp_path.rglob("*.h5"))


def test_an_unwritable_place_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        simulate(SMALL, tmp_path / "file" / "jets.h5", processes=1)


def test_a_folder_as_output_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        simulate(SMALL, tmp_path, processes=1)


def test_a_file_that_is_not_ours_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"notes\.txt: is not a jets file that tagware wrote"):
        simulate(SMALL, tmp_path / "notes.txt", processes=1)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_foreign_parts_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "jets.h5.parts").mkdir()
    (tmp_path / "jets.h5.parts" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="did not write"):
        simulate(SMALL, tmp_path / "jets.h5", processes=1)
    assert (tmp_path / "jets.h5.parts" / "mine.txt").read_text() == "mine"


def test_a_killed_process_is_a_tool_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = SimpleNamespace(make=partial(os._exit, 3), n_jets=1, path=tmp_path / "none.h5")
    monkeypatch.setattr(run, "_chunks", lambda config, work: [dead, dead])
    with pytest.raises(ToolFailed, match="was killed"):
        simulate(SMALL, tmp_path / "jets.h5", processes=2)
    assert not (tmp_path / "jets.h5").exists()


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from jets.simulate import SimulateConfig, simulate\n"
        "if __name__ == '__main__':\n"
        "    simulate(SimulateConfig(classes=('g',), n_per_class=400_000), sys.argv[1], processes=2)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    root = Path(run.__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, script, tmp_path / "jets.h5"],
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )
    until(lambda: len(session_of(parent.pid)) >= 3)
    parent.kill()
    parent.wait()
    until(lambda: session_of(parent.pid) == [])


def session_of(leader: int) -> list[int]:
    """The processes of the session that `leader` started, zombies apart."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(stat.parent.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_a_window_that_no_jet_reaches_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jets.simulate.chunk._too_many_events", lambda n_events, n_jets: True)
    with pytest.raises(ConfigError, match="pt_gev"):
        simulate(SMALL, tmp_path / "jets.h5", processes=1)
    assert not (tmp_path / "jets.h5").exists()
