"""Simulation in parallel: chunks to files, finished chunks reused, one file at the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jets.dataset import Jets, JetsFile, JetsWriter, concatenate, require_replaceable
from jets.errors import InputError
from jets.files import claim_folder, json_digest
from jets.simulate.batch import MATCH_DISTANCE
from jets.simulate.chunk import PT_BINS, simulate_chunk
from jets.simulate.config import JETS_PER_CHUNK, SimulateConfig
from jets.simulation_packages import simulation_versions
from jets.workers import run_tasks, worker_count


@dataclass(frozen=True)
class _Chunk:
    """One chunk to make, and the file that keeps it until the merge."""

    config: SimulateConfig
    name: str
    number: int
    n_jets: int
    path: Path

    def make(self) -> int:
        """Simulate and store the chunk; return its number of jets."""
        with JetsWriter(self.path, compression=1) as writer:
            writer.append(simulate_chunk(self.config, self.name, self.number, self.n_jets))
        return self.n_jets


def simulate(config: SimulateConfig, out: str | Path, processes: int | None = None, cluster: str | None = None) -> Path:
    """Simulate jets and write them to the jets file `out`.

    Chunks of `JETS_PER_CHUNK` jets of a class are made one by one in `<out>.parts`, each from its own seed, and
    merged at the end, so the file does not depend on `processes` (default: all cores) or on the Dask `cluster`
    ("local", or a scheduler's address) that makes them, and an interrupted run goes on where it stopped. The classes
    are mixed within each run of chunks.

    Raises:
        ToolNotFound: pythia8mc, fastjet or awkward is not installed, or Dask for a cluster.
        ConfigError: hardly any event has a jet in the pT window, or `processes` is below 1.
        InputError: there is no scheduler at the cluster's address, or it has no workers.
        StorageError: the disk is full, `out` cannot be written, or it is a file that is not ours.
        ToolFailed: a worker process was killed.
    """
    processes = worker_count(processes)
    out = Path(out)
    if out.is_dir():
        raise InputError("is a folder, not a file", out, "name a file that ends in .h5")
    require_replaceable(out)
    provenance = _provenance(config)
    parts = claim_folder(out.with_name(out.name + ".parts"))
    work = claim_folder(parts / json_digest(provenance)[:16])
    chunks = _chunks(config, work)
    _make(chunks, processes, cluster)
    _merge(chunks, out, provenance)
    shutil.rmtree(work, ignore_errors=True)
    if not any(path.is_dir() for path in parts.iterdir()):
        shutil.rmtree(parts, ignore_errors=True)
    return out


def _chunks(config: SimulateConfig, work: Path) -> list[_Chunk]:
    """Every chunk, the classes taking turns."""
    size = max(1, JETS_PER_CHUNK // config.n_views)
    starts = range(0, config.n_per_class, size)
    return [
        _Chunk(config, name, k, min(size, config.n_per_class - start), work / f"{name}-{k:06d}.h5")
        for k, start in enumerate(starts)
        for name in config.classes
    ]


def _make(chunks: list[_Chunk], processes: int, cluster: str | None) -> None:
    missing = [chunk for chunk in chunks if not _is_whole(chunk)]
    done = sum(chunk.n_jets for chunk in chunks) - sum(chunk.n_jets for chunk in missing)
    total = done + sum(chunk.n_jets for chunk in missing)
    with tqdm(desc="simulate", total=total, initial=done, unit="jets", disable=None) as bar:
        for n_jets in run_tasks([chunk.make for chunk in missing], processes, "a simulation", cluster):
            bar.update(n_jets)


def _is_whole(chunk: _Chunk) -> bool:
    """Whether an earlier run finished this chunk and its file still has its checksum."""
    try:
        file = JetsFile(chunk.path)
        file.verify()
        return file.n_jets == chunk.n_jets * chunk.config.n_views
    except InputError:
        return False


def _merge(chunks: list[_Chunk], out: Path, provenance: Mapping[str, Any]) -> None:
    with JetsWriter(out) as writer:
        for number in sorted({chunk.number for chunk in chunks}):
            block = concatenate([JetsFile(chunk.path).read() for chunk in chunks if chunk.number == number])
            order = np.random.default_rng([chunks[0].config.seed, number]).permutation(len(block))
            writer.append(_described(block[order], provenance))


def _described(jets: Jets, provenance: Mapping[str, Any]) -> Jets:
    return replace(jets, provenance=provenance)


def _provenance(config: SimulateConfig) -> dict[str, Any]:
    """Everything that decides the jets, JSON-serialisable."""
    spectrum = (
        f"flat in {PT_BINS} equal bins of the window, by a quota in each" if config.flatten_pt else "as generated"
    )
    provenance = {
        "source": "tagware simulate",
        "versions": simulation_versions(),
        "config": asdict(config),
        "views": {view.name: asdict(view) for view in config.simulations},
        "multiple_interactions": "on" if config.multiple_interactions else "off",
        "pt_spectrum": spectrum,
        "matching": f"a hard object of the class within {MATCH_DISTANCE * config.jet_radius:g} of the jet axis",
    }
    described: dict[str, Any] = json.loads(json.dumps(provenance))
    return described
