"""What can be set about the training of a torch tagger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from jets.config import check_above_zero, check_at_least
from jets.errors import ConfigError


@dataclass(frozen=True)
class TrainConfig:
    """How a torch tagger is trained: linear warm-up then a cosine to zero, early stopping.

    Attributes:
        epochs: passes over the training jets, at most; 0 takes the tagger that it starts from as it is.
        max_jets: training jets that are used, drawn with the seed; None for all.
        optimizer: AdamW (Loshchilov and Hutter, arXiv:1711.05101) or Lion (Chen et al., arXiv:2302.06675).
        batch_size: jets per optimizer step, over all processes together: without dropout, the result does not depend
            on their number, up to rounding.
        learning_rate: at the end of the warm-up.
        backbone_rate: learning rate of all but the head over that of the head; 0 freezes it.
        output: "new", or "keep" that of the tagger it starts from, whose classes must then be the same.
        weight_decay: of the optimizer.
        warmup: fraction of the steps in which the learning rate rises.
        patience: epochs without a lower validation loss before training stops.
        gradient_clip: largest norm of the gradient.
        seed: of the weights, the shuffling and the dropout.
        precision: Lightning's name of the arithmetic.
        accelerator: "auto" takes a GPU when there is one.
        devices: processes per node, one device each; -1 takes every GPU.
        num_nodes: machines; above 1 every one of them runs the same command (Slurm, torchrun).
        strategy: Lightning's name; "auto" is one process, spawned ones on one machine, or "ddp" on several.

    Raises:
        ConfigError: a value out of range.
    """

    epochs: int = 20
    max_jets: int | None = None
    batch_size: int = 256
    optimizer: Literal["adamw", "lion"] = "adamw"
    learning_rate: float = 3e-3
    backbone_rate: float = 1.0
    output: Literal["new", "keep"] = "new"
    weight_decay: float = 1e-2
    warmup: float = 0.1
    patience: int = 5
    gradient_clip: float = 1.0
    seed: int = 1
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "64-true"] = "32-true"
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto"
    devices: int = 1
    num_nodes: int = 1
    strategy: Literal["auto", "ddp", "ddp_spawn"] = "auto"

    def __post_init__(self) -> None:
        check_at_least(self, epochs=0, batch_size=1, patience=1, num_nodes=1, seed=0, max_jets=1)
        check_above_zero(self, "learning_rate", "gradient_clip")
        check_at_least(self, weight_decay=0, backbone_rate=0)
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"warmup must be in [0, 1), not {self.warmup}", None, "correct it")
        if self.devices < 1 and self.devices != -1:
            raise ConfigError(f"devices must be at least 1, or -1 for all, not {self.devices}", None, "correct it")
        if self.devices > 0 and self.batch_size % (self.devices * self.num_nodes):
            what = f"batch_size {self.batch_size} is not a multiple of {self.devices * self.num_nodes} processes"
            raise ConfigError(what, None, "change one of them")

    def resolved_strategy(self) -> str:
        """The strategy that "auto" stands for; spawning works from a console script, a notebook's module and a test."""
        if self.strategy != "auto" or (self.devices == 1 and self.num_nodes == 1):
            return self.strategy
        return "ddp_spawn" if self.num_nodes == 1 else "ddp"


@dataclass(frozen=True)
class PretrainConfig(TrainConfig):
    """How a network is pre-trained before it is fine-tuned.

    Attributes:
        jets: another jets file to pre-train on; None for the one that it is fine-tuned on.
        objective: what is asked of it: the fields of the architecture's own pre-training dataclass.

    Raises:
        ConfigError: a value out of range.
    """

    jets: str | None = None
    objective: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1:
            raise ConfigError("epochs must be at least 1, not 0", None, "leave pretrain out instead")
        if self.backbone_rate != 1 or self.output != "new":
            raise ConfigError("backbone_rate and output are about fine-tuning", None, "set them under train")
