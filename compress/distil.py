"""The student's training: a float warm start, then quantization-aware, both on the teacher's stored outputs."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.fit import Phase, Split, as_they_are, best_epoch, fit, validate
from compress.neurons import free_neurons, hold_earlier, least_active
from compress.objective import TEACHER, LossConfig, Objective
from compress.online import Online
from compress.prune import PruneConfig, Restraint
from compress.quantize.front_end import AnyBits, FrontEnd, front_end_of
from compress.student_jets import StudentJets
from compress.teach import StoredOutputs, TeacherOutputs
from jets.batches import Batches
from jets.config import check_above_zero, check_at_least, fill
from jets.dataset import JetsFile
from jets.errors import ConfigError, InputError, TagwareError
from jets.features import PowerOfTwoScaling
from jets.files import claim_folder, json_digest
from models.registry import Architecture, architecture
from models.students.neurons import neurons_of
from models.students.recurrent import RecurrentSpec
from models.students.student import StudentSpec, architecture_name
from models.tagger import Tagger

_log = logging.getLogger(__name__)
ROWS = 100_000
NOTHING = PruneConfig()
PHASES = ("float", "quantized")


@dataclass(frozen=True)
class DistilConfig:
    """How a student is distilled: Adam with a half cosine to zero in each phase, the best validation epoch kept.

    Attributes:
        loss: what is minimised.
        float_epochs: passes over the training jets before quantization.
        quantized_epochs: passes with quantized tensors.
        batch_size: jets per optimizer step.
        learning_rate: at the start of the float phase.
        quantized_learning_rate: at the start of the quantized phase.
        patience: epochs without a lower validation loss before a phase stops.
        seed: of the weights and the shuffling.

    Raises:
        ConfigError: a value out of range.
    """

    loss: LossConfig = field(default_factory=LossConfig)
    float_epochs: int = 40
    quantized_epochs: int = 15
    batch_size: int = 512
    learning_rate: float = 1e-2
    quantized_learning_rate: float = 1e-3
    patience: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        check_at_least(self, float_epochs=1, quantized_epochs=1, batch_size=1, patience=1, seed=0)
        check_above_zero(self, "learning_rate", "quantized_learning_rate")

    def record(self) -> dict[str, Any]:
        """What the quantized student depends on."""
        return dataclasses.asdict(self) | {"loss": self.loss.record()}

    def float_part(self) -> dict[str, Any]:
        """What the float student depends on."""
        return {name: value for name, value in self.record().items() if not name.startswith("quantized_")}


def distil(
    spec: StudentSpec,
    bits: AnyBits,
    jets_file: JetsFile | Path | str,
    teacher_outputs: TeacherOutputs | StoredOutputs | None,
    config: DistilConfig,
    out: Path,
    prune: PruneConfig = NOTHING,
    earlier: Tagger | None = None,
    online: Online | None = None,
) -> Tagger:
    """Train the float and the quantized student on the train split and return the quantized one.

    `out` gets `float/` and `quantized/`, a `Tagger` folder each with the `curves.csv` of its phase. A finished phase
    of an earlier call with the same settings, jets and teacher is reused, an interrupted one starts over. Of each split
    one window (`jets.batches.WINDOW_JETS`) is in memory at a time, of the validation split always the same one; jets
    that are augmented are all there.

    With an `earlier` student of the same shape and bits the new one gives that one's outputs, bit for bit, and then its
    own, which are learnt by the neurons that `earlier` leaves free (docs/pruning.md).

    Args:
        spec: the student's shape.
        bits: its fixed-point types, of the spec's arithmetic.
        jets_file: jets in our HDF5 layout; its classes become the student's.
        teacher_outputs: of the same file, in its order; not needed, nor looked at, where the labels alone are learnt
            from.
        config: how to train.
        out: a new, an empty, or an earlier folder of ours.
        prune: what is taken from the student.
        earlier: the quantized student that keeps its outputs.
        online: how the training jets are augmented before every epoch, and the teacher that is then asked about them;
            the validation jets stay as they are, with the stored outputs of the same teacher.

    Raises:
        InputError: a loss that needs the teacher without one, or without its embedding.
        ConfigError: the loss does not stay finite, the neurons of such a student cannot be pruned, `earlier` is of
            another shape or other bits, or `online` changes what such a student does not see.
        DataError: a split without jets of one of the classes, a teacher of other jets or classes, or one that is
            asked and did not give the stored outputs; views of jets that have one each.
        ExactnessError: what Brevitas trained and the network to be stored differ; names the layer.
        StorageError: `out` is not ours, or the disk is full.
    """
    source = jets_file if isinstance(jets_file, JetsFile) else JetsFile(jets_file)
    teacher = _teacher_for(source, teacher_outputs, config)
    out = claim_folder(out)
    run = _Run(spec, bits, source, teacher, config, prune, earlier, online)
    finished = run.reuse(out / "quantized", run.quantized_record())
    if finished is not None and run.reuse(out / "float", run.float_record()) is not None:
        return finished
    student = run.reuse(out / "float", run.float_record()) or run.train_float(out / "float")
    return run.train_quantized(student, out / "quantized")


def _teacher_for(
    source: JetsFile, outputs: TeacherOutputs | StoredOutputs | None, config: DistilConfig
) -> TeacherOutputs | StoredOutputs | None:
    if not config.loss.needs_teacher:
        return None
    if outputs is None:
        raise InputError(
            "this loss needs a teacher", source.path, "run `tagware teach`, or use loss: {logits: cross_entropy}"
        )
    if config.loss.embedding is not None and outputs[:0].embedding is None:
        what = f"the loss {config.loss.embedding!r} needs an embedding, and this teacher stored none"
        raise InputError(what, source.path, "ask a torch teacher, or use loss: {embedding: null}")
    outputs[:0].check(source)
    return outputs


@dataclass(frozen=True)
class _Run:
    """One distillation: its settings, and what its student sees of the jets."""

    spec: StudentSpec
    bits: AnyBits
    source: JetsFile
    teacher: TeacherOutputs | StoredOutputs | None
    config: DistilConfig
    prune: PruneConfig
    earlier: Tagger | None
    online: Online | None

    def __post_init__(self) -> None:
        if self.online is not None:
            self.online.check(self.spec, self.source, None if self.teacher is None else self.teacher[:0])
        if self.earlier is not None:
            check_extendable(self.earlier, self.spec, self.bits)
        if self.prune != NOTHING and front_end_of(self.bits).trains is not None:
            raise ConfigError("what Brevitas trains is not pruned", "prune", "leave it out, or use another front end")

    @cached_property
    def design(self) -> Architecture:
        """The student's architecture."""
        return architecture(architecture_name(self.spec))

    @cached_property
    def jets(self) -> StudentJets:
        """What the student learns from."""
        config = self.config
        return StudentJets(self.design, self.spec, self.source, self.teacher, config.loss.embedding, config.seed)

    def float_record(self) -> dict[str, Any]:
        """What decides the float student's weights (JSON-serialisable)."""
        record = {
            "student": dataclasses.asdict(self.spec),
            "distil": self.config.float_part(),
            "jets_checksum": self.source.checksum,
            "versions": {package: version(package) for package in ("keras", "tensorflow", "qkeras-v3", "numpy")},
        }
        if self.teacher is not None:
            record["teacher"] = {**self._answers_sha256, **self.teacher[:0].provenance}
        if self.earlier is not None:
            weights = [_sha256(values) for values in self.earlier.network.get_weights()]
            record["earlier"] = {"weights_sha256": weights, "classes": self.earlier.heads}
        if self.online is not None:
            record["augment"] = self.online.record()
        return record

    @cached_property
    def _answers_sha256(self) -> dict[str, str]:
        """Checksums of all that the teacher says."""
        assert self.teacher is not None
        names = ("logits",) if self.config.loss.embedding is None else ("logits", "embedding")
        digests = {name: hashlib.sha256() for name in names}
        for start in range(0, len(self.source), ROWS):
            answers = self.teacher[start : start + ROWS]
            for name, digest in digests.items():
                digest.update(getattr(answers, name).tobytes())
        return {f"{name}_sha256": digest.hexdigest() for name, digest in digests.items()}

    def quantized_record(self) -> dict[str, Any]:
        """What decides the quantized student's weights (JSON-serialisable)."""
        settings = self.config.record() | {"bits": dataclasses.asdict(self.bits)}
        pruning = {} if self.prune == NOTHING else {"prune": dataclasses.asdict(self.prune)}
        packages = {package: version(package) for package in front_end_of(self.bits).packages}
        record = self.float_record()
        return record | {"distil": settings, "versions": record["versions"] | packages} | pruning

    def reuse(self, folder: Path, record: dict[str, Any]) -> Tagger | None:
        """The tagger that an earlier call with the same record left, or None."""
        try:
            tagger = Tagger.load(folder)
        except TagwareError:
            return None
        return tagger if tagger.provenance.get("digest") == json_digest(record) else None

    def train_float(self, folder: Path) -> Tagger:
        """The float student, saved."""
        import keras

        keras.utils.set_random_seed(self.config.seed)
        scaling = self.jets.fit_scaling() if self.earlier is None else self.earlier.scaling
        heads = () if self.earlier is None else self.earlier.heads
        tagger = Tagger(self.design.name, self.spec, self.source.classes, scaling, None, "keras", earlier_classes=heads)
        network = self.design.build(self.spec, tagger.n_network_outputs)
        tagger = dataclasses.replace(tagger, network=network)
        settings = (self.config.float_epochs, self.config.learning_rate)
        after_step, renewed = self._restraint(network, NOTHING).apply, self._renewed("float", scaling)
        phase = Phase("float", *settings, *self._shared(), after_step, renewed)
        return self._train(tagger, phase, folder, self.float_record())

    def train_quantized(self, student: Tagger, folder: Path) -> Tagger:
        """The quantized student from the float one's weights, saved."""
        import keras

        keras.utils.set_random_seed(self.config.seed)  # of learnt bits, whether the float student is new or reused
        front_end = front_end_of(self.bits)
        network = front_end.build(self.spec, self.bits, student.n_network_outputs)
        front_end.warm_start(network, student.network)
        restraint = self._restraint(network, self.prune)
        if self.prune.neurons:
            restraint.hold_out(network, neurons_of(self.spec), self._least_active(student))
        tagger = dataclasses.replace(student, network=network)
        settings = (self.config.quantized_epochs, self.config.quantized_learning_rate)
        renewed = self._renewed("quantized", student.scaling)
        phase = Phase("quantized", *settings, *self._shared(), restraint.apply, renewed)
        return self._train(tagger, phase, folder, self.quantized_record(), front_end)

    def _restraint(self, network: Any, prune: PruneConfig) -> Restraint:
        restraint = Restraint(network, prune)
        if self.earlier is not None:
            hold_earlier(restraint, network, self.earlier.network, self.spec)
        return restraint

    def _least_active(self, student: Tagger) -> dict[str, NDArray[np.bool_]]:
        """The neurons of the float student to prune, of those that no earlier output needs."""
        validation = self.jets.window("validation", student.scaling)
        model, objective = self._trained(student, validation)
        may_go = None if self.earlier is None else free_neurons(self.earlier.network, self.spec)

        def loss() -> float:
            return validate(model, validation, objective)[0]

        inputs = self.jets.window("train", student.scaling).inputs
        return least_active(student.network, self.spec, inputs, loss, self.prune, may_go)

    def _trained(self, tagger: Tagger, jets: Split, front_end: FrontEnd | None = None) -> tuple[Any, Objective]:
        """What is trained of a student, and on what; all `jets` have targets as these have."""
        penalty = None if front_end is None else front_end.penalty(tagger.network, self.bits)
        objective = Objective(self.config.loss, tagger.n_outputs, penalty)
        n_teacher_embedding = jets.targets.shape[1] - TEACHER - tagger.n_outputs
        if front_end is not None and front_end.trains is not None:
            embedding = self.config.loss.embedding
            return front_end.trains(self.spec, tagger.network, embedding, n_teacher_embedding), objective
        return trained_model(tagger, self.config.loss, n_teacher_embedding), objective

    def _renewed(self, phase: str, scaling: PowerOfTwoScaling | None) -> Callable[[int, Batches], Batches]:
        """What an epoch learns from: the training jets as they are, or augmented and the teacher asked again."""
        if self.online is None:
            return as_they_are
        return self.jets.augmented(self.online, PHASES.index(phase), scaling)

    def _shared(self) -> tuple[int, int, int]:
        return self.config.batch_size, self.config.patience, self.config.seed

    def _train(
        self,
        tagger: Tagger,
        phase: Phase,
        folder: Path,
        record: dict[str, Any],
        front_end: FrontEnd | None = None,
    ) -> Tagger:
        shutil.rmtree(folder, ignore_errors=True)
        train, validation = self.jets.stored("train", tagger.scaling), self.jets.window("validation", tagger.scaling)
        model, objective = self._trained(tagger, validation, front_end)
        rows = fit(model, train, validation, objective, phase, folder / "curves.csv")
        if front_end is not None and front_end.trains is not None:
            network = model.finished(self.jets.window("test", tagger.scaling).inputs)
            tagger = dataclasses.replace(tagger, network=network)
        target = None if objective.penalty is None else objective.penalty.target
        best = best_epoch(rows, target)
        if target is not None and (best.ebops or 0) > target:
            _log.warning(
                "%d EBOPs are left, not the %d asked for: train for more epochs, or faster", best.ebops, target
            )
        provenance = record | {
            "digest": json_digest(record),
            "jets": str(self.source.path),
            "constituent_features": list(self.source.constituent_features),
            "jets_per_split": {"train": len(train), "validation": len(validation)},
            "epochs": len(rows),
            "best_epoch": best.epoch,
            "validation_loss": best.validation_loss,
            "validation_auc": {"value": best.validation_auc, "error": best.validation_auc_error},
            "seconds": sum(row.seconds for row in rows),
        }
        widths = None if front_end is None else front_end.describe(tagger.network, self.bits)
        if widths is not None and widths["front_end"] == "qkeras":
            free = free_neurons(tagger.network, self.spec)
            widths["free_neurons"] = {name: [int(mask.sum()), mask.size] for name, mask in free.items()}
        finished = dataclasses.replace(tagger, quantization=widths, provenance=provenance)
        finished.save(folder)
        return finished


def trained_model(tagger: Tagger, loss: LossConfig, n_teacher_embedding: int) -> Any:
    """The tagger's network, or one with the same layers that gives what is trained.

    That is the logits of its own classes, and what the layer "logit" sees where a loss compares embeddings; for "hint"
    projected to `n_teacher_embedding` numbers by a layer that is no part of the network.
    """
    network = tagger.network
    if loss.embedding is None and not tagger.earlier_classes:
        return network
    import keras

    outputs = [network.outputs[0][:, -tagger.n_outputs :]]
    if loss.embedding is not None:
        seen = network.get_layer("logit").input
        hint = keras.layers.Dense(n_teacher_embedding, name="hint") if loss.embedding == "hint" else None
        outputs.append(seen if hint is None else hint(seen))
    return keras.Model(network.inputs, keras.ops.concatenate(outputs, axis=-1))


def check_extendable(earlier: Tagger, spec: StudentSpec, bits: AnyBits) -> None:
    """Raise ConfigError unless `earlier` is a quantized student of this shape and these bits that can be extended."""
    has = earlier.quantization or {}
    if has.get("front_end") != "qkeras" or isinstance(earlier.config, RecurrentSpec):
        what = f"a {earlier.architecture!r} tagger of the front end {has.get('front_end')!r} cannot be extended"
        raise ConfigError(what, None, "extend a feed-forward student of QKeras")
    if earlier.config != spec or fill(type(bits), has["bits"], "bits") != bits:
        raise ConfigError("the student that is extended has another shape or other bits", None, "give it the same")


def _sha256(values: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
