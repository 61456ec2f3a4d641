"""Firmware projects for simulation tests, written as a conversion writes them but without its self-check."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from hls.convert.graph import build_graph, layer_records, tensors
from hls.convert.plan import plan_layers
from hls.convert.write import firmware_files
from hls.project import MANIFEST, HlsConfig, Project, digests, write_files


def write_project(model: Any, folder: Path, config: HlsConfig | None = None) -> Project:
    config = config or HlsConfig()
    graph = build_graph(model, plan_layers(model, config), config, folder)
    files = firmware_files(graph)
    project = Project(
        folder=folder,
        name=config.name,
        config=config,
        tagger_digest="of a test",
        inputs=tensors(graph.get_input_variables()),
        outputs=tensors(graph.get_output_variables()),
        layers=layer_records(graph, config),
        files=digests(files),
        self_check={"n_jets": 1, "n_mismatch": 0, "max_abs_difference": 0.0, "limit": 0.0, "reason": "a test"},
    )
    write_files({**files, MANIFEST: project.manifest().encode()}, folder)
    return project


def edited(project: Project, folder: Path, name: str, pattern: str, replacement: str) -> Project:
    """A copy of a project with the text of one file changed, in one place at least."""
    files = {path: (project.folder / path).read_bytes() for path in project.files}
    text, count = re.subn(pattern, replacement, files[name].decode())
    assert count > 0, pattern
    files[name] = text.encode()
    copy = replace(project, folder=folder, files=digests(files))
    write_files({**files, MANIFEST: copy.manifest().encode()}, folder)
    return copy
