"""Whatever a stranger's file holds, there is a result or an error of ours that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flow.project import ProjectFolder
from flow.steps import stages
from hls.report import Report
from jets.config import read_yaml
from jets.dataset import JetsFile, JetsWriter
from jets.errors import TagwareError
from jets.readers import READERS
from tests.documentation import ROOT, blocks
from tests.jets.readers import test_jetnet, test_omnilearned
from tests.jets.readers.public_files import random_momenta, save, top_tagging_table
from tests.jets.readers.root_files import jetclass_branches, pfnano_branches, write_tree
from tests.synthetic import synthetic_jets

# The same examples each time, so that a change is judged by them and not by luck.
FUZZ = settings(
    max_examples=60, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
(PROJECT,) = (yaml.safe_load(block) for block in blocks(ROOT / "docs/project.md", "yaml"))
STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.just("../../etc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every mapping, list and value in a project."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value in one place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@FUZZ
@given(place=st.sampled_from(places(PROJECT)), new=STRANGE)
def test_a_project_with_anything_anywhere_is_taken_or_refused(tmp_path: Path, place: tuple[Any, ...], new: Any) -> None:
    (tmp_path / "project.yaml").write_text(yaml.safe_dump(changed(PROJECT, place, new), allow_unicode=True))
    before = sorted(tmp_path.iterdir())
    try:
        stages(ProjectFolder.load(tmp_path))
    except TagwareError as error:
        assert "\n" not in str(error)
    assert sorted(tmp_path.iterdir()) == before


@FUZZ
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_a_yaml_file_of_any_bytes_is_taken_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "project.yaml").write_bytes(content)
    with suppress(TagwareError):
        read_yaml(tmp_path / "project.yaml")


REPORT = (ROOT / "firmware_projects/jets5_hlf_mlp/report.json").read_bytes()


@FUZZ
@given(
    place=st.integers(0, len(REPORT)),
    length=st.integers(0, 30),
    new=st.binary(max_size=8) | st.sampled_from([b"-1", b"NaN", b"1e999", b"null", b"[]", b"9" * 5000, b"[" * 10**5]),
)
def test_a_report_with_other_bytes_is_read_or_refused(tmp_path: Path, place: int, length: int, new: bytes) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(REPORT[:place] + new + REPORT[place + length :])
    try:
        Report.load(path)
    except TagwareError as error:
        assert str(path) in str(error)


def written(format: str, folder: Path) -> Path:
    """A small file of a public format, or of our own."""
    if format == "ours":
        with JetsWriter(folder / "jets.h5") as writer:
            writer.append(synthetic_jets(20))
        return folder / "jets.h5"
    if format == "jetnet":
        return save(folder / "g.hdf5", test_jetnet.arrays())
    if format == "omnilearned":
        return save(folder / "jets.h5", test_omnilearned.arrays())
    if format == "top_tagging":
        top_tagging_table(20, 6).to_hdf(folder / "train.h5", key="table", format="table")
        return folder / "train.h5"
    if format == "jetclass":
        return write_tree(folder / "jets.root", "tree", jetclass_branches(random_momenta))
    return write_tree(folder / "nano.root", "Events", pfnano_branches())


def read_all(format: str) -> Callable[[Path], Any]:
    """What reads every jet of such a file."""
    if format == "ours":
        return lambda path: [list(JetsFile(path).slices()), JetsFile(path).verify()]
    reader = READERS[format]
    return lambda path: list(reader.read(path, range(reader.count(path)), 7))


@pytest.mark.parametrize("format", ["ours", "jetnet", "omnilearned", "top_tagging", "jetclass", "cms_pfnano"])
@FUZZ
@given(data=st.data())
def test_a_jets_file_with_other_bytes_is_read_or_refused(tmp_path: Path, format: str, data: st.DataObject) -> None:
    whole = tmp_path / "whole"
    if not whole.is_file():
        written(format, tmp_path).rename(whole)
    content = bytearray(whole.read_bytes())
    where = st.integers(0, len(content) - 1)
    for place, byte in data.draw(st.lists(st.tuples(where, st.integers(0, 255)), max_size=6)):
        content[place] = byte
    end = data.draw(st.just(len(content)) | where)
    damaged = tmp_path / ("damaged.root" if format in ("jetclass", "cms_pfnano") else "g.hdf5")
    damaged.write_bytes(content[:end])
    assume(content[:end] != whole.read_bytes())
    try:
        with np.errstate(all="ignore"):
            read_all(format)(damaged)
    except TagwareError as error:
        assert str(damaged) in str(error)
