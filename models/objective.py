"""What a training minimises: tagging, or what an architecture is pre-trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from jets.metrics import auc_of_logits

Batch = dict[str, Tensor]
NOT_INPUTS = ("labels", "weights")


class Objective(nn.Module):
    """A loss per jet; its parameters are all that learn.

    A batch holds the network's input arrays by name, "labels" (n_jets,) and "weights" (n_jets,).
    """

    def forward(self, batch: Batch) -> Tensor:
        """The loss of each jet, (n_jets,)."""
        raise NotImplementedError

    def observe(self, batch: Batch) -> dict[str, Tensor]:
        """What validation keeps of each jet, its "loss" at least; first axis the jets."""
        return {"loss": self(batch)}

    def measures(self, observed: Mapping[str, Tensor]) -> dict[str, float]:
        """What the training curves tell of the validation jets besides their mean loss."""
        return {}

    def backbone(self) -> list[nn.Parameter]:
        """The parameters that `TrainConfig.backbone_rate` slows down."""
        return []


class Classification(Objective):
    """The cross entropy of a tagger's logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> Tensor:
        """The loss of each jet, (n_jets,)."""
        return loss_per_jet(self.network(**inputs(batch)), batch["labels"])

    def observe(self, batch: Batch) -> dict[str, Tensor]:
        """Loss, logits and label of each jet."""
        logits = self.network(**inputs(batch))
        return {"loss": loss_per_jet(logits, batch["labels"]), "logits": logits, "labels": batch["labels"]}

    def measures(self, observed: Mapping[str, Tensor]) -> dict[str, float]:
        """The AUC with its error, the mean over classes for more than two."""
        area = auc_of_logits(observed["logits"].numpy(), observed["labels"].numpy())
        return {"validation_auc": area.value, "validation_auc_error": area.error}

    def backbone(self) -> list[nn.Parameter]:
        """All but the head."""
        return [weight for name, weight in self.network.named_parameters() if not in_head(self.network, name)]


def inputs(batch: Batch) -> dict[str, Tensor]:
    """The network's inputs of a batch."""
    return {name: values for name, values in batch.items() if name not in NOT_INPUTS}


def loss_per_jet(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy (n_jets,) of logits (n_jets, 1) for two classes or (n_jets, n_classes)."""
    if logits.shape[1] == 1:
        return binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype), reduction="none")
    return cross_entropy(logits, labels, reduction="none")


def heads(network: nn.Module) -> tuple[str, ...]:
    """Names of the submodules that fine-tuning teaches at the full rate: its `heads`, else the layer `output`."""
    named: Any = getattr(network, "heads", ("output",))
    return tuple(named)


def head_modules(network: nn.Module) -> Iterator[nn.Module]:
    """The submodules of the head."""
    return (network.get_submodule(name) for name in heads(network))


def in_head(network: nn.Module, name: str) -> bool:
    """Whether a parameter of that name belongs to the head."""
    return name.split(".")[0] in heads(network)


def is_per_class(network: nn.Module, name: str) -> bool:
    """Whether a parameter of that name has a row or a column for each class: the layers `per_class`, else `output`."""
    return name.startswith(tuple(f"{layer}." for layer in getattr(network, "per_class", ("output",))))
