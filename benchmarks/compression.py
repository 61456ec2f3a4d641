"""What a teacher, learnt bits and training buy: accuracy and background rejection of students against what they cost.

    python benchmarks/compression.py FOLDER --seeds 0 1 2 --page docs/compression.md

trains students of the packaged five-class jets from several seeds and measures on the test split (--parts):

gain      MLP, DeepSets and JEDI-linear of HGQ2, led to one number of EBOPs, from a teacher and from the labels alone
front     the MLP of HGQ2 at several numbers of EBOPs, against QKeras and PQuantML, with the LUT of their RTL
rounding  the float MLP rounded to fixed point, against the same types after quantization-aware training

The teacher is the mean of float networks of the 16 features. Printed, and written to `compression.json` in the folder,
and with --page between the markers of a page with its plot beside it. A run that was interrupted goes on where it
stopped, and one with more seeds goes on from one with fewer. --readme writes its first two tables between the markers
`compression` of a README, too. PQuantML is not needed by tagware: `pip install --no-deps
pquant-ml==0.1.0` (which must not replace HGQ2 or QKeras), or leave it out with --without-pquant.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from compression_students import KINDS, WIDTHS, Physics, Results, Student, fixed, over_seeds
from compression_tables import costs, draw, gains, percent, rejection, rounding_table
from numpy.typing import NDArray
from pquant_mlp import train
from tqdm import tqdm

from compress.distil import DistilConfig, distil
from compress.objective import LossConfig
from compress.quantize.front_end import front_end_of
from compress.quantize.qkeras import Bits
from compress.teach import TeacherOutputs, average, teach
from flow.hardware import emit_rtl, synthesize_rtl
from hls.compare import Scores
from hls.paired import SortedScores, bootstrap_efficiencies
from hls.project import HlsConfig
from hls.rtl.config import RtlConfig
from hls.synth import SynthConfig
from hls.tables import replace_table
from jets.dataset import Jets, JetsFile
from jets.files import claim_folder, json_digest, write_json
from jets.samples import sample_path
from models.keras_start import start_keras
from models.students.feed_forward import MlpSpec
from models.tagger import Tagger

PARTS = ("gain", "front", "rounding")
EBOPS = {"MLP": 2000, "DeepSets": 6000, "JEDI-linear": 8000}
FRONT = (2000, 5000, 10000)
TEACHERS = 3
TEACHER = MlpSpec(dense=(128, 64))
RATES: Mapping[str, Any] = {"batch_size": 256, "learning_rate": 5e-3, "quantized_learning_rate": 5e-3}
INTEGER_BITS = tuple(itertools.product((1, 2), (2, 3, 4)))
"""Of weights and activations, for rounding to choose from."""
SIGNAL_EFFICIENCY = 0.3
REPLICAS = 200


class Bench:
    """Students in a folder, each trained and measured once."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.folder = options, claim_folder(options.folder)
        self.jets_file = JetsFile(options.jets or sample_path("five_class"))
        self.config = DistilConfig(float_epochs=options.epochs[0], quantized_epochs=options.epochs[1], **RATES)

    @cached_property
    def test(self) -> Jets:
        """The jets that everything is measured on."""
        return self.jets_file.read("test")

    @cached_property
    def teacher(self) -> TeacherOutputs:
        """The mean of the teachers' logits."""
        answers = []
        for seed in range(TEACHERS):
            folder, path = self.folder / "teacher" / f"seed_{seed}", self.folder / "teacher" / f"{seed}.h5"
            if not path.is_file():
                labels = LossConfig(logits="cross_entropy")
                config = DistilConfig(labels, float_epochs=15, quantized_epochs=1, seed=seed, **RATES)
                distil(TEACHER, Bits(), self.jets_file, None, config, folder)
                teach(Tagger.load(folder / "float"), self.jets_file, path)
            answers.append(TeacherOutputs.load(path).check(self.jets_file))
        return average(answers)

    def student(self, student: Student) -> Tagger:
        """The quantized student, made as its way says."""
        ways = {"pquant": self.pruned, "rounded": self.rounded}
        return ways.get(student.way, self.trained)(student)

    def trained(self, student: Student) -> Tagger:
        """By quantization-aware training from the float student of its kind, teacher and seed."""
        folder, shared = self.folder / student.place, self.folder / student.float_place
        own = claim_folder(folder) / "float"
        if shared.is_dir() and not own.is_dir():
            shutil.copytree(shared, own)
        distilled = student.way == "teacher"
        loss = self.config.loss if distilled else self.config.loss.without_teacher()
        config = dataclasses.replace(self.config, loss=loss, seed=student.seed)
        teacher = self.teacher if distilled else None
        tagger = distil(KINDS[student.kind], student.bits, self.jets_file, teacher, config, folder)
        shutil.copytree(own, shared, dirs_exist_ok=True)
        return tagger

    def pruned(self, student: Student) -> Tagger:
        """By PQuantML with its default pruning and epochs, as the QKeras student of the same weights."""
        like, bits, jets = self.float_student(student), fixed(student.size), self.jets_file.read("train")
        (inputs,) = like.inputs(jets).values()
        weights = train(inputs, jets.labels, like.config.dense, bits, student.seed)
        return quantized(like, bits, with_weights(like, bits, weights))

    def rounded(self, student: Student) -> Tagger:
        """The float student in fixed point, with the integer bits that are best on the validation jets."""
        like, jets = self.float_student(student), self.jets_file.read("validation")
        (inputs,) = like.inputs(jets).values()
        weights = {layer.name: layer.get_weights() for layer in like.network.layers if layer.weights}
        choices = [fixed(student.size, *integer) for integer in INTEGER_BITS]
        networks = [(bits, with_weights(like, bits, weights)) for bits in choices]

        def right(choice: tuple[Bits, Any]) -> float:
            return float(np.mean(np.argmax(choice[1](inputs), axis=1) == jets.labels))

        return quantized(like, *max(networks, key=right))

    def float_student(self, student: Student) -> Tagger:
        """That of the labels, whose QKeras students are trained before those that are not."""
        return Tagger.load(self.folder / student.float_place)

    def measure(self, student: Student, hardware: bool) -> dict[str, Any]:
        """EBOPs and, of `hardware`, LUT of a student; its logits are kept beside it."""
        folder = self.folder / student.place
        path, specs = folder / "student.json", (student.bits, KINDS[student.kind], TEACHER)
        made_of = json_digest([self.jets_file.checksum, self.config.record(), *map(dataclasses.asdict, specs)])
        found = json.loads(path.read_text()) if path.is_file() else {}
        if found.get("made_of") != made_of:
            tagger = self.student(student)
            if student.way in ("pquant", "rounded"):
                tagger.save(claim_folder(folder) / "quantized")
            np.save(folder / "logits.npy", tagger.predict(self.test))
            found = {"made_of": made_of, "ebops": (tagger.quantization or {})["ebops"]}
        if hardware and "cost" not in found:
            design = emit_rtl(folder / "quantized", HlsConfig(name="student"), RtlConfig(), folder / "rtl")
            found |= {"cost": round(sum(unit.cost for unit in design.units)), "cycles": design.latency_cycles}
        if found.get("cost", self.options.synth) < self.options.synth and "lut" not in found:
            (mapped,) = synthesize_rtl(folder / "rtl", SynthConfig(), folder / "synthesis").mapped
            found["lut"] = mapped.resources.lut
        write_json(path, found)
        return found

    def physics(self, logits: Mapping[Student | None, NDArray[np.float32]]) -> dict[Student | None, Physics]:
        """All of them in the same replicas of the test jets; eps_B is averaged over the classes."""
        named = {str(place): values for place, values in enumerate(logits.values())}
        scores = Scores(self.test.labels.astype(np.int16), self.test.ids, self.jets_file.classes, named)
        ranked = {name: _ranked(scores, name) for name in named}
        rng, points = np.random.default_rng(1), (SIGNAL_EFFICIENCY,)
        replicas = bootstrap_efficiencies(ranked, len(scores), points, REPLICAS, rng)
        once = np.ones(len(scores), np.int64)
        found = {}
        for key, name in zip(logits, named, strict=True):
            efficiency = np.mean([item.background_efficiencies(once, np.array(points)) for item in ranked[name]])
            right = (scores.decisions(name) == scores.labels).astype(np.float64)
            found[key] = Physics(right, -float(np.log(efficiency)), -np.log(replicas[name][:, 0]))
        return found


def with_weights(like: Tagger, bits: Bits, weights: Mapping[str, Sequence[NDArray[np.float32]]]) -> Any:
    """The QKeras network of these bits, with kernel and bias of every layer from elsewhere."""
    network = front_end_of(bits).build(like.config, bits, like.n_outputs)
    for name, values in weights.items():
        network.get_layer(name).set_weights(values)
    return network


def quantized(like: Tagger, bits: Bits, network: Any) -> Tagger:
    """A QKeras student that was not trained here."""
    provenance = {"digest": json_digest([values.tolist() for values in network.get_weights()])}
    described = front_end_of(bits).describe(network, bits)
    return dataclasses.replace(like, network=network, quantization=described, provenance=provenance)


def _ranked(scores: Scores, name: str) -> list[SortedScores]:
    columns = scores.discriminants(name).T
    return [SortedScores.of(column, scores.labels == label) for label, column in enumerate(columns)]


def students(options: argparse.Namespace, seed: int) -> Iterator[Student]:
    """All of a seed that are asked for; some start from the float MLP of QKeras' students, which come first."""
    if options.parts != ["gain"]:
        yield from (Student("MLP", "qkeras", width, seed) for width in WIDTHS)
    if "rounding" in options.parts:
        yield from (Student("MLP", "rounded", width, seed) for width in WIDTHS)
    if "front" in options.parts:
        yield from (Student("MLP", way, size, seed) for way in ("labels", "teacher") for size in FRONT)
        if not options.without_pquant:
            yield Student("MLP", "pquant", 8, seed)
    if "gain" in options.parts:
        yield from (Student(kind, way, EBOPS[kind], seed) for kind in KINDS for way in ("labels", "teacher"))


def page(results: Results, options: argparse.Namespace, bench: Bench) -> str:
    """All tables that were asked for, in Markdown."""
    teacher = over_seeds([results.physics[None]])
    classes, seeds = ", ".join(bench.jets_file.classes), ", ".join(map(str, results.seeds))
    jets = f"{len(bench.test):,} test jets ({classes}), seeds {seeds}"
    parts = [
        f"{jets}. The teacher: accuracy {percent(teacher['accuracy'])} %, 1/ε_B {rejection(teacher['rejection'])}."
    ]
    if "gain" in options.parts:
        parts += ["### Teacher or labels", *gains(results)]
    if "front" in options.parts:
        parts += ["### Accuracy and logic", *costs(results)]
    if "rounding" in options.parts:
        parts += ["### Rounded or trained", rounding_table(results).markdown()]
    return "\n\n".join(parts) + "\n"


def run(options: argparse.Namespace) -> None:
    """Train and measure what is missing; print and write everything after every seed."""
    start_keras()
    bench = Bench(options)
    numbers: dict[Student, dict[str, Any]] = {}
    logits: dict[Student | None, NDArray[np.float32]] = {None: bench.teacher.for_jets(bench.test).logits}
    for done, seed in enumerate(options.seeds):
        for student in tqdm(list(dict.fromkeys(students(options, seed))), desc=f"seed {seed}", disable=None):
            of_front = student.kind == "MLP" and student.way != "rounded" and done == 0
            numbers[student] = bench.measure(student, of_front and "front" in options.parts)
            logits[student] = np.load(bench.folder / student.place / "logits.npy")
        write(Results(numbers, bench.physics(logits), options.seeds[: done + 1]), options, bench)


def write(results: Results, options: argparse.Namespace, bench: Bench) -> None:
    """The tables, the plot and the record of every student."""
    text = page(results, options, bench)
    print(text, flush=True)
    write_json(options.folder / "compression.json", record(results, bench))
    draw(results, options.parts, options.folder / "compression.svg")
    if options.page:
        replace_table(options.page, text)
        shutil.copy(options.folder / "compression.svg", options.page.with_suffix(".svg"))
    if options.readme:
        replace_table(options.readme, "\n\n".join([*gains(results), *costs(results)]) + "\n", "compression")


def record(results: Results, bench: Bench) -> dict[str, Any]:
    """Everything that is in the tables, student by student (JSON-serialisable)."""
    rows = [
        dataclasses.asdict(student)
        | dict(numbers)
        | {name: dataclasses.asdict(found) for name, found in over_seeds([results.physics[student]]).items()}
        for student, numbers in results.numbers.items()
    ]
    return {"jets": bench.jets_file.checksum, "n_test": len(bench.test), "students": rows}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where students and results go")
    parser.add_argument(
        "--jets", type=Path, help="of five classes, with their 16 features (default: the packaged ones)"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, nargs=2, default=[10, 18], metavar=("FLOAT", "QUANTIZED"))
    parser.add_argument(
        "--synth", type=int, default=0, metavar="LUT", help="map with Yosys what alkaid puts below this"
    )
    parser.add_argument("--without-pquant", action="store_true")
    parser.add_argument("--page", type=Path, help="a page with report markers that gets the tables and the plot")
    parser.add_argument("--readme", type=Path, help="a README with compression markers that gets the first two tables")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
