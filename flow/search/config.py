"""The section `search` of a project.yaml: what is varied, how often, and the budget that the winner must keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hls.compare import SIGNAL_EFFICIENCIES
from hls.comparison.config import Budget
from hls.project import check_part
from jets.config import check_at_least
from jets.errors import ConfigError

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included: whole ones where both are, even in their logarithm with `log`."""

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigError(f"low {self.low} is not below high {self.high}", None, "correct them")
        if self.log and self.low <= 0:
            raise ConfigError(f"log: true needs low above 0, not {self.low}", None, "leave log out")

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def extremes(self) -> Values:
        """Its ends."""
        return self.low, self.high


@dataclass(frozen=True)
class SearchBudget(Budget):
    """What the winner may cost at most, and the `part` that its project.yaml names (default: that of the project)."""

    part: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_part(self.part)


@dataclass(frozen=True)
class SearchConfig:
    """A search over the options of a project.

    Attributes:
        options: path of an option (`student.units`) -> the values to choose from, or a range of numbers.
        trials: how many, those of earlier calls included.
        working_point: the signal efficiency at which the background rejection counts, on the validation split.
        budget: upper limits of the winner.
        margin: a trial is stopped before its training when the estimate with untrained weights, of fixed bits, needs
            more LUT than this many budgets.
        seed: of the proposals.

    Raises:
        ConfigError: a value out of range, or an option without two values.
    """

    options: dict[str, Values | Range]
    trials: int = 50
    working_point: float = 0.5
    budget: SearchBudget = field(default_factory=SearchBudget)
    margin: float = 1.5
    seed: int = 1

    def __post_init__(self) -> None:
        check_at_least(self, trials=1, margin=1, seed=0)
        if self.working_point not in SIGNAL_EFFICIENCIES:
            known = ", ".join(map(str, SIGNAL_EFFICIENCIES))
            raise ConfigError(f"working_point must be one of {known}, not {self.working_point}", None, "correct it")
        if not self.options:
            raise ConfigError("options: names none", None, "e.g. options: {student.units: [8, 12, 20]}")
        for name, values in self.options.items():
            if not isinstance(values, Range) and len(values) < 2:
                raise ConfigError("needs two values to choose from", f"options: {name}", "add one, or leave it out")
