"""What a teacher brings: the quantized student distilled against the same student trained on the labels alone.

    python benchmarks/distillation_gain.py --teacher TAGGER_FOLDER --folder OUT --seeds 1 2 3

For every seed the student is trained twice, with soft targets and with cross entropy only, from the same initial
weights and with the same epochs. Printed, and written to `distillation_gain.json` in the folder: AUC and background
rejection 1/eps_B at eps_S = 0.3 and 0.5 on the test split, float and quantized, and the paired difference per seed. Its
error has two parts: the scatter of the seeds, and a bootstrap over the test jets, which all seeds share. A run that was
interrupted goes on where it stopped: finished students in the folder are reused.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.distil import distil
from compress.teach import TeacherOutputs, teach
from flow.project import CompressSection
from jets.config import fill, read_yaml
from jets.dataset import Jets, JetsFile
from jets.files import write_json
from jets.metrics import Measure, auc, background_rejection
from jets.samples import sample_path
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger

WAYS = ("distilled", "control")
MODELS = ("float", "quantized")
WORKING_POINTS = (0.3, 0.5)
NUMBERS = ("AUC", *(f"ln(1/eps_B) at {point}" for point in WORKING_POINTS))
REPLICAS = 100
Scores = NDArray[np.float32]
Pairs = Sequence[tuple[Scores, Scores]]


def teacher_outputs(teacher: Path, jets_file: JetsFile, folder: Path) -> TeacherOutputs:
    """The teacher's stored outputs, made once; another teacher's are made anew."""
    path, tagger = folder / "teacher.h5", Tagger.load(teacher)
    if not path.is_file() or TeacherOutputs.load(path).provenance["tagger"] != json.loads(
        json.dumps(tagger.provenance)
    ):
        teach(tagger, jets_file, path)
    return TeacherOutputs.load(path).check(jets_file)


def students(
    spec: RecurrentSpec, section: CompressSection, jets_file: JetsFile, outputs: TeacherOutputs, seed: int, folder: Path
) -> dict[str, Path]:
    """Both ways of training for one seed: way -> folder with `float/` and `quantized/`."""
    folders = {}
    for way in WAYS:
        loss = section.distil.loss if way == "distilled" else section.distil.loss.without_teacher()
        config = dataclasses.replace(section.distil, loss=loss, seed=seed)
        folders[way] = folder / f"seed_{seed}" / way
        distil(spec, section.bits_of(spec), jets_file, outputs, config, folders[way])
    return folders


def measures(scores: Scores, labels: NDArray[Any]) -> dict[str, Measure]:
    """AUC and background rejections of logits (n_jets,)."""
    found = {"auc": auc(scores, labels)}
    return found | {f"rejection_{point}": background_rejection(scores, labels, point) for point in WORKING_POINTS}


def numbers(scores: Scores, labels: NDArray[Any]) -> NDArray[np.float64]:
    """AUC, then ln(1/eps_B) at each working point, where half a jet stands for none."""
    signal, background = scores[labels == 1], scores[labels == 0]
    cuts = np.quantile(signal, [1 - point for point in WORKING_POINTS])
    passing = np.array([(background >= cut).sum() for cut in cuts])
    return np.array([auc(scores, labels).value, *np.log(len(background) / np.maximum(passing, 0.5))])


def mean_gain(pairs: Pairs, labels: NDArray[Any], rows: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.float64]:
    """`numbers` of the first less those of the second, averaged over the pairs."""
    return np.mean([numbers(a[rows], labels[rows]) - numbers(b[rows], labels[rows]) for a, b in pairs], axis=0)


def paired(pairs: Pairs, labels: NDArray[Any]) -> dict[str, dict[str, float]]:
    """Mean difference over seeds of each of `numbers`; errors from their scatter (one has none), the jets, and both."""
    rng = np.random.default_rng(1)
    gains = np.array([mean_gain([pair], labels) for pair in pairs])
    replicas = [mean_gain(pairs, labels, rng.integers(0, len(labels), len(labels))) for _ in range(REPLICAS)]
    seeds = gains.std(axis=0, ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.zeros(len(NUMBERS))
    jets = np.std(replicas, axis=0, ddof=1)
    columns = zip(NUMBERS, gains.mean(axis=0), seeds, jets, strict=True)
    return {
        name: {"mean": float(g), "error_seeds": float(s), "error_jets": float(j), "error": float(np.hypot(s, j))}
        for name, g, s, j in columns
    }


def summary(
    scores: Mapping[int, Mapping[tuple[str, str], Scores]], labels: NDArray[Any]
) -> dict[str, dict[str, dict[str, float]]]:
    """What the teacher brings to the quantized student, and what quantization costs."""

    def compare(first: tuple[str, str], second: tuple[str, str]) -> dict[str, dict[str, float]]:
        return paired([(found[first], found[second]) for found in scores.values()], labels)

    return {
        "distilled - control, quantized": compare(("distilled", "quantized"), ("control", "quantized")),
        "quantized - float, distilled": compare(("distilled", "quantized"), ("distilled", "float")),
    }


def row(name: str, found: Mapping[str, Measure]) -> str:
    """One line of the table."""
    rejections = "".join(
        f"{found[f'rejection_{p}'].value:9.1f} ± {found[f'rejection_{p}'].error:5.1f}" for p in WORKING_POINTS
    )
    return f"{name:38s}{found['auc'].value:8.4f} ± {found['auc'].error:.4f}{rejections}"


def run(options: argparse.Namespace) -> None:
    """Train what is missing, measure everything, print and write it."""
    jets_file = JetsFile(options.jets or sample_path("top_qcd"))
    content = read_yaml(options.project) if options.project else {}
    section = fill(CompressSection, content.get("compress"), "compress")
    spec = fill(RecurrentSpec, content.get("student"), "student")
    outputs = teacher_outputs(options.teacher, jets_file, options.folder)
    jets: Jets = JetsFile(options.test_jets).read() if options.test_jets else jets_file.read("test")
    print(f"{len(jets)} test jets{'':23s}{'AUC':>8s}{'1/eps_B at 0.3':>26s}{'at 0.5':>16s}")
    table = {"teacher": measures(Tagger.load(options.teacher).predict(jets)[:, 0], jets.labels)}
    print(row("teacher", table["teacher"]))
    scores: dict[int, dict[tuple[str, str], Scores]] = {}
    for seed in options.seeds:
        folders = students(spec, section, jets_file, outputs, seed, options.folder)
        scores[seed] = {(w, m): Tagger.load(folders[w] / m).predict(jets)[:, 0] for w in WAYS for m in MODELS}
        for (way, model), values in scores[seed].items():
            name = f"seed {seed} {way} {model}"
            table[name] = measures(values, jets.labels)
            print(row(name, table[name]), flush=True)
    gains = summary(scores, jets.labels)
    for name, differences in gains.items():
        for number, gain in differences.items():
            parts = f"(seeds {gain['error_seeds']:.5f}, jets {gain['error_jets']:.5f})"
            print(f"{name:32s}{number:24s}{gain['mean']:+.5f} ± {gain['error']:.5f} {parts}")
    settings = {"distil": dataclasses.asdict(section.distil), "bits": dataclasses.asdict(section.bits_of(spec))}
    measured = {name: {key: dataclasses.asdict(value) for key, value in found.items()} for name, found in table.items()}
    record = {"jets": jets_file.checksum, "n_test": len(jets), "settings": settings, "models": measured, "gains": gains}
    write_json(options.folder / "distillation_gain.json", record)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True, help="the teacher's Tagger folder")
    parser.add_argument("--jets", type=Path, help="jets file (default: the packaged top_qcd sample)")
    parser.add_argument("--test-jets", type=Path, help="an independent jets file (default: the test split of --jets)")
    parser.add_argument("--project", type=Path, help="a project.yaml whose student and compress sections are used")
    parser.add_argument("--folder", type=Path, required=True, help="where students and results go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    run(parser.parse_args())


if __name__ == "__main__":
    main()
