"""What a search has found: every trial, the front of those that no other beats, and the winner under the budget."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flow.search.config import SearchBudget, SearchConfig
from flow.search.driver import OUTCOME, SAME
from flow.search.space import Space
from hls.comparison.hardware import over_budget
from hls.tables import Table, count, measured
from jets.config import load_saved
from jets.files import replacing, write_json

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

RESULT, SHEET = "search.json", "trials.csv"
NEAREST = 3
COLUMNS = ("lut", "latency_ns", "latency_cycles", "initiation_interval", "ebops", "parameters", "lut_untrained")
LIMITS = {"lut": "LUT", "dsp": "DSP", "latency_ns": "ns"}


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        state: "complete", "stopped", "failed", or "running".
        options: what it gave each option.
        content: of its project.yaml.
        numbers: of `flow.search.trial.Outcome`.
        over: resource -> use over its limit, for those limits that it breaks.
    """

    number: int
    state: str
    options: Mapping[str, Any]
    content: Mapping[str, Any]
    numbers: Mapping[str, Any]
    reason: str | None
    seconds: float
    over: Mapping[str, float]
    on_front: bool = False


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search.

    Attributes:
        storage: where they are kept, without a password.
        classes: of the jets.
        winner: number of the trial within the budget with the most rejection; None without a budget or such a trial.
        nearest: numbers of the trials that come nearest to a budget which none keeps, the nearest first.
    """

    project: str
    study: str
    storage: str
    created: str
    versions: Mapping[str, str | None]
    classes: tuple[str, ...]
    working_point: float
    budget: SearchBudget
    trials: tuple[TrialRow, ...]
    winner: int | None
    nearest: tuple[int, ...]

    @property
    def front(self) -> list[TrialRow]:
        """The trials that no other beats, by rejection."""
        return sorted((trial for trial in self.trials if trial.on_front), key=lambda t: -self.rejection(t)["value"])

    def rejection(self, trial: TrialRow) -> Mapping[str, Any]:
        """1/eps_B at the working point, with its error on the validation split."""
        found: Mapping[str, Any] = trial.numbers["rejection"][str(self.working_point)]
        return found

    def misses(self, trial: TrialRow) -> str:
        """By how much a trial breaks the budget, in words."""
        limits = self.budget.limits()
        return " and ".join(
            f"{count(trial.numbers[name])} {LIMITS[name]} ({100 * (use - 1):.3g} % over {count(limits[name])})"
            for name, use in trial.over.items()
        )

    @property
    def fails_budget(self) -> bool:
        """Whether there is a budget that no trial keeps."""
        return self.winner is None and bool(self.budget.limits())

    def counted(self) -> str:
        """How many trials came to what end."""
        states = [trial.state for trial in self.trials]
        ends = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
        return f"{len(states)} trials ({', '.join(ends)}), {len(self.front)} on the front"

    def verdict(self) -> str:
        """Who wins, or by what the nearest ones miss."""
        trials = self.trials_by_number
        if self.winner is not None:
            return f"The winner within the budget is trial {self.winner}: {self.summary(trials[self.winner])}."
        if not self.budget.limits():
            return "No budget chooses among the trials on the front."
        nearest = "; ".join(f"trial {number} has {self.misses(trials[number])}" for number in self.nearest)
        return f"No trial keeps the budget: {nearest or 'none is complete'}."

    @property
    def lut_growth(self) -> list[float]:
        """LUT with trained weights over LUT with untrained ones, of every complete trial."""
        complete = [trial.numbers for trial in self.trials if trial.state == "complete"]
        return sorted(numbers["lut"] / numbers["lut_untrained"] for numbers in complete)

    def summary(self, trial: TrialRow) -> str:
        """The objectives of a trial."""
        cost = f"{count(trial.numbers['lut'])} LUT, {trial.numbers['latency_ns']:g} ns"
        return f"1/ε_B = {measured(self.rejection(trial))} at ε_S = {self.working_point:g}, {cost} (estimates)"

    @property
    def trials_by_number(self) -> dict[int, TrialRow]:
        """Each trial by its number."""
        return {trial.number: trial for trial in self.trials}

    def front_table(self) -> Table:
        """The front by rejection: what each trial gave the options, what it reaches and what it takes."""
        options = list(dict.fromkeys(name for trial in self.front for name in trial.options))
        rows = [
            (
                f"{trial.number}{' (winner)' if trial.number == self.winner else ''}",
                *(told(trial.options.get(name)) for name in options),
                measured(self.rejection(trial)),
                measured(trial.numbers["auc"]),
                *(count(trial.numbers[name]) for name in ("lut", "latency_ns")),
            )
            for trial in self.front
        ]
        head = (f"1/ε_B at {self.working_point:g}", "AUC", "LUT", "ns")
        return Table(("trial", *(name.removeprefix("compress.") for name in options), *head), tuple(rows))

    def markdown(self) -> str:
        """How many trials there are, the front and the verdict, for a page."""
        return f"{self.counted()}.\n\n{self.front_table().markdown()}\n\n{self.verdict()}\n"

    def csv_text(self) -> str:
        """A row a trial, in full precision."""
        options = list(dict.fromkeys(name for trial in self.trials for name in trial.options))
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        rejection = ["rejection", "rejection_error", "is_lower_bound", "auc", "auc_error"]
        writer.writerow(["trial", "state", *options, *rejection, *COLUMNS, "on_front", "seconds", "reason"])
        for trial in self.trials:
            found, area = ({}, {}) if trial.state != "complete" else (self.rejection(trial), trial.numbers["auc"])
            physics = [found.get("value"), found.get("error"), found.get("is_lower_bound", False)]
            physics += [area.get("value"), area.get("error")]
            numbers = [trial.numbers.get(name) for name in COLUMNS]
            told = [trial.options.get(name) for name in options]
            ends = [trial.on_front, trial.seconds, trial.reason]
            writer.writerow([trial.number, trial.state, *told, *physics, *numbers, *ends])
        return buffer.getvalue()

    def save(self, folder: Path) -> Path:
        """Write search.json and trials.csv.

        Raises:
            StorageError: the disk is full or the place cannot be written.
        """
        write_json(folder / RESULT, asdict(self))
        with replacing(folder / SHEET) as temporary:
            temporary.write_text(self.csv_text())
        return folder / RESULT

    @classmethod
    def load(cls, folder: Path) -> SearchResult:
        """Read what `save` wrote.

        Raises:
            InputError: there is no search.
            LayoutError: it is damaged.
        """
        return load_saved(cls, folder / RESULT, "the result of a search", "make it again with `tagware search`")


def trial_rows(study: Study, space: Space, config: SearchConfig) -> tuple[TrialRow, ...]:
    """The trials of a study that count, with the front marked."""
    rows = []
    for trial in study.get_trials(deepcopy=False):
        if SAME not in trial.user_attrs and (OUTCOME in trial.user_attrs or trial.state.name == "RUNNING"):
            rows.append(_row(trial, space, config.budget))
    complete = [row for row in rows if row.state == "complete"]
    points = {row.number: _point(row, config.working_point) for row in complete}
    beaten = {n for n, point in points.items() if any(_beats(other, point) for other in points.values())}
    return tuple(replace(row, on_front=row.number in points and row.number not in beaten) for row in rows)


def choose(rows: Sequence[TrialRow], config: SearchConfig) -> tuple[int | None, tuple[int, ...]]:
    """The winner under the budget, or else those that come nearest to it."""
    complete = [row for row in rows if row.state == "complete"]
    if not config.budget.limits():
        return None, ()
    within = [row for row in complete if not row.over]
    if within:
        return min(within, key=lambda row: _point(row, config.working_point)).number, ()
    ordered = sorted(complete, key=lambda row: (max(row.over.values()), _point(row, config.working_point)))
    return None, tuple(row.number for row in ordered[:NEAREST])


def told(value: Any) -> str:
    """The value of an option as a page shows it."""
    return f"{value:.4g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def now() -> str:
    """The time, as results say it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _row(trial: FrozenTrial, space: Space, budget: SearchBudget) -> TrialRow:
    outcome = trial.user_attrs.get(OUTCOME, {"state": "running", "numbers": {}, "reason": None, "seconds": 0.0})
    options = space.values(trial.params)
    content = space.with_values(options)
    if budget.part is not None:
        content["hls"] = {**(content.get("hls") or {}), "part": budget.part}
    numbers = outcome["numbers"]
    use = over_budget({"dsp": 0, **numbers}, budget) if outcome["state"] == "complete" else {}
    over = {name: ratio for name, ratio in use.items() if ratio is not None and ratio > 1}
    return TrialRow(
        trial.number, outcome["state"], options, content, numbers, outcome["reason"], outcome["seconds"], over
    )


def _point(row: TrialRow, working_point: float) -> tuple[float, float, float]:
    """What a trial is judged by, all the smaller the better."""
    rejection = row.numbers["rejection"][str(working_point)]["value"]
    return -rejection, row.numbers["lut"], row.numbers["latency_ns"]


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
