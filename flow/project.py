"""A project: the folder with its `project.yaml`, checked against the config of every stage."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from compress.distil import DistilConfig
from compress.prune import PruneConfig
from compress.quantize.brevitas import BrevitasBits
from compress.quantize.exact import ExactBits
from compress.quantize.front_end import AnyBits
from compress.quantize.hgq2 import HgqBits
from compress.quantize.qkeras import Bits
from flow.search.config import SearchConfig
from hls.comparison.config import CompareConfig
from hls.cosim.config import CosimConfig
from hls.project import HlsConfig
from hls.rtl.config import RtlConfig
from hls.synth.config import SynthConfig
from hls.tools.adapter import VendorConfig
from jets.augment import Augmentation
from jets.config import check_keys, fill, read_yaml
from jets.errors import ConfigError, InputError, StorageError, TagwareError
from jets.simulate import SimulateConfig
from models.registry import architecture
from models.students import feed_forward
from models.students.neurons import neurons_of
from models.students.recurrent import RecurrentSpec
from models.students.student import StudentSpec, fill_student
from models.training_config import PretrainConfig, TrainConfig


@dataclass(frozen=True)
class JetsSection:
    """Where the jets come from: a packaged `sample`, a jets `file` (relative to project.yaml), or `simulate`.

    `classes` chooses some of theirs, in order: NAME, or NAME=STORED+STORED to make several one.
    """

    sample: str | None = None
    file: str | None = None
    simulate: SimulateConfig | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(source is not None for source in (self.sample, self.file, self.simulate)) != 1:
            raise ConfigError("needs exactly one of sample, file, simulate", None, "e.g. sample: top_qcd")


@dataclass(frozen=True)
class TaggerSection:
    """A tagger to train, teacher or reference: its architecture, what it starts from and how to `train` it.

    Its sizes are those of a `preset` with the keys of its own `config` over them. It starts at random, from its
    pre-training (`pretrain`) or from another tagger (`start`: its folder, or a public checkpoint). Paths are relative
    to project.yaml.
    """

    architecture: str = "particle_transformer"
    preset: str = "tiny"
    config: dict[str, Any] = field(default_factory=dict)
    start: str | None = None
    pretrain: PretrainConfig | None = None
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.start is not None and self.pretrain is not None:
            raise ConfigError("takes start or pretrain, not both", None, "leave one out")
        from_nothing = self.start is None and self.pretrain is None
        if from_nothing and (self.train.epochs == 0 or self.train.output == "keep"):
            raise ConfigError(
                "train: epochs: 0 and output: keep need start or pretrain", None, "name what it starts from"
            )


@dataclass(frozen=True)
class CompressSection:
    """How the student is made: its bits, its distillation, what is pruned, and whether one learns without a teacher.

    `bits` are those of the front end "qkeras", `hgq2` and `brevitas` those of "hgq2" and "brevitas", `exact` those of a
    student of arithmetic "exact", which has a front end of its own. With `augment` the teacher is asked anew in every
    epoch, about the jets as that epoch sees them (docs/distillation.md).
    """

    front_end: Literal["qkeras", "hgq2", "brevitas"] = "qkeras"
    bits: Bits = field(default_factory=Bits)
    hgq2: HgqBits = field(default_factory=HgqBits)
    brevitas: BrevitasBits = field(default_factory=BrevitasBits)
    exact: ExactBits = field(default_factory=ExactBits)
    distil: DistilConfig = field(default_factory=DistilConfig)
    augment: Augmentation | None = None
    prune: PruneConfig = field(default_factory=PruneConfig)
    control: bool = True

    def bits_of(self, student: StudentSpec) -> AnyBits:
        """The bits of this student's front end.

        Raises:
            ConfigError: a student of this shape cannot have them; names the section.
        """
        own = "bits" if self.front_end == "qkeras" else self.front_end
        name = "exact" if student.arithmetic == "exact" else own
        bits: AnyBits = getattr(self, name)
        try:
            bits.check_for(student)
        except TagwareError as error:
            raise error.at(name) from None
        return bits


@dataclass(frozen=True)
class VendorSection:
    """One vendor's tool to run on the project's "hls" or "rtl" design, with its steps (docs/tools.md)."""

    tool: str
    steps: tuple[str, ...]
    design: Literal["hls", "rtl"] = "hls"
    config: VendorConfig = field(default_factory=VendorConfig)

    def __post_init__(self) -> None:
        if self.config.prefix:
            what = "prefix may run anything, and a project.yaml may be a stranger's"
            raise ConfigError(what, None, "set TAGWARE_PREFIX, or give it to `tagware vendor --prefix`")


@dataclass(frozen=True)
class ProjectConfig:
    """The whole of a project.yaml; `rtl: null` leaves out RTL, cosim and synthesis, `synth: null` the last.

    `extend` is the folder of another project, relative to project.yaml: its student, of its shape and its bits, learns
    the task of this one beside its own (docs/pruning.md).
    """

    jets: JetsSection
    extend: str | None = None
    teacher: TaggerSection = field(default_factory=TaggerSection)
    reference: TaggerSection | None = None
    student: StudentSpec = field(default_factory=RecurrentSpec)
    compress: CompressSection = field(default_factory=CompressSection)
    hls: HlsConfig = field(default_factory=HlsConfig)
    rtl: RtlConfig | None = field(default_factory=RtlConfig)
    cosim: CosimConfig = field(default_factory=CosimConfig)
    synth: SynthConfig | None = field(default_factory=SynthConfig)
    vendor: tuple[VendorSection, ...] = ()
    compare: CompareConfig = field(default_factory=CompareConfig)
    search: SearchConfig | None = None


@dataclass(frozen=True)
class ProjectFolder:
    """A project's folder, its checked config, and the project that it extends."""

    folder: Path
    config: ProjectConfig
    extended: ProjectFolder | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @property
    def build(self) -> Path:
        """Where its stages live."""
        return self.folder / "build"

    def with_place_and_route(self) -> ProjectFolder:
        """The same project with the synthesis stage placing and routing, too, which takes minutes to hours."""
        synth = dataclasses.replace(self.config.synth or SynthConfig(), place_and_route=True)
        return dataclasses.replace(self, config=dataclasses.replace(self.config, synth=synth))

    @property
    def search(self) -> SearchConfig:
        """Its search.

        Raises:
            ConfigError: it has none.
        """
        if self.config.search is None:
            where = self.folder / "project.yaml"
            raise ConfigError("has no section 'search'", where, "write it as in docs/search.md")
        return self.config.search

    def with_search(self, **given: Any) -> ProjectFolder:
        """The same project with other settings of its search, those of the budget among them.

        Raises:
            ConfigError: it has no search, or a value is out of range.
        """
        limits = {name: given.pop(name) for name in ("lut", "latency_ns", "part") if name in given}
        budget = dataclasses.replace(self.search.budget, **limits)
        search = dataclasses.replace(self.search, budget=budget, **given)
        return dataclasses.replace(self, config=dataclasses.replace(self.config, search=search))

    @staticmethod
    def load(folder: str | Path, above: tuple[Path, ...] = ()) -> ProjectFolder:
        """Read `project.yaml` in `folder`, which the projects in the folders `above` extend.

        Raises:
            InputError: no such project.
            ConfigError: an unknown key or a value out of range, with its place.
            StorageError: a symbolic link in its build folder leads out of the project.
        """
        folder = Path(folder)
        if folder.suffix in (".yaml", ".yml"):
            raise InputError("is a file, not a project's folder", folder, f"name the folder: {folder.parent}")
        path = folder / "project.yaml"
        if not path.is_file():
            raise InputError("no such project (it has no project.yaml)", folder, "see firmware_projects/ for examples")
        _check_links(folder)
        return ProjectFolder.of(read_yaml(path), folder, above)

    @staticmethod
    def of(content: Mapping[str, Any], folder: Path, above: tuple[Path, ...] = ()) -> ProjectFolder:
        """The project that the content of a `project.yaml` in `folder` describes.

        Raises:
            InputError: there is none that it extends.
            ConfigError: an unknown key or a value out of range, with its place.
        """
        path = folder / "project.yaml"
        extended = _extended(content, path, (*above, folder.resolve()))
        if extended is None:
            student = fill_student(content.get("student"), f"{path}: student")
        else:
            student = extended.config.student
        config = fill(ProjectConfig, {**content, "student": student}, path)
        if extended is not None:
            compress = dataclasses.replace(config.compress, bits=extended.config.compress.bits)
            config = dataclasses.replace(config, compress=compress)
        try:
            config.compress.bits_of(config.student)
            if config.compress.prune.neurons:
                neurons_of(config.student)
        except TagwareError as error:
            raise error.at(f"{path}: compress: {error.where or 'prune'}") from None
        _check_sharing(config.student, config.hls, f"{path}: hls")
        _check_stream(config.student, config.compress, config.hls, f"{path}: hls")
        check_keys(config.hls.layers, layer_names(config.student), f"{path}: hls: layers")
        if config.rtl is not None:
            check_rtl(config.rtl, config.hls, f"{path}: rtl")
        _check_vendor(config, f"{path}: vendor")
        for section in (config.teacher, config.reference):
            if section is not None:
                fill_architecture(section, path)
        return ProjectFolder(folder, config, extended)


def _check_links(folder: Path) -> None:
    """Raise StorageError where a link, perhaps a stranger's, would lead what a stage writes out of the project."""
    inside, build = os.path.realpath(folder), folder / "build"
    below = (Path(top, name) for top, folders, files in os.walk(build) for name in (*folders, *files))
    for path in (build, *below):
        if path.is_symlink() and os.path.commonpath([inside, os.path.realpath(path)]) != inside:
            remedy = "remove it; a project that is to be on another disk is there as a whole"
            raise StorageError("is a link that leads out of the project", path, remedy)


def _extended(content: Mapping[str, Any], path: Path, above: tuple[Path, ...]) -> ProjectFolder | None:
    """The project that one extends; it brings the student and its bits, which this one may not have of its own."""
    name = content.get("extend")
    if not isinstance(name, str):
        return None
    folder = (path.parent / name).resolve()
    if folder in above:
        raise ConfigError("extends itself", f"{path}: extend", "name another project")
    compress = content.get("compress")
    own = {"student"} & content.keys()
    if isinstance(compress, Mapping):
        own |= {"front_end", "bits", "hgq2", "brevitas", "exact"} & compress.keys()
    for key in sorted(own):
        raise ConfigError(f"{key} is that of the project which this one extends", path, "leave it out")
    extended = ProjectFolder.load(folder, above)
    if isinstance(extended.config.student, RecurrentSpec) or extended.config.compress.front_end != "qkeras":
        raise ConfigError("extends a student that cannot be", f"{path}: extend", "extend a feed-forward one of qkeras")
    return extended


def check_rtl(rtl: RtlConfig, hls: HlsConfig, where: str | Path) -> None:
    """Raise ConfigError where the RTL is given a clock or a part, which are those of the HLS."""
    for key in ("clock_ns", "part"):
        if getattr(rtl, key) not in (getattr(RtlConfig(), key), getattr(hls, key)):
            raise ConfigError(f"RTL has no {key} of its own", where, f"set {key} in the section hls, for both")


def _check_sharing(student: StudentSpec, hls: HlsConfig, where: str) -> None:
    """Raise ConfigError where a layer is asked to share multipliers whose firmware cannot."""
    what, names = "the particles of a student share no multipliers", []
    if not isinstance(student, RecurrentSpec):
        names = feed_forward.particle_layers(student)
    elif student.arithmetic == "exact":
        what, names = "the cells of arithmetic: exact share no multipliers", [*student.cell_layers]
    for name in names:
        if hls.of_layer(name) != ("Latency", 1):
            remedy = f"give layers: {{{name}: {{strategy: Latency, reuse_factor: 1}}}}"
            raise ConfigError(what, where, remedy)


def _check_stream(student: StudentSpec, compress: CompressSection, hls: HlsConfig, where: str) -> None:
    """Raise ConfigError where a layer has no kernel for streams, rather now than after the training."""
    if isinstance(compress.bits_of(student), HgqBits):
        names = ["features_q"]
    elif isinstance(student, RecurrentSpec):
        names = ["rnn"] if (student.arithmetic, student.cell) == ("qkeras", "lstm") else []
    else:
        names = feed_forward.particle_layers(student)
    if names and hls.io_type == "io_stream":
        raise ConfigError(f"layer {names[0]!r} has no kernel for io_stream", where, "give io_type: io_parallel")


def _check_vendor(config: ProjectConfig, where: str | Path) -> None:
    """Raise ConfigError for vendors' steps that could not run, rather now than after the training."""
    from hls.tools.vendor import check_steps

    named = [(section.tool, section.design) for section in config.vendor]
    for section in config.vendor:
        try:
            check_steps(section.tool, section.steps)
        except ConfigError as error:
            raise error.at(where) from None
        if named.count((section.tool, section.design)) > 1:
            what = f"{section.tool} is asked twice about the {section.design} design"
            raise ConfigError(what, where, "name all its steps in one entry")
        if section.design == "rtl" and config.rtl is None:
            raise ConfigError(f"{section.tool} is asked about RTL, and rtl is null", where, "leave out one of them")


def layer_names(student: StudentSpec) -> list[str]:
    """The layers of a student's firmware that multiply."""
    if not isinstance(student, RecurrentSpec):
        return feed_forward.layer_names(student)
    return [*student.cell_layers, *(f"dense_{place}" for place in range(len(student.dense))), "logit"]


def fill_architecture(section: TaggerSection, where: str | Path) -> Any:
    """The architecture's own config dataclass: its preset with the section's config over it.

    Raises:
        ConfigError: an unknown architecture or preset, or a config or a pre-training objective it does not take.
    """
    try:
        design = architecture(section.architecture)
        preset = design.preset(section.preset)
    except TagwareError as error:
        raise error.at(where) from None
    if section.pretrain is not None:
        design.fill_objective(section.pretrain.objective, f"{where}: pretrain: objective")
    sizes = _over(dataclasses.asdict(preset), section.config)
    return fill(design.config_class, sizes, f"{where}: {section.architecture}")


def _over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with the keys of another over it, also in the mappings that it holds."""
    nested = {
        key: _over(below[key], value)
        for key, value in above.items()
        if isinstance(value, Mapping) and isinstance(below.get(key), dict)
    }
    return below | dict(above) | nested
