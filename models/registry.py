"""The architectures by name: how each is configured, built, and fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from jets.config import did_you_mean, fill
from jets.dataset import Jets
from jets.errors import ConfigError
from jets.features import PowerOfTwoScaling
from models.keras_start import start_keras

if TYPE_CHECKING:
    from models.tagger import Tagger


@dataclass(frozen=True)
class Architecture:
    """One way to tag jets.

    Attributes:
        name: the name in YAML files and in saved taggers.
        framework: "torch" (a `torch.nn.Module`) or "keras" (a `keras.Model`).
        config_class: the frozen dataclass that holds its sizes.
        build: (config, n_outputs) -> network, with fresh weights.
        inputs: (jets, config, scaling) -> arrays by input name, first axis the jets.
        fit_scaling: (jets, config) -> the input scaling that suits these jets; None where it is fixed.
        presets: the configs that have a name: "tiny" for two CPU cores, "published" as in the paper.
        pretraining: how it is pre-trained; None when it only learns from labels.
        read_checkpoint: (file, config) -> the tagger in a public checkpoint; None when there are none.
    """

    name: str
    framework: Literal["torch", "keras"]
    config_class: type[Any]
    build: Callable[[Any, int], Any]
    inputs: Callable[[Jets, Any, PowerOfTwoScaling | None], dict[str, NDArray[Any]]]
    fit_scaling: Callable[[Jets, Any], PowerOfTwoScaling | None]
    presets: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    pretraining: Pretraining | None = None
    read_checkpoint: Callable[[Path, Any], Tagger] | None = None

    def preset(self, name: str) -> Any:
        """The config of that name.

        Raises:
            ConfigError: no such preset.
        """
        if name not in self.presets:
            remedy = did_you_mean(name, self.presets) if self.presets else "give its config instead"
            raise ConfigError(f"{self.name!r} has no preset {name!r}", None, remedy)
        return self.presets[name]()

    def fill_objective(self, objective: Mapping[str, Any], where: str) -> Any:
        """The options of its pre-training, filled from a mapping.

        Raises:
            ConfigError: it has no pre-training, an unknown key, or a value out of range.
        """
        if self.pretraining is None:
            raise ConfigError(f"{self.name!r} has no pre-training", where, "leave it out or take another architecture")
        return fill(self.pretraining.options_class, objective, where)


@dataclass(frozen=True)
class Pretraining:
    """How a network is pre-trained.

    Attributes:
        options_class: the frozen dataclass of what can be set about it.
        objectives: (options) -> what is trained one after the other, by name: (network, n_classes) -> its objective,
            whose parameters are the network's own and those that only pre-training needs.
        trains_head: whether the network's head has learnt something too.
        by_view: whether its batches hold jets in all their views: the network's inputs then have a second axis.
    """

    options_class: type[Any]
    objectives: Callable[[Any], Mapping[str, Callable[[Any, int], Any]]]
    trains_head: bool = False
    by_view: bool = False


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
        _presets(module.ParticleTransformerConfig),
    )


def _particle_net() -> Architecture:
    from models.teachers import particle_net as module

    made = _scaled_by_constants(
        "particle_net", module.ParticleNetConfig, module.ParticleNet, module.particle_net_inputs
    )
    return replace(made, read_checkpoint=module.read_jetclass_checkpoint)


def _pet() -> Architecture:
    from models.teachers import pet as module
    from models.teachers.pet_pretraining import PetPretraining, pet_objectives

    made = _scaled_by_constants("pet", module.PetConfig, module.Pet, module.pet_inputs)
    return replace(made, pretraining=Pretraining(PetPretraining, pet_objectives, trains_head=True))


def _omnilearned() -> Architecture:
    from models.teachers import omnilearned as module

    sizes = module.OmniLearnedConfig
    made = _scaled_by_constants("omnilearned", sizes, module.OmniLearned, module.omnilearned_inputs)
    presets = {**made.presets, "small": sizes.published, "medium": sizes.medium, "large": sizes.large}
    return replace(made, presets=presets, read_checkpoint=module.read_omnilearned_checkpoint)


def _masked_particle() -> Architecture:
    from models.teachers import masked_particle as module

    made = _scaled_by_constants(
        "masked_particle", module.MaskedParticleConfig, module.MaskedParticle, module.masked_particle_inputs
    )
    pretraining = Pretraining(module.MaskedParticlePretraining, module.masked_particle_objectives)
    return replace(made, pretraining=pretraining)


def _omnijet() -> Architecture:
    from models.teachers import omnijet as module

    made = _scaled_by_constants("omnijet", module.OmniJetConfig, module.OmniJet, module.omnijet_inputs)
    return replace(made, pretraining=Pretraining(module.OmniJetPretraining, module.omnijet_objectives))


def _rs3l() -> Architecture:
    from models.teachers import rs3l as module

    made = _scaled_by_constants("rs3l", module.Rs3lConfig, module.Rs3l, module.rs3l_inputs)
    return replace(made, pretraining=Pretraining(module.Rs3lPretraining, module.rs3l_objectives, by_view=True))


def _scaled_by_constants(name: str, config_class: Any, network: Any, inputs: Any) -> Architecture:
    """A torch architecture whose inputs are scaled by constants of its own."""
    presets = _presets(config_class)
    return Architecture(name, "torch", config_class, network, inputs, lambda jets, config: None, presets)


def _presets(config_class: Any) -> dict[str, Callable[[], Any]]:
    """The defaults are the tiny sizes."""
    return {"tiny": config_class, "published": config_class.published}


def _recurrent_reference(cell: Literal["gru", "lstm"]) -> Architecture:
    from models.teachers.recurrent import RecurrentConfig as Config
    from models.teachers.recurrent import RecurrentReference

    return Architecture(
        cell,
        "torch",
        Config,
        partial(RecurrentReference, cell),
        _sequence_inputs,
        _fit_sequence_scaling,
        {"tiny": Config, "published": Config, "flavour": Config.flavour, "long_sequence": Config.long_sequence},
    )


def _recurrent_student() -> Architecture:
    from models.students.recurrent import RecurrentSpec, build_float

    return Architecture(
        "recurrent_student", "keras", RecurrentSpec, build_float, _sequence_inputs, _fit_sequence_scaling
    )


def _mlp_student() -> Architecture:
    from models.students import inputs
    from models.students.feed_forward import MlpSpec

    return Architecture("mlp_student", "keras", MlpSpec, _feed_forward, inputs.mlp_inputs, inputs.fit_mlp_scaling)


def _particle_student() -> Architecture:
    from models.students import inputs
    from models.students.feed_forward import ParticleSpec

    fed = (inputs.particle_inputs, inputs.fit_particle_scaling)
    return Architecture("particle_student", "keras", ParticleSpec, _feed_forward, *fed)


def _attention_student() -> Architecture:
    from models.students import inputs
    from models.students.feed_forward import AttentionSpec

    fed = (inputs.particle_inputs, inputs.fit_particle_scaling)
    return Architecture("attention_student", "keras", AttentionSpec, _feed_forward, *fed)


def _feed_forward(spec: Any, n_outputs: int) -> Any:
    """The float network of a feed-forward student; Keras is imported only now."""
    start_keras()
    from models.students.feed_forward_network import build_float

    return build_float(spec, n_outputs)


def _sequence_inputs(jets: Jets, config: Any, scaling: PowerOfTwoScaling | None) -> dict[str, NDArray[Any]]:
    from models.sequence import sequence_inputs

    return sequence_inputs(jets, config.n_constituents, scaling, config.sequence)


def _fit_sequence_scaling(jets: Jets, config: Any) -> PowerOfTwoScaling:
    from models.sequence import fit_sequence_scaling

    return fit_sequence_scaling(jets, config.n_constituents, config.sequence)


_ARCHITECTURES: Mapping[str, Callable[[], Architecture]] = {
    "particle_transformer": _particle_transformer,
    "particle_net": _particle_net,
    "pet": _pet,
    "omnilearned": _omnilearned,
    "masked_particle": _masked_particle,
    "omnijet": _omnijet,
    "rs3l": _rs3l,
    "gru": partial(_recurrent_reference, "gru"),
    "lstm": partial(_recurrent_reference, "lstm"),
    "recurrent_student": _recurrent_student,
    "mlp_student": _mlp_student,
    "particle_student": _particle_student,
    "attention_student": _attention_student,
}
ARCHITECTURE_NAMES = tuple(_ARCHITECTURES)
