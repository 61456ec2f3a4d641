"""Starting Keras without TensorFlow's words about GPU plug-ins, which no log level silences."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def start_keras() -> None:
    """Import Keras; what its backend prints to standard error while it loads is dropped, exceptions are not."""
    if "keras" not in sys.modules:
        with _standard_error_dropped():
            import keras  # noqa: F401


@contextmanager
def _standard_error_dropped() -> Iterator[None]:
    """Below Python: TensorFlow's C++ writes to the file descriptor."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
