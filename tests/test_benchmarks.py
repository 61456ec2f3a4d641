"""Every measurement that a page names can be asked for as it says, and each script runs whole, on next to nothing."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

import jets.samples
from hls.compare import Scores
from jets.dataset import JetsFile, JetsWriter
from jets.errors import ToolNotFound
from jets.files import write_json
from models.teachers.recurrent import RecurrentConfig
from models.training import TrainConfig, train
from tests.documentation import PAGES, ROOT, measurements

SCRIPTS = ROOT / "benchmarks"
NAMED = sorted({line for page in PAGES for line in measurements(page)})
N_JETS = {"top_qcd": 1500, "five_class": 1000}
"""What is left of the packaged samples."""
TYPES = ("weights", "recurrent_weights", "gate_sum", "gate", "candidate_sum", "candidate", "recurrent_sum", "state")
PROJECT = {
    "jets": {"sample": "top_qcd"},
    "student": {"cell": "gru", "units": 2, "dense": [3], "n_constituents": 4, "arithmetic": "exact"},
    "compress": {"distil": {"float_epochs": 1, "quantized_epochs": 1}, "exact": {name: [4, 1] for name in TYPES}},
}
NUMBER = r"[+−-]?\d\.\d+ ± \d\.\d+"


@dataclasses.dataclass(frozen=True)
class Small:
    """A run of a script: its arguments, patterns of what it prints, and the JSON that it writes.

    Fixtures of this file may be named in the arguments, as in "{teacher}".
    """

    arguments: str
    says: tuple[str, ...]
    writes: str | None = None


SMALL = {
    "augmented_jets": Small(
        "--teacher {teacher} --folder OUT --n-train 100 --seeds 1 --epochs 1 1",
        (r"^100 training jets, \d+ test jets", r"^\| stored outputs \| \d\.\d{4} \| \d", r"^\| augmented jets \| \d"),
        "OUT/augmented_jets.json",
    ),
    "compare": Small("--jets 1000 --taggers 2 --json made.json", (r'"taggers": 2', r'"core_seconds": \d'), "made.json"),
    "compression": Small(
        "OUT --seeds 0 --epochs 1 1 --without-pquant",
        (
            r"^\| JEDI-linear \| [\d,]+ / [\d,]+ \|",
            r"^\| HGQ2, teacher, 2,000 EBOPs \|",
            r"^- QKeras, labels, 8 bits: ",
            r"^\| 3 \| \d",
        ),
        "OUT/compression.json",
    ),
    "critical_path": Small(
        "{student}/quantized OUT --stages 1",
        (r"^\| 1 \| \d+ \| \d+\.\d \| [1-9]\d* \| [1-9]\d* \| ", r"^stages 1: \d+\.\d\d ns in ", r"^ +\d+\.\d\d LUT"),
    ),
    "csim": Small(
        "{firmware} --jets 300 --slow-jets 50 --threads 1 --json made.json",
        (r"^tagware, 1 thread +[\d,]+ ", r"^hls4ml +[\d,]+ ", "^0 of 50 jets differ$"),
        "made.json",
    ),
    "detector_transfer": Small(
        "--out OUT --n-per-class 40 --seeds 2 --steps 1",
        (rf"^16 \| {NUMBER} \| {NUMBER} \| ", rf"^(?!16)\d\d \| {NUMBER} \| {NUMBER} \| "),
    ),
    "distillation_gain": Small(
        "--teacher {teacher} --folder OUT --seeds 1 2 --project {project}/project.yaml",
        (
            rf"^teacher +{NUMBER} ",
            rf"^seed 2 control quantized +{NUMBER} ",
            r"^distilled - control, quantized +AUC +[+-]\d\.\d{5} ± \d\.\d{5} ",
        ),
        "OUT/distillation_gain.json",
    ),
    "five_class_accuracy": Small(
        "light --n-per-class 40 --folder OUT --processes 1",
        (r"^light +accuracy 0\.\d{4} ± 0\.\d{4}  \(\d+ training jets\)  g \d\.\d{3} .* t \d\.\d{3}$",),
    ),
    "flavour": Small(
        "--out OUT --n-per-class 40 --epochs 1 gru",
        (rf"^gru \| tracks \| [\d,]+( \| {NUMBER}){{4}}$", rf"^gru \| constituents \| [\d,]+( \| {NUMBER}){{4}}$"),
    ),
    "import_jets": Small("--files 1 --jets 50 --processes 1 --json made.json", (r"^50 jets in \d",), "made.json"),
    "keras_backends": Small(
        "--backends tensorflow --steps 1 --batch-size 8 --json made.json",
        (r"^tensorflow, plain +\d+\.\d steps/s", r"^tensorflow, jit +\d+\.\d steps/s"),
        "made.json",
    ),
    "pruning": Small(
        "OUT --weights 0 0.9 --neurons 0.5 --dense 4 --epochs 1",
        (
            rf"^\| nothing \| \d+% \| [\d,]+ \| .* \| {NUMBER} \|$",
            rf"^\| 90% of the weights \| [78]\d% \| .* \| {NUMBER} \|$",
            rf"^\| 50% of the neurons \| [45]\d% \| .* \| {NUMBER} \|$",
        ),
    ),
    "recurrent_budgets": Small(
        "OUT --teacher {teacher} --cells gru --budgets narrow --epochs 1 --float-epochs 1",
        (
            rf"^\| GRU \| distilled \| narrow \| {NUMBER} \| \d+ ± \d+ \| [\d,]+ \| [\d,]+ \| ",
            r"^\| GRU \| labels \| narrow \| ",
            r"^gru narrow +AUC +[+-]\d\.\d{4} ± \d",
        ),
        "OUT/recurrent_budgets.json",
    ),
    "recurrent_shapes": Small(
        "OUT 20x6 --epochs 2 --zeros 0.5 --vectors 100 --until emit",
        (
            r'^\{"step": "train", .*"accuracy": 0\.\d+, "ebops": [1-9]',
            r'^\{"step": "csim", .*"differ": 0, "different": [1-9]\d',
            r'^\{"step": "trace", .*"differ": 0, ',
            r'^\{"step": "emit", .*"latency_cycles": [1-9]',
        ),
    ),
    "resimulation": Small(
        "--out OUT --partons 60 --epochs 1 --pretrain-epochs 1 --labels 32",
        tuple(rf"^{name} \| 32 \| {NUMBER} \| .*{NUMBER}$" for name in ("scratch", "fine-tuned", "frozen body")),
    ),
    "rtl": Small(
        "OUT mlp --vectors 200",
        (
            '^ "interpreter differs": 0,$',
            '^ "RTL differs": 0,$',
            r'^ "complaints": \[\],$',
            r'"different outputs": \d\d',
        ),
    ),
    "shared_events": Small(
        "{remade} --projects {project}",
        (r": of 300 test jets \d+ have their partner in training and ", rf"^\| Teacher( \| {NUMBER}){{7}} \|$"),
    ),
    "shared_search": Small(
        "--trials 8 --seconds 0.2", (r"^finished +8 of 8$", r"^still under way +0$", r"^tried twice +0$")
    ),
    "simulate": Small("--jets 5 q --json made.json", (r"^q +\d+ jets per core-second  pythia",), "made.json"),
    "stock_against_exact": Small(
        "OUT --epochs 1 --jets 100",
        (
            r'^\{"firmware": "hls4ml", "jets": 100, ',
            r'^\{"firmware": "exact_import", "jets": 100, ',
            r'^\{"firmware": "exact_trained", "jets": 100, .*"jets_that_differ": 0, ',
        ),
    ),
    "student_by_teacher": Small(
        "OUT tiny={teacher} --project {project} --epochs 1 1",
        (rf"^tiny: AUC {NUMBER}$", rf"^\| tiny \| \d+ \| {NUMBER} \| ", rf"^\| labels \| .* \| {NUMBER} \| "),
        "OUT/students.json",
    ),
    "synthesis_bias": Small(
        "OUT --ebops-weight 1e-4 --epochs 2 --dense 4",
        (r"^\| 0\.\d{3} \| \d\.\d\d \| [1-9][\d,]* \| [1-9][\d,]* \| [1-9]",),
    ),
    "teacher_throughput": Small(
        "--batch 2 --threads 1", (r"^pet \| [\d,]+ \| \d+ \| ", r"^omnilearned \| [\d,]+ \| \d+ \| .* \| \d{3,}$")
    ),
    "teachers": Small(
        "OUT --teachers gru masked_particle rs3l --samples top_qcd --labels 32 --epochs 1 --validation-jets 20 "
        "--pretrain-jets 100 --pretrain-epochs 1 --partons 60 --view-epochs 1",
        (
            rf"^\| `gru` \| scratch \| [\d,]+ \| 1 \| {NUMBER} \| ",
            rf"^\| `masked_particle` \| pre-trained \| .* \| {NUMBER} \|$",
            rf"^\| `rs3l` \| pre-trained \| .* \| {NUMBER} \|$",
        ),
        "OUT/teachers.json",
    ),
    "training_memory": Small(
        "--out OUT --repeat 1000 --jets 2000 3000 --steps 2",
        (r"^2,000 \| \d{3,} \| $", r"^3,000 \| \d{3,} \| -?\d+\.\d$"),
    ),
    "yosys_mapping": Small("", (r"^\| product 8x8 \| 92 \| ", r"^\| product 8x8 \(Yosys' own way\) \| [1-9]")),
}
IN_CI = {
    "compare",
    "detector_transfer",
    "five_class_accuracy",
    "flavour",
    "import_jets",
    "shared_events",
    "shared_search",
    "simulate",
    "student_by_teacher",
}
"""What continuous integration has time for, about a minute in all."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the packaged samples, with the first of their jets."""
    folder = tmp_path_factory.mktemp("samples")
    for name, n_jets in N_JETS.items():
        with JetsWriter(folder / f"{name}.h5") as writer:
            writer.append(JetsFile(jets.samples.sample_path(name)).read(limit=n_jets))
    return folder


@pytest.fixture(scope="module")
def teacher(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    train("gru", RecurrentConfig(3, (4,), 6), samples / "top_qcd.h5", TrainConfig(epochs=1), folder)
    return folder


@pytest.fixture(scope="module")
def student(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project's student, float and quantized."""
    from flow.project import ProjectFolder
    from flow.steps import distil_student

    folder = tmp_path_factory.mktemp("student")
    config = ProjectFolder.of(PROJECT, folder).config
    distil_student(config.student, config.compress, samples / "top_qcd.h5", [], folder)
    return folder


@pytest.fixture(scope="module")
def firmware(student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hls.convert import convert
    from hls.project import HlsConfig

    return convert(student / "quantized", HlsConfig(name="tiny"), tmp_path_factory.mktemp("firmware")).folder


@pytest.fixture(scope="module")
def project(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose report has the scores of one tagger on 300 jets."""
    folder = tmp_path_factory.mktemp("project")
    write_json(folder / "project.yaml", PROJECT)  # JSON is YAML, too
    some = JetsFile(samples / "top_qcd.h5").read("test")[:300]
    logits = np.random.default_rng(1).normal(some.labels).astype(np.float32)
    (folder / "build/report").mkdir(parents=True)
    Scores(some.labels, some.ids, some.classes, {"teacher": logits}).save(folder / "build/report/scores.h5")
    return folder


@pytest.fixture(scope="module")
def remade(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample with its events, of two jets each."""
    folder = tmp_path_factory.mktemp("remade")
    with JetsWriter(folder / "top_qcd.h5") as writer:
        found = JetsFile(samples / "top_qcd.h5").read()
        writer.append(dataclasses.replace(found, events=found.ids // 2))
    return folder


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SCRIPTS)


def run(name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
    assert not importlib.import_module(name).main()


class Taken(Exception):  # noqa: N818
    """A script has taken its arguments."""


@pytest.mark.long
@pytest.mark.parametrize("line", NAMED)
def test_a_measurement_takes_the_arguments_that_a_page_gives_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def stop(*arguments: Any) -> NoReturn:
        parse(*arguments)
        raise Taken

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    _, script, *arguments = shlex.split(line)
    with pytest.raises(Taken):
        run(Path(script).stem, arguments, monkeypatch)


def test_every_script_is_named_by_a_page_and_run_by_a_test() -> None:
    named = {Path(line.split()[1]).stem for line in NAMED}
    assert named == set(SMALL) == {path.stem for path in SCRIPTS.glob("*.py") if "__main__" in path.read_text()}


def marked(name: str) -> Any:
    return pytest.param(name, marks=[] if name in IN_CI else [pytest.mark.remake])


@pytest.mark.long
@pytest.mark.parametrize("name", [marked(name) for name in SMALL])
def test_a_measurement_runs_on_next_to_nothing(
    name: str,
    samples: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = SMALL[name]
    given = {found: request.getfixturevalue(found) for found in re.findall(r"\{(\w+)\}", small.arguments)}
    monkeypatch.setattr(jets.samples, "FOLDER", samples)
    run(name, shlex.split(small.arguments.format_map(given)), monkeypatch)
    told = capsys.readouterr().out
    assert not [pattern for pattern in small.says if not re.search(pattern, told, re.M)], told
    assert "nan" not in told, told
    if small.writes:
        assert json.loads(Path(small.writes).read_text(), parse_constant=pytest.fail)


@pytest.mark.long
def test_without_pquantml_its_baseline_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from compress.quantize.qkeras import Bits

    monkeypatch.setitem(sys.modules, "pquant", None)  # as if it were not installed
    train_pquant = importlib.import_module("pquant_mlp").train
    with pytest.raises(ToolNotFound, match=r"pip install --no-deps pquant-ml==.*--without-pquant"):
        train_pquant(np.zeros((5, 16), np.float32), np.arange(5), (4,), Bits(), 1)
