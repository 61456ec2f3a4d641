"""The emulator of a package: the firmware as a shared library that CMSSW loads, built from source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hls.csim.sources import n_values, only_tensor, testbench_sources
from hls.package.templates import HERE, render
from hls.project import Project

FOLDER = "emulator"
COPIED = ("hls4ml/emulator.h", "exports.map")
RENDERED = ("Makefile", "library/project.h", "library/emulator.cpp", "check/project.h", "check/loader.cpp")
TESTBENCH = {"harness.h": "harness.h", "testbench.cpp": "check/testbench.cpp"}
"""Sources of the C simulation, which run whatever `project.h` names, and their paths here."""
INCLUDE = re.compile(r'^\s*#\s*include\s+(<[^>]+>|"[^"]+")', re.MULTILINE)


def emulator_files(project: Project) -> dict[str, bytes]:
    """The sources of a project's emulator by path, to be built beside its HLS project."""
    input_, output = only_tensor(project.inputs, "input", project), only_tensor(project.outputs, "output", project)
    inner = project.config.namespace
    content = {
        "name": project.name,
        "namespace": f"tagware_{project.name}",
        "top": project.name if inner is None else f"{inner}::{project.name}",
        "input": input_,
        "output": output,
        "n_inputs": n_values(input_),
        "n_outputs": n_values(output),
        "headers": library_headers({name: (project.folder / name).read_text() for name in _sources(project)}),
    }
    sources = testbench_sources(project)
    return {
        **{name: (HERE / FOLDER / name).read_bytes() for name in COPIED},
        **{name: render(f"{FOLDER}/{name}", **content) for name in RENDERED},
        f"{project.name}_types.h": render(f"{FOLDER}/types.h", **content),
        **{path: sources[name].encode() for name, path in TESTBENCH.items()},
    }


def library_headers(sources: Mapping[str, str]) -> list[str]:
    """What sources of the folder `firmware` include that is none of them, as include directives name it, in order."""
    return list(dict.fromkeys(_library_headers(sources)))


def _library_headers(sources: Mapping[str, str]) -> Iterator[str]:
    for text in sources.values():
        for included in INCLUDE.findall(text):
            path = f"firmware/{included[1:-1]}"
            if included.startswith("<"):
                yield included
            elif path not in sources:
                yield f'"{path}"' if path.startswith("firmware/nnet_utils/") else included


def _sources(project: Project) -> list[str]:
    """The files that belong to this network alone: of the folder `firmware` itself and its weights."""
    own = re.compile(r"firmware/(weights/)?[^/]+\.(h|cpp)")
    return [name for name in project.files if own.fullmatch(name)]
