"""A tiny finished project, whose golden outputs come from its traced circuit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hls.csim import Vectors
from hls.csim.library import code_range
from hls.package import Finished
from hls.project import HlsConfig, Project
from hls.report import Report
from hls.rtl import trace
from hls.rtl.config import RtlConfig
from hls.rtl.emit import emit
from tests.hls.firmware import write_project
from tests.hls.rtl.firmware import build_chain, graph_of

N_VECTORS = 300
TAGGER = {
    "architecture": "chain",
    "config": {},
    "quantization": None,
    "classes": ["QCD", "top"],
    "scaling": {"offset": [0.5] * 8, "exponent": [-1] * 8},
}


def finish(folder: Path, sections: dict[str, Any], namespace: str | None = None) -> Finished:
    """Firmware, RTL, vectors and a report of a chain of two dense layers, in a new folder."""
    config = HlsConfig(name="chain", namespace=namespace)
    model = build_chain(8, (6, 1))
    project = write_project(model, folder / "firmware", config)
    circuit = trace(graph_of(model, config=config))
    emit(circuit, "chain", RtlConfig()).save(folder / "design")
    store_vectors(project, circuit)
    (folder / "project.yaml").write_text("jets: {sample: top_qcd}\n")
    (folder / "tagger.json").write_text(json.dumps(TAGGER))
    Report.build(**sections).save(folder / "report.json")
    (folder / "comparison").mkdir()
    for name in ("report.html", "comparison/comparison.html"):
        (folder / name).write_text("<!doctype html><title>chain</title>\n")
    (folder / "comparison/comparison.json").write_text("{}\n")
    return finished(folder)


def finished(folder: Path) -> Finished:
    parts = {name: folder / name for name in ("firmware", "design", "comparison")}
    files = {"config": "project.yaml", "report": "report.json", "page": "report.html"}
    paths = {key: folder / name for key, name in files.items()}
    return Finished(name="chain", student=folder, places=(folder,), **parts, **paths)


def store_vectors(project: Project, circuit: Any) -> None:
    (input_,), (output,) = project.inputs, project.outputs
    rng = np.random.default_rng(4)
    codes = rng.integers(*code_range(input_), (N_VECTORS, *input_.shape), endpoint=True)
    values = circuit.interpret(codes * 2.0**-input_.fraction_bits)
    golden = np.rint(values * 2.0**output.fraction_bits).astype(np.int64)
    assert len(np.unique(golden)) > 20
    Vectors(*(numbers.reshape(N_VECTORS, -1) for numbers in (codes, golden))).save(
        project.folder / "vectors", input_, output
    )
