"""A student in Brevitas: what training moves, in torch, and the QKeras network of the same numbers, which is stored.

Importing this module imports torch and Brevitas; it raises ToolNotFound without the latter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from compress.quantize.brevitas import with_types
from compress.quantize.cost import Width, bits_per_tensor
from jets.errors import ExactnessError, ToolNotFound
from models.keras_graph import sources_of
from models.students.feed_forward import FeedForwardSpec, shift

try:
    from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU  # type: ignore[import-untyped, unused-ignore]
    from brevitas.quant import fixed_point, scaled_int  # type: ignore[import-untyped, unused-ignore]
except ImportError:
    raise ToolNotFound("the Python package brevitas is not installed", None, "install it with `make setup`") from None

BATCH = 4096
HALF = 0.5
"""In bits: a learnt scale starts in the middle of those that round up to the declared one."""


class BrevitasNetwork(nn.Module):
    """A QKeras model layer by layer, with its weights, and Brevitas' quantizers where it has some of its own.

    Their widths are those of the model; where its binary points are is where scales of activations start.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        types = bits_per_tensor(model)
        self.sources = {layer.name: sources_of(layer) for layer in model.layers}
        self.moving: dict[str, Callable[..., Any]] = {}
        self.quantized = nn.ModuleDict()
        for layer in model.layers:
            name, kind = layer.name, type(layer).__name__
            if kind == "QDense":
                self.quantized[name] = _linear(layer, types)
            elif kind == "QActivation":
                self.quantized[name] = _cast(**types[f"{name}/output"])
            else:
                self.moving[name] = _MOVING[kind](layer)

    def forward(self, inputs: Tensor) -> dict[str, Any]:
        """What every layer gives, by name: a tensor, with its scale where it was cast."""
        values: dict[str, Any] = {}
        for name, sources in self.sources.items():
            step = self.quantized[name] if name in self.quantized else self.moving[name]
            values[name] = step(*([values[source] for source in sources] or [inputs]))
        return values

    def tensors(self, inputs: Tensor) -> dict[str, Any]:
        """The quantized tensors with their scales: "layer/kernel", "layer/bias", and "layer/output" of these inputs."""
        found: dict[str, Any] = {}
        with torch.no_grad():
            values = self.eval()(inputs)
            for name, module in self.quantized.items():
                if not isinstance(module, QuantLinear):
                    found[f"{name}/output"] = values[name]
                    continue
                kernel = found[f"{name}/kernel"] = module.quant_weight()
                if module.bias is not None:
                    found[f"{name}/bias"] = module.bias_quant(module.bias, values[self.sources[name][0]], kernel)
        return found


class BrevitasStudent:
    """What `compress.fit.fit` asks of a Keras model, trained in torch with Keras' losses.

    The gradient of a loss by the outputs is Keras', that of the outputs by the weights and scales is torch's.

    Attributes:
        network: what is trained.
        optimizer: Keras', whose numbers torch's Adam has.
    """

    def __init__(self, spec: FeedForwardSpec, model: Any, embedding: str | None, n_teacher_embedding: int) -> None:
        self.spec, self.start, self.embedding = spec, model, embedding
        self.network = BrevitasNetwork(model)
        self.projection: nn.Module = nn.Identity()
        if embedding == "hint":
            self.projection = _projection(int(model.get_layer("logit").kernel.shape[0]), n_teacher_embedding)

    def compile(self, optimizer: Any, loss: Callable[[Any, Any], Any], jit_compile: bool) -> None:
        """Make ready to train; there is nothing to compile."""
        self.optimizer, self.loss = optimizer, loss
        trained = [*self.network.parameters(), *self.projection.parameters()]
        moments = (float(optimizer.beta_1), float(optimizer.beta_2))
        self._adam = torch.optim.Adam(trained, betas=moments, eps=float(optimizer.epsilon))

    def train_on_batch(self, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
        """One step of the optimizer; the mean loss of the jets before it."""
        self.network.train()
        outputs = self._outputs(torch.tensor(inputs))
        loss, slope = _loss_and_slope(self.loss, targets, outputs.detach().numpy())
        for group in self._adam.param_groups:
            group["lr"] = float(self.optimizer.learning_rate)
        self._adam.zero_grad()
        outputs.backward(torch.tensor(slope))  # type: ignore[no-untyped-call]
        self._adam.step()
        return loss

    def _outputs(self, inputs: Tensor) -> Tensor:
        """The logits, and what the layer "logit" sees where a loss compares embeddings."""
        values = self.network(inputs)
        logits = _plain(list(values.values())[-1])
        if self.embedding is None:
            return logits
        (seen,) = self.network.sources["logit"]
        return torch.cat([logits, self.projection(_plain(values[seen]))], dim=1)

    def predict(self, inputs: NDArray[np.float32], batch_size: int = BATCH, verbose: int = 0) -> NDArray[np.float32]:
        """What is trained, of jets: (n_jets, n_outputs) float32."""
        self.network.eval()
        with torch.no_grad():
            starts = range(0, len(inputs), batch_size)
            found = [self._outputs(torch.tensor(inputs[start : start + batch_size])) for start in starts]
        return torch.cat(found).numpy()

    def get_weights(self) -> dict[str, Tensor]:
        """The weights and scales now."""
        return deepcopy(self.network.state_dict())

    def set_weights(self, weights: dict[str, Tensor]) -> None:
        """Bring the weights and scales back."""
        self.network.load_state_dict(weights)

    def save_weights(self, path: Path) -> None:
        """Write the weights of the network as it would be stored."""
        self.to_keras().save_weights(path)

    def to_keras(self) -> Any:
        """The QKeras network of the same types and weights."""
        tensors = self.network.tensors(torch.zeros(1, *self.start.input_shape[1:]))
        model = with_types(self.spec, self.start.output_shape[-1], {name: _type(x) for name, x in tensors.items()})
        for layer in model.layers:
            if weights := [tensors[f"{layer.name}/{role}"].value for role in _roles(layer)]:
                layer.set_weights([values.numpy().T for values in weights])
        return model

    def finished(self, inputs: NDArray[np.float32]) -> Any:
        """The QKeras network, every layer of which gives what it gives here for these inputs, bit for bit.

        Raises:
            ExactnessError: they differ; names the first layer that does.
        """
        import keras

        model = self.to_keras()
        layers = model.layers[1:]
        probes = keras.Model(model.inputs, [layer.output for layer in layers])
        for start in range(0, len(inputs), BATCH):
            rows = inputs[start : start + BATCH]
            with torch.no_grad():
                ours = self.network.eval()(torch.tensor(rows))
            for layer, theirs in zip(layers, probes.predict_on_batch(rows), strict=True):
                differs = _plain(ours[layer.name]).numpy() != np.asarray(theirs)
                if differs.any():
                    n_jets = np.count_nonzero(differs.reshape(len(rows), -1).any(axis=1))
                    what = f"Brevitas and QKeras differ in {n_jets} of {len(rows)} jets"
                    raise ExactnessError(what, f"layer {layer.name!r}", "use fewer bits: float32 sums 24 exactly")
        return model


def _loss_and_slope(loss: Any, targets: Any, outputs: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
    """The mean of a Keras loss, and its gradient by the outputs."""
    import tensorflow as tf

    given = tf.convert_to_tensor(outputs)
    with tf.GradientTape() as tape:
        tape.watch(given)
        mean = tf.reduce_mean(loss(tf.convert_to_tensor(targets), given))
    return float(mean), tape.gradient(mean, given).numpy()


def _projection(n_in: int, n_out: int) -> nn.Linear:
    """A linear layer with the start, and the seed, that Keras gives to one."""
    import keras

    layer = nn.Linear(n_in, n_out)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.asarray(keras.initializers.GlorotUniform()((n_out, n_in)))))
        layer.bias.zero_()
    return layer


def _linear(layer: Any, types: Mapping[str, Mapping[str, Any]]) -> nn.Module:
    n_in, n_out = layer.kernel.shape
    options: dict[str, Any] = {"weight_quant": fixed_point.Int8WeightPerTensorFixedPoint}
    options["weight_bit_width"] = types[f"{layer.name}/kernel"]["total"]
    if layer.use_bias:
        options |= {"bias_quant": scaled_int.IntBias, "bias_bit_width": types[f"{layer.name}/bias"]["total"]}
    linear = QuantLinear(n_in, n_out, bias=layer.use_bias, **options)
    with torch.no_grad():
        for ours, theirs in zip((linear.weight, linear.bias), layer.get_weights(), strict=False):
            ours.copy_(torch.tensor(theirs.T))
    return linear  # type: ignore[no-any-return, unused-ignore]


def _cast(total: int, integer: int, signed: bool) -> Any:
    """A cast with a learnt scale; half to even, saturating. An unsigned one is a ReLU, too."""
    largest = 2.0 ** (integer - signed - HALF)
    options: dict[str, Any] = {"bit_width": total, "max_val": largest, "return_quant_tensor": True}
    if signed:
        return QuantIdentity(act_quant=fixed_point.Int8ActPerTensorFixedPointMinMaxInit, min_val=-largest, **options)
    return QuantReLU(act_quant=fixed_point.Uint8ActPerTensorFixedPointMaxInit, **options)


def _type(tensor: Any) -> Width:
    """The fixed-point type of a tensor with a scale."""
    total = int(tensor.bit_width)
    return Width(total, total + round(math.log2(float(tensor.scale))), bool(tensor.signed))


def _roles(layer: Any) -> tuple[str, ...]:
    if not hasattr(layer, "kernel"):
        return ()
    return ("kernel", "bias") if layer.use_bias else ("kernel",)


def _plain(values: Any) -> Tensor:
    """The numbers of a tensor, with a scale or without."""
    return values if isinstance(values, Tensor) else values.value


def _unmasked(values: Any) -> Any:
    return values.set(value=values.value[..., :-1])


def _masked(values: Any, constituents: Any) -> Any:
    return values.set(value=torch.where(constituents.value[..., -1:] > 0, values.value, 0.0))


def _masked_mean(values: Any, constituents: Any, keepdims: bool) -> Tensor:
    counted = _plain(_masked(values, constituents))
    return counted.sum(dim=1, keepdim=keepdims) * 2.0 ** -shift(counted.shape[1])


def _turned(values: Any) -> Any:
    return values.set(value=values.value.transpose(1, 2))


_MOVING: Mapping[str, Callable[[Any], Callable[..., Any]]] = {
    "InputLayer": lambda layer: lambda inputs: inputs,
    "Unmasked": lambda layer: _unmasked,
    "Masked": lambda layer: _masked,
    "MaskedMean": lambda layer: partial(_masked_mean, keepdims=layer.keepdims),
    "Permute": lambda layer: _turned,
    "Add": lambda layer: torch.add,
}
"""The layers that have no types of their own: what they do, as Keras' layer of that name does (`models.students`)."""
