"""One step of synthesis in its own folder, done once for the same inputs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from jets.errors import LayoutError
from jets.files import json_digest, read_json, write_json

DONE = "done.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """A step with its inputs.

    Attributes:
        folder: where it works.
        title: what is shown while it runs.
        inputs: everything that decides its results, e.g. the digest of the design, the script, the tool's version.
        outputs: files that it leaves in the folder.
    """

    folder: Path
    title: str
    inputs: Mapping[str, str]
    outputs: Sequence[str]

    def run(self, work: Callable[[], None]) -> float:
        """Do `work` unless the folder holds the results of the same inputs; the seconds that it took, then or now.

        Raises:
            LayoutError: the work did not leave its outputs.
        """
        digest = json_digest(self.inputs)
        if (seconds := self._seconds(digest)) is not None:
            _log.info("%s: kept from an earlier run", self.title)
            return seconds
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / DONE).unlink(missing_ok=True)
        for name in self.outputs:
            (self.folder / name).unlink(missing_ok=True)
        start = time.monotonic()
        with tqdm(desc=self.title, bar_format="{desc} … {elapsed}", disable=None, leave=False):
            work()
        seconds = time.monotonic() - start
        for name in self.outputs:
            if not (self.folder / name).is_file():
                raise LayoutError("was not written by its tool", self.folder / name, "read the log beside it")
        write_json(self.folder / DONE, {"inputs": digest, "seconds": seconds})
        return seconds

    def _seconds(self, digest: str) -> float | None:
        if not all((self.folder / name).is_file() for name in (DONE, *self.outputs)):
            return None
        try:
            done = read_json(self.folder / DONE)
            return float(done["seconds"]) if done["inputs"] == digest else None
        except (LayoutError, KeyError, TypeError, ValueError):
            return None
