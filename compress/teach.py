"""What a teacher says of every jet, stored once: distillation is then framework-neutral and restartable."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jets.dataset import Jets, JetsFile, rows_of
from jets.errors import DataError, InputError, LayoutError
from jets.hdf5 import HDF5Writer, open_hdf5, require_replaceable
from models.tagger import Tagger

LAYOUT = "tagware-teacher-1"
TEACH = "make it with `tagware teach`"
AGAIN = "run `tagware teach` on these jets"


@dataclass(frozen=True)
class TeacherOutputs:
    """A teacher's logits for the jets of one file.

    Attributes:
        logits: (n_jets, n_outputs) float32, as `Tagger.predict` gives them.
        ids: (n_jets,) uint64, the jets' own ids.
        classes: the teacher's classes.
        checksum: of the jets file that it was asked about.
        embedding: (n_jets, n_embedding) float16, or None where it was not read or the teacher has none.
        provenance: which teacher (JSON-serialisable).
    """

    logits: NDArray[np.float32]
    ids: NDArray[np.uint64]
    classes: tuple[str, ...]
    checksum: str
    embedding: NDArray[np.float16] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> TeacherOutputs:
        """The outputs of these rows."""
        vectors = None if self.embedding is None else self.embedding[rows]
        return replace(self, logits=self.logits[rows], ids=self.ids[rows], embedding=vectors)

    @classmethod
    def load(cls, path: str | Path, embedding: bool = False, rows: slice = slice(None)) -> TeacherOutputs:
        """Read a file that `teach` wrote, or some rows of it, its embedding only when asked.

        Raises:
            InputError: no such file.
            LayoutError: not HDF5, not our layout, or damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError("no such teacher outputs", path, TEACH)
        try:
            with open_hdf5(path, TEACH) as file:
                header = json.loads(file.attrs.get("tagware", "{}"))
                if header.get("layout") != LAYOUT:
                    raise LayoutError("does not hold teacher outputs", path, TEACH)
                vectors = file["embedding"][rows] if embedding and "embedding" in file else None
                logits, ids = file["logits"][rows], file["ids"][rows]
            return cls(logits, ids, tuple(header["classes"]), header["checksum"], vectors, header["provenance"])
        except (KeyError, ValueError) as error:
            raise LayoutError(f"is damaged ({error})", path, TEACH) from None

    def check(self, jets_file: JetsFile) -> TeacherOutputs:
        """Return self when these outputs are about that file.

        Raises:
            DataError: other classes, or another checksum.
        """
        if self.classes != jets_file.classes:
            what = f"the teacher knows the classes {', '.join(self.classes)}, the jets {', '.join(jets_file.classes)}"
            raise DataError(what, jets_file.path, "train a teacher on these classes")
        if self.checksum != jets_file.checksum:
            told, asked = self.checksum[:12], jets_file.checksum[:12]
            what = f"the teacher outputs are about other jets (checksum {told}, not {asked})"
            raise DataError(what, jets_file.path, AGAIN)
        return self

    def for_jets(self, jets: Jets) -> TeacherOutputs:
        """The outputs of these jets in their order, found by id.

        Raises:
            DataError: other classes, or a jet that the teacher was not asked about.
        """
        if jets.classes != self.classes:
            what = f"the teacher knows the classes {', '.join(self.classes)}, the jets {', '.join(jets.classes)}"
            raise DataError(what, None, "train a teacher on these classes")
        return self.for_ids(jets.ids)

    def for_ids(self, ids: NDArray[np.uint64]) -> TeacherOutputs:
        """The outputs of the jets of these ids, in their order.

        Raises:
            DataError: a jet that the teacher was not asked about.
        """
        rows = rows_of(self.ids, ids)
        missing = rows < 0
        if missing.any():
            what = f"the teacher outputs have no jet {int(ids[np.argmax(missing)])} ({int(missing.sum())} are missing)"
            raise DataError(what, None, AGAIN)
        return self[rows]


class StoredOutputs:
    """What the teachers of several files say on average of the jets of one, read in pieces.

    Args:
        paths: files that `teach` wrote.
        embedding: whether the embedding is read, too.

    Raises:
        InputError: no such file.
        LayoutError: not HDF5, not our layout, or damaged.
        DataError: no file, or teachers of other jets or classes.
    """

    def __init__(self, paths: Sequence[str | Path], embedding: bool = False) -> None:
        self.paths, self.embedding = paths, embedding
        self[:0]

    def __getitem__(self, rows: slice) -> TeacherOutputs:
        """The outputs of these rows."""
        return average([TeacherOutputs.load(path, self.embedding, rows) for path in self.paths])


def average(teachers: Sequence[TeacherOutputs]) -> TeacherOutputs:
    """The outputs of an ensemble: the mean of its teachers' logits, and their embeddings side by side.

    Raises:
        DataError: no teacher, or teachers of other jets or classes.
    """
    if not teachers:
        raise DataError("no teacher outputs", None, "give at least one file")
    first = teachers[0]
    for other in teachers[1:]:
        if (other.classes, other.checksum) != (first.classes, first.checksum):
            raise DataError("the teachers were asked about other jets or classes", None, AGAIN)
    aligned = [first, *(other.for_ids(first.ids) for other in teachers[1:])]
    embeddings = [teacher.embedding for teacher in aligned if teacher.embedding is not None]
    return replace(
        first,
        logits=np.mean([teacher.logits for teacher in aligned], axis=0, dtype=np.float64).astype(np.float32),
        embedding=np.concatenate(embeddings, axis=1) if len(embeddings) == len(aligned) else None,
        provenance=first.provenance if len(aligned) == 1 else {"ensemble": [dict(t.provenance) for t in aligned]},
    )


def teach(tagger: Tagger, jets_file: JetsFile, out: Path, block: int = 8192) -> TeacherOutputs:
    """Ask a teacher about every jet of a file and store its answers as HDF5, all or nothing.

    The jets are streamed in blocks of `block`, so that memory holds one block and the logits.

    Raises:
        DataError: the tagger's classes are not the file's, two jets share an id, or an output is NaN or infinite.
        StorageError: the disk is full, `out` cannot be written, or it is a file that is not ours.
    """
    from tqdm import tqdm

    if tagger.classes != jets_file.classes:
        what = f"the teacher knows the classes {', '.join(tagger.classes)}, the jets {', '.join(jets_file.classes)}"
        raise DataError(what, jets_file.path, "train a teacher on these classes")
    out = Path(out)
    require_replaceable(out, "tagware-teacher-", "a file of teacher outputs")
    bar = tqdm(total=len(jets_file), desc="teach", disable=None, unit="jets", unit_scale=True)
    ids = []
    with bar, HDF5Writer(out, chunk=4096, compression=None) as writer:
        for jets in jets_file.slices(block):
            writer.append(answers(tagger, jets, jets_file.path))
            ids.append(jets.ids)
            bar.update(len(jets))
        _require_distinct(np.concatenate(ids), jets_file.path)
        writer.attributes["tagware"] = json.dumps(_header(tagger, jets_file))
    return TeacherOutputs.load(out)


def answers(tagger: Tagger, jets: Jets, where: Path) -> dict[str, NDArray[Any]]:
    """What a teacher says of a block of jets: their "ids", "logits" and, of torch taggers, "embedding" (float16).

    Raises:
        DataError: an output is NaN or infinite.
    """
    found: dict[str, NDArray[Any]] = {"ids": jets.ids}
    if tagger.framework == "torch":
        found["logits"], embedding = tagger.outputs(jets)
        found["embedding"] = embedding.astype(np.float16)
    else:
        found["logits"] = tagger.predict(jets)
    if not np.isfinite(found["logits"]).all():
        jet = int(jets.ids[np.argmax(~np.isfinite(found["logits"]).all(axis=1))])
        raise DataError(f"the teacher's output for jet {jet} is NaN or infinite", where, "train the teacher again")
    return found


def _require_distinct(ids: NDArray[np.uint64], where: Path) -> None:
    ordered = np.sort(ids)
    twins = ordered[1:] == ordered[:-1]
    if twins.any():
        jet = int(ordered[1:][twins][0])
        raise DataError(f"two jets share the id {jet}", where, "import the jets again with distinct ids")


def _header(tagger: Tagger, jets_file: JetsFile) -> dict[str, Any]:
    return {
        "layout": LAYOUT,
        "classes": list(tagger.classes),
        "checksum": jets_file.checksum,
        "provenance": {
            "architecture": tagger.architecture,
            "n_parameters": tagger.n_parameters,
            "tagger": dict(tagger.provenance),
        },
    }
