"""HLS kernels of our own, used where those of hls4ml 1.3.0 are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jets.errors import ToolFailed

REPLACED_CALLS = {"LSTM": ("nnet::lstm_stack<", "nnet::exact_lstm_stack<", "nnet_exact_lstm.h")}
"""hls4ml layer to the call that hls4ml 1.3.0 emits, ours, and the header beside this file that has it."""


def use_own_kernels(graph: Any) -> None:
    """Make the layers of `REPLACED_CALLS` call our kernels.

    Raises:
        ToolFailed: hls4ml emits another call than the one to be replaced.
    """
    for node in graph.get_layers():
        if node.class_name not in REPLACED_CALLS:
            continue
        old, new, header = REPLACED_CALLS[node.class_name]
        call = node.get_attr("function_cpp")
        if call.count(old) != 1:
            raise ToolFailed(f"hls4ml emits no {old!r}", f"layer {node.name!r}", "install hls4ml of constraints.txt")
        node.set_attr("function_cpp", call.replace(old, new))
        node.set_attr("include_header", [*node.get_attr("include_header"), f"nnet_utils/{header}"])


def own_headers(graph: Any) -> dict[str, bytes]:
    """The headers that the graph's replaced calls need, by file name."""
    used = {node.class_name for node in graph.get_layers()} & set(REPLACED_CALLS)
    names = sorted(REPLACED_CALLS[kind][2] for kind in used)
    return {name: (Path(__file__).parent / name).read_bytes() for name in names}
