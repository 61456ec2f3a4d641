"""What the tests put into files that a stranger may have made, and how often.

`TAGWARE_FUZZ=20` in the environment tries twenty times as many files, others each time.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("TAGWARE_FUZZ", "1"))
# The same examples each time, so that a change is judged by them and not by luck.
FUZZ = settings(
    max_examples=60 * TIMES,
    derandomize=TIMES == 1,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.just("../../etc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=5,
)
BYTES = st.binary(max_size=8) | st.sampled_from([b"-1", b"NaN", b"1e999", b"null", b"[]", b"9" * 5000, b"[" * 10**5])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every mapping, list and value in the content of a file."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value in one place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def damaged(content: bytes, data: st.DataObject) -> bytes:
    """Other bytes in some places, and perhaps an end that is missing."""
    copy, where = bytearray(content), st.integers(0, len(content) - 1)
    for place, byte in data.draw(st.lists(st.tuples(where, st.integers(0, 255)), max_size=6)):
        copy[place] = byte
    return bytes(copy[: data.draw(st.just(len(content)) | where)])


def spliced(content: bytes, data: st.DataObject) -> bytes:
    """Something else in the place of some bytes."""
    place = data.draw(st.integers(0, len(content)))
    return content[:place] + data.draw(BYTES) + content[place + data.draw(st.integers(0, 30)) :]
