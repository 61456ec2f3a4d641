"""The one exception tree of tagware.

TagwareError                 base: what is wrong, where, and what to do next
├── InputError               something the user gave is wrong
│   ├── ConfigError          a key or a value of a YAML file or an option
│   ├── LayoutError          a file that is not in the layout its reader expects, or is damaged
│   └── DataError            jets that cannot be used (NaN, negative pT, none at all, a missing class)
├── StorageError             a file or folder cannot be written or is not ours to write
├── ToolError
│   ├── ToolNotFound         a program or optional package is not installed
│   └── ToolFailed           it ran and failed
└── ExactnessError           two models that must agree do not (exit status 1; all others exit with 2)
"""

from __future__ import annotations

from pathlib import Path


class TagwareError(Exception):
    """What went wrong, where (file, key, layer) and the remedy, printed as one line."""

    exit_status = 2

    def __init__(self, what: str, where: str | Path | None = None, remedy: str | None = None) -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what)

    def at(self, where: str | Path) -> TagwareError:
        """The same error, placed at `where`."""
        return type(self)(self.what, where, self.remedy)

    def __str__(self) -> str:
        line = self.what if self.where is None else f"{self.where}: {self.what}"
        return " ".join((line if self.remedy is None else f"{line}; {self.remedy}").split())


class InputError(TagwareError):
    """Something the user gave is wrong."""


class ConfigError(InputError):
    """A key or a value of a YAML file or of an option is wrong."""


class LayoutError(InputError):
    """A file is not in the layout its reader expects, or is damaged."""


class DataError(InputError):
    """The jets themselves cannot be used."""


class StorageError(TagwareError):
    """A file or folder cannot be written, or is not ours to write."""


class ToolError(TagwareError):
    """A program or an optional package is missing or failed."""


class ToolNotFound(ToolError):  # noqa: N818 (its base carries the suffix)
    """A program or an optional package is not installed."""


class ToolFailed(ToolError):  # noqa: N818 (its base carries the suffix)
    """A program ran and failed."""


class ExactnessError(TagwareError):
    """Two models that must agree do not."""

    exit_status = 1
