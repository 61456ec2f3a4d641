"""The architectures by name: how each is configured, built, and fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from numpy.typing import NDArray

from jets.config import did_you_mean
from jets.dataset import Jets
from jets.errors import ConfigError
from jets.features import PowerOfTwoScaling


@dataclass(frozen=True)
class Architecture:
    """One way to tag jets.

    Attributes:
        name: the name in YAML files and in saved taggers.
        framework: "torch" (a `torch.nn.Module`) or "keras" (a `keras.Model`).
        config_class: the frozen dataclass that holds its sizes.
        build: (config, n_outputs) -> network, with fresh weights.
        inputs: (jets, config, scaling) -> arrays by input name, first axis the jets.
        fit_scaling: (jets, config) -> the input scaling that suits these jets.
    """

    name: str
    framework: Literal["torch", "keras"]
    config_class: type[Any]
    build: Callable[[Any, int], Any]
    inputs: Callable[[Jets, Any, PowerOfTwoScaling | None], dict[str, NDArray[Any]]]
    fit_scaling: Callable[[Jets, Any], PowerOfTwoScaling]


def architecture(name: str) -> Architecture:
    """The architecture of that name; its libraries are imported only now.

    Raises:
        ConfigError: no such architecture.
    """
    if name not in _ARCHITECTURES:
        raise ConfigError(f"unknown architecture {name!r}", None, did_you_mean(str(name), ARCHITECTURE_NAMES))
    return _ARCHITECTURES[name]()


def n_outputs(classes: tuple[str, ...]) -> int:
    """Outputs of a tagger of these classes: one logit for two classes, else one per class."""
    return 1 if len(classes) == 2 else len(classes)


def _particle_transformer() -> Architecture:
    from models.teachers import particle_transformer as module

    return Architecture(
        "particle_transformer",
        "torch",
        module.ParticleTransformerConfig,
        module.ParticleTransformer,
        module.particle_inputs,
        module.fit_particle_scaling,
    )


def _recurrent_reference(cell: Literal["gru", "lstm"]) -> Architecture:
    from models.teachers.recurrent import RecurrentConfig, RecurrentReference

    return Architecture(
        cell, "torch", RecurrentConfig, partial(RecurrentReference, cell), _sequence_inputs, _fit_sequence_scaling
    )


def _recurrent_student() -> Architecture:
    from models.students.recurrent import RecurrentSpec, build_float

    return Architecture(
        "recurrent_student", "keras", RecurrentSpec, build_float, _sequence_inputs, _fit_sequence_scaling
    )


def _sequence_inputs(jets: Jets, config: Any, scaling: PowerOfTwoScaling | None) -> dict[str, NDArray[Any]]:
    from models.sequence import sequence_inputs

    return sequence_inputs(jets, config.n_constituents, scaling)


def _fit_sequence_scaling(jets: Jets, config: Any) -> PowerOfTwoScaling:
    from models.sequence import fit_sequence_scaling

    return fit_sequence_scaling(jets, config.n_constituents)


_ARCHITECTURES: Mapping[str, Callable[[], Architecture]] = {
    "particle_transformer": _particle_transformer,
    "gru": partial(_recurrent_reference, "gru"),
    "lstm": partial(_recurrent_reference, "lstm"),
    "recurrent_student": _recurrent_student,
}
ARCHITECTURE_NAMES = tuple(_ARCHITECTURES)
