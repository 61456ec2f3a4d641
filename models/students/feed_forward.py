"""What feed-forward students are: an MLP of high-level features, and particles that meet one another.

The network of each spec is written once, in `models.students.feed_forward_network`, from the `Parts` of a front end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jets.errors import ConfigError
from jets.features import CONSTITUENT_FEATURES
from jets.high_level import HIGH_LEVEL_FEATURES
from models.students.recurrent import MAX_WIDTH

PARTICLE_KINDS = ("deep_sets", "jedi_linear", "mlp_mixer")
MAX_CONSTITUENTS = 128
MAX_BLOCKS = 8
ATTENTION_LAYERS = ("project", "query", "key", "value", "scores", "attend", "join", "hidden", "feed_forward")
"""The layers of a block that multiply."""


@dataclass(frozen=True)
class MlpSpec:
    """A multilayer perceptron of the 16 features of `jets.high_level`; the default is that of arXiv:1804.06913.

    Attributes:
        dense: widths of its ReLU layers.

    Raises:
        ConfigError: no layer, or a width that is not between 1 and `MAX_WIDTH`.
    """

    kind: Literal["mlp"] = "mlp"
    dense: tuple[int, ...] = (64, 32, 32)
    arithmetic: ClassVar[str] = "qkeras"

    def __post_init__(self) -> None:
        _check_widths("dense", self.dense)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of a jet's input, (16,)."""
        return (len(HIGH_LEVEL_FEATURES),)


@dataclass(frozen=True)
class ConstituentSpec:
    """What students of particles have in common.

    Attributes:
        n_constituents: particles of a jet, in falling pT; fewer are padded and masked.
        features: of a particle, 3, 6 or 16 (`jets.features.CONSTITUENT_FEATURES`).
        dense: widths of the ReLU layers between the mean over particles and the output.

    Raises:
        ConfigError: an unknown number of features, more particles than `MAX_CONSTITUENTS`, or a width that is not
            between 1 and `MAX_WIDTH`.
    """

    kind: str
    n_constituents: int = 16
    features: int = 6
    dense: tuple[int, ...] = (32,)
    arithmetic: ClassVar[str] = "qkeras"

    def __post_init__(self) -> None:
        if self.features not in CONSTITUENT_FEATURES:
            known = ", ".join(map(str, CONSTITUENT_FEATURES))
            raise ConfigError(f"features must be one of {known}, not {self.features}", None, "correct it")
        _check_size("n_constituents", self.n_constituents, MAX_CONSTITUENTS)
        _check_widths("dense", self.dense, at_least=0)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of a jet's input, (n_constituents, features + 1): the last column is the mask."""
        return (self.n_constituents, self.features + 1)


@dataclass(frozen=True)
class ParticleSpec(ConstituentSpec):
    """DeepSets (arXiv:1703.06114), or one whose particles meet: JEDI-linear (arXiv:2508.15468), MLP-Mixer (2105.01601).

    Equations in docs/students.md.

    Attributes:
        kind: "deep_sets", "jedi_linear" whose particles meet their mean, or "mlp_mixer" whose particles meet mixtures
            of all, one for each place.
        particle: widths of the ReLU layers of each particle; where particles meet all but the first see the others.

    Raises:
        ConfigError: an unknown kind, no layer of particles (two where they meet), or as of `ConstituentSpec`.
    """

    kind: Literal["deep_sets", "jedi_linear", "mlp_mixer"] = "deep_sets"
    particle: tuple[int, ...] = (32, 32)

    def __post_init__(self) -> None:
        if self.kind not in PARTICLE_KINDS:
            raise ConfigError(f"unknown kind {self.kind!r}", None, f"use one of {', '.join(PARTICLE_KINDS)}")
        super().__post_init__()
        _check_widths("particle", self.particle, at_least=1 + self.exchanges)

    @property
    def exchanges(self) -> bool:
        """Whether particles see each other."""
        return self.kind != "deep_sets"


@dataclass(frozen=True)
class AttentionSpec(ConstituentSpec):
    """A transformer whose attention is linear in the number of particles: Linformer (arXiv:2006.04768) with ReLU.

    Equations in docs/students.md.

    Attributes:
        width: of a particle in every block.
        blocks: attention and feed-forward layers, one after another.
        heads: of the attention; each has an equal share of the width.
        projections: mixtures of particles that stand for all of them in keys and values.
        hidden: width of the hidden layer of each block.

    Raises:
        ConfigError: a size out of range, heads that do not divide the width, or as of `ConstituentSpec`.
    """

    kind: Literal["linear_attention"] = "linear_attention"
    features: int = 3
    width: int = 16
    blocks: int = 1
    heads: int = 2
    projections: int = 4
    hidden: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("width", "hidden"):
            _check_size(name, getattr(self, name), MAX_WIDTH)
        _check_size("blocks", self.blocks, MAX_BLOCKS)
        _check_size("projections", self.projections, MAX_CONSTITUENTS)
        if self.heads < 1 or self.width % self.heads:
            raise ConfigError(f"heads must divide the width of {self.width}, {self.heads} do not", None, "correct it")


FeedForwardSpec = MlpSpec | ParticleSpec | AttentionSpec
KINDS: Mapping[str, type[FeedForwardSpec]] = {
    "mlp": MlpSpec,
    **dict.fromkeys(PARTICLE_KINDS, ParticleSpec),
    "linear_attention": AttentionSpec,
}


def shift(n_particles: int) -> int:
    """Bits by which a sum over particles is shifted to the right, ceil(log2 n_particles)."""
    return (n_particles - 1).bit_length()


def _check_widths(name: str, widths: tuple[int, ...], at_least: int = 1) -> None:
    if len(widths) < at_least:
        raise ConfigError(f"{name} needs at least {at_least} widths, not {len(widths)}", None, "e.g. [32, 32]")
    for place, width in enumerate(widths):
        _check_size(f"{name}[{place}]", width, MAX_WIDTH)


def _check_size(name: str, size: int, largest: int) -> None:
    if not 1 <= size <= largest:
        raise ConfigError(f"{name} must be between 1 and {largest}, not {size}", None, "correct it")


@dataclass(frozen=True)
class Parts:
    """What a feed-forward network is made of in one front end; each gives a layer of the given name.

    Attributes:
        dense: (width, use_bias, name) -> a matrix of the last axis.
        relu: (name) -> a ReLU, and the type of what it hands on.
        cast: (tensor, name) -> the type of "input", "mean", "attention" or "output".
    """

    dense: Callable[[int, bool, str], Any]
    relu: Callable[[str], Any]
    cast: Callable[[str, str], Any]


def layer_names(spec: FeedForwardSpec) -> list[str]:
    """The layers that multiply."""
    return [*particle_layers(spec), *(f"dense_{place}" for place in range(len(spec.dense))), "logit"]


def particle_layers(spec: FeedForwardSpec) -> list[str]:
    """The layers that multiply and stand before the mean of all particles."""
    if isinstance(spec, MlpSpec):
        return []
    if isinstance(spec, AttentionSpec):
        return ["embed", *(f"{name}_{block}" for block in range(spec.blocks) for name in ATTENTION_LAYERS)]
    places = range(len(spec.particle))
    meeting = {"deep_sets": (), "jedi_linear": ("exchange",), "mlp_mixer": ("mix", "exchange")}[spec.kind]
    return [
        *(f"particle_{place}" for place in places),
        *(f"{name}_{place}" for place in places[1:] for name in meeting),
    ]
