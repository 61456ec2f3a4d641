"""A trained student in, a checked firmware project out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hls.project import MANIFEST, HlsConfig, Project, digests, write_files
from jets.errors import InputError
from jets.files import claim_folder, file_digest, json_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hls.convert.layer_plan import LayerPlan
    from jets.dataset import Jets
    from models.tagger import Tagger

TOOLS = ("hls4ml", "keras", "qkeras-v3", "numpy")
N_TESTBENCH = 100


def convert(tagger_folder: str | Path, config: HlsConfig, out: str | Path, jets: Jets | None = None) -> Project:
    """Convert a saved quantized student to an HLS project in `out`, checked against Python on `jets`.

    With fewer than `config.self_check.n_jets` jets, random inputs fill up. Nothing is written unless the check passes.

    Raises:
        InputError: no tagger there, or a layer that the firmware cannot compute exactly; names the layer.
        ExactnessError: C simulation and Python differ by more than the limit; names the first layer that differs.
        StorageError: `out` holds files that tagware did not write, or the disk is full.
        ToolNotFound: there is no C++ compiler.
    """
    tagger_folder, out = Path(tagger_folder), Path(out)
    tagger = _quantized_student(tagger_folder)
    names = ("tagger.json", "model.keras")
    digest = json_digest({name: file_digest(tagger_folder / name) for name in names})
    inputs = None
    if jets is not None:
        (inputs,) = tagger.inputs(jets[: config.self_check.n_jets]).values()
    return convert_student(tagger.network, config, out, digest, inputs)


def student_graph(tagger_folder: str | Path, config: HlsConfig) -> Any:
    """The hls4ml ModelGraph that `convert` writes the HLS project of a saved student from; nothing is written.

    It has arrays, whatever `config.io_type` says: streams carry the same values, and RTL has interfaces of its own.

    Raises:
        InputError: no tagger there, or a layer that the firmware cannot compute exactly; names the layer.
    """
    return model_graph(_quantized_student(Path(tagger_folder)).network, config)


def model_graph(model: Any, config: HlsConfig) -> Any:
    """As `student_graph`, of a Keras model of a quantization front end, trained or not."""
    from hls.convert.graph import build_graph
    from hls.convert.plan import plan_layers

    config = dataclasses.replace(config, io_type="io_parallel")
    return build_graph(model, plan_layers(model, config), config, Path("never_written"))


def convert_student(
    model: Any,
    config: HlsConfig,
    out: Path,
    digest: str,
    inputs: NDArray[np.float32] | None = None,
    plans: Sequence[LayerPlan] | None = None,
) -> Project:
    """Convert a Keras model of QKeras layers; as `convert`, with `digest` standing for the tagger's files.

    `inputs` (n_jets, n_constituents, n_features) are the first vectors of the check; `plans` replaces the precisions
    that would be derived from the quantizers.
    """
    from hls.convert.graph import build_graph, layer_records, tensors
    from hls.convert.plan import plan_layers
    from hls.convert.self_check import check
    from hls.convert.write import firmware_files
    from hls.estimate import ebops, estimate

    if out.exists():
        claim_folder(out)
    plans = plan_layers(model, config) if plans is None else plans
    graph = build_graph(model, plans, config, out)
    vectors = _vectors(model, plans, config, inputs)
    files = firmware_files(graph) | _testbench_data(model, vectors[:N_TESTBENCH])
    result = check(model, plans, config, files, vectors)
    project = Project(
        folder=out,
        name=config.name,
        config=config,
        tagger_digest=digest,
        inputs=tensors(graph.get_input_variables()),
        outputs=tensors(graph.get_output_variables()),
        layers=layer_records(graph, config),
        files=digests(files),
        versions={name: version(name) for name in TOOLS},
        self_check=result.to_dict(),
        estimates=tuple(estimate(graph)),
        ebops=ebops(graph),
    )
    write_files({**files, MANIFEST: project.manifest().encode()}, out)
    return project


def _quantized_student(folder: Path) -> Tagger:
    from models.tagger import Tagger

    tagger = Tagger.load(folder)
    if tagger.framework != "keras" or tagger.quantization is None:
        kind = "Keras" if tagger.framework != "keras" else "quantized"
        what = f"a {tagger.architecture!r} tagger is not a {kind} student"
        raise InputError(what, folder, "convert the quantized student that `tagware distil` writes")
    return tagger


def _vectors(
    model: Any, plans: Sequence[LayerPlan], config: HlsConfig, inputs: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    import numpy as np

    from hls.convert.self_check import random_inputs

    n_random = config.self_check.n_jets - (0 if inputs is None else len(inputs))
    shape = tuple(int(size) for size in model.input_shape[1:])
    random = random_inputs(shape, plans[0].types["result"], max(n_random, 0), config.self_check.seed)
    return random if inputs is None else np.concatenate([np.asarray(inputs, np.float32), random])


def _testbench_data(model: Any, inputs: NDArray[np.float32]) -> dict[str, bytes]:
    """The input and the expected output of hls4ml's own testbench, one jet a line."""
    import numpy as np

    outputs = np.asarray(model.predict_on_batch(inputs), np.float32)
    return {"tb_data/tb_input_features.dat": _rows(inputs), "tb_data/tb_output_predictions.dat": _rows(outputs)}


def _rows(values: NDArray[np.float32]) -> bytes:
    lines = [" ".join(repr(float(value)) for value in row) for row in values.reshape(len(values), -1)]
    return ("\n".join(lines) + "\n").encode()
