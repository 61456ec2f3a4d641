"""HLS kernels of our own: of the exact cells and masked particles, and where those of hls4ml 1.3.0 are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jets.errors import ToolFailed

REPLACED_CALLS = {"LSTM": ("nnet::lstm_stack<", "nnet::exact_lstm_stack<", "nnet_exact_lstm.h")}
"""hls4ml layer to the call that hls4ml 1.3.0 emits, ours, and the header beside this file that has it."""

OWN_LAYERS = {
    "ExactGRU": "nnet_exact_recurrent.h",
    "ExactLSTM": "nnet_exact_recurrent.h",
    "Masked": "nnet_masked_mean.h",
    "MaskedMean": "nnet_masked_mean.h",
}
"""Layers that hls4ml does not have, and the header with their kernel."""

HEADERS = OWN_LAYERS | {kind: header for kind, (_, _, header) in REPLACED_CALLS.items()}
"""Every layer with a kernel of ours, and its header."""


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
    """The headers of ours that the graph needs, by file name."""
    names = {HEADERS[node.class_name] for node in graph.get_layers() if node.class_name in HEADERS}
    return {name: (Path(__file__).parent / name).read_bytes() for name in sorted(names)}
