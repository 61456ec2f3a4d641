"""Running stages: what is up to date is kept, what is not is redone, what was interrupted is resumed."""

from __future__ import annotations

import datetime
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hls.csim.sources import BUILD
from jets.errors import ConfigError, InputError, StorageError
from jets.files import claim_folder, file_digest, json_digest, read_json, write_json

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Stage:
    """One step of a project.

    Attributes:
        name: also the name of its folder.
        after: the stages whose folders it reads.
        config: everything that decides its result besides those folders (JSON-serialisable).
        run: called with its own folder, which may hold what an interrupted run of the same config left, and
            the folders of `after` by name.
        files: external files it reads; their bytes count as inputs.
        find_tools: raises ToolNotFound when a program that it runs is not there.
    """

    name: str
    after: tuple[str, ...]
    config: Mapping[str, Any]
    run: Callable[[Path, Mapping[str, Path]], None]
    files: tuple[Path, ...] = ()
    find_tools: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class StageState:
    """How a stage stands: `fresh`, `stale` (inputs changed), `damaged`, `interrupted` or `missing`."""

    name: str
    state: str
    seconds: float | None


class Runner:
    """Runs a project's stages inside one build folder; finished ones that they read may be `given` from elsewhere.

    Raises:
        StorageError: the folder is not ours, or another run holds it.
    """

    def __init__(self, stages: Sequence[Stage], build: Path, given: Mapping[str, Path] | None = None) -> None:
        self.stages, self.build, self.given = tuple(stages), Path(build), dict(given or {})

    def folder(self, name: str) -> Path:
        """Where the finished stage lives."""
        return self.given.get(name, self.build / name)

    def run(self, until: str | None = None, announce: Callable[[str, str], None] = lambda stage, state: None) -> None:
        """Run every stage that is not fresh, up to and including `until`.

        `announce(stage, state)` is called with "fresh", "running" or "done". Nothing starts before the tools of every
        stage that will run are found.

        Raises:
            ConfigError: no such stage.
            ToolNotFound: a tool is not installed.
        """
        names = [stage.name for stage in self.stages]
        if until is not None and until not in names:
            raise ConfigError(f"unknown stage {until!r}", None, f"the stages are {', '.join(names)}")
        self._find_tools(self.stages[: names.index(until) + 1] if until is not None else self.stages)
        claim_folder(self.build)
        with _locked(self.build / ".lock"):
            for stage in self.stages:
                self._bring_up_to_date(stage, announce)
                if stage.name == until:
                    return

    def states(self) -> list[StageState]:
        """How each stage stands, without running anything."""
        found: list[StageState] = []
        upstream_fresh = dict.fromkeys(self.given, True)
        for stage in self.stages:
            ready = all(upstream_fresh[name] for name in stage.after)
            state = self._state(stage, ready)
            upstream_fresh[stage.name] = state == "fresh"
            manifest = self._manifest(stage) or {}
            found.append(StageState(stage.name, state, manifest.get("seconds")))
        return found

    def _find_tools(self, stages: Sequence[Stage]) -> None:
        """Rather now than after hours of training."""
        for stage, state in zip(stages, self.states(), strict=False):
            if state.state != "fresh":
                stage.find_tools()

    def _state(self, stage: Stage, upstream_fresh: bool) -> str:
        folder = self.folder(stage.name)
        if not (folder / MANIFEST).is_file():
            return "interrupted" if self._work(stage).is_dir() else "missing"
        manifest = self._manifest(stage)
        if manifest is None:
            return "damaged"
        if not upstream_fresh or manifest["digest"] != self._digest(stage):
            return "stale"
        return "fresh" if _is_whole(folder, manifest["outputs"]) else "damaged"

    def _manifest(self, stage: Stage) -> dict[str, Any] | None:
        """The manifest of a finished stage; None when there is none or it is damaged."""
        try:
            manifest = read_json(self.folder(stage.name) / MANIFEST)
        except InputError:
            return None
        whole = isinstance(manifest, dict) and {"digest", "outputs", "seconds"} <= manifest.keys()
        return manifest if whole else None

    def _bring_up_to_date(self, stage: Stage, announce: Callable[[str, str], None]) -> None:
        if self._state(stage, upstream_fresh=True) == "fresh":
            announce(stage.name, "fresh")
            return
        announce(stage.name, "running")
        digest, work = self._digest(stage), self._work(stage)
        _prepare(work, digest)
        before = _spent(work)
        start = time.monotonic()
        try:
            stage.run(work, {name: self.folder(name) for name in stage.after})
        finally:
            if work.is_dir():
                (work / "seconds").write_text(f"{before + time.monotonic() - start}")
        self._finish(stage, work, digest)
        announce(stage.name, "done")

    def _finish(self, stage: Stage, work: Path, digest: str) -> None:
        seconds = round(_spent(work), 2)
        for name in ("digest", "seconds"):
            (work / name).unlink()
        manifest = {
            "stage": stage.name,
            "digest": digest,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seconds": seconds,
            "config": dict(stage.config),
            "after": list(stage.after),
            "outputs": _outputs(work),
        }
        write_json(work / MANIFEST, manifest)
        folder = self.folder(stage.name)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(work, folder)

    def _digest(self, stage: Stage) -> str:
        upstream = {name: read_json(self.folder(name) / MANIFEST)["outputs"] for name in stage.after}
        files = [file_digest(path) for path in stage.files]
        return json_digest({"config": dict(stage.config), "after": upstream, "files": files})

    def _work(self, stage: Stage) -> Path:
        return self.build / f"{stage.name}.work"


def _prepare(work: Path, digest: str) -> None:
    """Keep an interrupted run's folder when its digest is the same, else start with an empty one."""
    mark = work / "digest"
    if work.is_dir() and not (mark.is_file() and mark.read_text() == digest):
        shutil.rmtree(work)
    claim_folder(work)
    mark.write_text(digest)


def _spent(work: Path) -> float:
    try:
        return float((work / "seconds").read_text())
    except (OSError, ValueError):
        return 0.0


def _outputs(folder: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file of a finished stage except its manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def _is_whole(folder: Path, outputs: Mapping[str, str]) -> bool:
    """Whether a stage holds what it made, and beside it only what another compiler has made of its firmware since."""
    found = _outputs(folder)
    added = [PurePosixPath(name) for name in found.keys() - outputs.keys()]
    return outputs.items() <= found.items() and all(BUILD in name.parts[:-1] for name in added)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel drops when this process ends, however it ends."""
    with open(path, "a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError("another run is working here", path.parent, "wait for it or stop it") from None
        yield
