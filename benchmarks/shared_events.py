"""What it gives a tagger that the other jet of a test jet's event was among its training jets.

    python benchmarks/shared_events.py FOLDER [--projects firmware_projects/top_gru …] [--page docs/simulation.md]

The packaged samples hold both jets of many an event, without saying which, and are split jet by jet. FOLDER is where
`python -m jets.samples FOLDER` made the same jets with their events. Of the test jets that have a partner, those that
have it in training are compared with those that have it elsewhere; chance alone decides which. Taggers are those of
finished projects; AUC is of two classes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flow.project import ProjectFolder
from hls.compare import Scores
from hls.tables import Table, measured, model_name, replace_table
from jets.dataset import Jets, JetsFile
from jets.errors import DataError
from jets.metrics import Measure, accuracy, auc
from jets.samples import sample_path
from jets.splits import SPLITS, split_of

TAGGERS = ("teacher", "reference", "student_float", "student_quantized")
METRICS = {"accuracy": accuracy, "AUC": auc}


def partner_splits(remade: Jets) -> NDArray[np.int8]:
    """The split, by the jet as in the packaged sample, of the other jet of each jet's event; -1 where it is alone."""
    assert remade.events is not None
    order = np.argsort(remade.events, kind="stable")
    first = np.flatnonzero(np.diff(remade.events[order]) == 0)
    one, other, splits = order[first], order[first + 1], split_of(remade.ids)
    found = np.full(len(remade), -1, np.int8)
    found[one], found[other] = splits[other], splits[one]
    return found


def same_jets(packaged: Jets, path: Path) -> Jets:
    """The jets of a sample that was made again.

    Raises:
        DataError: a jet is another one than in the packaged sample.
    """
    remade = JetsFile(path).read()
    if remade.events is None or not np.array_equal(remade.constituents, packaged.constituents):
        raise DataError("holds other jets than the packaged sample", path, "make it with the pinned Pythia and FastJet")
    return remade


def main() -> None:
    """Print a table for each project, with a row for each tagger."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the samples that were made again")
    parser.add_argument("--projects", type=Path, nargs="+", default=[Path("firmware_projects/top_gru")])
    parser.add_argument("--page", type=Path, help="a page with report markers that gets the tables")
    options = parser.parse_args()
    told = "\n".join(measured_on(project, options.folder) for project in options.projects)
    print(told)
    if options.page:
        replace_table(options.page, told)


def measured_on(project: Path, folder: Path) -> str:
    """How many test jets of a project have their partner where, and the table of its taggers."""
    sample = ProjectFolder.load(project).config.jets.sample
    if sample is None:
        raise DataError("its jets are no packaged sample", project, "name a project with `jets: {sample: …}`")
    partner = partner_splits(same_jets(JetsFile(sample_path(sample)).read(), folder / f"{sample}.h5"))
    scores = Scores.load(project / "build" / "report" / "scores.h5")
    splits = partner[scores.ids.astype(np.int64)]
    in_training = splits == SPLITS.index("train")
    groups = {"in training": in_training, "elsewhere": (splits >= 0) & ~in_training}
    shares = [f"{chosen.sum():,} have their partner {name}" for name, chosen in groups.items()]
    metrics = METRICS if len(scores.classes) == 2 else {"accuracy": accuracy}
    header = ["tagger", *(f"{metric}, {which}" for metric in metrics for which in (*groups, "difference"))]
    rows = [
        (model_name(name), *(cell for metric in metrics.values() for cell in cells(scores, name, metric, groups)))
        for name in TAGGERS
        if name in scores.outputs
    ]
    told = f"`{project.name}`: of {len(scores):,} test jets {' and '.join(shares)}."
    return f"{told}\n\n{Table(tuple(header), tuple(rows)).markdown()}\n"


def cells(scores: Scores, name: str, metric: Callable[..., Measure], groups: dict[str, NDArray[np.bool_]]) -> list[str]:
    """A metric of both groups, which share no jet, and their difference."""
    values = scores.decisions(name) if metric is accuracy else scores.discriminants(name)[:, 1]
    one, other = (metric(values[chosen], scores.labels[chosen]) for chosen in groups.values())
    difference = Measure(one.value - other.value, float(np.hypot(one.error, other.error)))
    return [measured(vars(item)) for item in (one, other, difference)]


if __name__ == "__main__":
    main()
