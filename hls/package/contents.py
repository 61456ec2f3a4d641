"""A finished project as one archive: the same project gives the same bytes, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hls.comparison.comparison import FILE
from hls.comparison.render import PAGE
from hls.cosim import CosimResult
from hls.package.archive import PLAIN_NAME, write_archive
from hls.package.card import model_card
from hls.package.components import licence_texts
from hls.package.emulator import emulator_files
from hls.package.firmware import firmware_files, stored_vectors
from hls.package.manifest import NAME, Manifest
from hls.package.onnx import is_expressible, quantized_onnx
from hls.package.testbench import bench_files
from hls.project import Project
from hls.report import Report
from hls.rtl.design import MANIFEST, Design
from jets.errors import InputError, LayoutError
from jets.files import existing_file, read_json
from models.tagger import Tagger

CARD, ONNX = "MODEL_CARD.md", "network.onnx"
REPORT, COMPARISON = "report/", "comparison/"
REMEDY = "run the project again"


@dataclass(frozen=True)
class Finished:
    """Where a finished project keeps what goes into its package.

    Attributes:
        name: of the project.
        config: its project.yaml.
        firmware: folder of the simulated firmware project.
        student: folder of the quantized tagger.
        report, page: report.json and report.html.
        comparison: folder of the project's comparison.
        design, cosim: folder of the RTL design, and the result of its simulation; None without RTL.
        places: folders of this machine, which no file may name.
    """

    name: str
    config: Path
    firmware: Path
    student: Path
    report: Path
    page: Path
    comparison: Path
    design: Path | None = None
    cosim: Path | None = None
    places: tuple[Path, ...] = ()


def package(finished: Finished, out: Path | None = None, folder: Path = Path()) -> Path:
    """Write the archive of a finished project to `out`, by default NAME-VERSION.zip in `folder`; returns its path.

    Raises:
        InputError: something is missing, or a file names a place of this machine.
        LayoutError: something was changed since it was made, or does not belong together.
        StorageError: the archive cannot be written.
    """
    if not PLAIN_NAME.fullmatch(finished.name) or "/" in finished.name:
        remedy = "call it by letters, digits and . _ + -"
        raise InputError(f"a package cannot be called {finished.name!r}", finished.config.parent, remedy)
    report, project = Report.load(finished.report), Project.load(finished.firmware)
    design = None if finished.design is None else Design.load(finished.design)
    cosim = None if finished.cosim is None else CosimResult.load(finished.cosim)
    if design is not None and cosim is not None and cosim.design != design.digest:
        raise LayoutError("is the result of another design", finished.cosim, REMEDY)
    files = dict(_files(finished, project, design))
    tagger = read_json(finished.student / "tagger.json")
    if tagger["quantization"] is not None:
        network = Tagger.load(finished.student).network
        if is_expressible(network):
            files[ONNX] = quantized_onnx(network, project.config)
    files |= licence_texts(files)
    files[CARD] = model_card(report, project, design, tagger, sorted(files))
    _check_no_places(files, finished.places)
    manifest = Manifest.of(finished.name, _versions(report, project, cosim), files)
    out = out or folder / f"{manifest.folder}.zip"
    return write_archive({**files, NAME: manifest.text().encode()}, manifest.folder, out)


def _files(finished: Finished, project: Project, design: Design | None) -> Iterator[tuple[str, bytes]]:
    """Every file but the model card, the licences and the manifest, by path."""
    parts: dict[str, Mapping[str, bytes]] = {"hls": firmware_files(project), "emulator": emulator_files(project)}
    if design is not None:
        texts = {**design.files, MANIFEST: design.manifest()}
        parts["rtl"] = {name: text.encode() for name, text in texts.items()}
        parts["testbench"] = bench_files(design, stored_vectors(project))
    for part, files in parts.items():
        yield from ((f"{part}/{name}", content) for name, content in files.items())
    compared = [finished.comparison / name for name in (FILE, PAGE)]
    for place, paths in (("", [finished.config]), (REPORT, [finished.report, finished.page]), (COMPARISON, compared)):
        for path in paths:
            yield f"{place}{path.name}", existing_file(path, "part of the package", REMEDY).read_bytes()


def _check_no_places(files: Mapping[str, bytes], places: Iterable[Path]) -> None:
    """A place of this machine in a file would tell where it was made, and would give other bytes elsewhere."""
    for place in places:
        for name, content in files.items():
            if f"{place}/".encode() in content:
                remedy = "give every path in project.yaml relative to it, and run the project again"
                raise InputError(f"names {place}, a place of this machine", name, remedy)


def _versions(report: Report, project: Project, cosim: CosimResult | None) -> dict[str, str | None]:
    """The tools that made and measured what is inside."""
    rows: Iterable[Mapping[str, Any]] = report.hardware
    versions = {**report.versions, **project.versions, **{row["tool"]: row.get("tool_version") for row in rows}}
    return versions if cosim is None else {**versions, cosim.tool: cosim.tool_version}
