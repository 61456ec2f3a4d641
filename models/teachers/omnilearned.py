"""OmniLearned (Bhimji et al., arXiv:2510.24066) through its authors' package, and the checkpoints they publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from jets.dataset import IDENTITIES, IMPACT, Jets
from jets.errors import LayoutError, ToolNotFound
from jets.features import PowerOfTwoScaling
from jets.files import file_digest
from models.checkpoint import load_weights, read_weights
from models.registry import n_outputs
from models.sequence import constituent_mask
from models.sizes import require_fractions, require_heads, require_positive
from models.tagger import Tagger
from models.teachers.constituents import column, logarithms
from models.teachers.neighbours import check_neighbours, require_neighbours

REMEDY = "use a best_model_*.pt of OmniLearned with the preset and config it was trained with"
# Places in the sorted PDG codes that the package numbers, -211, -13, -11, 0, 11, 13, 22, 130, 211, for a charge that is
# not positive and for a positive one.
PARTICLES = {
    "unknown": (3, 3),
    "charged_hadron": (0, 8),
    "neutral_hadron": (7, 7),
    "photon": (6, 6),
    "electron": (4, 2),
    "muon": (5, 1),
}
N_PARTICLES, N_KINEMATIC, N_TRACK = 9, 4, len(IMPACT)
# A classifier does without what only generation needs; at time 0 the network masks the time token anyway.
GENERATION_ONLY = ("MPFourier.", "time_embed.")


@dataclass(frozen=True)
class OmniLearnedConfig:
    """Sizes of the package's network PET2; the defaults are the `tiny` preset.

    Attributes:
        n_constituents: hardest constituents that are looked at.
        width: width of a constituent's representation.
        heads: attention heads, a divisor of `width`.
        blocks: transformer blocks of the body.
        head_blocks: blocks of the head and of the local embedding.
        tokens: learnt tokens that gather the jet.
        neighbours: K, the nearest constituents that the local embedding gathers from.
        pairs: whether attention is biased by pairwise physics.
        local_pairs: whether the local embedding sees it.
        identities: whether particle identities are looked at.
        tracks: whether impact parameters are looked at; zero where the jets carry none.
        dropout: in the blocks.
        classes: names of the classes of a checkpoint, in its order; it does not hold them itself.

    Raises:
        ConfigError: a size out of range, or fewer constituents than each needs neighbours.
    """

    n_constituents: int = 20
    width: int = 32
    heads: int = 4
    blocks: int = 2
    head_blocks: int = 1
    tokens: int = 2
    neighbours: int = 5
    pairs: bool = True
    local_pairs: bool = True
    identities: bool = True
    tracks: bool = False
    dropout: float = 0.0
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        sizes = ("n_constituents", "width", "heads", "blocks", "head_blocks", "tokens", "neighbours")
        require_positive({name: getattr(self, name) for name in sizes})
        require_heads(self.width, self.heads)
        require_fractions({"dropout": self.dropout})
        check_neighbours(self.n_constituents, self.neighbours)

    @classmethod
    def published(cls) -> OmniLearnedConfig:
        """The small model of arXiv:2510.24066."""
        return cls._pretrained(width=128, heads=8, blocks=8)

    @classmethod
    def medium(cls) -> OmniLearnedConfig:
        """The medium model."""
        return cls._pretrained(width=512, heads=16, blocks=12)

    @classmethod
    def large(cls) -> OmniLearnedConfig:
        """The large model."""
        return cls._pretrained(width=1024, heads=32, blocks=28, head_blocks=4)

    @classmethod
    def _pretrained(cls, width: int, heads: int, blocks: int, head_blocks: int = 2) -> OmniLearnedConfig:
        """What the three have in common."""
        return cls(150, width, heads, blocks, head_blocks, tokens=4, neighbours=10, tracks=True)


def omnilearned_inputs(
    jets: Jets, config: OmniLearnedConfig, scaling: PowerOfTwoScaling | None
) -> dict[str, NDArray[Any]]:
    """The package's own inputs, unscaled; P is `config.n_constituents`, padding is zero.

    Returns:
        "data": (n_jets, P, 4): deta, dphi, ln pT, ln E (GeV);
        "pid": (n_jets, P) int64 with `identities`: the place of the particle in `PARTICLES`;
        "tracks": (n_jets, P, 4) with `tracks`: tanh d0, its error, tanh dz, its error (mm).

    Raises:
        DataError: the jets store fewer constituents than each needs neighbours.
    """
    require_neighbours(jets, config.neighbours)
    mask = constituent_mask(jets, config.n_constituents)
    log_pt, log_energy, _, _ = logarithms(jets, mask)
    # The network takes a constituent of ln pT = 0 for padding.
    log_pt = np.where(log_pt == 0, 1e-6, log_pt)
    kinematic = np.stack((column(jets, "deta", mask), column(jets, "dphi", mask), log_pt, log_energy), axis=-1)
    inputs: dict[str, NDArray[Any]] = {"data": (kinematic * mask[..., None]).astype(np.float32)}
    if config.identities:
        inputs["pid"] = _particles(jets, mask)
    if config.tracks:
        inputs["tracks"] = _tracks(jets, mask)
    return inputs


def _particles(jets: Jets, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    have = jets.constituent_features
    kind = column(jets, "identity", mask).astype(int) if "identity" in have else np.zeros(mask.shape, int)
    positive = column(jets, "charge", mask) > 0 if "charge" in have else np.zeros(mask.shape, bool)
    places = np.array([PARTICLES[name] for name in IDENTITIES])
    return np.where(mask, places[kind, positive.astype(int)], 0).astype(np.int64)


def _tracks(jets: Jets, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    if not set(IMPACT) <= set(jets.constituent_features):
        return np.zeros((*mask.shape, N_TRACK), np.float32)
    d0, d0_error, dz, dz_error = (column(jets, name, mask) for name in IMPACT)
    tracks: NDArray[np.float32] = np.stack((np.tanh(d0), d0_error, np.tanh(dz), dz_error), axis=-1, dtype=np.float32)
    return tracks


class OmniLearned(nn.Module):
    """Constituents -> raw logits by the package's network; the embedding is what its head's last layer sees.

    Raises:
        ToolNotFound: the package omnilearned is not installed.
    """

    heads = ("classifier", "output")

    def __init__(self, config: OmniLearnedConfig, n_outputs: int) -> None:
        super().__init__()
        network = _package_network(config, n_outputs)
        self.n_embedding = config.tokens * config.width
        self.body, self.classifier, self.output = network.body, network.classifier, network.classifier.out
        self.classifier.out = nn.Identity()

    def embed(self, data: Tensor, pid: Tensor | None = None, tracks: Tensor | None = None) -> Tensor:
        """(n_jets, P, 4), (n_jets, P), (n_jets, P, 4) -> (n_jets, n_embedding)."""
        embedding: Tensor = self.classifier(self.body(data, None, pid, tracks))
        return embedding

    def head(self, embedding: Tensor) -> Tensor:
        """(n_jets, n_embedding) -> raw logits (n_jets, n_outputs)."""
        logits: Tensor = self.output(embedding)
        return logits

    def forward(self, data: Tensor, pid: Tensor | None = None, tracks: Tensor | None = None) -> Tensor:
        """(n_jets, P, 4), (n_jets, P), (n_jets, P, 4) -> raw logits (n_jets, n_outputs)."""
        return self.head(self.embed(data, pid, tracks))


def _package_network(config: OmniLearnedConfig, n_outputs: int) -> Any:
    try:
        package = import_module("omnilearned.network")
    except ImportError as error:
        what = f"the optional package omnilearned cannot be imported ({error})"
        raise ToolNotFound(what, None, "install it: pip install --no-deps omnilearned einops torchdiffeq") from None
    return package.PET2(
        N_KINEMATIC,
        use_int=config.pairs,
        local_int=config.local_pairs,
        pid=config.identities,
        pid_dim=N_PARTICLES,
        add_info=config.tracks,
        add_dim=N_TRACK,
        num_classes=n_outputs,
        base_dim=config.width,
        num_transformers=config.blocks,
        num_transformers_head=config.head_blocks,
        num_tokens=config.tokens,
        num_heads=config.heads,
        mlp_drop=config.dropout,
        K=config.neighbours,
        num_coord=2,
    )


def read_omnilearned_checkpoint(path: Path, config: OmniLearnedConfig) -> Tagger:
    """The tagger in a checkpoint of the package (`best_model_*.pt`).

    Its classes are those that the config names, else "class_0" and on.

    Raises:
        InputError: no such file.
        LayoutError: damaged, not safe to read, or the weights of another network or of other sizes.
        ToolNotFound: the package omnilearned is not installed.
    """
    parts = read_weights(path, REMEDY)
    if not isinstance(parts, Mapping) or not {"body", "classifier_head"} <= set(parts):
        raise LayoutError("does not hold a classifier of OmniLearned (body and classifier_head)", path, REMEDY)
    body, head = dict(parts["body"]), dict(parts["classifier_head"])
    if any(name.startswith("cond_embed.") for name in body):
        what = "was trained with conditions on the jet, which are not known here"
        raise LayoutError(what, path, "use a checkpoint without them")
    last = {name: head.pop(f"out.{name}", None) for name in ("weight", "bias")}
    if last["weight"] is None or last["bias"] is None:
        raise LayoutError("its classifier has no last layer", path, REMEDY)
    classes = _classes(len(last["weight"]), config, path)
    if len(classes) == 2:  # the logit of the second class against the first
        last = {name: values[1:] - values[:1] for name, values in last.items()}
    state = {f"body.{name}": values for name, values in body.items() if not name.startswith(GENERATION_ONLY)}
    state |= {f"classifier.{name}": values for name, values in head.items()}
    state |= {f"output.{name}": values for name, values in last.items()}
    network = OmniLearned(config, n_outputs(classes))
    load_weights(network, state, "omnilearned", path, REMEDY)
    record = {"checkpoint": path.name, "sha256": file_digest(path)}
    return Tagger("omnilearned", config, classes, None, network.eval(), "torch", provenance=record)


def _classes(count: int, config: OmniLearnedConfig, path: Path) -> tuple[str, ...]:
    if config.classes and len(config.classes) != count:
        what = f"has {count} classes, not the {len(config.classes)} that the config names"
        raise LayoutError(what, path, "correct classes, or leave it out to fine-tune a new output")
    return config.classes or tuple(f"class_{place}" for place in range(count))
