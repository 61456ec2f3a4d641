"""The plan handed to hls4ml, and the proof that its ModelGraph kept every precision of it."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hls.convert.kernels import use_own_kernels
from hls.convert.layer_plan import RECURRENT, LayerPlan
from hls.fixed_point import FixedType
from hls.project import HlsConfig, LayerRecord, Tensor
from jets.errors import ConfigError, ToolFailed

UNSET = "fixed<61,37>"
"""hls4ml's default precision while we convert: no plan uses it, so that a tensor nobody set is recognised."""


def build_graph(model: Any, plans: Sequence[LayerPlan], config: HlsConfig, folder: Path, trace: bool = False) -> Any:
    """The hls4ml ModelGraph of a planned student, after hls4ml's optimizer flows.

    `folder` is where the graph will be written. With `trace` every layer's output can be read from the C simulation.

    Raises:
        ToolFailed: hls4ml changed a precision or dropped a layer.
        ConfigError: a reuse factor that hls4ml cannot use with the Resource strategy.
    """
    from hls4ml.backends import get_backend
    from hls4ml.converters.keras_v3_to_hls import parse_keras_v3_model
    from hls4ml.model.graph import ModelGraph

    from hls.convert import exact_layers, heterogeneous_layers, particle_layers  # noqa: F401 (handlers)
    from hls.convert.qkeras import handling

    exact_layers.register()
    particle_layers.register()
    with handling(plans), quiet():
        layers, inputs, outputs, _ = parse_keras_v3_model(model, allow_da_fallback=False, allow_v2_fallback=False)
        backend = get_backend(config.backend)
        settings = backend.create_initial_config(
            part=config.part,
            clock_period=config.clock_ns,
            clock_uncertainty=f"{config.clock_uncertainty_percent:g}%",
            io_type=config.io_type,
            namespace=config.namespace,
            write_weights_txt=False,
            write_tar=False,
        )
        settings |= {
            "OutputDir": str(folder),
            "ProjectName": config.name,
            "Backend": config.backend,
            "Version": "1.0.0",
            "HLSConfig": _hls_config(plans, config, trace),
        }
        graph = ModelGraph.from_layer_list(settings, layers, inputs, outputs)
    check_graph(graph, plans, config)
    use_own_kernels(graph)
    return graph


def _hls_config(plans: Sequence[LayerPlan], config: HlsConfig, trace: bool) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for plan in plans:
        strategy, reuse_factor = config.of_layer(plan.name)
        names[plan.name] = {
            "Precision": {role: str(fixed) for role, fixed in plan.types.items()},
            "Strategy": strategy,
            "ReuseFactor": reuse_factor,
            "Trace": trace,
        }
        if "table" in plan.types:
            names[plan.name] |= {"table_t": str(plan.types["table"]), "TableSize": plan.table_size}
        if plan.kind in RECURRENT:
            names[plan.name] |= {"Static": config.static_recurrent}
    model = {"Precision": UNSET, "ReuseFactor": config.reuse_factor, "Strategy": config.strategy, "BitExact": False}
    return {"Model": model, "LayerName": names}


def check_graph(graph: Any, plans: Sequence[LayerPlan], config: HlsConfig) -> None:
    """Raise ToolFailed unless every type of every layer of the graph is the planned one."""
    planned = {plan.name: plan for plan in plans}
    for node in graph.get_layers():
        # A stream that two layers read is cloned; nothing else is done to its values.
        plan = planned.get(node.get_input_node().name if node.class_name == "Clone" else node.name)
        if plan is None:
            raise ToolFailed("hls4ml added a layer nobody planned", f"layer {node.name!r} ({node.class_name})", _REMEDY)
        for role, text in node_types(node).items():
            wanted = plan.types.get(role)
            if wanted is None or FixedType.parse(text) != wanted:
                what = f"hls4ml made the {role} type {text}, not {wanted}"
                raise ToolFailed(what, f"layer {node.name!r} ({node.class_name})", _REMEDY)
        _check_reuse(node, *config.of_layer(node.name))


_REMEDY = "convert with the hls4ml version of constraints.txt"


def _check_reuse(node: Any, strategy: str, reuse_factor: int) -> None:
    if node.class_name not in ("Dense", "GRU", "LSTM") or strategy != "Resource":
        return
    used = node.get_attr("reuse_factor")
    if used != reuse_factor:
        what = f"reuse_factor {reuse_factor} does not divide the multiplications of layer {node.name!r}"
        raise ConfigError(what, f"hls: layers: {node.name}", f"the nearest one that does is {used}")


def node_types(node: Any) -> dict[str, str]:
    """Every type of a graph node as text, by role; hls4ml's `index_t`, an unused counter, is left out."""
    types = {name.removesuffix("_t"): value.precision for name, value in node.types.items() if name != "index_t"}
    types |= {name: weight.type.precision for name, weight in node.weights.items()}
    types["result"] = node.get_output_variable().type.precision
    return {role: str(FixedType.parse(str(precision))) for role, precision in types.items()}


def layer_records(graph: Any, config: HlsConfig) -> tuple[LayerRecord, ...]:
    """What the manifest says of each layer."""
    return tuple(_record(node, config) for node in graph.get_layers())


def _record(node: Any, config: HlsConfig) -> LayerRecord:
    if node.class_name not in ("Dense", "GRU", "LSTM"):
        return LayerRecord(node.name, node.class_name, node_types(node))
    strategy, reuse_factor = config.of_layer(node.name)
    return LayerRecord(
        node.name,
        node.class_name,
        node_types(node),
        strategy,
        reuse_factor,
        node.get_attr("recurrent_reuse_factor"),
        node.get_attr("table_size") if node.class_name != "Dense" else None,
    )


def tensors(variables: Sequence[Any]) -> tuple[Tensor, ...]:
    """The manifest's description of a graph's inputs or outputs."""
    return tuple(_tensor(variable) for variable in variables)


def _tensor(variable: Any) -> Tensor:
    fixed = FixedType.parse(str(variable.type.precision))
    shape = tuple(int(size) for size in variable.shape)
    return Tensor(variable.name, shape, fixed.cpp(), fixed.width, fixed.fraction_bits, fixed.signed)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep hls4ml from printing and from warning about the attributes we override on purpose."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
