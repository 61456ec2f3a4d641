"""The jets of a project are checked before anything is trained on them."""

from pathlib import Path

import numpy as np
import pytest

import jets.simulate
from flow.project import ProjectFolder
from flow.source import POINTER, count_jets, jets_inputs, open_jets, provide_jets
from jets.dataset import Jets, JetsFile, JetsWriter
from jets.errors import DataError, LayoutError
from jets.files import read_json
from jets.samples import sample_path
from jets.splits import split_of
from tests.synthetic import synthetic_jets


def project(folder: Path, content: Jets) -> ProjectFolder:
    """A project on these jets."""
    (folder / "project.yaml").write_text("jets: {file: jets.h5}\n")
    with JetsWriter(folder / "jets.h5") as writer:
        writer.append(content)
    return ProjectFolder.load(folder)


def test_the_pointer_leads_to_the_same_jets_and_counts_them(tmp_path: Path) -> None:
    mine = project(tmp_path, synthetic_jets(400))
    (tmp_path / "stage").mkdir()
    provide_jets(mine, tmp_path / "stage")
    file = open_jets(tmp_path / "stage")
    counts = read_json(tmp_path / "stage" / POINTER)["counts"]
    assert file.n_jets == sum(sum(by_class.values()) for by_class in counts.values()) == 400
    assert min(counts["test"].values()) > 30


def test_a_moved_tree_still_finds_its_jets(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    mine = project(tmp_path / "here", synthetic_jets(400))
    (tmp_path / "here/stage").mkdir()
    provide_jets(mine, tmp_path / "here/stage")
    (tmp_path / "here").rename(tmp_path / "there")
    assert open_jets(tmp_path / "there/stage").n_jets == 400


def test_a_packaged_sample_is_found_by_a_project_that_was_moved_and_by_another_installation(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/project.yaml").write_text("jets: {sample: five_class}\n")
    (tmp_path / "here/stage").mkdir()
    provide_jets(ProjectFolder.load(tmp_path / "here"), tmp_path / "here/stage")
    (tmp_path / "far/away").mkdir(parents=True)
    (tmp_path / "here").rename(tmp_path / "far/away/there")
    assert open_jets(tmp_path / "far/away/there/stage").path == sample_path("five_class")


def test_an_edited_detector_card_makes_the_jets_stale(tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    card.write_text((Path(jets.simulate.__file__).parent / "detectors/light.yaml").read_text())
    (tmp_path / "project.yaml").write_text(f"jets: {{simulate: {{detector: {card}}}}}\n")
    before = jets_inputs(ProjectFolder.load(tmp_path))
    card.write_text(card.read_text().replace("pt_min_gev: 0.1", "pt_min_gev: 0.2"))
    assert jets_inputs(ProjectFolder.load(tmp_path)) != before


def test_a_class_that_is_absent_from_a_split_is_named(tmp_path: Path) -> None:
    content = synthetic_jets(400)
    only_train = (content.labels == 0) | (split_of(content.ids) == 0)
    with JetsWriter(tmp_path / "jets.h5") as writer:
        writer.append(content[only_train])
    with pytest.raises(DataError, match="class 'top' has no jets in the validation split"):
        count_jets(JetsFile(tmp_path / "jets.h5"))


def test_other_jets_under_the_same_name_are_noticed(tmp_path: Path) -> None:
    mine = project(tmp_path, synthetic_jets(400))
    (tmp_path / "stage").mkdir()
    provide_jets(mine, tmp_path / "stage")
    before = jets_inputs(mine)
    project(tmp_path, synthetic_jets(400, seed=5))
    assert jets_inputs(mine) != before
    with pytest.raises(LayoutError, match="other jets"):
        open_jets(tmp_path / "stage")


def test_a_flipped_byte_in_the_jets_is_noticed(tmp_path: Path) -> None:
    mine = project(tmp_path, synthetic_jets(400))
    content = bytearray((tmp_path / "jets.h5").read_bytes())
    rng = np.random.default_rng(1)
    (tmp_path / "stage").mkdir()
    noticed = 0
    for place in rng.integers(len(content) // 2, len(content), 5):
        damaged = content.copy()
        damaged[place] ^= 0xFF
        (tmp_path / "jets.h5").write_bytes(damaged)
        try:
            provide_jets(mine, tmp_path / "stage")
            assert (JetsFile(tmp_path / "jets.h5").read().constituents == synthetic_jets(400).constituents).all()
        except LayoutError:
            noticed += 1
    assert noticed > 0
