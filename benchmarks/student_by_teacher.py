"""The student of a project by the teacher that it learnt from: how good the teacher is, and how much of it arrives.

    python benchmarks/student_by_teacher.py OUT pet=TAGGER rs3l=TAGGER --page docs/recurrent.md

distils the student of --project, as its project.yaml says, from every tagger that is named (a folder of `tagware train`
or of `benchmarks/teachers.py`) and once from the labels alone; each is measured on the project's test jets. --epochs
takes fewer than the project. Errors are those of the test jets, which all share; another seed moves a student, too. A
gain is the difference to the quantized student of the labels on the same jets. Printed, written to `students.json` in
OUT, and with --page between the markers of a page. What is in OUT already is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import torch

from compress.teach import teach
from flow.project import ProjectFolder
from flow.source import given_path
from flow.steps import distil_student
from hls.compare import Scores, difference_physics, model_physics
from hls.tables import ABSENT, Table, count, measured, replace_table
from jets.dataset import JetsFile
from jets.errors import ConfigError
from jets.files import claim_folder, json_digest, read_json, write_json
from models.keras_start import start_keras
from models.tagger import Tagger

LABELS = "labels"
MODELS = ("teacher", "student_float", "student_quantized")


class Bench:
    """Students in a folder, each distilled and scored once."""

    def __init__(self, options: argparse.Namespace) -> None:
        project = ProjectFolder.load(options.project)
        path = given_path(project)
        if path is None:
            raise ConfigError("the jets are simulated", options.project, "name a project with a sample or a file")
        self.folder, self.jets_file, self.spec = claim_folder(options.out), JetsFile(path), project.config.student
        distil = project.config.compress.distil
        if options.epochs:
            distil = dataclasses.replace(distil, float_epochs=options.epochs[0], quantized_epochs=options.epochs[1])
        self.section = dataclasses.replace(project.config.compress, distil=distil)

    def scores(self, name: str, teacher: Tagger | None) -> Scores:
        """What a teacher, where there is one, and its students say of the test jets."""
        folder = claim_folder(self.folder / name)
        recipe = [self.jets_file.checksum, dataclasses.asdict(self.spec), dataclasses.asdict(self.section)]
        made_of = json_digest([*recipe, None if teacher is None else teacher.provenance])
        mark = folder / "made_of.json"
        if not mark.is_file() or read_json(mark) != made_of:
            taught = folder / "teacher.h5"
            if teacher is not None:
                teach(teacher, self.jets_file, taught)
            outputs = [] if teacher is None else [taught]
            distil_student(self.spec, self.section, self.jets_file, outputs, folder / "students")
            self.scored(folder, teacher).save(folder / "scores.h5")
            write_json(mark, made_of)
        return Scores.load(folder / "scores.h5")

    def scored(self, folder: Path, teacher: Tagger | None) -> Scores:
        """The same, anew."""
        jets = self.jets_file.read("test")
        students = {f"student_{kind}": Tagger.load(folder / "students" / kind) for kind in ("float", "quantized")}
        models = students if teacher is None else {"teacher": teacher} | students
        outputs = {name: model.predict(jets) for name, model in models.items()}
        return Scores(jets.labels, jets.ids, jets.classes, outputs)


def entry(name: str, parameters: int | None, scores: Scores, labels: Scores) -> dict[str, Any]:
    """The physics of a teacher and its students, and what the quantized one gained (JSON-serialisable)."""
    found: dict[str, Any] = {model: model_physics(scores, model) for model in MODELS if model in scores.outputs}
    both = scores.with_model(LABELS, labels.outputs["student_quantized"])
    gain = None if name == LABELS else difference_physics(both, "student_quantized", LABELS)
    return {"teacher_name": name, "parameters": parameters, "gain": gain} | found


def table(entries: list[dict[str, Any]]) -> Table:
    """One row a teacher, the best one first, and the labels last."""
    head = ("taught by", "parameters", "its AUC", "its 1/ε_B at 0.3", "student, float: AUC", "quantized: AUC")
    head += ("accuracy", "1/ε_B at 0.3", "AUC gained", "accuracy gained")
    rows = []
    for found in entries:
        teacher, gain, quantized = found.get("teacher"), found["gain"], found["student_quantized"]
        cells = [found["teacher_name"], count(found["parameters"])]
        cells += (
            [ABSENT] * 2 if teacher is None else [measured(n) for n in (teacher["auc"], teacher["rejection"]["0.3"])]
        )
        numbers = (
            found["student_float"]["auc"],
            quantized["auc"],
            quantized["accuracy"],
            quantized["rejection"]["0.3"],
        )
        cells += map(measured, numbers)
        rows.append((*cells, *((ABSENT, ABSENT) if gain is None else (measured(gain[k]) for k in ("auc", "accuracy")))))
    return Table(head, tuple(rows))


def run(options: argparse.Namespace) -> None:
    """Distil and measure what is missing; print and write everything."""
    torch.set_num_threads(options.threads)
    start_keras()
    bench = Bench(options)
    labels = bench.scores(LABELS, None)
    entries = []
    for text in options.teachers:
        name, _, folder = text.rpartition("=")
        teacher = Tagger.load(folder)
        name = name or teacher.architecture
        entries.append(entry(name, teacher.n_parameters, bench.scores(name, teacher), labels))
        print(f"{name}: AUC {measured(entries[-1]['student_quantized']['auc'])}", flush=True)
    entries.sort(key=lambda found: -found["teacher"]["auc"]["value"])
    entries.append(entry(LABELS, None, labels, labels))
    write_json(options.out / "students.json", entries)
    text = f"{len(labels):,} test jets, {options.project.name}.\n\n{table(entries).markdown()}\n"
    print(text, flush=True)
    if options.page:
        replace_table(options.page, text)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where students and results go")
    parser.add_argument("teachers", nargs="+", metavar="[NAME=]TAGGER", help="folders of trained taggers")
    parser.add_argument("--project", type=Path, default=Path("firmware_projects/top_gru"))
    parser.add_argument("--epochs", type=int, nargs=2, metavar=("FLOAT", "QUANTIZED"), help="instead of the project's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--page", type=Path, help="a page with report markers that gets the table")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
