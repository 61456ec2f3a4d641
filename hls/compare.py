"""The physics numbers of a project, from the stored scores of every model on the same test jets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.paired import (
    Booleans,
    Floats,
    SortedScores,
    auc_influence,
    bootstrap_efficiencies,
    mean_difference,
)
from jets.errors import DataError, LayoutError
from jets.files import existing_file
from jets.hdf5 import HDF5Writer, open_hdf5
from jets.metrics import Measure, accuracy, agreement, auc, background_rejection, discriminants, macro_auc

LAYOUT = "tagware-scores-1"
SIGNAL_EFFICIENCIES = (0.3, 0.5, 0.8)
REQUIRED = ("teacher", "student_float", "student_quantized", "csim")
DIFFERENCES = (
    ("teacher", "reference"),
    ("student_float", "teacher"),
    ("student_quantized", "teacher"),
    ("student_quantized", "reference"),
    ("student_float", "control_float"),
    ("student_quantized", "control_quantized"),
    ("student_quantized", "student_float"),
    ("csim", "student_quantized"),
    ("csim", "teacher"),
    ("rtl", "csim"),
)
AGREEMENTS = (
    ("student_quantized", "teacher"),
    ("student_quantized", "student_float"),
    ("csim", "student_quantized"),
    ("rtl", "csim"),
)


@dataclass(frozen=True)
class Scores:
    """The logits of every model on the test jets.

    Attributes:
        labels: (n_jets,) int16, an index into `classes`.
        ids: (n_jets,) uint64, the jets' own ids.
        classes: names of the classes.
        outputs: model name -> (n_jets, n_outputs) float32 logits; one output (the logit of classes[1] against
            classes[0]) for two classes, else one a class.

    Raises:
        DataError: no jets, a class without jets, NaN, or shapes that do not fit together.
    """

    labels: NDArray[np.int16]
    ids: NDArray[np.uint64]
    classes: tuple[str, ...]
    outputs: Mapping[str, NDArray[np.float32]]

    def __post_init__(self) -> None:
        self._check_labels()
        outputs = {name: np.asarray(values, np.float32) for name, values in self.outputs.items()}
        outputs = {name: values[:, None] if values.ndim == 1 else values for name, values in outputs.items()}
        n_outputs = 1 if len(self.classes) == 2 else len(self.classes)
        for name, values in outputs.items():
            if values.shape != (len(self.labels), n_outputs):
                wanted = (len(self.labels), n_outputs)
                raise DataError(
                    f"{values.shape} logits where {wanted} are needed", f"scores of {name}", "evaluate it again"
                )
            if not np.isfinite(values).all():
                jet = int(np.argmax(~np.isfinite(values).all(axis=1)))
                raise DataError(
                    f"the logit of jet {jet} is not finite", f"scores of {name}", "check the model's outputs"
                )
        object.__setattr__(self, "outputs", outputs)

    def _check_labels(self) -> None:
        if len(self.labels) == 0:
            raise DataError("there are no jets", "scores", "check the test split")
        if self.ids.shape != self.labels.shape:
            raise DataError(f"{len(self.ids)} ids for {len(self.labels)} labels", "scores", "give one id a jet")
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            raise DataError(f"a label outside the {len(self.classes)} classes", "scores", "correct the labels")
        present = np.bincount(self.labels, minlength=len(self.classes))
        for name, count in zip(self.classes, present, strict=True):
            if count < 2:
                raise DataError(f"fewer than two jets of class {name!r}", "scores", "use a larger test split")

    def __len__(self) -> int:
        return len(self.labels)

    def with_model(self, name: str, outputs: NDArray[np.float32]) -> Scores:
        """The same jets with one more model's logits (n_jets, n_outputs)."""
        return replace(self, outputs={**self.outputs, name: outputs})

    def save(self, path: Path) -> Path:
        """Write the scores as HDF5, all or nothing.

        Raises:
            StorageError: the disk is full or the place cannot be written.
        """
        with HDF5Writer(path) as writer:
            writer.append({"labels": np.asarray(self.labels, np.int16), "ids": np.asarray(self.ids, np.uint64)})
            writer.append({f"outputs/{name}": values for name, values in self.outputs.items()})
            writer.attributes |= {"layout": LAYOUT, "classes": json.dumps(self.classes)}
        return Path(path)

    @classmethod
    def load(cls, path: Path) -> Scores:
        """Read scores written by `save`.

        Raises:
            InputError: no such file.
            LayoutError: not a file of scores, or a damaged one.
            DataError: see the class.
        """
        remedy = "evaluate the models again"
        existing_file(path, "file of scores")
        try:
            with open_hdf5(path, remedy) as file:
                if file.attrs.get("layout") != LAYOUT:
                    raise LayoutError(f"is not laid out as {LAYOUT}", path, remedy)
                outputs = {name: dataset[:] for name, dataset in file["outputs"].items()}
                classes = tuple(json.loads(file.attrs["classes"]))
                return cls(file["labels"][:], file["ids"][:], classes, outputs)
        except DataError as error:
            raise error.at(path) from None
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise LayoutError(f"cannot be read as scores ({error})", path, remedy) from None

    def decisions(self, model: str) -> NDArray[np.int16]:
        """The class (n_jets,) that a model chooses; a logit of exactly 0 chooses classes[0]."""
        values = self.outputs[model]
        chosen = values[:, 0] > 0 if values.shape[1] == 1 else values.argmax(axis=1)
        return chosen.astype(np.int16)

    def discriminants(self, model: str) -> Floats:
        """Those of a model's logits, (n_jets, n_classes)."""
        return discriminants(self.outputs[model])

    @property
    def signal_classes(self) -> tuple[int, ...]:
        """The classes that are the signal in turn: classes[1] of two, else each against all others."""
        return (1,) if len(self.classes) == 2 else tuple(range(len(self.classes)))


def physics(scores: Scores, n_replicas: int = 200, seed: int = 1) -> dict[str, Any]:
    """The `physics` section of a Report: every model, paired differences and agreements, each with its error.

    For more than two classes AUC and 1/eps_B are one against all: AUC averaged over the classes, 1/eps_B as one
    over the averaged eps_B. Differences: AUC by DeLong's covariance, accuracy as a mean of pairs, 1/eps_B from
    `n_replicas` bootstrap replicas of the jets (numpy generator seeded with `seed`).

    Raises:
        DataError: a model that every report needs has no scores.
    """
    for name in REQUIRED:
        if name not in scores.outputs:
            raise DataError(f"there are no scores of {name}", "scores", "run the stage that evaluates it")
    measured = {name: _Measured.of(scores, name) for name in scores.outputs}
    sorted_scores = {name: model.sorted_scores for name, model in measured.items()}
    rng = np.random.default_rng(seed)
    replicas = bootstrap_efficiencies(sorted_scores, len(scores), SIGNAL_EFFICIENCIES, n_replicas, rng)
    models = {name: model.numbers(replicas[name]) for name, model in measured.items()}
    return {
        "method": {"n_test": len(scores), "n_replicas": n_replicas, "seed": seed},
        **models,
        "differences": {
            f"{a}_minus_{b}": _difference(measured[a], measured[b], replicas[a], replicas[b])
            for a, b in DIFFERENCES
            if a in models and b in models
        },
        "agreement": {
            f"{a}_and_{b}": _json(agreement(measured[a].decisions, measured[b].decisions))
            for a, b in AGREEMENTS
            if a in models and b in models
        },
    }


def model_physics(scores: Scores, name: str, n_replicas: int = 200, seed: int = 1) -> dict[str, Any]:
    """The entry of one model in the section `physics`."""
    model, rng = _Measured.of(scores, name), np.random.default_rng(seed)
    sorted_scores = {name: model.sorted_scores}
    replicas = bootstrap_efficiencies(sorted_scores, len(scores), SIGNAL_EFFICIENCIES, n_replicas, rng)
    return model.numbers(replicas[name])


def difference_physics(scores: Scores, first: str, second: str, n_replicas: int = 200, seed: int = 1) -> dict[str, Any]:
    """First - second of any two models in AUC, accuracy and 1/eps_B, each with its paired error as in `physics`."""
    measured = {name: _Measured.of(scores, name) for name in (first, second)}
    sorted_scores = {name: model.sorted_scores for name, model in measured.items()}
    rng = np.random.default_rng(seed)
    replicas = bootstrap_efficiencies(sorted_scores, len(scores), SIGNAL_EFFICIENCIES, n_replicas, rng)
    return _difference(measured[first], measured[second], replicas[first], replicas[second])


@dataclass(frozen=True)
class _Measured:
    """One model's scores, sorted, and what single jets add to its AUC; `rejections` of every class in turn."""

    scores: Scores
    decisions: NDArray[np.int16]
    discriminants: Floats
    sorted_scores: tuple[SortedScores, ...]
    area: float
    influence: Floats
    rejections: tuple[tuple[Measure, ...], ...]

    @classmethod
    def of(cls, scores: Scores, name: str) -> _Measured:
        discriminants = scores.discriminants(name)
        columns = [(discriminants[:, index], scores.labels == index) for index in scores.signal_classes]
        areas, influences = zip(*(auc_influence(*column) for column in columns), strict=True)
        return cls(
            scores,
            scores.decisions(name),
            discriminants,
            tuple(SortedScores.of(*column) for column in columns),
            float(np.mean(areas)),
            np.mean(influences, axis=0),
            tuple(_rejections(*column) for column in columns),
        )

    @property
    def mean_rejections(self) -> list[Measure]:
        """1 over the mean eps_B of the classes, at each signal efficiency; its error is the bootstrap's."""
        result = []
        for at_point in zip(*self.rejections, strict=True):
            bound = all(item.is_lower_bound for item in at_point)
            passing = [1 / item.value if bound or not item.is_lower_bound else 0.0 for item in at_point]
            value = 1 / float(np.mean(passing))
            error = at_point[0].error if len(at_point) == 1 else value
            result.append(Measure(value, error, is_lower_bound=bound))
        return result

    def numbers(self, replicas: Floats) -> dict[str, Any]:
        """The model's entry of the physics section; `replicas` (n_replicas, n_signal_efficiencies) of mean eps_B."""
        labels, several = self.scores.labels, len(self.rejections) > 1
        rejections = self.mean_rejections
        if several:
            spread = replicas.std(axis=0, ddof=1)
            rejections = [
                item if item.is_lower_bound else Measure(item.value, float(item.value**2 * sigma))
                for item, sigma in zip(rejections, spread, strict=True)
            ]
        area = macro_auc(self.discriminants, labels) if several else auc(self.discriminants[:, 1], labels)
        numbers = {
            "auc": _json(area),
            "accuracy": _json(accuracy(self.decisions, labels)),
            "rejection": _by_point(rejections),
        }
        return {**numbers, "per_class": self._per_class()} if several else numbers

    def _per_class(self) -> dict[str, Any]:
        return {
            name: {
                "auc": _json(auc(self.discriminants[:, index], self.scores.labels == index)),
                "rejection": _by_point(self.rejections[index]),
            }
            for index, name in enumerate(self.scores.classes)
        }


def _rejections(values: Floats, signal: Booleans) -> tuple[Measure, ...]:
    return tuple(background_rejection(values, signal, efficiency) for efficiency in SIGNAL_EFFICIENCIES)


def _difference(first: _Measured, second: _Measured, replicas_a: Floats, replicas_b: Floats) -> dict[str, Any]:
    """first - second: d(1/eps) = -d(eps)/eps^2 carries the replicas' spread of eps_B to 1/eps_B."""
    labels = first.scores.labels
    rejections: list[Measure | None] = []
    for point, (a, b) in enumerate(zip(first.mean_rejections, second.mean_rejections, strict=True)):
        if a.is_lower_bound or b.is_lower_bound:
            rejections.append(None)
            continue
        spread = b.value**2 * replicas_b[:, point] - a.value**2 * replicas_a[:, point]
        rejections.append(Measure(a.value - b.value, float(spread.std(ddof=1))))
    error = float(np.sqrt(np.sum((first.influence - second.influence) ** 2)))
    return {
        "auc": _json(Measure(first.area - second.area, error)),
        "accuracy": _json(mean_difference(first.decisions == labels, second.decisions == labels)),
        "rejection": _by_point(rejections),
    }


def _by_point(measures: list[Measure] | list[Measure | None] | tuple[Measure, ...]) -> dict[str, Any]:
    return {str(point): _json(item) for point, item in zip(SIGNAL_EFFICIENCIES, measures, strict=True)}


def _json(measure: Measure | None) -> dict[str, Any]:
    if measure is None:
        return {"value": None, "error": None}
    bound = {"is_lower_bound": True} if measure.is_lower_bound else {}
    return {"value": measure.value, "error": measure.error, **bound}
