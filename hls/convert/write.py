"""A ModelGraph as files: what hls4ml writes, with our kernels where hls4ml's are wrong, the same bytes every time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hls.convert.graph import quiet
from hls.convert.kernels import own_headers
from jets.errors import ToolFailed

STAMP = "csim"
"""hls4ml puts a random number into the library's name; a project is data, so ours is fixed."""

LEFT_OUT = ("hls4ml_config.yml",)
"""hls4ml's own record holds the absolute output folder; `project.json` takes its place."""


def firmware_files(graph: Any) -> dict[str, bytes]:
    """Every file of the graph's HLS project by path: the same graph gives the same bytes.

    Raises:
        ToolFailed: a file names the folder it was made in.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        graph.config.config["OutputDir"] = str(folder)
        write_graph(graph)
        files = {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }
    kept = {name: content for name, content in files.items() if name not in LEFT_OUT}
    for name, content in kept.items():
        if place.encode() in content:
            raise ToolFailed(
                "hls4ml wrote an absolute path", name, "add the file to `LEFT_OUT` of hls/convert/write.py"
            )
    return kept


def write_graph(graph: Any) -> None:
    """Let hls4ml write the graph into its output folder, with our kernels, a fixed library name and $CXX."""
    with quiet():
        graph.write()
    folder = Path(graph.config.get_output_dir())
    random_stamp = graph.config.config["Stamp"]
    graph.config.config["Stamp"] = STAMP
    script = folder / "build_lib.sh"
    text = script.read_text().replace(f"LIB_STAMP={random_stamp}", f"LIB_STAMP={STAMP}")
    script.write_text(text.replace("CC=g++\n", "CC=${CXX:-g++}\n"))
    for name, content in own_headers(graph).items():
        (folder / "firmware" / "nnet_utils" / name).write_bytes(content)
