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
from numpy.typing import NDArray
from pquant_mlp import train
from tqdm import tqdm

from compress.distil import DistilConfig, distil
from compress.objective import LossConfig
from compress.quantize.front_end import AnyBits, front_end_of
from compress.quantize.hgq2 import HgqBits
from compress.quantize.qkeras import Bits
from compress.teach import TeacherOutputs, average, teach
from flow.hardware import emit_rtl, synthesize_rtl
from hls.compare import Scores
from hls.paired import SortedScores, bootstrap_efficiencies
from hls.plots import canvas
from hls.project import HlsConfig
from hls.rtl.config import RtlConfig
from hls.synth import SynthConfig
from hls.tables import Table, count, replace_table
from jets.dataset import Jets, JetsFile
from jets.files import claim_folder, json_digest, replacing, write_json
from jets.metrics import Measure
from jets.samples import sample_path
from models.keras_start import start_keras
from models.students.feed_forward import FeedForwardSpec, MlpSpec, ParticleSpec
from models.tagger import Tagger

PARTS = ("gain", "front", "rounding")
KINDS: Mapping[str, FeedForwardSpec] = {
    "MLP": MlpSpec(),
    "DeepSets": ParticleSpec("deep_sets", n_constituents=8, features=3, particle=(16, 16), dense=(16,)),
    "JEDI-linear": ParticleSpec("jedi_linear", n_constituents=8, features=3, particle=(16, 16), dense=(16,)),
}
EBOPS = {"MLP": 2000, "DeepSets": 6000, "JEDI-linear": 8000}
FRONT = (2000, 5000, 10000)
EBOPS_WEIGHT = 3e-6
WIDTHS = (8, 6, 4, 3)
TEACHERS = 3
TEACHER = MlpSpec(dense=(128, 64))
RATES: Mapping[str, Any] = {"batch_size": 256, "learning_rate": 5e-3, "quantized_learning_rate": 5e-3}
INTEGER_BITS = tuple(itertools.product((1, 2), (2, 3, 4)))
"""Of weights and activations, for rounding to choose from."""
SIGNAL_EFFICIENCY = 0.3
REPLICAS = 200
WAYS = {
    "teacher": "HGQ2, teacher",
    "labels": "HGQ2, labels",
    "qkeras": "QKeras, labels",
    "pquant": "PQuantML, labels",
    "rounded": "float, rounded",
}
COLORS = dict(zip(WAYS, ("#d55e00", "#0072b2", "#009e73", "#000000", "#8a8a8a"), strict=True))
TICKS = (3000, 10_000, 30_000)
Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Student:
    """One student: its kind, how it was trained (a key of `WAYS`), EBOPs or bits of its weights, and its seed."""

    kind: str
    way: str
    size: int
    seed: int

    @property
    def place(self) -> Path:
        """Its folder among the others."""
        return Path(self.kind) / self.way / f"seed_{self.seed}" / f"{self.size}"

    @property
    def float_place(self) -> Path:
        """The folder of the float student that it starts from."""
        return Path(self.kind) / ("teacher" if self.way == "teacher" else "labels") / f"seed_{self.seed}" / "float"

    @property
    def bits(self) -> AnyBits:
        """Where its quantized training starts."""
        return (
            HgqBits(ebops=self.size, ebops_weight=EBOPS_WEIGHT)
            if self.way in ("teacher", "labels")
            else fixed(self.size)
        )

    @property
    def name(self) -> str:
        """For tables."""
        return f"{WAYS[self.way]}, {self.size:,} {'EBOPs' if isinstance(self.bits, HgqBits) else 'bits'}"


@dataclasses.dataclass(frozen=True)
class Physics:
    """One student on the test jets, or the difference of two: right (n_jets,), ln(1/eps_B), and that of replicas."""

    right: Floats
    rejection: float
    replicas: Floats

    def __sub__(self, other: Physics) -> Physics:
        return Physics(self.right - other.right, self.rejection - other.rejection, self.replicas - other.replicas)


def fixed(width: int, weights: int = 1, activations: int = 3) -> Bits:
    """QKeras' types of so many bits, with these integer bits; inputs and outputs keep theirs."""
    return Bits(
        dense_weights=(width, weights),
        dense_bias=(width, weights),
        activations=(width, min(activations, width)),
    )


def over_seeds(found: Sequence[Physics]) -> dict[str, Measure]:
    """Accuracy and ln(1/eps_B) averaged over seeds, with the errors of seeds and of test jets in quadrature."""
    right, replicas = (np.mean([getattr(item, name) for item in found], axis=0) for name in ("right", "replicas"))
    columns = {
        "accuracy": ([item.right.mean() for item in found], right.std() / np.sqrt(len(right))),
        "rejection": ([item.rejection for item in found], replicas.std(ddof=1)),
    }
    return {
        name: Measure(float(np.mean(values)), float(np.hypot(_error_of_mean(values), jets)))
        for name, (values, jets) in columns.items()
    }


def _error_of_mean(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


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
        path, bits = folder / "student.json", dataclasses.asdict(student.bits)
        made_of = json_digest([self.jets_file.checksum, self.config.record(), bits])
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


@dataclasses.dataclass(frozen=True)
class Results:
    """Numbers of all students (EBOPs, cost, LUT), their physics and, at None, the teacher's; and the seeds."""

    numbers: Mapping[Student, Mapping[str, Any]]
    physics: Mapping[Student | None, Physics]
    seeds: Sequence[int]

    def of(self, kind: str, way: str, size: int) -> list[Physics]:
        """The students of all seeds."""
        return [self.physics[Student(kind, way, size, seed)] for seed in self.seeds]

    def less(self, first: Sequence[Physics], second: Sequence[Physics]) -> dict[str, Measure]:
        """The difference, seed by seed."""
        return over_seeds([a - b for a, b in zip(first, second, strict=True)])

    def mean(self, number: str, kind: str, way: str, size: int) -> float | None:
        """A number averaged over the seeds that have it."""
        values = [self.numbers[Student(kind, way, size, seed)].get(number) for seed in self.seeds]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    @property
    def taught(self) -> list[tuple[str, int]]:
        """Kinds and EBOPs of the students that have a teacher, and others beside them that have not."""
        found = {(s.kind, s.size) for s in self.numbers if s.way == "teacher"}
        return sorted(found, key=lambda pair: (list(KINDS).index(pair[0]), pair[1]))

    @property
    def front(self) -> list[tuple[str, int]]:
        """Ways and sizes of the MLPs whose logic is known."""
        found = {(s.way, s.size) for s, numbers in self.numbers.items() if s.kind == "MLP" and "cost" in numbers}
        return sorted(found, key=lambda pair: (list(WAYS).index(pair[0]), -pair[1]))


def percent(measure: Measure, relative: bool = False) -> str:
    """A share, or a difference of logarithms, in per cent."""
    sign = "+" if relative else ""
    return f"{100 * measure.value:{sign}.2f} ± {100 * measure.error:.2f}".replace("-", "−")


def rejection(measure: Measure) -> str:
    """1/eps_B from its logarithm."""
    value = np.exp(measure.value)
    return f"{value:.0f} ± {value * measure.error:.0f}"


def gain_table(results: Results) -> Table:
    """Teacher against labels at the same limit of EBOPs."""
    head = ("student", "EBOPs", "accuracy %, labels", "teacher", "gain", "1/ε_B, labels", "teacher", "gain %")
    rows = []
    for kind, size in results.taught:
        ways = {way: results.of(kind, way, size) for way in ("labels", "teacher")}
        single = {way: over_seeds(found) for way, found in ways.items()}
        gain = results.less(ways["teacher"], ways["labels"])
        cells = [kind, " / ".join(count(results.mean("ebops", kind, way, size)) for way in ways)]
        cells += [*(percent(single[way]["accuracy"]) for way in ways), percent(gain["accuracy"], relative=True)]
        cells += [*(rejection(single[way]["rejection"]) for way in ways), percent(gain["rejection"], relative=True)]
        rows.append(tuple(cells))
    return Table(head, tuple(rows))


def significance(results: Results) -> str:
    """Which gains are above two standard deviations."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for kind, size in results.taught:
        gain = results.less(*(results.of(kind, way, size) for way in ("teacher", "labels")))
        for name, measure in gain.items():
            found[abs(measure.value) > 2 * measure.error].append(f"{name} of {kind} at {size:,}")
    told = {True: "Above two standard deviations", False: "Not significant"}
    return ". ".join(f"{told[above]}: {', '.join(names) or 'none'}" for above, names in found.items()) + "."


def front_table(results: Results) -> Table:
    """The MLPs by what they cost."""
    rows = []
    for way, size in results.front:
        single = over_seeds(results.of("MLP", way, size))
        cells = [Student("MLP", way, size, 0).name, percent(single["accuracy"]), rejection(single["rejection"])]
        rows.append((*cells, *(count(results.mean(n, "MLP", way, size)) for n in ("ebops", "cost", "lut", "cycles"))))
    return Table(("MLP", "accuracy %", "1/ε_B", "EBOPs", "LUT, alkaid", "LUT, Yosys", "cycles"), tuple(rows))


def cheapest(results: Results) -> Iterator[str]:
    """For each student without a teacher the least with one that is no more than a standard deviation less accurate."""

    def cost(pair: tuple[str, int]) -> float:
        return results.mean("cost", "MLP", *pair) or 0.0

    ours = sorted((pair for pair in results.front if pair[0] == "teacher"), key=cost)
    for other in (pair for pair in results.front if pair not in ours):
        told = "none of ours is as accurate"
        for pair in ours:
            found = results.less(results.of("MLP", *pair), results.of("MLP", *other))
            if found["accuracy"].value >= -found["accuracy"].error:
                accuracy, gain = (percent(found[name], relative=True) for name in ("accuracy", "rejection"))
                told = f"{pair[1]:,} EBOPs have {lut_share(results, pair, other)} of its LUT, "
                told += f"{accuracy} % accuracy, {gain} % rejection"
                break
        yield f"- {Student('MLP', *other, 0).name}: {told}"


def lut_share(results: Results, ours: tuple[str, int], other: tuple[str, int]) -> str:
    """What one MLP takes of the LUT of another, by alkaid and, where both are known, by Yosys."""
    told = []
    for number, tool in (("cost", "alkaid"), ("lut", "Yosys")):
        mine, theirs = (results.mean(number, "MLP", *pair) for pair in (ours, other))
        if mine and theirs:
            told.append(f"{mine / theirs:.2f} ({tool})")
    return " or ".join(told)


def rounding_table(results: Results) -> Table:
    """Rounded against trained MLPs of the same bits."""
    rows = []
    for width in WIDTHS:
        found = [results.of("MLP", way, width) for way in ("rounded", "qkeras")]
        gain, single = results.less(*reversed(found)), [over_seeds(each) for each in found]
        cells = [*(percent(one["accuracy"]) for one in single), percent(gain["accuracy"], relative=True)]
        rows.append((f"{width}", *cells, *(rejection(one["rejection"]) for one in single)))
    head = ("bits", "accuracy %, rounded", "trained", "difference", "1/ε_B, rounded", "trained")
    return Table(head, tuple(rows))


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


def gains(results: Results) -> list[str]:
    """What a teacher brings, and which of that is significant, in Markdown."""
    return [gain_table(results).markdown(), significance(results)]


def costs(results: Results) -> list[str]:
    """What accuracy takes, in Markdown."""
    return [
        front_table(results).markdown(),
        "At equal accuracy, the cheapest with a teacher against",
        "\n".join(cheapest(results)),
    ]


def draw(results: Results, parts: Sequence[str], path: Path) -> None:
    """Accuracy against LUT, and against bits with and without training."""
    with canvas(9, 3.8) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for way, pairs in itertools.groupby(results.front, key=lambda pair: pair[0]):
            sizes = [size for _, size in pairs]
            costs = [results.mean("cost", "MLP", way, size) for size in sizes]
            _errorbar(left, costs, results, way, sizes)
        for way in ("qkeras", "rounded") if "rounding" in parts else ():
            _errorbar(right, WIDTHS, results, way, WIDTHS)
        left.set(xscale="log", xlabel="LUT, alkaid", ylabel="accuracy of the MLP")
        left.set_xticks(TICKS, labels=[f"{tick:,}" for tick in TICKS])
        left.tick_params(which="minor", labelbottom=False)
        right.set(xlabel="bits of weights, biases and activations")
        figure.legend(*_legend(left, right), loc="outside right center")
        with replacing(path) as temporary:
            figure.savefig(temporary, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))


def _errorbar(axis: Any, x: Sequence[float | None], results: Results, way: str, sizes: Sequence[int]) -> None:
    found = [over_seeds(results.of("MLP", way, size))["accuracy"] for size in sizes]
    values, errors = zip(*((item.value, item.error) for item in found), strict=True)
    axis.errorbar(x, values, errors, fmt="o-", capsize=2, color=COLORS[way], label=WAYS[way])


def _legend(*axes: Any) -> tuple[list[Any], list[str]]:
    """Every way once."""
    found = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    return list(found.values()), list(found)


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
