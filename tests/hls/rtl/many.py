"""Many small graphs in one library: each in a namespace, hls4ml's own sources with the vendor's types."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hls.convert.graph import quiet
from hls.convert.kernels import own_headers, use_own_kernels
from hls.csim.compiler import find_compiler
from hls.csim.library import LIBRARY_FLAGS
from hls.csim.sources import FAST_TYPES
from tests.hls.rtl.values import Floats

FLAGS = ("-std=c++20", "-O0", "-w", "-ffp-contract=off", "-DNDEBUG", *LIBRARY_FLAGS, "-I.", "-Innet_utils")
ARITHMETIC = {"tagware": ("-fwrapv", f"-I{FAST_TYPES}", "-Iap_types"), "ap_types": ("-Iap_types",)}
"""The number types of the fast simulation, of which the compiler makes ten times less, and the vendor's."""

DRIVER = """
template <class I, class O>
void drive(void (*top)(I *, O *), const double *in, double *out, long n, int n_in, int n_out) {
    I *x = new I[n_in];
    O *y = new O[n_out];
    for (long jet = 0; jet < n; jet++) {
        for (int i = 0; i < n_in; i++) x[i] = in[jet * n_in + i];
        top(x, y);
        for (int i = 0; i < n_out; i++) out[jet * n_out + i] = y[i].to_double();
    }
    delete[] x;
    delete[] y;
}
"""

Layers = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Description:
    """A graph to be: hls4ml's layers, and what a user's configuration says of them by name."""

    layers: Layers
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    backend: str = "Vitis"
    precision: str = "fixed<16,6>"

    def graph(self, name: str = "case_0") -> Any:
        """hls4ml's graph after its flows, in the namespace `name`."""
        from hls4ml.backends import get_backend
        from hls4ml.model.graph import ModelGraph

        model = {"Precision": self.precision, "ReuseFactor": 1, "Strategy": "Latency", "BitExact": False}
        with quiet():
            settings = get_backend(self.backend).create_initial_config(namespace=name, write_weights_txt=False)
            settings |= {"OutputDir": "unused", "ProjectName": "top", "Backend": self.backend}
            settings["HLSConfig"] = {"Model": model, "LayerName": {k: dict(v) for k, v in self.config.items()}}
            layers = [{"inputs": [], "outputs": [layer["name"]], **layer} for layer in self.layers]
            graph = ModelGraph.from_layer_list(settings, layers, [layers[0]["name"]], [layers[-1]["name"]])
        use_own_kernels(graph)
        return graph


@dataclass(frozen=True)
class Many:
    """The compiled graphs."""

    library: Any
    graphs: tuple[Any, ...]

    def predict(self, index: int, inputs: Floats) -> Floats:
        """Outputs (n, n_outputs) of one graph for inputs (n, n_inputs)."""
        graph = self.graphs[index]
        n_in, n_out = (_size(variables) for variables in (graph.get_input_variables(), graph.get_output_variables()))
        values = np.ascontiguousarray(inputs, np.float64).reshape(-1, n_in)
        outputs = np.zeros((len(values), n_out))
        self.library[f"run_{index}"](
            *(array.ctypes.data_as(ctypes.c_void_p) for array in (values, outputs)), ctypes.c_long(len(values))
        )
        return outputs


def compiled(graphs: Sequence[Any], folder: Path, arithmetic: str = "tagware") -> Many:
    """Compile graphs, `case_0` … in this order by their namespaces, with one call of the compiler."""
    folder.mkdir(parents=True, exist_ok=True)
    _place_headers(graphs[0], folder)
    parts = ["#include <cassert>", DRIVER]
    for index, graph in enumerate(graphs):
        for name, content in own_headers(graph).items():
            (folder / "nnet_utils" / name).write_bytes(content)
        parts += [_source(graph, folder / "work"), _entry(index, graph)]
    (folder / "many.cpp").write_text("\n".join(parts))
    library = folder / f"{arithmetic}.so"
    find_compiler().compile([Path("many.cpp")], (*FLAGS, *ARITHMETIC[arithmetic]), library, folder)
    return Many(ctypes.CDLL(str(library)), tuple(graphs))


def _place_headers(graph: Any, folder: Path) -> None:
    """The vendor's types and hls4ml's kernels, as its writer merges them for the graph's backend."""
    import hls4ml

    templates = Path(hls4ml.__file__).parent / "templates"
    shutil.copytree(templates / "vivado" / "ap_types", folder / "ap_types", dirs_exist_ok=True)
    for backend in ("vivado", "vitis")[: 1 + (graph.config.backend.name == "Vitis")]:
        shutil.copytree(templates / backend / "nnet_utils", folder / "nnet_utils", dirs_exist_ok=True)


def _source(graph: Any, folder: Path) -> str:
    """What hls4ml writes for a graph as one text, without what all graphs share."""
    writer = graph.config.backend.writer
    graph.config.config["OutputDir"] = str(folder)
    (folder / "firmware" / "nnet_utils").mkdir(parents=True, exist_ok=True)
    shutil.copy(folder.parent / "nnet_utils" / "nnet_code_gen.h", folder / "firmware" / "nnet_utils")
    with quiet():
        writer.write_project_dir(graph)
        for write in ("project_cpp", "project_header", "weights", "defines", "parameters", "generated_code"):
            getattr(writer, f"write_{write}")(graph)
    text = "\n".join(_inlined(folder / "firmware", "top.cpp", set()))
    guards = sorted(set(re.findall(r"^#define (\w+_H_)$", text, re.M)))
    return "\n".join([text, *(f"#undef {guard}" for guard in guards)])


def _inlined(folder: Path, name: str, seen: set[str]) -> Iterator[str]:
    for line in (folder / name).read_text().splitlines():
        include = re.match(r'#include "(.+)"', line)
        if include is None or not (folder / include[1]).is_file():
            yield line
        elif include[1] not in seen:
            seen.add(include[1])
            yield from _inlined(folder, include[1], seen)


def _entry(index: int, graph: Any) -> str:
    namespace = graph.config.get_writer_config()["Namespace"]
    sizes = [_size(graph.get_input_variables()), _size(graph.get_output_variables())]
    return (
        f'extern "C" void run_{index}(const double *in, double *out, long n) {{ '
        f"drive(&{namespace}::top, in, out, n, {sizes[0]}, {sizes[1]}); }}\n"
    )


def _size(variables: Sequence[Any]) -> int:
    (variable,) = variables
    return math.prod(int(size) for size in variable.shape)
