"""The stages of a project, each bound to the one function of the room that does it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flow.comparing import write_comparison
from flow.extension import check_kept, firmware_of, student_of
from flow.hardware import emit_rtl, run_vendor, simulate_rtl, synthesize_rtl
from flow.project import CompressSection, ProjectConfig, ProjectFolder, TaggerSection, VendorSection, fill_architecture
from flow.reporting import COSIM, DESIGN, FIRMWARE, ROWS, SYNTHESIS, TEACHER_OUTPUTS, write_report
from flow.source import jets_inputs, open_jets, provide_jets
from flow.stages import Stage
from hls import synth
from hls.comparison import comparison
from hls.cosim import CosimConfig, find_simulator
from hls.csim.compiler import find_compiler
from hls.project import MANIFEST, HlsConfig
from hls.rtl import find_alkaid
from hls.rtl.config import RtlConfig
from hls.synth import SynthConfig
from jets.dataset import JetsFile
from jets.errors import ExactnessError
from jets.files import claim_folder, existing_file, file_digest, write_json
from models.keras_start import start_keras
from models.students.student import StudentSpec

if TYPE_CHECKING:
    from hls.cosim import CosimResult
    from hls.synth import Synthesis

Folders = Mapping[str, Path]


def stages(project: ProjectFolder) -> list[Stage]:
    """Every stage of a project, in order; nothing runs."""
    config, extended = project.config, project.extended
    found = [
        Stage("jets", (), jets_inputs(project), lambda folder, _: provide_jets(project, folder)),
        Stage("teacher", ("jets",), tagger_inputs(project, config.teacher), partial(_train, project, config.teacher)),
    ]
    if config.reference is not None:
        inputs = tagger_inputs(project, config.reference)
        found.append(Stage("reference", ("jets",), inputs, partial(_train, project, config.reference)))
    student = {"student": _plain(config.student), "compress": _plain(config.compress)}
    found.append(Stage("teach", ("jets", "teacher"), {}, _teach))
    earlier = None if extended is None else student_of(extended)
    files = () if earlier is None else (earlier / "tagger.json",)
    distil = partial(_distil, config.student, config.compress, earlier)
    asked = () if config.compress.augment is None else ("teacher",)
    found.append(Stage("distil", ("jets", "teach", *asked), student, distil, files))
    if config.compress.control:
        control = _without_teacher(config.compress)
        plain = {"student": _plain(config.student), "compress": _plain(control)}
        found.append(Stage("control", ("jets",), plain, partial(_distil, config.student, control, earlier), files))
    convert = partial(_convert, project)
    found.append(Stage("convert", ("jets", "distil"), _plain(config.hls), convert, find_tools=find_compiler))
    found.append(Stage("csim", ("jets", "distil", "convert"), {}, _csim, find_tools=find_compiler))
    if config.rtl is not None:
        found += _rtl_stages(config, config.rtl)
    if extended is not None:
        after = ("jets", "distil", "csim", *(("rtl", "cosim") if config.rtl is not None else ()))
        files = (firmware_of(extended) / MANIFEST,)
        kept = partial(check_kept, extended)
        found.append(Stage("kept", after, {"extend": extended.name}, kept, files, find_compiler))
    for section in config.vendor:
        after = ("csim",) if section.design == "hls" else ("rtl",)
        found.append(Stage(f"{section.tool}_{section.design}", after, _plain(section), partial(_vendor, section)))
    everything = tuple(stage.name for stage in found)
    named = {"project": project.name, "seed": config.compare.seed}
    found.append(Stage("report", everything, named, partial(write_report, project)))
    measured = ("jets", "teacher", "distil", "csim", "report")
    compared = {**_plain(config.compare), "layout": comparison.LAYOUT}
    found.append(Stage("comparison", measured, compared, partial(write_comparison, project)))
    return found


def _rtl_stages(config: ProjectConfig, rtl: RtlConfig) -> list[Stage]:
    inputs = {"hls": _plain(config.hls), "rtl": _plain(rtl)}
    emit, simulate = partial(_rtl, config.hls, rtl), partial(_cosim, config.cosim)
    found = [
        Stage("rtl", ("distil",), inputs, emit, find_tools=find_alkaid),
        Stage(
            "cosim", ("jets", "distil", "csim", "rtl"), _plain(config.cosim), simulate,
            find_tools=partial(find_simulator, rtl.language),
        ),
    ]  # fmt: skip
    if config.synth is not None:
        tools, map_it = partial(synth.find_tools, config.synth), partial(_synth, config.synth)
        found.append(Stage("synth", ("csim", "rtl", "cosim"), _plain(config.synth), map_it, find_tools=tools))
    return found


def tagger_inputs(project: ProjectFolder, section: TaggerSection) -> dict[str, Any]:
    """What decides a tagger besides the project's jets: the config, and the content of the files that it names."""
    inputs = _plain(section)
    if section.start is not None:
        path = project.folder / section.start
        inputs["start_sha256"] = file_digest(existing_file(path / "tagger.json" if path.is_dir() else path))
    if section.pretrain is not None and section.pretrain.jets is not None:
        inputs["pretrain_checksum"] = JetsFile(project.folder / section.pretrain.jets).checksum
    return inputs


def train_tagger(section: TaggerSection, jets: Path | JetsFile, out: Path, beside: Path = Path()) -> None:
    """Train the tagger of a section on a jets file and save it in the folder `out`, its pre-training in a folder there.

    The paths that the section names are relative to the folder `beside`.
    """
    from models.training import load_start, pretrain, train

    file = jets if isinstance(jets, JetsFile) else JetsFile(jets)
    config = fill_architecture(section, "project.yaml")
    start = None
    if section.start is not None:
        start = load_start(section.architecture, config, beside / section.start)
    if section.pretrain is not None:
        source = file.path if section.pretrain.jets is None else beside / section.pretrain.jets
        start = pretrain(section.architecture, config, source, section.pretrain, claim_folder(out) / "pretrained")
    train(section.architecture, config, file.path, section.train, out, start)


def distil_student(
    spec: StudentSpec,
    section: CompressSection,
    jets: Path | JetsFile,
    teacher_outputs: Sequence[Path],
    out: Path,
    earlier: Path | None = None,
    teacher: Path | None = None,
) -> None:
    """Train the float and the quantized student into the folder `out`; without a teacher, by plain cross entropy.

    Several files of teacher outputs teach as an ensemble. `earlier` is the folder of the quantized student that is
    extended, `teacher` that of the one that is asked where the section augments the jets.
    """
    from compress.distil import distil
    from compress.online import Online
    from compress.teach import StoredOutputs
    from models.tagger import Tagger

    start_keras()
    file = jets if isinstance(jets, JetsFile) else JetsFile(jets)
    if not teacher_outputs:
        section = _without_teacher(section)
    wants_embedding = section.distil.loss.embedding is not None
    outputs = StoredOutputs(teacher_outputs, wants_embedding) if teacher_outputs else None
    extended, asked = (None if folder is None else Tagger.load(folder) for folder in (earlier, teacher))
    online = None if section.augment is None else Online(section.augment, asked)
    distil(spec, section.bits_of(spec), file, outputs, section.distil, out, section.prune, extended, online)


def simulate_firmware(firmware: Path, student: Path | None = None, jets: Path | None = None) -> Any:
    """Run the C simulation of a firmware project: on its stored vectors, or on a file's test jets, storing new ones."""
    from hls.csim import run_csim
    from hls.project import Project

    start_keras()
    return run_csim(Project.load(firmware), student, None if jets is None else JetsFile(jets).read("test"))


def _train(project: ProjectFolder, section: TaggerSection, folder: Path, upstream: Folders) -> None:
    train_tagger(section, open_jets(upstream["jets"]), folder, project.folder)


def _teach(folder: Path, upstream: Folders) -> None:
    from compress.teach import teach
    from models.tagger import Tagger

    teach(Tagger.load(upstream["teacher"]), open_jets(upstream["jets"]), folder / TEACHER_OUTPUTS)


def _distil(spec: StudentSpec, section: CompressSection, earlier: Path | None, folder: Path, upstream: Folders) -> None:
    taught = [upstream["teach"] / TEACHER_OUTPUTS] if "teach" in upstream else []
    distil_student(spec, section, open_jets(upstream["jets"]), taught, folder, earlier, upstream.get("teacher"))


def _convert(project: ProjectFolder, folder: Path, upstream: Folders) -> None:
    from hls.convert import convert

    start_keras()
    config = project.config.hls
    jets = open_jets(upstream["jets"]).read("test", limit=config.self_check.n_jets)
    convert(upstream["distil"] / "quantized", config, folder / FIRMWARE, jets)


def _csim(folder: Path, upstream: Folders) -> None:
    """Simulate a copy of the converted project, so that vectors, golden outputs and library live in it."""
    from hls.csim import run_csim
    from hls.project import Project

    start_keras()
    firmware = folder / FIRMWARE
    shutil.rmtree(firmware, ignore_errors=True)
    shutil.copytree(upstream["convert"] / FIRMWARE, firmware)
    run_csim(Project.load(firmware), upstream["distil"] / "quantized", open_jets(upstream["jets"]).read("test"))


def _rtl(hls: HlsConfig, rtl: RtlConfig, folder: Path, upstream: Folders) -> None:
    emit_rtl(upstream["distil"] / "quantized", hls, rtl, folder / DESIGN)


def _cosim(config: CosimConfig, folder: Path, upstream: Folders) -> None:
    """Raise ExactnessError unless the RTL gives every bit of the C simulation, in the cycles of its schedule."""
    firmware, student = upstream["csim"] / FIRMWARE, upstream["distil"] / "quantized"
    jets = open_jets(upstream["jets"])
    result = simulate_rtl(upstream["rtl"] / DESIGN, firmware, config, folder / COSIM, student, jets)
    _check_agrees(result, folder / COSIM)


def _synth(config: SynthConfig, folder: Path, upstream: Folders) -> None:
    """Raise ExactnessError unless every netlist that is simulated does what the design must."""
    found = synthesize_rtl(upstream["rtl"] / DESIGN, config, folder / SYNTHESIS, upstream["csim"] / FIRMWARE)
    _check_agrees(found, folder / SYNTHESIS)


def _check_agrees(result: CosimResult | Synthesis, folder: Path) -> None:
    if not result.agrees:
        raise ExactnessError("; ".join(result.complaints()), folder, "please report this project as a bug")


def _vendor(section: VendorSection, folder: Path, upstream: Folders) -> None:
    target = upstream["csim"] / FIRMWARE if section.design == "hls" else upstream["rtl"] / DESIGN
    rows = run_vendor(section.tool, section.steps, target, section.config, folder)
    write_json(folder / ROWS, rows)


def _without_teacher(section: CompressSection) -> CompressSection:
    loss = section.distil.loss.without_teacher()
    return dataclasses.replace(section, distil=dataclasses.replace(section.distil, loss=loss))


def _plain(config: Any) -> dict[str, Any]:
    return dataclasses.asdict(config)
