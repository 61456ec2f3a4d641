"""The artefact that a training stage hands on: a network with everything needed to apply it to jets."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jets.config import fill
from jets.dataset import Jets
from jets.errors import InputError, LayoutError, StorageError, TagwareError, ToolNotFound
from jets.features import PowerOfTwoScaling
from jets.files import file_digest, read_json, replacing, write_json
from models.checkpoint import load_weights, read_weights, write_weights
from models.keras_graph import LEARNT_BITS
from models.keras_start import start_keras
from models.registry import Architecture, architecture, n_outputs

_log = logging.getLogger(__name__)
LAYOUT = "tagware-tagger-1"
WEIGHTS = {"torch": "weights.pt", "keras": "model.keras"}
MAKE_AGAIN = "make it again with the stage that writes it"
BATCH = 2048

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Tagger:
    """A trained network with its architecture, classes and input scaling.

    Attributes:
        architecture: a name of `models.registry`.
        config: that architecture's config dataclass.
        classes: names of the classes. Two classes have ONE output, the logit of classes[1] against classes[0];
            more have one logit per class.
        scaling: the power-of-two scaling of the inputs, fitted on training jets.
        network: a `torch.nn.Module` or a `keras.Model`.
        framework: "torch" or "keras".
        quantization: bits of every tensor of a quantized network, None for a float one (JSON-serialisable).
        provenance: where the weights come from (JSON-serialisable).
        untrained: parts of the network still at their random start: the head of one that was only pre-trained.
        earlier_classes: those of each earlier task of an extended student (docs/pruning.md), whose outputs come first.
    """

    architecture: str
    config: Any
    classes: tuple[str, ...]
    scaling: PowerOfTwoScaling | None
    network: Any
    framework: Literal["torch", "keras"]
    quantization: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    untrained: tuple[str, ...] = ()
    earlier_classes: tuple[tuple[str, ...], ...] = ()

    @property
    def n_outputs(self) -> int:
        """Number of logits per jet: 1 for two classes, else the number of classes."""
        return n_outputs(self.classes)

    @property
    def heads(self) -> tuple[tuple[str, ...], ...]:
        """The classes of every task, in the order of the network's outputs."""
        return (*self.earlier_classes, self.classes)

    @property
    def n_network_outputs(self) -> int:
        """Number of outputs of the network, those of earlier tasks included."""
        return sum(n_outputs(classes) for classes in self.heads)

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters; how many bits each has left, where that is learnt, is none."""
        if self.framework == "torch":
            return sum(weight.numel() for weight in self.network.parameters() if weight.requires_grad)
        weights = [weight for weight in self.network.trainable_weights if weight.name not in LEARNT_BITS]
        return sum(int(np.prod(weight.shape)) for weight in weights)

    def inputs(self, jets: Jets) -> Arrays:
        """The network's input arrays by name, first axis (n_jets,); warns of what only its training jets carried."""
        learnt = self.provenance.get("constituent_features", ())
        if missing := tuple(name for name in learnt if name not in jets.constituent_features):
            _warn_of_missing(missing)
        return architecture(self.architecture).inputs(jets, self.config, self.scaling)

    def predict(self, jets: Jets, batch_size: int = BATCH) -> NDArray[np.float32]:
        """Logits of its classes, (n_jets, n_outputs) float32.

        Raises:
            InputError: a part of the network was never trained.
        """
        return self.predict_heads(jets, batch_size)[:, -self.n_outputs :]

    def predict_heads(self, jets: Jets, batch_size: int = BATCH) -> NDArray[np.float32]:
        """All that the network gives, (n_jets, n_network_outputs) float32: the logits of earlier tasks first.

        Raises:
            InputError: a part of the network was never trained.
        """
        if self.framework == "torch":
            return self.outputs(jets, batch_size)[0]
        logits = np.zeros((len(jets), self.n_network_outputs), np.float32)
        for rows, arrays in self._batches(jets, batch_size):
            logits[rows] = _keras_predict(self.network, arrays)
        return logits

    def outputs(self, jets: Jets, batch_size: int = BATCH) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits (n_jets, n_outputs) and what the last block sees of each jet, (n_jets, n_embedding), in one pass.

        Raises:
            InputError: a Keras tagger, which has no embedding, or a part of the network was never trained.
        """
        if self.untrained:
            what = f"{', '.join(self.untrained)} of this {self.architecture!r} tagger was never trained"
            raise InputError(what, None, "fine-tune it: start a training from it")
        if self.framework != "torch":
            raise InputError(f"a {self.architecture!r} tagger has no embedding", None, "embed with a teacher")
        logits = np.zeros((len(jets), self.n_outputs), np.float32)
        embedding = np.zeros((len(jets), self.network.n_embedding), np.float32)
        for rows, arrays in self._batches(jets, batch_size):
            logits[rows], embedding[rows] = _torch_outputs(self.network, arrays)
        return logits, embedding

    def _batches(self, jets: Jets, size: int) -> Iterator[tuple[slice, Arrays]]:
        for start in range(0, len(jets), size):
            rows = slice(start, start + size)
            yield rows, self.inputs(jets[rows])

    def save(self, folder: Path) -> Path:
        """Write `tagger.json` and the weights into `folder`, each all or nothing, and return `folder`.

        Other files of the folder stay. `tagger.json` comes last and holds the digest of the weights.

        Raises:
            StorageError: `folder` is a file, cannot be written, or the disk is full.
        """
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise StorageError("is a file, not a folder", folder, "name another output folder")
        weights = folder / WEIGHTS[self.framework]
        with replacing(weights) as temporary:
            _save_weights(self, temporary)
        header = {
            "layout": LAYOUT,
            "architecture": self.architecture,
            "framework": self.framework,
            "config": dataclasses.asdict(self.config),
            "classes": list(self.classes),
            "scaling": None if self.scaling is None else self.scaling.to_dict(),
            "quantization": None if self.quantization is None else dict(self.quantization),
            "untrained": list(self.untrained),
            "earlier_classes": [list(classes) for classes in self.earlier_classes],
            "n_parameters": self.n_parameters,
            "weights_sha256": file_digest(weights),
            "provenance": dict(self.provenance),
        }
        write_json(folder / "tagger.json", header)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Tagger:
        """Read a tagger that `save` wrote; no code stored in the files is ever run.

        Raises:
            InputError: no tagger in the folder.
            LayoutError: damaged, or the weights do not belong to the architecture and its config.
            ConfigError: an unknown architecture, or a config or a scaling that is none.
            ToolNotFound: it has layers of HGQ2, which is not installed.
        """
        header = _read_header(Path(folder))
        where = Path(folder) / "tagger.json"
        try:
            design = architecture(header["architecture"])
        except TagwareError as error:
            raise error.at(where) from None
        config = fill(design.config_class, header["config"], where)
        tagger = cls(
            architecture=design.name,
            config=config,
            classes=tuple(header["classes"]),
            scaling=_scaling(header["scaling"], f"{where}: scaling"),
            network=None,
            framework=design.framework,
            quantization=header["quantization"],
            provenance=header["provenance"],
            untrained=tuple(header.get("untrained", ())),
            earlier_classes=tuple(tuple(classes) for classes in header.get("earlier_classes", ())),
        )
        weights = Path(folder) / WEIGHTS[design.framework]
        _check_digest(weights, header["weights_sha256"])
        load_network = _load_torch if design.framework == "torch" else _load_keras
        return dataclasses.replace(tagger, network=load_network(weights, design, tagger))


KEYS = ("layout", "architecture", "config", "classes", "scaling", "quantization", "weights_sha256", "provenance")


@cache
def _warn_of_missing(features: tuple[str, ...]) -> None:
    """Once for all blocks of jets."""
    told = "these jets do not carry %s, which the tagger's training jets did: to it they are unknown, or zero"
    _log.warning(told, ", ".join(features))


def _read_header(folder: Path) -> dict[str, Any]:
    path = folder / "tagger.json"
    if not path.is_file():
        raise InputError("no tagger in this folder (no tagger.json)", folder, "make one with `tagware train`")
    header = read_json(path)
    if not isinstance(header, dict) or header.get("layout") != LAYOUT:
        raise LayoutError(f"is not a tagger of layout {LAYOUT!r}", path, MAKE_AGAIN)
    for key in KEYS:
        if key not in header:
            raise LayoutError(f"the key {key!r} is missing", path, MAKE_AGAIN)
    _check_values(header, path)
    return header


def _check_values(header: dict[str, Any], path: Path) -> None:
    """Those that `jets.config.fill` does not check."""
    earlier = header.get("earlier_classes", [])
    tasks = [("earlier_classes", names) for names in (earlier if isinstance(earlier, list) else [earlier])]
    for key, names in [*tasks, ("classes", header["classes"])]:
        if not _are_names(names) or len(names) < 2:
            raise LayoutError(f"{key} must be a list of at least two names, not {names!r}", path, MAKE_AGAIN)
    if not _are_names(header.get("untrained", [])):
        raise LayoutError(f"untrained must be a list of names, not {header['untrained']!r}", path, MAKE_AGAIN)
    if not isinstance(header["architecture"], str):
        raise LayoutError(f"architecture must be a name, not {header['architecture']!r}", path, MAKE_AGAIN)
    if not isinstance(header["quantization"], dict | None):
        raise LayoutError(f"quantization must be a mapping or null, not {header['quantization']!r}", path, MAKE_AGAIN)
    if not isinstance(header["provenance"], dict):
        raise LayoutError(f"provenance must be a mapping, not {header['provenance']!r}", path, MAKE_AGAIN)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _scaling(mapping: Any, where: str) -> PowerOfTwoScaling | None:
    return None if mapping is None else PowerOfTwoScaling.from_dict(mapping, where)


def _check_digest(weights: Path, expected: str) -> None:
    if not weights.is_file():
        raise LayoutError("the weights are missing", weights, MAKE_AGAIN)
    if file_digest(weights) != expected:
        raise LayoutError("the weights are not the ones that tagger.json names", weights, MAKE_AGAIN)


def _save_weights(tagger: Tagger, temporary: Path) -> None:
    if tagger.framework == "torch":
        write_weights({name: value.cpu() for name, value in tagger.network.state_dict().items()}, temporary)
        return
    named = temporary.with_name(f"{temporary.name}.keras")  # Keras insists on its own suffix
    try:
        tagger.network.save(named)
        named.replace(temporary)
    finally:
        named.unlink(missing_ok=True)


def _load_torch(weights: Path, design: Architecture, tagger: Tagger) -> Any:
    network = design.build(tagger.config, tagger.n_outputs)
    load_weights(network, read_weights(weights, MAKE_AGAIN), design.name, weights, MAKE_AGAIN)
    return network.eval()


def _load_keras(weights: Path, design: Architecture, tagger: Tagger) -> Any:
    start_keras()
    import keras

    try:
        network = keras.models.load_model(
            weights, custom_objects=_quantized_objects(tagger), compile=False, safe_mode=True
        )
    except ToolNotFound:
        raise
    except Exception as error:  # Keras raises many kinds for damaged, foreign or unsafe files
        raise _unreadable(weights, error) from None
    wanted = design.build(tagger.config, tagger.n_network_outputs)
    if tagger.quantization is not None:
        restore_recurrent_name(network)
    for side in ("input_shape", "output_shape"):
        if getattr(network, side) != getattr(wanted, side):
            what = f"{side.replace('_', ' ')} is {getattr(network, side)}, not {getattr(wanted, side)}"
            raise LayoutError(f"the weights do not fit {design.name!r}: {what}", weights, MAKE_AGAIN)
    return network


def _unreadable(weights: Path, error: Exception) -> LayoutError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return LayoutError(f"cannot be read safely ({reason})", weights, MAKE_AGAIN)


def _quantized_objects(tagger: Tagger) -> dict[str, Any]:
    """The classes that a quantized model names; for a float model QKeras is not imported."""
    objects: dict[str, Any] = {}
    if tagger.architecture in ("particle_student", "attention_student"):
        from models.students import attention, particles  # noqa: F401 (Keras finds their classes once they are imported)
    if tagger.quantization is None:
        return objects
    front_end = tagger.quantization.get("front_end")
    if front_end == "exact":
        from models.students.exact import recurrent  # noqa: F401 (Keras finds its classes once it is imported)
    elif front_end == "hgq2":
        from models.students import heterogeneous  # noqa: F401 (Keras finds its classes once it is imported)
    else:
        from qkeras.utils import _add_supported_quantized_objects as add_quantized_objects

        from models.students.tables import TableSigmoid, TableTanh

        add_quantized_objects(objects)
        objects |= {"TableSigmoid": TableSigmoid, "TableTanh": TableTanh}
    return objects


def restore_recurrent_name(network: Any) -> None:
    """Name the recurrent layer "rnn" again: QKeras hands a layer's name on to its cell, when built and when loaded."""
    for layer in network.layers:
        if type(layer).__name__ in ("QGRU", "QLSTM"):
            layer.name = "rnn"


def _torch_outputs(network: Any, arrays: Arrays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import torch

    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        embedding = network.embed(**{name: torch.from_numpy(values).to(device) for name, values in arrays.items()})
        logits = network.head(embedding)
    return logits.float().cpu().numpy(), embedding.float().cpu().numpy()


def _keras_predict(network: Any, arrays: Arrays) -> NDArray[np.float32]:
    (inputs,) = arrays.values()
    values: NDArray[np.float32] = network.predict_on_batch(inputs)
    return np.asarray(values, np.float32)
