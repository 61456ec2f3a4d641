"""Which neurons a student can do without, and which a second task may have (docs/pruning.md)."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.fit import PREDICT_BATCH
from compress.prune import PruneConfig, Restraint
from compress.quantize.cost import constants
from models.students.feed_forward import ParticleSpec
from models.students.neurons import Masks, bias_of, kernel_of, neurons_of
from models.students.student import StudentSpec

ACTIVATION_JETS = 20_000


def mean_activations(network: Any, spec: StudentSpec, inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """The mean of what each neuron hands on, (width,), by its ReLU, over jets and over their particles that are there.

    `inputs` (n_jets, …) are those of the network, of which the first `ACTIVATION_JETS` are looked at.
    """
    import keras

    names = [neurons.relu for neurons in neurons_of(spec)]
    model = keras.Model(network.inputs, {name: network.get_layer(name).output for name in names})
    looked_at = inputs[:ACTIVATION_JETS]
    found = model.predict(looked_at, batch_size=PREDICT_BATCH, verbose=0)
    is_particle = looked_at[..., -1] > 0 if isinstance(spec, ParticleSpec) else None
    return {
        name: np.mean(found[name] if found[name].ndim == 2 else found[name][is_particle], axis=0, dtype=np.float64)
        for name in names
    }


def least_active(
    network: Any,
    spec: StudentSpec,
    inputs: NDArray[np.float32],
    loss: Callable[[], float],
    prune: PruneConfig,
    may_go: Masks | None = None,
) -> dict[str, NDArray[np.bool_]]:
    """The neurons to take from a trained network, (width,) masks by their ReLU; the network is as before afterwards.

    Golkar, Kagan and Cho (CLNP), arXiv:1903.04476: in the order of their mean activation, as many as leave
    the validation loss, which `loss` gives for the network as it is, within the margin. Activations are counted in
    units of their layer's mean, so that one threshold suits all layers. A layer keeps a neuron. `may_go` marks the only
    ones that can be taken, all where it is None.
    """
    layers = neurons_of(spec)
    ranked = _ranked(mean_activations(network, spec, inputs), prune.neurons)
    ranked = [(name, place) for name, place in ranked if may_go is None or may_go[name][place]]

    def masks(n: int) -> dict[str, NDArray[np.bool_]]:
        found = {neurons.relu: np.zeros(neurons.width, bool) for neurons in layers}
        for name, place in ranked[:n]:
            found[name][place] = True
        return found

    if prune.margin is None:
        return masks(len(ranked))
    weights, limit = network.get_weights(), loss() + prune.margin

    def is_too_many(n: int) -> bool:
        restraint = Restraint(network, PruneConfig())
        restraint.hold_out(network, layers, masks(n))
        restraint.apply()
        value = loss()
        network.set_weights(weights)
        return value > limit

    return masks(bisect.bisect_left(range(1, len(ranked) + 1), True, key=is_too_many))


def _ranked(activations: Mapping[str, NDArray[np.float64]], share: float) -> list[tuple[str, int]]:
    """This share of each layer's neurons, the least active first."""
    found = []
    for name, means in activations.items():
        order = np.argsort(means, kind="stable")[: min(int(share * len(means)), len(means) - 1)]
        found += [(float(means[place]) / max(float(means.mean()), 1e-30), name, int(place)) for place in order]
    return [(name, place) for _, name, place in sorted(found)]


def free_neurons(network: Any, spec: StudentSpec) -> dict[str, NDArray[np.bool_]]:
    """The neurons of a QKeras network that a second task may have, as nothing reads them: masks by their ReLU."""
    values = constants(network)
    return {
        neurons.relu: np.all([~values[name]["kernel"].any(axis=1) for name in neurons.out_of], axis=0)
        for neurons in neurons_of(spec)
    }


def hold_earlier(restraint: Restraint, network: Any, earlier: Any, spec: StudentSpec) -> None:
    """Hold all weights of `network` that the outputs of the quantized network `earlier` depend on.

    Left to train is what enters the neurons that are free in `earlier`, and what enters outputs that it does not have:
    of every matrix whole columns. So nothing that is trained ever reaches an earlier output.
    """
    values = constants(earlier)
    trained = {name: np.zeros(roles["kernel"].shape[-1], bool) for name, roles in values.items()}
    free = free_neurons(earlier, spec)
    for neurons in neurons_of(spec):
        trained |= dict.fromkeys(neurons.into, free[neurons.relu])
    n_new = kernel_of(network.get_layer("logit")).shape[-1] - len(trained["logit"])
    trained["logit"] = np.append(trained["logit"], np.ones(n_new, bool))
    for name, columns in trained.items():
        layer = network.get_layer(name)
        for variable, role in ((kernel_of(layer), "kernel"), (bias_of(layer), "bias")):
            if variable is not None:
                held = np.zeros(variable.shape, np.float32)
                held[..., : values[name][role].shape[-1]] = values[name][role]
                restraint.hold(variable, ~columns, held)
