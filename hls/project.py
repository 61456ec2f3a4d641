"""A firmware project: what hls4ml wrote for one student, as data with a digest, and the folder it lives in."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jets.config import check_at_least, check_choice, fill
from jets.errors import ConfigError, LayoutError
from jets.files import (
    OWNER_MARK,
    claim_folder,
    existing_file,
    file_digest,
    json_digest,
    read_json,
    replacing,
)

BACKENDS = ("Vitis", "Vivado")
IO_TYPES = ("io_parallel", "io_stream")
STRATEGIES = ("Latency", "Resource")
MANIFEST = "project.json"
FEWEST_CHECKED = 2000
CPP_KEYWORDS = (
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl "
    "concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default "
    "delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int long "
    "mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register "
    "reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template this "
    "thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor "
    "xor_eq"
)
OWN_NAMES = frozenset({"ap_types", "defines", "main", "nnet", "nnet_utils", "parameters", "std", "weights"})
"""Names of hls4ml's own files, folders and namespaces, which a project's name would collide with."""


@dataclass(frozen=True)
class LayerConfig:
    """How the multiplications of one layer are laid out; None takes the project's default."""

    strategy: str | None = None
    reuse_factor: int | None = None

    def __post_init__(self) -> None:
        check_choice(self, strategy=STRATEGIES)
        check_at_least(self, reuse_factor=1)


@dataclass(frozen=True)
class SelfCheckConfig:
    """The comparison of the student in Python with its C simulation that follows every conversion.

    `max_difference` is the largest |difference| of an output that passes; None lets the conversion state it
    (`hls.convert.self_check.stated_limit`).
    """

    n_jets: int = FEWEST_CHECKED
    max_difference: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if self.n_jets < FEWEST_CHECKED:
            what = f"n_jets must be at least {FEWEST_CHECKED}, not {self.n_jets}"
            raise ConfigError(what, None, f"{FEWEST_CHECKED} is the default")
        if self.max_difference is not None and not 0 <= self.max_difference < math.inf:
            what = f"max_difference must be 0 or more and finite, not {self.max_difference}"
            raise ConfigError(what, None, "correct it")


@dataclass(frozen=True)
class HlsConfig:
    """What is asked of the firmware: target, clock and how multipliers are shared.

    Attributes:
        name: the project and its top function.
        backend: hls4ml's backend, "Vitis" or "Vivado".
        io_type: "io_parallel" takes a jet at once, "io_stream" a constituent after another through FIFOs.
        part: the FPGA.
        clock_uncertainty_percent: share of the clock that HLS keeps for routing.
        namespace: C++ namespace of the firmware, for linking several into one emulator.
        strategy, reuse_factor: of every layer that `layers` does not name.
        static_recurrent: one recurrent cell used for all steps; false puts down a cell for each.
        table_size, table_bits: of gates that are real functions; a student's own tables bring theirs along.
        self_check: the comparison with Python that ends a conversion.
    """

    name: str = "tagger"
    backend: str = "Vitis"
    io_type: str = "io_parallel"
    part: str = "xcvu13p-flga2577-2-e"
    clock_ns: float = 5.0
    clock_uncertainty_percent: float = 12.5
    namespace: str | None = None
    strategy: str = "Latency"
    reuse_factor: int = 1
    layers: dict[str, LayerConfig] = field(default_factory=dict)
    static_recurrent: bool = True
    table_size: int = 2048
    table_bits: int = 18
    self_check: SelfCheckConfig = field(default_factory=SelfCheckConfig)

    def __post_init__(self) -> None:
        check_choice(self, backend=BACKENDS, io_type=IO_TYPES, strategy=STRATEGIES)
        check_at_least(self, reuse_factor=1)
        for key in ("name", "namespace"):
            _check_cpp_name(key, getattr(self, key))
        check_part(self.part)
        if self.name.lower() in OWN_NAMES:
            raise ConfigError(f"name {self.name!r} is one of hls4ml's own", None, "choose another, e.g. 'tagger'")
        if self.io_type == "io_stream" and not self.static_recurrent:
            what = "static_recurrent: false puts down a cell for each step, and a stream brings one step at a time"
            raise ConfigError(what, None, "use io_parallel, or leave it out")
        if not 0 < self.clock_ns <= 1000:
            raise ConfigError(f"clock_ns must be between 0 and 1000 ns, not {self.clock_ns}", None, "5.0 is 200 MHz")
        if not 0 <= self.clock_uncertainty_percent < 100:
            raise ConfigError("clock_uncertainty_percent must be between 0 and 100", None, "12.5 is the default")
        if not 2 <= self.table_bits <= 32:
            raise ConfigError(f"table_bits must be between 2 and 32, not {self.table_bits}", None, "18 is the default")
        if self.table_size < 8 or self.table_size & (self.table_size - 1):
            raise ConfigError(f"table_size must be a power of two, at least 8, not {self.table_size}", None, "try 2048")
        object.__setattr__(self, "layers", {key: _layer(key, value) for key, value in self.layers.items()})

    def of_layer(self, name: str) -> tuple[str, int]:
        """The strategy and the reuse factor of a layer."""
        own = self.layers.get(name, LayerConfig())
        return own.strategy or self.strategy, own.reuse_factor or self.reuse_factor


@dataclass(frozen=True)
class Tensor:
    """An input or output of the firmware: its C++ name, shape without the jets, and fixed-point type.

    A value is `integer / 2**fraction_bits` with `integer` of `width` bits, two's complement when `signed`;
    `precision` is the whole C++ type with its rounding and overflow modes.
    """

    name: str
    shape: tuple[int, ...]
    precision: str
    width: int
    fraction_bits: int
    signed: bool


@dataclass(frozen=True)
class LayerRecord:
    """One layer of the converted graph: every fixed-point type it uses, by role, and its multiplier layout."""

    name: str
    kind: str
    precisions: dict[str, str]
    strategy: str | None = None
    reuse_factor: int | None = None
    recurrent_reuse_factor: int | None = None
    table_size: int | None = None


@dataclass(frozen=True)
class Project:
    """A firmware project on disk: the hls4ml folder layout under `folder` and the manifest `project.json` beside it.

    `files` maps each path below the folder to the SHA-256 of its bytes; `digest` covers them all, so that the same
    student and the same configuration give the same digest.
    """

    folder: Path
    name: str
    config: HlsConfig
    tagger_digest: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    layers: tuple[LayerRecord, ...]
    files: Mapping[str, str]
    versions: Mapping[str, str] = field(default_factory=dict)
    self_check: Mapping[str, Any] = field(default_factory=dict)
    estimates: tuple[Mapping[str, Any], ...] = ()
    ebops: float | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over every file's path and digest."""
        return json_digest(dict(sorted(self.files.items())))

    def manifest(self) -> str:
        """The text of `project.json`."""
        content = {key: value for key, value in asdict(self).items() if key != "folder"}
        return json.dumps({**content, "digest": self.digest}, indent=2) + "\n"

    @classmethod
    def load(cls, folder: str | Path) -> Project:
        """Read a project and check that every file is as it was written.

        Raises:
            InputError: there is no manifest.
            LayoutError: the manifest is damaged, or a file is missing or was changed.
        """
        folder = Path(folder)
        path = existing_file(folder / MANIFEST, "firmware project (project.json)")
        content = read_json(path)
        try:
            digest = content.pop("digest")
            project = fill(cls, {**content, "folder": folder}, path)
        except (ConfigError, KeyError, TypeError, AttributeError) as error:
            raise LayoutError(
                f"is not a firmware project manifest ({error})", path, "convert the student again"
            ) from None
        project.check_files()
        if digest != project.digest:
            raise LayoutError("its digest does not match its list of files", path, "convert the student again")
        return project

    def check_files(self) -> None:
        """Raise LayoutError for the first file that is missing or differs from the manifest."""
        for name, digest in self.files.items():
            path = self.folder / name
            if not path.is_file():
                raise LayoutError("is missing from the firmware project", path, "convert the student again")
            if file_digest(path) != digest:
                raise LayoutError("was changed after the conversion", path, "convert the student again")


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file's bytes, by path, in the order of the paths."""
    return {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}


def write_files(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write a firmware project's files as a folder of ours, all or nothing.

    Raises:
        StorageError: the folder holds files that tagware did not write, or cannot be written.
    """
    claim_folder(folder)
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        (temporary / OWNER_MARK).touch()
        for name, content in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if path.suffix == ".sh":
                path.chmod(0o755)
    return folder


def _layer(name: str, value: LayerConfig | Mapping[str, Any]) -> LayerConfig:
    return value if isinstance(value, LayerConfig) else fill(LayerConfig, value, f"layers: {name}")


def check_part(part: str | None) -> None:
    """Raise ConfigError for what is no name of an FPGA, since scripts are made of it."""
    if part is not None and not re.fullmatch(r"\w[\w.-]*", part, re.ASCII):
        raise ConfigError(f"part {part!r} is no name of an FPGA", None, "e.g. xcvu13p-flga2577-2-e")


def _check_cpp_name(key: str, value: str | None) -> None:
    if value is not None and (value in CPP_KEYWORDS.split() or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value)):
        remedy = "use letters, digits and _, and no word of the language"
        raise ConfigError(f"{key} {value!r} is not a C++ name", None, remedy)
