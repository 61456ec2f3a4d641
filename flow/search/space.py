"""Options of a project by their path, the values that a trial gives them, and what Optuna is asked for."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from flow.project import ProjectConfig, ProjectFolder
from flow.search.config import Range, Values
from jets.config import did_you_mean
from jets.errors import ConfigError, TagwareError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SECTIONS = ("student", "compress", "hls")
SCALARS = (bool, int, float, str, type(None))
Content = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Space:
    """What a search varies in a project.

    Attributes:
        content: of the project.yaml.
        config: the same, checked.
        options: path -> values or range.
    """

    content: Content
    config: ProjectConfig
    options: Mapping[str, Values | Range]

    @classmethod
    def of(cls, project: ProjectFolder, content: Content) -> Space:
        """The space of a project, every value of every option tried against the project's own checks.

        Raises:
            ConfigError: the project has no search, or an option or a value that the project does not take.
        """
        space = cls(content, project.config, project.search.options)
        for name, values in space.options.items():
            where = f"{project.folder / 'project.yaml'}: search: options: {name}"
            section = name.partition(".")[0]
            if section not in SECTIONS:
                what = f"{section!r} is the same for all trials, which share jets and teacher"
                if section not in {field.name for field in dataclasses.fields(ProjectConfig)}:
                    what = f"unknown section {section!r}"
                raise ConfigError(what, where, did_you_mean(section, SECTIONS, "a search varies "))
            for value in values.extremes if isinstance(values, Range) else values:
                try:
                    ProjectFolder.of(space.with_values({name: value}), project.folder)
                except TagwareError as error:
                    raise ConfigError(error.what, where, error.remedy) from None
        return space

    def with_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The content of a trial's project.yaml, which has no search of its own.

        A whole number for a width [total, integer] is its total.

        Raises:
            ConfigError: an option below something that has none.
        """
        content = copy.deepcopy({key: value for key, value in self.content.items() if key != "search"})
        for name, value in values.items():
            *above, last = name.split(".")
            place: Any = content
            for key in above:
                place[key] = place.get(key) or {}
                place = place[key]
                if not isinstance(place, dict):
                    raise ConfigError(f"{key!r} has no options of its own", None, "correct the path")
            default = self._default(name)
            is_total = isinstance(value, int) and not isinstance(value, bool) and _is_width(default)
            place[last] = [value, default[1]] if is_total else value
        return content

    def _default(self, name: str) -> Any:
        """The value of an option in the project; None where it has none."""
        found: Any = self.config
        for key in name.split("."):
            found = found.get(key) if isinstance(found, Mapping) else getattr(found, key, None)
        return found

    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna draws from; what is no number, text or truth value goes as JSON text."""
        from optuna import distributions as optuna

        found: dict[str, BaseDistribution] = {}
        for name, values in self.options.items():
            if not isinstance(values, Range):
                found[name] = optuna.CategoricalDistribution(list(_texts(values)))
            elif values.is_whole:
                found[name] = optuna.IntDistribution(int(values.low), int(values.high), log=values.log)
            else:
                found[name] = optuna.FloatDistribution(values.low, values.high, log=values.log)
        return found

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the options for what Optuna has drawn."""
        found = {}
        for name, parameter in parameters.items():
            values = self.options[name]
            found[name] = parameter if isinstance(values, Range) else _texts(values)[parameter]
        return found

    def random(self, rng: np.random.Generator) -> dict[str, Any]:
        """Parameters drawn at random."""
        return dict(self._draw(rng))

    def _draw(self, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
        for name, values in self.options.items():
            if not isinstance(values, Range):
                texts = list(_texts(values))
                yield name, texts[rng.integers(len(texts))]
                continue
            low, high = np.log(values.extremes) if values.log else values.extremes
            if values.is_whole and not values.log:
                yield name, int(rng.integers(low, high, endpoint=True))
                continue
            value = float(rng.uniform(low, high))
            value = float(np.clip(np.exp(value), *values.extremes)) if values.log else value
            yield name, round(value) if values.is_whole else value


def _is_width(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(item, int) for item in value)


def _texts(values: Values) -> dict[Any, Any]:
    """Each value by how Optuna stores it."""
    plain = all(isinstance(value, SCALARS) for value in values)
    return {value if plain else json.dumps(value): value for value in values}
