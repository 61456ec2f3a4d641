"""Which teacher to take: AUC, accuracy and background rejection of every torch tagger, by the labels that it had.

    python benchmarks/teachers.py OUT --labels 1000 10000 0 --seeds 0 1 2 --page docs/teachers.md

trains each on the packaged top/QCD and five-class jets (--samples, --teachers), from scratch and, where it has a
pre-training, fine-tuned from its own: once for both samples, on --pretrain-jets of top/QCD, RS3L on those of --views or
on simulated ones. ParticleNet starts from the public JetClass weights, too, where --jetclass names them, at their
size. 0 labels means all there are; the fewest are drawn with every seed, others with the first. Passes over the jets go
with one over the square root of their number.

Errors are those of the test jets and, of several seeds, of their mean, in quadrature; what pre-training gains is the
difference on the same labels and test jets. Printed, written to `teachers.json` in OUT, and with --page between the
markers of a page with its plot beside it. A run that was interrupted goes on where it stopped, and what is in OUT
already is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from resimulation import views_file

from hls.compare import Scores, difference_physics, model_physics
from hls.plots import canvas
from hls.tables import ABSENT, Table, count, measured, replace_table
from jets.batches import StoredSplit
from jets.dataset import JetsFile, JetsWriter
from jets.errors import ToolNotFound
from jets.files import claim_folder, json_digest, read_json, replacing, write_json
from jets.samples import sample_path
from jets.splits import SPLITS
from models.registry import architecture
from models.tagger import Tagger
from models.training import PretrainConfig, TrainConfig, load_start, pretrain, train

COLORS = {
    "gru": "#8a8a8a",
    "lstm": "#3b1f5b",
    "particle_net": "#56b4e9",
    "particle_transformer": "#000000",
    "pet": "#d55e00",
    "masked_particle": "#0072b2",
    "omnijet": "#009e73",
    "rs3l": "#cc79a7",
    "omnilearned": "#e69f00",
}
SAMPLES = ("top_qcd", "five_class")
SCRATCH, OWN, PUBLIC = "scratch", "pre-trained", "JetClass"
LINES = {SCRATCH: ":", OWN: "-", PUBLIC: "--"}
FEW = 1000
"""The labels that --epochs is about."""
Numbers = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Row:
    """One training."""

    sample: str
    teacher: str
    start: str
    labels: int
    seed: int

    @property
    def place(self) -> Path:
        """Its folder among the others."""
        return Path(self.sample) / self.teacher / f"{self.start}_{self.labels}_{self.seed}"

    @property
    def config(self) -> Any:
        """The sizes: small ones, or those of the public weights."""
        return architecture(self.teacher).preset("published" if self.start == PUBLIC else "tiny")


class Bench:
    """Taggers in a folder, each trained and measured once."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.folder = options, claim_folder(options.out)

    def jets(self, sample: str) -> Path:
        """The sample with fewer validation jets, which would take longer to tag than few labels to learn from."""
        path = self.folder / f"{sample}.h5"
        if not path.is_file():
            full = JetsFile(sample_path(sample))
            with JetsWriter(path) as writer:
                for split in SPLITS:
                    jets = full.read(split)
                    writer.append(jets[: self.options.validation_jets] if split == "validation" else jets)
        return path

    def rows(self) -> Iterator[Row]:
        """All that are asked for, those of the fewest labels first."""
        options = self.options
        there_are = {sample: StoredSplit(JetsFile(self.jets(sample)), "train").n_jets for sample in options.samples}
        for labels in sorted(options.labels, key=lambda labels: labels or np.inf):
            seeds = options.seeds if labels == min(filter(None, options.labels), default=0) else options.seeds[:1]
            for sample in options.samples:
                n_labels = labels or there_are[sample]
                if labels < there_are[sample]:
                    yield from (Row(sample, *way, n_labels, seed) for seed in seeds for way in self.ways())

    def ways(self) -> Iterator[tuple[str, str]]:
        """Teachers and what they start from."""
        for teacher in self.options.teachers:
            yield teacher, SCRATCH
            if architecture(teacher).pretraining is not None:
                yield teacher, OWN
            if teacher == "particle_net" and self.options.jetclass is not None:
                yield teacher, PUBLIC

    def pretrained(self, teacher: str) -> Tagger:
        """A teacher that has only had its own pre-training."""
        options, design = self.options, architecture(teacher)
        jets, epochs, most = self.jets(SAMPLES[0]), options.pretrain_epochs, options.pretrain_jets
        if design.pretraining is not None and design.pretraining.by_view:
            jets, epochs, most = self.views(), options.view_epochs, None
        how = PretrainConfig(epochs=epochs, patience=epochs, max_jets=most)
        return pretrain(teacher, design.preset("tiny"), jets, how, self.folder / "pretrained" / teacher)

    def views(self) -> Path:
        """Jets in several simulations of their hard event."""
        return self.options.views or views_file(self.folder / "views.h5", self.options.partons)

    def start(self, row: Row) -> Tagger | None:
        """The tagger that a training begins with."""
        if row.start == PUBLIC:
            return load_start(row.teacher, row.config, self.options.jetclass)
        return None if row.start == SCRATCH else self.pretrained(row.teacher)

    def how(self, row: Row) -> TrainConfig:
        """Few labels are seen more often, in smaller batches."""
        epochs = max(2, round(self.options.epochs * (FEW / row.labels) ** 0.5))
        return TrainConfig(
            epochs=epochs,
            patience=epochs,
            max_jets=row.labels,
            batch_size=max(32, min(128, row.labels // 16)),
            backbone_rate=1.0 if row.start == SCRATCH else self.options.backbone_rate,
            seed=row.seed,
        )

    def measure(self, row: Row) -> dict[str, Any]:
        """Its physics on the test jets; the logits are kept beside it."""
        folder, file, how = self.folder / row.place, JetsFile(self.jets(row.sample)), self.how(row)
        start = self.start(row)
        made_of = json_digest([file.checksum, dataclasses.asdict(how), None if start is None else start.provenance])
        found: dict[str, Any] = read_json(folder / "row.json") if (folder / "row.json").is_file() else {}
        if found.get("made_of") != made_of:
            tagger, jets = train(row.teacher, row.config, file.path, how, folder, start), file.read("test")
            scores = Scores(jets.labels, jets.ids, jets.classes, {row.start: tagger.predict(jets)})
            scores.save(folder / "scores.h5")
            found = {"made_of": made_of, "parameters": tagger.n_parameters} | model_physics(scores, row.start)
            write_json(folder / "row.json", dataclasses.asdict(row) | found)
        return found

    def scores(self, row: Row) -> Scores:
        """What a tagger said of the test jets."""
        return Scores.load(self.folder / row.place / "scores.h5")

    def gain(self, row: Row) -> dict[str, Any]:
        """What the start of a row gives, on the same labels and the same test jets."""
        base = self.scores(dataclasses.replace(row, start=SCRATCH))
        both = base.with_model(row.start, self.scores(row).outputs[row.start])
        return difference_physics(both, row.start, SCRATCH)


def over_seeds(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of one number, with the errors of seeds and of test jets, which seeds share, in quadrature."""
    values = [item["value"] for item in found]
    if None in values or any(item.get("is_lower_bound") for item in found):
        return dict(found[0])
    of_seeds = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return {"value": float(np.mean(values)), "error": float(np.hypot(of_seeds, np.mean([i["error"] for i in found])))}


def summary(numbers: Sequence[Numbers]) -> dict[str, dict[str, Any]]:
    """AUC, accuracy and 1/eps_B over seeds."""
    columns = {name: [item[name] for item in numbers] for name in ("auc", "accuracy")}
    columns |= {f"rejection {at}": [item["rejection"][at] for item in numbers] for at in ("0.3", "0.5")}
    return {name: over_seeds(found) for name, found in columns.items()}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A way of training, over its seeds: AUC and the like, and what its start gains."""

    row: Row
    seeds: int
    parameters: int
    physics: Mapping[str, Mapping[str, Any]]
    gain: Mapping[str, Mapping[str, Any]] | None


def entries(bench: Bench, rows: Mapping[Row, Numbers]) -> list[Entry]:
    """Seeds taken together, the best AUC first."""
    found = []
    for first in dict.fromkeys(dataclasses.replace(row, seed=0) for row in rows):
        mine = [row for row in rows if dataclasses.replace(row, seed=0) == first]
        physics = summary([rows[row] for row in mine])
        gain = None if first.start == SCRATCH else summary([bench.gain(row) for row in mine])
        found.append(Entry(first, len(mine), rows[mine[0]]["parameters"], physics, gain))
    return sorted(found, key=lambda entry: -entry.physics["auc"]["value"])


def table(found: Sequence[Entry]) -> Table:
    """The teachers at one number of labels."""
    head = ("teacher", "start", "parameters", "seeds", "AUC", "accuracy", "1/ε_B at 0.3", "at 0.5", "AUC gained")
    rows = []
    for entry in found:
        gain = ABSENT if entry.gain is None else measured(entry.gain["auc"])
        cells = [f"`{entry.row.teacher}`", entry.row.start, count(entry.parameters), count(entry.seeds)]
        rows.append((*cells, *map(measured, entry.physics.values()), gain))
    return Table(head, tuple(rows))


def page(found: Sequence[Entry]) -> str:
    """A table for every sample and number of labels."""
    parts = []
    for sample, labels in sorted({(e.row.sample, e.row.labels) for e in found}, key=lambda s: (s[0] != SAMPLES[0], s)):
        chosen = [entry for entry in found if (entry.row.sample, entry.row.labels) == (sample, labels)]
        parts += [f"`{sample}`, {labels:,} labels:", table(chosen).markdown()]
    return "\n\n".join(parts) + "\n"


def draw(found: Sequence[Entry], path: Path) -> None:
    """AUC by labels, a panel for each sample."""
    samples = [sample for sample in SAMPLES if any(entry.row.sample == sample for entry in found)]
    with canvas(4.6 * len(samples), 4.4) as figure:
        for axis, sample in zip(np.ravel(figure.subplots(1, len(samples))), samples, strict=True):
            for way in dict.fromkeys((e.row.teacher, e.row.start) for e in found):
                mine = [e for e in found if (e.row.sample, e.row.teacher, e.row.start) == (sample, *way)]
                mine.sort(key=lambda entry: entry.row.labels)
                values, errors = ([entry.physics["auc"][key] for entry in mine] for key in ("value", "error"))
                style = {"color": COLORS[way[0]], "linestyle": LINES[way[1]], "label": ", ".join(way)}
                axis.errorbar([entry.row.labels for entry in mine], values, errors, marker="o", ms=3, **style)
            axis.set(xscale="log", xlabel=f"labels, {sample}", ylabel="AUC")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside right center")
        with replacing(path) as temporary:
            figure.savefig(temporary, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))


def run(options: argparse.Namespace) -> None:
    """Train and measure what is missing; print and write everything."""
    torch.set_num_threads(options.threads)
    bench, rows = Bench(options), {}
    for row in bench.rows():
        try:
            rows[row] = bench.measure(row)
        except ToolNotFound as error:
            print(f"{row.teacher} is left out: {error}", flush=True)
            continue
        print(f"{row.place}: AUC {measured(rows[row]['auc'])}", flush=True)
    found = entries(bench, rows)
    print(page(found), flush=True)
    write_json(options.out / "teachers.json", [dataclasses.asdict(entry) for entry in found])
    draw(found, options.out / "teachers.svg")
    if options.page:
        replace_table(options.page, page(found))
        shutil.copy(options.out / "teachers.svg", options.page.with_suffix(".svg"))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where jets, taggers and results go")
    parser.add_argument("--teachers", nargs="+", choices=COLORS, default=list(COLORS))
    parser.add_argument("--samples", nargs="+", choices=SAMPLES, default=list(SAMPLES))
    parser.add_argument("--labels", type=int, nargs="+", default=[1000, 10_000, 0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=20, help=f"over {FEW:,} labels")
    parser.add_argument("--validation-jets", type=int, default=1000)
    parser.add_argument("--pretrain-jets", type=int, default=20_000)
    parser.add_argument("--pretrain-epochs", type=int, default=4)
    parser.add_argument("--views", type=Path, help="a jets file with views, for RS3L")
    parser.add_argument("--partons", type=int, default=4800, help="to simulate where --views is not given")
    parser.add_argument("--view-epochs", type=int, default=40)
    parser.add_argument("--backbone-rate", type=float, default=1.0, help="of those that start from something")
    parser.add_argument("--jetclass", type=Path, help="ParticleNet_kin.pt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--page", type=Path, help="a page with report markers that gets the tables and the plot")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
