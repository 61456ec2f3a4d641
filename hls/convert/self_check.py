"""The student in Python against its C simulation: run after every conversion, before anything is written."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.convert.graph import build_graph, quiet
from hls.convert.layer_plan import FLOAT32_BITS, LayerPlan
from hls.convert.library import build_library, simulate
from hls.convert.write import write_graph
from hls.fixed_point import FixedType
from hls.project import HlsConfig, SelfCheckConfig, write_files
from jets.errors import ExactnessError

TABLE_TOLERANCE = 0.1
"""Share of the spread of Python's outputs that tables in place of real functions may cost, when nothing is stated.

A table of 2048 entries is off by up to 2 / 512 of a gate's range at its steepest; a tenth of the spread of the logits
moves few jets over a working point, and a precision that is plainly wrong costs more.
"""


@dataclass(frozen=True)
class CheckResult:
    """How far Python and C simulation are apart, what was allowed and why."""

    n_jets: int
    n_mismatch: int
    max_abs_difference: float
    limit: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The values as the manifest and the report hold them."""
        return asdict(self)


def stated_limit(plans: Sequence[LayerPlan], outputs: NDArray[Any], config: SelfCheckConfig) -> tuple[float, str]:
    """The largest |difference| that passes, and the reason for it.

    Raises nothing: with `max_difference` unset it is 0 for a student whose every value is fixed point and fits in
    float32, so that Python is exact, and `TABLE_TOLERANCE` of the outputs' standard deviation otherwise.
    """
    if config.max_difference is not None:
        return config.max_difference, "stated in the configuration"
    tables = [plan.name for plan in plans if not plan.exact]
    if tables:
        reason = f"{TABLE_TOLERANCE:g} of the outputs' spread: layer {tables[0]!r} has real functions, not tables"
        return TABLE_TOLERANCE * float(np.std(outputs)), reason
    wide = [plan for plan in plans if plan.float_bits > FLOAT32_BITS]
    if wide:
        reason = (
            f"{TABLE_TOLERANCE:g} of the outputs' spread: layer {wide[0].name!r} needs {wide[0].float_bits} bits, "
            f"Python's float32 has {FLOAT32_BITS}"
        )
        return TABLE_TOLERANCE * float(np.std(outputs)), reason
    return 0.0, "every value is fixed point and fits in float32"


def check(
    model: Any,
    plans: Sequence[LayerPlan],
    config: HlsConfig,
    files: Mapping[str, bytes],
    inputs: NDArray[np.float32],
) -> CheckResult:
    """Compile `files` and compare their outputs with the student's for `inputs`, (n_jets, n_constituents, n_features).

    Raises:
        ExactnessError: they differ by more than the limit; it names the first layer that differs and its precision.
        ToolNotFound: there is no C++ compiler.
        ToolFailed: the C++ does not compile.
    """
    expected = np.asarray(model.predict_on_batch(inputs), np.float32).reshape(len(inputs), -1)
    with tempfile.TemporaryDirectory() as place:
        folder = write_files(files, Path(place) / "project")
        library = build_library(folder, config.name)
        outputs = simulate(library, config.name, inputs, expected.shape[1])
    difference = np.abs(outputs.astype(np.float64) - expected)
    limit, reason = stated_limit(plans, expected, config.self_check)
    n_mismatch = int(np.count_nonzero(difference.max(axis=1)))
    result = CheckResult(len(inputs), n_mismatch, float(difference.max()), limit, reason)
    if not result.max_abs_difference <= limit:
        raise _failure(result, *_first_difference(model, plans, config, inputs, limit))
    return result


def _failure(result: CheckResult, plan: LayerPlan | None, difference: float) -> ExactnessError:
    what = (
        f"C simulation and Python differ in {result.n_mismatch} of {result.n_jets} jets, "
        f"by up to {result.max_abs_difference:g} (limit {result.limit:g}: {result.reason})"
    )
    if plan is None:
        return ExactnessError(
            what, "layer unknown: traced layers agree", "check g++ and hls4ml against constraints.txt"
        )
    precisions = ", ".join(f"{role} {fixed}" for role, fixed in plan.types.items())
    remedy = f"it is the first layer that differs, by up to {difference:g}, with {precisions}"
    return ExactnessError(what, f"layer {plan.name!r} ({plan.kind})", remedy)


def _first_difference(
    model: Any, plans: Sequence[LayerPlan], config: HlsConfig, inputs: NDArray[np.float32], limit: float
) -> tuple[LayerPlan | None, float]:
    """The first layer whose traced output is further than `limit` from Keras', and by how much."""
    traced = _trace(model, plans, config, inputs)
    for plan in plans:
        if plan.name not in traced:
            continue
        expected = _layer_output(model, plan.compare_with, inputs)
        difference = float(np.abs(traced[plan.name].reshape(expected.shape) - expected).max())
        if difference > limit:
            return plan, difference
    return None, 0.0


def _trace(
    model: Any, plans: Sequence[LayerPlan], config: HlsConfig, inputs: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    with tempfile.TemporaryDirectory() as place:
        graph = build_graph(model, plans, config, Path(place) / "trace", trace=True)

        def compile_corrected() -> None:
            write_graph(graph)
            library = build_library(Path(graph.config.get_output_dir()), config.name)
            graph._top_function_lib = ctypes.CDLL(str(library))

        graph.compile = compile_corrected
        with quiet():
            _, traced = graph.trace(np.ascontiguousarray(inputs, np.float32))
    return dict(traced)


def _layer_output(model: Any, name: str, inputs: NDArray[np.float32]) -> NDArray[Any]:
    import keras

    part = keras.Model(model.inputs, model.get_layer(name).output)
    return np.asarray(part.predict_on_batch(inputs), np.float64)


def random_inputs(shape: tuple[int, ...], value: FixedType, n_jets: int, seed: int) -> NDArray[np.float32]:
    """`n_jets` arrays of `shape` over the range of an input type, (n_jets, *shape): steps, halves and saturation.

    A third is uniform over the whole range, a third normal with half of it as width, a third like jets: normal of
    unit width, padded with zeros from a random constituent on.
    """
    rng = np.random.default_rng(seed)
    inputs = rng.normal(0.0, 1.0, (n_jets, *shape))
    third = n_jets // 3
    inputs[:third] = rng.uniform(value.minimum, value.maximum, (third, *shape))
    inputs[third : 2 * third] = rng.normal(0.0, value.magnitude / 2, (third, *shape))
    length = rng.integers(1, shape[0] + 1, n_jets - 2 * third)
    inputs[2 * third :][np.arange(shape[0])[None, :] >= length[:, None]] = 0.0
    return np.asarray(inputs, np.float32)
