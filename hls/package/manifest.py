"""The manifest of a package: every file with its digest and origin, checked before anything else is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hls.package.archive import REMEDY, Archive
from hls.package.components import component_of, described
from hls.report import check_against
from jets.errors import LayoutError
from jets.files import json_digest

NAME = "manifest.json"
LAYOUT = "tagware-package-1"
SCHEMA_PATH = Path(__file__).with_name("manifest.schema.json")


@dataclass(frozen=True)
class Manifest:
    """What a package holds; the fields are those of `manifest.schema.json`."""

    project: str
    versions: Mapping[str, str | None]
    components: Mapping[str, Mapping[str, str]]
    files: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, project: str, versions: Mapping[str, str | None], files: Mapping[str, bytes]) -> Manifest:
        """The manifest of files by path."""
        records = {
            name: {
                "sha256": hashlib.sha256(files[name]).hexdigest(),
                "bytes": len(files[name]),
                "component": component_of(name),
            }
            for name in sorted(files)
        }
        return cls(project, dict(sorted(versions.items())), described(files), records)

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says."""
        return json_digest(asdict(self))

    @property
    def folder(self) -> str:
        """The name of the package, its version included: of the folder in the archive, and of the archive."""
        return f"{self.project}-{self.digest[:12]}"

    def text(self) -> str:
        """The content of `manifest.json`."""
        return json.dumps({"layout": LAYOUT, **asdict(self), "digest": self.digest}, indent=1) + "\n"

    @classmethod
    def read(cls, content: bytes) -> Manifest:
        """The manifest with this content, byte for byte.

        Raises:
            LayoutError: it is none, or was changed.
        """
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise LayoutError(f"is not JSON ({error})", NAME, REMEDY) from None
        check_against(_validator(), parsed, NAME, REMEDY)
        manifest = cls(**{key: value for key, value in parsed.items() if key not in ("layout", "digest")})
        if manifest.text().encode() != content:
            raise LayoutError("was changed: its digest is another", NAME, REMEDY)
        return manifest

    def differences(self, archive: Archive) -> Iterator[str]:
        """What an archive has otherwise, one line a file."""
        if archive.top != self.folder:
            yield f"{archive.top}: the folder should be called {self.folder}"
        for name in sorted({*self.files, *archive.names} - {NAME}):
            if name not in self.files:
                yield f"{name}: is not in the manifest"
            elif name not in archive.names:
                yield f"{name}: is missing"
            else:
                yield from self._difference(archive, name)

    def _difference(self, archive: Archive, name: str) -> Iterator[str]:
        try:
            found = hashlib.sha256(archive.read(name)).hexdigest()
        except LayoutError as error:
            yield f"{name}: {error.what}"
        else:
            if found != self.files[name]["sha256"]:
                yield f"{name}: was changed (its digest is another)"


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA_PATH.read_text()))
