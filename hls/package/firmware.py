"""The HLS project of a package: what the vendor's tools take, its testbench and vectors, and a Makefile."""

from __future__ import annotations

from hls.csim.sources import FOLDER, VECTORS, only_tensor, testbench_sources
from hls.csim.vectors import GOLDEN, INPUTS, Vectors
from hls.package.templates import render
from hls.project import MANIFEST, Project


def firmware_files(project: Project) -> dict[str, bytes]:
    """The files of a simulated firmware project by path.

    Raises:
        InputError: it has no stored vectors.
        LayoutError: a file was changed since it was made, or the vectors are of another firmware.
    """
    stored_vectors(project)
    stored = [*project.files, *(f"{VECTORS}/{kind}.txt" for kind in (INPUTS, GOLDEN))]
    return {
        **{name: (project.folder / name).read_bytes() for name in stored},
        **{f"{FOLDER}/{name}": text.encode() for name, text in testbench_sources(project).items()},
        MANIFEST: project.manifest().encode(),
        "Makefile": render("firmware/Makefile", name=project.name),
    }


def stored_vectors(project: Project) -> Vectors:
    """The stored vectors of a simulated firmware project.

    Raises:
        InputError, LayoutError: as `firmware_files`.
    """
    input_, output = only_tensor(project.inputs, "input", project), only_tensor(project.outputs, "output", project)
    return Vectors.load(project.folder / VECTORS, input_, output)
