"""One function a verb of the command line: read, call one stage, say what came out."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jets.config import check_keys, fill, read_yaml
from jets.errors import ConfigError, InputError
from models.keras_start import start_keras

if TYPE_CHECKING:
    from hls.cosim import CosimResult
    from hls.synth import Synthesis


def simulate(options: argparse.Namespace) -> None:
    """`tagware simulate`."""
    from jets.simulate import SimulateConfig
    from jets.simulate import simulate as run

    chosen = read_yaml(options.config) if options.config else {}
    chosen |= _given(options, "classes", "n_per_class", "pt_gev", "detector", "views", "seed")
    config = fill(SimulateConfig, chosen, options.config or "tagware simulate")
    _say_jets(run(config, options.out, options.processes, options.cluster))


def import_jets(options: argparse.Namespace) -> None:
    """`tagware import`."""
    from jets.dataset import JetsFile
    from jets.readers import ImportConfig
    from jets.readers import import_jets as run

    config = fill(ImportConfig, _given(options, "classes", "n_constituents", "processes", "cluster"), "tagware import")
    file = JetsFile(run(options.format, options.paths, options.out, config))
    counts = ", ".join(f"{name} {n}" for name, n in file.provenance["counts"].items())
    _say(f"{file.n_jets} jets ({counts}): {options.out}")
    _say(f"checksum: {file.checksum}")


def train(options: argparse.Namespace) -> None:
    """`tagware train`."""
    from flow.project import TaggerSection
    from flow.steps import train_tagger

    where = f"{options.config or 'tagware train'}: {options.section}"
    section = fill(TaggerSection, _section(options.config, options.section), where)
    train_tagger(section, options.jets, options.out, options.config.parent if options.config else Path())
    _say(f"tagger: {options.out}")


def teach(options: argparse.Namespace) -> None:
    """`tagware teach`."""
    from compress.teach import teach as run
    from jets.dataset import JetsFile
    from models.tagger import Tagger

    run(Tagger.load(options.teacher), JetsFile(options.jets), options.out)
    _say(f"teacher outputs: {options.out}")


def tokens(options: argparse.Namespace) -> None:
    """`tagware tokens`."""
    from flow.tokens import N_JETS, measure_tokens, render_saved_tokens
    from jets.dataset import JetsFile

    jets = JetsFile(options.jets).read("test", limit=N_JETS if options.n_jets is None else options.n_jets)
    if not measure_tokens(options.teacher, jets, options.out):
        what = "this teacher has no tokenizer that was trained"
        raise InputError(what, options.teacher, "name an omnijet that was pre-trained")
    _say(f"tokens: {render_saved_tokens(options.out, options.teacher.resolve().name)}")


def distil(options: argparse.Namespace) -> None:
    """`tagware distil`."""
    from flow.project import CompressSection
    from flow.steps import distil_student
    from models.students.student import fill_student

    where = options.config or "tagware distil"
    if options.config is not None and "extend" in read_yaml(options.config):
        raise ConfigError("the project extends another", where, "train its student with `tagware run`")
    spec = fill_student(_section(options.config, "student", "compress"), f"{where}: student")
    section = fill(CompressSection, _section(options.config, "compress", "student"), f"{where}: compress")
    distil_student(spec, section, options.jets, options.teacher_outputs, options.out, teacher=options.teacher)
    _say(f"students: {options.out / 'float'}, {options.out / 'quantized'}")


def convert(options: argparse.Namespace) -> None:
    """`tagware convert`."""
    from hls.convert import convert as run
    from hls.project import HlsConfig
    from jets.dataset import JetsFile

    start_keras()
    where = options.config or "tagware convert"
    config = fill(HlsConfig, _section(options.config, "hls"), f"{where}: hls")
    jets = JetsFile(options.jets).read(limit=config.self_check.n_jets) if options.jets else None
    project = run(options.student, config, options.out, jets)
    _say(f"firmware project: {project.folder}")


def csim(options: argparse.Namespace) -> int:
    """`tagware csim`."""
    from flow.steps import simulate_firmware

    _check_together(options, "give both to make new vectors, or neither")
    result = simulate_firmware(options.firmware, options.student, options.jets)
    _say(json.dumps(dataclasses.asdict(result), indent=2, default=str))
    return 0 if result.agrees else 1


def rtl(options: argparse.Namespace) -> None:
    """`tagware rtl`."""
    from flow.hardware import emit_rtl
    from flow.project import check_rtl
    from hls.project import HlsConfig
    from hls.rtl.config import RtlConfig

    where = options.config or "tagware rtl"
    hls = fill(HlsConfig, _section(options.config, "hls", "rtl"), f"{where}: hls")
    config = fill(RtlConfig, _section(options.config, "rtl", "hls"), f"{where}: rtl")
    check_rtl(config, hls, f"{where}: rtl")
    design = emit_rtl(options.student, hls, config, options.out)
    cycles = f"{design.latency_cycles} cycles, a jet every {design.interval_cycles:g}"
    _say(f"RTL design: {options.out} ({design.language}, {cycles})")


def cosim(options: argparse.Namespace) -> int:
    """`tagware cosim`."""
    from flow.hardware import simulate_rtl
    from hls.cosim import CosimConfig
    from jets.dataset import JetsFile

    _check_together(options, "give both to simulate jets, or neither")
    chosen = (_section(options.config, "cosim", "hls", "rtl") or {}) | _given(options, "trace", "n_jets")
    config = fill(CosimConfig, chosen, f"{options.config or 'tagware cosim'}: cosim")
    jets = JetsFile(options.jets) if options.jets else None
    result = simulate_rtl(options.design, options.firmware, config, options.out, options.student, jets)
    _say(json.dumps(dataclasses.asdict(result), indent=2))
    return _verdict(result)


def synth(options: argparse.Namespace) -> int:
    """`tagware synth`."""
    from flow.hardware import synthesize_rtl
    from hls.synth import SynthConfig

    chosen = _section(options.config, "synth", "hls", "rtl") or {}
    if options.place_and_route:
        chosen = {**chosen, "place_and_route": True}
    config = fill(SynthConfig, chosen, f"{options.config or 'tagware synth'}: synth")
    synthesis = synthesize_rtl(options.design, config, options.out, options.firmware)
    _say(json.dumps([dataclasses.asdict(row) for row in synthesis.hardware], indent=2))
    return _verdict(synthesis)


def vendor(options: argparse.Namespace) -> None:
    """`tagware vendor`."""
    from flow.hardware import run_vendor
    from hls.tools.adapter import VendorConfig

    given = _given(options, "part", "clock_ns") | {"prefix": tuple(shlex.split(options.prefix or ""))}
    config = fill(VendorConfig, given, "tagware vendor")
    _say(json.dumps(run_vendor(options.tool, options.steps, options.target, config, options.out), indent=2))


def run(options: argparse.Namespace) -> None:
    """`tagware run`."""
    from flow.project import ProjectFolder
    from flow.stages import Runner
    from flow.steps import stages

    project = ProjectFolder.load(options.project)
    if options.place_and_route:
        project = project.with_place_and_route()
    Runner(stages(project), project.build).run(options.until, _announce)
    if options.until is None:
        _say_report(project.build / "report")
        _say_comparison(project.build / "comparison")


def status(options: argparse.Namespace) -> None:
    """`tagware status`."""
    from flow.project import ProjectFolder
    from flow.stages import Runner
    from flow.steps import stages

    project = ProjectFolder.load(options.project)
    states = Runner(stages(project), project.build).states()
    rows = [(state.name, state.state, "" if state.seconds is None else f"{state.seconds:.0f} s") for state in states]
    _table(project.name, ("stage", "state", "time"), rows)


def report(options: argparse.Namespace) -> None:
    """`tagware report`."""
    from flow.project import ProjectFolder
    from flow.reporting import render_saved, save_report

    project = ProjectFolder.load(options.project)
    folder = project.build / "report"
    saved = project.folder / "report.json"
    if options.save:
        save_report(project)
    if options.readme:
        from hls.render import update_readme
        from hls.report import Report

        update_readme(options.readme, Report.load(saved))
    if folder.is_dir():
        render_saved(folder)
        _say_report(folder)
    elif not options.readme:
        raise InputError("the project has no report yet", folder, f"make it with `tagware run {project.folder}`")


def search(options: argparse.Namespace) -> None:
    """`tagware search`."""
    from flow.project import ProjectFolder
    from flow.search.run import SEARCH, WINNER
    from flow.search.run import search as run
    from jets.workers import hire

    project = ProjectFolder.load(options.project.parent if options.project.is_file() else options.project)
    project = project.with_search(**_given(options, "trials", "lut", "latency_ns", "part"))
    result = run(project, partial(hire, options.jobs, options.cluster), _announce, options.storage)
    out = project.build / SEARCH
    if options.readme:
        from hls.tables import replace_table

        replace_table(options.readme, result.markdown())
    _say(f"{result.counted()}: {out / 'search.html'}")
    if result.fails_budget:
        raise InputError(result.verdict().rstrip("."), out, "raise the budget, or search on with more --trials")
    _say(result.verdict())
    if result.winner is not None:
        _say(f"winner: {out / WINNER / 'project.yaml'}")


def compare(options: argparse.Namespace) -> None:
    """`tagware compare`."""
    from flow.comparing import find_candidates, find_jets
    from hls.comparison import CompareConfig
    from hls.comparison import compare as run
    from hls.comparison.tables import summary_table

    start_keras()
    chosen = read_yaml(options.config) if options.config else {}
    chosen |= _given(options, "jet_rate_khz", "rate_budget_khz")
    config = fill(CompareConfig, chosen, options.config or "tagware compare")
    budget = dataclasses.replace(config.budget, **_given(options, "lut", "dsp", "latency_ns"))
    config = dataclasses.replace(config, budget=budget)
    candidates = find_candidates(options.taggers)
    comparison = run(candidates, options.jets or find_jets(options.taggers), config, options.out)
    _say(f"{summary_table(comparison).text()}\n")
    _say_comparison(options.out)


def package(options: argparse.Namespace) -> None:
    """`tagware package`."""
    from flow.packaging import finished_project
    from flow.project import ProjectFolder
    from hls.package import package as run

    project = ProjectFolder.load(options.project)
    _say(f"package: {run(finished_project(project), options.out, project.build)}")


def verify(options: argparse.Namespace) -> int:
    """`tagware verify`."""
    from hls.package import verify as run

    verification = run(options.archive)
    for check in verification.checks:
        _say(f"{check.name}: {check.outcome}: {check.found}")
    return 0 if verification.agrees else 1


def doctor(options: argparse.Namespace) -> int:
    """`tagware doctor`."""
    from flow.doctor import examine

    findings = examine()
    if options.json:
        _say(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        rows = [(f.name, f.version or "missing", f.adds, "" if f.version else f.get) for f in findings]
        _table("tools and packages", ("name", "version", "what it is for", "how to get it"), rows)
    return 0 if all(finding.version for finding in findings if finding.required) else 2


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options of these names that were given."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _check_together(options: argparse.Namespace, remedy: str) -> None:
    if (options.student is None) != (options.jets is None):
        raise InputError("--student and --jets go together", f"tagware {options.verb}", remedy)


def _section(path: Path | None, key: str, *others: str) -> Any:
    """A section of a project.yaml; None without a file, or when one of `others` is there instead.

    Raises:
        ConfigError: an unknown section, or none of those that the verb reads.
    """
    if path is None:
        return None
    from flow.project import ProjectConfig

    content = read_yaml(path)
    check_keys(content, [section.name for section in dataclasses.fields(ProjectConfig)], path)
    if key not in content and not any(other in content for other in others):
        raise ConfigError(f"has no section {key!r}", path, "write it as in docs/project.md")
    return content.get(key)


def _verdict(result: CosimResult | Synthesis) -> int:
    """Say what is wrong, and give the exit status."""
    for complaint in result.complaints():
        print(f"tagware: {complaint}", file=sys.stderr)
    return 0 if result.agrees else 1


def _announce(stage: str, state: str) -> None:
    words = {"fresh": "is up to date", "running": "…", "done": "done"}
    print(f"{stage} {words[state]}", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


def _say_jets(path: Path) -> None:
    from jets.dataset import JetsFile

    file = JetsFile(path)
    _say(f"{file.n_jets} jets ({', '.join(file.classes)}): {path}")


def _say_report(folder: Path) -> None:
    from hls.render import main_table_text
    from hls.report import Report

    _say(main_table_text(Report.load(folder / "report.json")))
    _say(f"report: {folder / 'report.html'}")


def _say_comparison(folder: Path) -> None:
    from hls.comparison import Comparison
    from hls.comparison.tables import verdict

    _say(verdict(Comparison.load(folder)))
    _say(f"comparison: {folder / 'comparison.html'}")


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*head, title=title)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
