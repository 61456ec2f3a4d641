"""What it gives a tagger that the other jet of a test jet's event was among its training jets.

    python benchmarks/shared_events.py FOLDER [--projects firmware_projects/top_gru …] [--page docs/simulation.md]

The packaged samples hold both jets of many an event, without saying which, and are split jet by jet. FOLDER is where
`python -m jets.samples FOLDER` made the same jets with their events. Of the test jets that have a partner, those that
have it in training are compared with those that have it elsewhere; chance alone decides which. The last column is for
events with both jets in the test: whether a tagger that is right about one is so about the other, while errors take
jets for independent. Taggers are those of finished projects; AUC is of two classes.
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


def partners(remade: Jets) -> NDArray[np.int64]:
    """The place of the other jet of each jet's event; -1 where it is alone."""
    assert remade.events is not None
    order = np.argsort(remade.events, kind="stable")
    first = np.flatnonzero(np.diff(remade.events[order]) == 0)
    found = np.full(len(remade), -1)
    found[order[first]], found[order[first + 1]] = order[first + 1], order[first]
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
    remade = same_jets(JetsFile(sample_path(sample)).read(), folder / f"{sample}.h5")
    scores = Scores.load(project / "build" / "report" / "scores.h5")
    places = scores.ids.astype(np.int64)  # a packaged jet's id is its place
    partner = partners(remade)[places]
    in_training = (partner >= 0) & (split_of(remade.ids)[partner] == SPLITS.index("train"))
    groups = {"in training": in_training, "elsewhere": (partner >= 0) & ~in_training}
    shares = [f"{chosen.sum():,} have their partner {name}" for name, chosen in groups.items()]
    pairs = np.array([(here, there) for here, there in enumerate(indices_in(places, partner)) if here < there])
    metrics = METRICS if len(scores.classes) == 2 else {"accuracy": accuracy}
    header = [
        "tagger",
        *(f"{metric}, {which}" for metric in metrics for which in (*groups, "difference")),
        "correlation",
    ]
    rows = [
        (
            model_name(name),
            *(cell for metric in metrics.values() for cell in cells(scores, name, metric, groups)),
            correlation(scores.decisions(name) == scores.labels, pairs),
        )
        for name in TAGGERS
        if name in scores.outputs
    ]
    shares[-1] += f", {2 * len(pairs):,} of these in the test"
    told = f"`{project.name}`: of {len(scores):,} test jets {' and '.join(shares)}."
    return f"{told}\n\n{Table(tuple(header), tuple(rows)).markdown()}\n"


def cells(scores: Scores, name: str, metric: Callable[..., Measure], groups: dict[str, NDArray[np.bool_]]) -> list[str]:
    """A metric of both groups, which share no jet, and their difference."""
    values = scores.decisions(name) if metric is accuracy else scores.discriminants(name)[:, 1]
    one, other = (metric(values[chosen], scores.labels[chosen]) for chosen in groups.values())
    difference = Measure(one.value - other.value, float(np.hypot(one.error, other.error)))
    return [measured(vars(item)) for item in (one, other, difference)]


def indices_in(places: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in `places` each of `wanted` is; -1 for what is not there."""
    where = np.full(max(places.max(), wanted.max()) + 2, -1)  # the last one for -1
    where[places] = np.arange(len(places))
    return where[wanted]


def correlation(right: NDArray[np.bool_], pairs: NDArray[np.int64]) -> str:
    """Pearson's, of being right about both jets (n_pairs, 2) of an event."""
    found = float(np.corrcoef(right[pairs].T)[0, 1])
    return measured(vars(Measure(found, (1 - found**2) / len(pairs) ** 0.5)))


if __name__ == "__main__":
    main()
