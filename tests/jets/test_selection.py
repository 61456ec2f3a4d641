"""The jets of a task: some classes of a file, several as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jets.dataset import JetsFile
from jets.errors import ConfigError
from jets.samples import sample_path
from jets.selection import select_classes

SAMPLE = JetsFile(sample_path("five_class"))


def test_classes_are_joined_in_the_order_they_are_named_and_jets_keep_their_split(tmp_path: Path) -> None:
    file = JetsFile(select_classes(SAMPLE, ["QCD=g+q", "top=t"], tmp_path / "task.h5"))
    file.verify()
    whole, jets = SAMPLE.read(), file.read()
    assert jets.classes == ("QCD", "top") and file.provenance["selection"] == ["QCD=g+q", "top=t"]
    for label, stored in enumerate((("g", "q"), ("t",))):
        wanted = np.isin(whole.labels, [whole.classes.index(name) for name in stored])
        np.testing.assert_array_equal(np.sort(jets.ids[jets.labels == label]), np.sort(whole.ids[wanted]))
    test = set(whole.split("test").ids.tolist())
    assert {int(i) for i in jets.split("test").ids} == test & {int(i) for i in jets.ids}


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        (["QCD=g+q", "H"], "has no class 'H'; its classes are g, q, W, Z, t"),
        (["QCD=g+q"], "a task needs at least two classes"),
        (["g", "QCD=g+q"], "the stored class 'g' is named twice"),
        (["QCD=g", "QCD=q"], "the class 'QCD' is named twice"),
    ],
)
def test_classes_that_cannot_be_chosen_leave_no_file(named: list[str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        select_classes(SAMPLE, named, tmp_path / "task.h5")
    assert complaint in str(caught.value)
    assert not list(tmp_path.iterdir())
