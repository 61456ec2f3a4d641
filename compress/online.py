"""A teacher that is asked while its student trains, about jets that are augmented anew in every epoch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.teach import TeacherOutputs, answers
from jets.augment import Augmentation, augment
from jets.dataset import Jets, JetsFile
from jets.errors import ConfigError, DataError, InputError
from models.students.feed_forward import MlpSpec
from models.students.student import StudentSpec
from models.tagger import Tagger

BLOCK = 8192


@dataclass(frozen=True)
class Online:
    """What happens to the training jets before every epoch, and the teacher that is asked about them.

    Attributes:
        augmentation: of the training jets; those of the validation split stay, with the teacher's stored outputs.
        teacher: None where the labels alone are learnt from.
    """

    augmentation: Augmentation
    teacher: Tagger | None = None

    def check(self, spec: StudentSpec, source: JetsFile, outputs: TeacherOutputs | None) -> None:
        """Raise unless a student can learn from these jets, augmented.

        Args:
            spec: the student's shape.
            source: the jets.
            outputs: the stored outputs; None where the labels alone are learnt from.

        Raises:
            ConfigError: student or teacher reads high-level features, which are not augmented.
            DataError: the jets have one view each, or the stored outputs are of another teacher.
            InputError: there is no teacher to ask.
        """
        if self.augmentation.views and not source.view_names:
            raise DataError("the jets have one view each", source.path, "simulate them with views, or leave out views")
        if outputs is not None and self.teacher is None:
            what = "stored outputs say nothing of augmented jets: the teacher itself is needed"
            raise InputError(what, source.path, "give its folder with --teacher, or leave out augment")
        if outputs is not None and self.teacher is not None:
            _check_same(self.teacher, outputs, source)
        asked = None if outputs is None or self.teacher is None else self.teacher.config
        if self.augmentation.moves_constituents and any(isinstance(config, MlpSpec) for config in (spec, asked)):
            what = "an MLP reads high-level features, and only constituents are augmented"
            raise ConfigError(what, "augment", "augment nothing but views")

    def record(self) -> dict[str, Any]:
        """What the student depends on besides the teacher's stored outputs (JSON-serialisable)."""
        return dataclasses.asdict(self.augmentation)

    def draw(self, jets: Jets, seed: Sequence[int]) -> Jets:
        """The jets as one epoch sees them; the same seed draws the same."""
        return augment(jets, self.augmentation, np.random.default_rng(seed))

    def ask(self, jets: Jets, source: JetsFile, embedding: bool) -> tuple[NDArray[Any], ...]:
        """The teacher's logits and, where asked for, embedding of these jets, as `teach` would store them.

        Raises:
            DataError: an output is NaN or infinite.
        """
        from tqdm import tqdm

        assert self.teacher is not None
        names = ("logits", "embedding") if embedding else ("logits",)
        blocks = range(0, len(jets), BLOCK)
        found = [
            answers(self.teacher, jets[start : start + BLOCK], source.path)
            for start in tqdm(blocks, desc="ask the teacher", disable=None, leave=False)
        ]
        return tuple(np.concatenate([block[name] for block in found]) for name in names)


def _check_same(teacher: Tagger, outputs: TeacherOutputs, source: JetsFile) -> None:
    """Raise DataError unless the stored outputs are this teacher's."""
    if outputs.provenance.get("tagger") != json.loads(json.dumps(dict(teacher.provenance))):
        what = "the stored outputs are not those of the teacher that is to be asked"
        raise DataError(what, source.path, "run `tagware teach` with this teacher; an ensemble is not asked")
