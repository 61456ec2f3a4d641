"""What is compared, and the scores that each gives to the same test jets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.compare import Scores
from hls.comparison.replicas import Floats
from hls.report import Report
from jets.config import did_you_mean
from jets.dataset import Jets, JetsFile, rows_of
from jets.errors import ConfigError, DataError
from models.tagger import Tagger

Source = Callable[[Jets], NDArray[np.float32]]

SLICE = 20_000
VARIABLES = ("pt_gev", "eta", "n_constituents", "mass_gev")


@dataclass(frozen=True)
class Candidate:
    """One tagger of a comparison.

    Attributes:
        name: how the comparison calls it.
        tagger: folder of a saved tagger, which scores the jets, or makes the inputs of `firmware`.
        float_tagger: folder of the float tagger that it, quantized, was trained from.
        scores: stored scores, which spare the tagger its work on the test jets; `model` says whose.
        firmware: folder of the firmware project whose C simulation scores varied inputs.
        report: a project's report.json with the hardware rows of its `design`, "hls" or "rtl".
    """

    name: str
    tagger: Path | None = None
    scores: Path | None = None
    model: str | None = None
    firmware: Path | None = None
    report: Path | None = None
    design: str | None = None
    float_tagger: Path | None = None

    @cached_property
    def network(self) -> Tagger:
        """The saved tagger, read once.

        Raises:
            InputError, LayoutError: see `Tagger.load`.
        """
        if self.tagger is None:
            raise ValueError(f"{self.name} has no saved tagger")
        return Tagger.load(self.tagger)

    def hardware(self) -> list[Mapping[str, Any]]:
        """Its rows of the report that are nearest to silicon, of the project's own part; none without a report.

        Raises:
            InputError, LayoutError: see `Report.load`.
        """
        if self.report is None or self.design is None:
            return []
        rows = Report.load(self.report).hardware_of(self.design)
        return [row for row in rows if all(row.get(key) == rows[0].get(key) for key in ("kind", "part"))]


@dataclass(frozen=True)
class Scored:
    """The test jets of a comparison: every tagger's scores, and what is known about each jet.

    Attributes:
        scores: logits of every tagger, in the order of the candidates.
        weights: (n_jets,) float32, not all zero in a class.
        kinematics: each of `VARIABLES`, (n_jets,) float32.
        background: indices of the classes that the background consists of; empty: all but the signal.
        views: (n_jets,) the view of each jet where hard events are simulated several times, else None.
    """

    scores: Scores
    weights: NDArray[np.float32]
    kinematics: Mapping[str, NDArray[np.float32]]
    background: tuple[int, ...] = ()
    views: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        for label, name in enumerate(self.scores.classes):
            if not self.weights[self.scores.labels == label].sum() > 0:
                raise DataError(f"the weights of class {name!r} sum to zero", "jets", "correct the weights")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: NDArray[Any]) -> Scored:
        """The jets that a boolean mask or an index array selects."""
        scores = self.scores
        outputs = {name: values[which] for name, values in scores.outputs.items()}
        return replace(
            self,
            scores=Scores(scores.labels[which], scores.ids[which], scores.classes, outputs),
            weights=self.weights[which],
            kinematics={name: values[which] for name, values in self.kinematics.items()},
            views=None if self.views is None else self.views[which],
        )

    @property
    def nominal(self) -> Scored:
        """The jets of the first view."""
        return self if self.views is None else self[self.views == 0]

    @property
    def taggers(self) -> tuple[str, ...]:
        """Names of the taggers, the first one the reference of all differences."""
        return tuple(self.scores.outputs)

    @property
    def signals(self) -> tuple[int, ...]:
        """The classes that are the signal in turn."""
        return tuple(label for label in self.scores.signal_classes if label not in self.background)

    def backgrounds(self, signal: int) -> dict[str, tuple[int, ...]]:
        """The backgrounds of a signal class by name: all of it first, then single classes where it has several."""
        chosen = self.background or tuple(i for i in range(len(self.scores.classes)) if i != signal)
        names = [self.scores.classes[label] for label in chosen]
        whole = names[0] if len(chosen) == 1 else " + ".join(names) if self.background else "all others"
        single = dict(zip(names, ((label,) for label in chosen), strict=True)) if len(chosen) > 1 else {}
        return {whole: chosen, **single}

    def is_background(self, signal: int) -> NDArray[np.bool_]:
        """(n_jets,): whether a jet is of any background class of the signal."""
        return self._backgrounds[signal]

    @cached_property
    def _backgrounds(self) -> dict[int, NDArray[np.bool_]]:
        whole = {signal: next(iter(self.backgrounds(signal).values())) for signal in self.signals}
        return {signal: np.isin(self.scores.labels, labels) for signal, labels in whole.items()}

    def discriminant(self, tagger: str, signal: int) -> Floats:
        """ln(p / (1 - p)) of the signal class, (n_jets,)."""
        return self._discriminants[tagger][:, signal]

    @cached_property
    def _discriminants(self) -> dict[str, Floats]:
        return {tagger: self.scores.discriminants(tagger) for tagger in self.taggers}


def score(candidates: Sequence[Candidate], file: JetsFile, background: Sequence[str] = ()) -> Scored:
    """The scores of all candidates on the test jets of a file, worked through in slices.

    Raises:
        ConfigError: no candidates, two of one name, or a background that is no class or leaves no signal.
        DataError: a tagger of other classes, stored scores of other jets, or a class without jets or weight.
    """
    _check_names([candidate.name for candidate in candidates])
    labels = background_labels(background, file.classes)
    sources = {candidate.name: _source(candidate, file) for candidate in candidates}
    blocks = [_columns(jets, sources) for jets in file.slices(SLICE, "test")]
    if not blocks:
        raise DataError("there are no jets in the test split", file.path, "add jets")
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    outputs = {name: columns[f"outputs of {name}"] for name in sources}
    scores = Scores(columns["labels"], columns["ids"], file.classes, outputs)
    return Scored(scores, columns["weights"], {name: columns[name] for name in VARIABLES}, labels, columns.get("views"))


def nominal_slices(file: JetsFile) -> Iterator[Jets]:
    """The test jets of a file, slice by slice, in their first view."""
    for jets in file.slices(SLICE, "test"):
        yield jets if jets.views is None else jets[jets.views == 0]


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise ConfigError("there is nothing to compare", None, "name at least one tagger")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two candidates are called {name!r}", None, "give each its own name")


def background_labels(background: Sequence[str], classes: Sequence[str]) -> tuple[int, ...]:
    """The indices of the background's classes.

    Raises:
        ConfigError: an unknown class, or no class is left to be the signal.
    """
    for name in background:
        if name not in classes:
            raise ConfigError(f"background {name!r} is no class of the jets", None, did_you_mean(name, classes))
    if len(set(background)) == len(classes):
        raise ConfigError("every class is background", None, "leave out the class of the signal")
    return tuple(sorted({classes.index(name) for name in background}))


def _columns(jets: Jets, sources: Mapping[str, Source]) -> dict[str, NDArray[Any]]:
    """What is kept of a slice of jets, (n_jets, …) each."""
    columns: dict[str, NDArray[Any]] = {name: getattr(jets, name) for name in ("labels", "ids", "weights")}
    columns |= {name: jets.jet(name) for name in VARIABLES}
    if jets.views is not None:
        columns["views"] = jets.views
    return columns | {f"outputs of {name}": source(jets) for name, source in sources.items()}


def _source(candidate: Candidate, file: JetsFile) -> Source:
    """What gives a candidate's logits (n_jets, n_outputs) for jets."""
    if candidate.scores is None:
        check_classes(candidate.network.classes, file, candidate.name)
        return candidate.network.predict
    stored = Scores.load(candidate.scores)
    check_classes(stored.classes, file, candidate.name)
    if candidate.model is None or candidate.model not in stored.outputs:
        remedy = did_you_mean(str(candidate.model), stored.outputs, "it has those of ")
        raise DataError(f"there are no scores of {candidate.model}", candidate.scores, remedy)
    outputs = stored.outputs[candidate.model]

    def look_up(jets: Jets) -> NDArray[np.float32]:
        rows = rows_of(stored.ids, jets.ids)
        other = (rows < 0) | (stored.labels[rows] != jets.labels)
        if other.any():
            what = f"jet {jets.ids[int(other.argmax())]} of {file.path} is not among the scored jets"
            raise DataError(what, candidate.scores, "compare on the jets that the project was made with")
        found: NDArray[np.float32] = outputs[rows]
        return found

    return look_up


def check_classes(classes: Sequence[str], file: JetsFile, name: str) -> None:
    """Raise DataError unless the classes of a tagger are those of the jets, in the same order."""
    if tuple(classes) != file.classes:
        what = f"its classes ({', '.join(classes)}) are not those of the jets ({', '.join(file.classes)})"
        raise DataError(what, name, f"compare it on jets of its own classes, or leave it out; jets: {file.path}")
