"""What bits buy: the exact GRU and LSTM at several budgets, distilled and trained with the labels alone.

    python benchmarks/recurrent_budgets.py FOLDER --teacher TAGGER_FOLDER --synth wide narrow

For each cell, way of training and budget (`BUDGETS`: widths that training may narrow further, and what an EBOP costs
it) one student of 20x6 jets, 20 units and a dense layer of 64. The float student is trained once for each cell and way.
Measured on the test split: AUC and background rejection 1/eps_B at eps_S = 0.3, EBOPs, alkaid's cost of the static
design in LUT, its cycles, and for the budgets of --synth its LUT and clock after Yosys. Printed as a table, written to
`recurrent_budgets.json` and drawn in `recurrent_budgets.png`; a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from distillation_gain import paired, teacher_outputs
from tqdm import tqdm

from compress.distil import DistilConfig, distil
from compress.quantize.exact import ExactBits
from compress.quantize.exact_cost import ebops
from flow.hardware import emit_rtl, synthesize_rtl
from hls.project import HlsConfig
from hls.rtl.config import RtlConfig
from hls.synth import SynthConfig
from jets.dataset import Jets, JetsFile
from jets.files import claim_folder, json_digest, write_json
from jets.metrics import auc, background_rejection
from jets.samples import sample_path
from models.students.recurrent import RecurrentSpec
from models.tagger import Tagger

SIGNAL_EFFICIENCY = 0.3
WAYS = ("distilled", "labels")
SIX_BITS: Mapping[str, tuple[int, int]] = {
    "gate_sum": (6, 3),
    "gate": (6, 0),
    "candidate_sum": (6, 3),
    "candidate": (6, 1),
    "recurrent_sum": (6, 3),
    "state": (6, 1),
}
BUDGETS: Mapping[str, ExactBits] = {
    "wide": ExactBits(learn=True, ebops_weight=1e-6),
    "medium": ExactBits(learn=True, ebops_weight=4e-6, **SIX_BITS),
    "narrow": ExactBits(learn=True, ebops_weight=7e-6, **SIX_BITS),
    "least": ExactBits(learn=True, ebops_weight=2e-5, **SIX_BITS),
}
COLORS = {"gru": "tab:blue", "lstm": "tab:orange"}


@dataclasses.dataclass(frozen=True)
class Point:
    """One student: its cell, way of training and budget, and where it is kept."""

    cell: Literal["gru", "lstm"]
    way: str
    budget: str
    folder: Path

    @property
    def name(self) -> str:
        """For tables and progress."""
        return f"{self.cell} {self.way} {self.budget}"

    @property
    def quantized(self) -> Path:
        """The quantized tagger's folder."""
        return self.folder / "quantized"


def points(options: argparse.Namespace) -> list[Point]:
    """All students that are asked for, those of one cell and way in a row."""
    return [
        Point(cell, way, budget, options.folder / cell / way / budget)
        for cell, way, budget in itertools.product(options.cells, WAYS, options.budgets)
    ]


def train(point: Point, jets_file: JetsFile, options: argparse.Namespace) -> Tagger:
    """The student of a point, from the float one of its cell and way."""
    config = DistilConfig(quantized_epochs=options.epochs, float_epochs=options.float_epochs, seed=options.seed)
    outputs = None
    if point.way == "distilled":
        outputs = teacher_outputs(options.teacher, jets_file, options.folder)
    else:
        config = dataclasses.replace(config, loss=config.loss.without_teacher())
    shared = point.folder.parent / "float"
    claim_folder(point.folder)
    if shared.is_dir():
        shutil.copytree(shared, point.folder / "float", dirs_exist_ok=True)
    spec = RecurrentSpec(cell=point.cell, arithmetic="exact")
    tagger = distil(spec, BUDGETS[point.budget], jets_file, outputs, config, point.folder)
    shutil.copytree(point.folder / "float", shared, dirs_exist_ok=True)
    return tagger


def measure(point: Point, tagger: Tagger, jets: Jets, options: argparse.Namespace) -> dict[str, Any]:
    """The numbers of a student, kept beside it until it, or what is asked, changes."""
    synth = point.budget in options.synth
    path, made_of = point.folder / "point.json", json_digest({"student": tagger.provenance["digest"], "synth": synth})
    if path.is_file() and (kept := json.loads(path.read_text()))["made_of"] == made_of:
        return dict(kept)
    scores = tagger.predict(jets)[:, 0]
    area, rejection = auc(scores, jets.labels), background_rejection(scores, jets.labels, SIGNAL_EFFICIENCY)
    design = emit_rtl(point.quantized, HlsConfig(name="budget"), RtlConfig(), point.folder / "rtl")
    found: dict[str, Any] = {"made_of": made_of, "cell": point.cell, "way": point.way, "budget": point.budget}
    found |= {"auc": dataclasses.asdict(area), "rejection": dataclasses.asdict(rejection)}
    found |= {"ebops": ebops(tagger.network, shared_cell=True), "cost": round(sum(unit.cost for unit in design.units))}
    found |= {"cycles": design.latency_cycles, "cycles_a_step": _cycles_a_step(design)}
    if synth:
        (mapped,) = synthesize_rtl(point.folder / "rtl", SynthConfig(), point.folder / "synthesis").mapped
        assert mapped.timing is not None
        found |= {"lut": mapped.resources.lut, "dsp": mapped.resources.dsp, "fmax_mhz": mapped.timing.fmax_mhz}
    write_json(path, found)
    return found


def _cycles_a_step(design: Any) -> float:
    (cell,) = (unit for unit in design.units if unit.kind == "recurrence")
    return float(cell.interval_cycles) / RecurrentSpec().n_constituents


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The points in Markdown; ns are those of the clock asked for, or of the estimated one where it is slower."""
    heads = ("cell", "trained with", "budget", "AUC", "1/ε_B at 0.3", "EBOPs", "cost", "LUT", "cycles", "MHz", "ns")
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * 3 + "---:|" * (len(heads) - 3)]
    for row in rows:
        area, rejection = row["auc"], row["rejection"]
        fmax = row.get("fmax_mhz")
        period = max(RtlConfig().clock_ns, 1000 / fmax) if fmax else None
        cells = [row["cell"].upper(), row["way"], row["budget"], f"{area['value']:.4f} ± {area['error']:.4f}"]
        cells += [f"{rejection['value']:.0f} ± {rejection['error']:.0f}", f"{row['ebops']:,}", f"{row['cost']:,}"]
        cells += [f"{row['lut']:,}" if "lut" in row else "", f"{row['cycles']}", f"{fmax:.0f}" if fmax else ""]
        cells += [f"{row['cycles'] * period:.0f}" if period else ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def gains(taggers: Mapping[Point, Tagger], jets: Jets) -> dict[str, Any]:
    """Distilled less labels for each cell and budget, with the error that the shared test jets leave it."""
    scores = {(p.cell, p.budget, p.way): tagger.predict(jets)[:, 0] for p, tagger in taggers.items()}
    pairs = {(cell, budget) for cell, budget, _ in scores}
    return {
        f"{cell} {budget}": paired([(scores[cell, budget, "distilled"], scores[cell, budget, "labels"])], jets.labels)
        for cell, budget in sorted(pairs)
    }


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """AUC and 1/eps_B against EBOPs and against alkaid's cost in LUT."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 7), sharex="col", sharey="row", constrained_layout=True)
    for cell, way in dict.fromkeys((row["cell"], row["way"]) for row in rows):
        line = sorted((row for row in rows if (row["cell"], row["way"]) == (cell, way)), key=lambda row: row["ebops"])
        for (y, x), axis in zip(itertools.product(("auc", "rejection"), ("ebops", "cost")), axes.flat, strict=True):
            values, errors = ([row[y][key] for row in line] for key in ("value", "error"))
            style: dict[str, Any] = {"fmt": "o-" if way == "distilled" else "s--", "color": COLORS[cell]}
            axis.errorbar([row[x] for row in line], values, errors, capsize=2, label=f"{cell.upper()}, {way}", **style)
    axes[0, 0].set_ylabel("AUC")
    axes[1, 0].set_ylabel(f"1/ε_B at ε_S = {SIGNAL_EFFICIENCY}")
    axes[1, 0].set_xlabel("EBOPs, cell counted once")
    axes[1, 1].set_xlabel("cost in LUT, before synthesis")
    axes[0, 0].legend()
    figure.savefig(path, dpi=150)


def run(options: argparse.Namespace) -> None:
    """Train and measure what is missing, print and write everything."""
    jets_file = JetsFile(sample_path("top_qcd"))
    jets = jets_file.read("test")
    taggers, rows = {}, []
    for point in (bar := tqdm(points(options), disable=None)):
        bar.set_description(point.name)
        taggers[point] = train(point, jets_file, options)
        rows.append(measure(point, taggers[point], jets, options))
    found = gains(taggers, jets)
    record = {"jets": jets_file.checksum, "n_test": len(jets), "points": rows, "distilled_less_labels": found}
    write_json(options.folder / "recurrent_budgets.json", record)
    draw(rows, options.folder / "recurrent_budgets.png")
    print(table(rows))
    for name, numbers in found.items():
        for number, gain in numbers.items():
            print(f"{name:20s}{number:24s}{gain['mean']:+.4f} ± {gain['error_jets']:.4f}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where students and results go")
    parser.add_argument("--teacher", type=Path, required=True, help="the teacher's Tagger folder")
    parser.add_argument("--cells", nargs="+", choices=("gru", "lstm"), default=["gru", "lstm"])
    parser.add_argument("--budgets", nargs="+", choices=BUDGETS, default=list(BUDGETS))
    parser.add_argument("--synth", nargs="*", choices=BUDGETS, default=[], help="budgets whose designs Yosys maps")
    parser.add_argument("--epochs", type=int, default=15, help="quantized epochs")
    parser.add_argument("--float-epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
