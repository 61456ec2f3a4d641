import pickle
from pathlib import Path

import pytest

from jets import errors
from jets.errors import ExactnessError, StorageError, TagwareError

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TagwareError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_one_line_with_what_where_and_remedy(kind: type[TagwareError]) -> None:
    error = kind("the disk\n  is full", Path("out/jets.h5"), "free some\nspace")
    assert str(error) == "out/jets.h5: the disk is full; free some space"


def test_where_and_remedy_may_be_left_out() -> None:
    assert str(TagwareError("no jets")) == "no jets"
    assert str(TagwareError("no jets", None, "add some")) == "no jets; add some"
    assert str(TagwareError("no jets", "file.h5")) == "file.h5: no jets"


@pytest.mark.parametrize("kind", ALL)
def test_exit_status_is_1_for_models_that_disagree_and_2_otherwise(kind: type[TagwareError]) -> None:
    assert kind("x").exit_status == (1 if kind is ExactnessError else 2)


def test_an_error_keeps_its_parts_between_processes() -> None:
    copy = pickle.loads(pickle.dumps(StorageError("is full", Path("a"), "free it")))
    assert (type(copy), copy.what, copy.where, copy.remedy) == (StorageError, "is full", Path("a"), "free it")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = [line.split("──")[-1].split()[0] for line in errors.__doc__.splitlines() if "──" in line]
    assert ["TagwareError", *drawn] == [kind.__name__ for kind in ALL]
