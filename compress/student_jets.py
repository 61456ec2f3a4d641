"""What a student and its teacher see of the jets of a file, read when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from numpy.typing import NDArray

from compress.fit import Split
from compress.objective import pack
from compress.online import Online
from compress.teach import StoredOutputs, TeacherOutputs
from jets.batches import Arrays, Batches, StoredBatches, StoredSplit
from jets.dataset import Jets, JetsFile
from jets.features import PowerOfTwoScaling
from models.registry import Architecture
from models.students.student import StudentSpec


@dataclass(frozen=True)
class StudentJets:
    """The splits of a jets file as a student learns from them.

    Attributes:
        design: the student's architecture, which says what it sees of a jet.
        spec: its shape.
        source: the jets.
        teacher: what a teacher said of them, in their order; None where the labels alone are learnt from.
        embedding: the loss of embeddings, which need the teacher's; None without.
        seed: of the window of a split other than the training's.
    """

    design: Architecture
    spec: StudentSpec
    source: JetsFile
    teacher: TeacherOutputs | StoredOutputs | None
    embedding: str | None
    seed: int
    _splits: dict[str, StoredSplit] = field(default_factory=dict, init=False, repr=False)
    _batches: dict[str, StoredBatches] = field(default_factory=dict, init=False, repr=False)

    def fit_scaling(self) -> PowerOfTwoScaling | None:
        """The input scaling that suits the training jets; None where it is fixed."""
        return self.design.fit_scaling(self._split("train").sample(), self.spec)

    def stored(self, name: str, scaling: PowerOfTwoScaling | None) -> StoredBatches:
        """The jets of a split, window by window."""
        if name not in self._batches:
            split = self._split(name)
            self._batches[name] = StoredBatches(split, partial(self._feed, scaling, split.mean_weight))
        return self._batches[name]

    def window(self, name: str, scaling: PowerOfTwoScaling | None) -> Split:
        """The jets of a split, of several windows those of the first."""
        return Split(**next(self.stored(name, scaling).windows()))

    def augmented(
        self, online: Online, phase: int, scaling: PowerOfTwoScaling | None
    ) -> Callable[[int, Batches], Batches]:
        """(epoch, training jets) -> the training jets as this epoch sees them, and what the teacher says of those."""
        stored = self.source.read("train")

        def renewed(epoch: int, train: Batches) -> Batches:
            jets = online.draw(stored, (self.seed, phase, epoch))
            (inputs,) = self.design.inputs(jets, self.spec, scaling).values()
            teacher = () if self.teacher is None else online.ask(jets, self.source, self.embedding is not None)
            return Split(inputs, pack(jets.labels, jets.weights, *teacher), jets.labels)

        return renewed

    def _split(self, name: str) -> StoredSplit:
        """All training jets; of other splits one window."""
        if name not in self._splits:
            split = StoredSplit(self.source, name)
            self._splits[name] = split if name == "train" else split.one_window(self.seed)
        return self._splits[name]

    def _feed(self, scaling: PowerOfTwoScaling | None, mean_weight: float, jets: Jets, rows: slice) -> Arrays:
        """What a `Split` holds of jets that are among these rows."""
        (inputs,) = self.design.inputs(jets, self.spec, scaling).values()
        teacher: tuple[NDArray[Any] | None, ...] = ()
        if self.teacher is not None:
            found = self.teacher[rows].for_ids(jets.ids)
            teacher = (found.logits, found.embedding if self.embedding is not None else None)
        targets = pack(jets.labels, jets.weights, *teacher, mean_weight=mean_weight)
        return {"inputs": inputs, "targets": targets, "labels": jets.labels}
