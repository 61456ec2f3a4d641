"""An RTL design as data: its source texts, its ports bit by bit, and the cycles its scheduler counts on."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hls.project import digests, write_files
from jets.config import fill
from jets.errors import ConfigError, LayoutError
from jets.files import existing_file, read_json

MANIFEST = "design.json"
PLAIN_PATH = re.compile(r"\w+([./-]\w+)*")


@dataclass(frozen=True)
class Element:
    """One number on a bus: bits `lsb` … `lsb + width - 1` hold round(value * 2**fraction_bits), two's complement."""

    lsb: int
    width: int
    fraction_bits: int
    signed: bool


@dataclass(frozen=True)
class Bus:
    """The numbers of one jet that move together, element 0 in the lowest bits (as hls4ml packs its top's ports)."""

    elements: tuple[Element, ...]

    @property
    def width(self) -> int:
        """Bits of the bus."""
        return max((element.lsb + element.width for element in self.elements), default=0)


@dataclass(frozen=True)
class Stream:
    """A bus in `beats` transfers of `part` bits, each in the low bits of a word of whole bytes."""

    bus: Bus
    beats: int

    @property
    def part(self) -> int:
        """Bits of the bus in a transfer; the last one may have fewer."""
        return math.ceil(self.bus.width / self.beats)

    @property
    def padding(self) -> int:
        """Bits that the last transfer lacks."""
        return self.beats * self.part - self.bus.width

    @property
    def width(self) -> int:
        """Bits of tdata."""
        return 8 * math.ceil(self.part / 8)


@dataclass(frozen=True)
class Unit:
    """One block of the design, for tables and diagrams.

    Attributes:
        name: of its module.
        layers: of the hls4ml graph that it computes.
        kind: "pipeline" (feed-forward) or "recurrence".
        instances: of its logic, e.g. cells.
        latency_cycles, interval_cycles: of one jet through it, and between jets.
        input_bits, output_bits: of one jet.
        cost: alkaid's estimate of its logic, in LUT.
    """

    name: str
    layers: tuple[str, ...]
    kind: str
    instances: int
    latency_cycles: int
    interval_cycles: float
    input_bits: int
    output_bits: int
    cost: float


@dataclass(frozen=True)
class Design:
    """An RTL project: files by path, the ports of the top module, and what the scheduler expects.

    The top module has the ports clk, rst (synchronous, active high), in_valid, in_ready, in_data, out_valid,
    out_ready, out_data (`interface` "handshake"), or aclk, aresetn, s_axis_{tvalid,tready,tdata,tlast},
    m_axis_{tvalid,tready,tdata,tlast} ("axi4stream", `beats` transfers of a jet at the input and `output_beats` at the
    output, each of the bus cut into equal parts and padded to whole bytes). A transfer happens on a rising edge with
    valid and ready high.

    Attributes:
        language: "verilog" or "vhdl".
        latency_cycles: from the transfer of a jet's last input beat to that of its first output beat, without waits.
        interval_cycles: between two jets in a full stream, averaged where jets are interleaved.
    """

    name: str
    language: str
    interface: str
    beats: int
    clock_ns: float
    part: str
    input: Bus
    output: Bus
    latency_cycles: int
    interval_cycles: float
    units: tuple[Unit, ...]
    files: Mapping[str, str] = field(repr=False)
    output_beats: int = 1

    @property
    def streams(self) -> tuple[Stream, Stream]:
        """The input and the output as AXI4-Streams carry them."""
        return Stream(self.input, self.beats), Stream(self.output, self.output_beats)

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, which holds the digest of every file."""
        return hashlib.sha256(self.manifest().encode()).hexdigest()

    def manifest(self) -> str:
        """The text of `design.json`: everything but the files' texts, whose digests it has instead."""
        content: dict[str, Any] = asdict(self)
        content["files"] = digests(self._bytes())
        return json.dumps(content, indent=1) + "\n"

    def save(self, folder: Path) -> Path:
        """Write the files and `design.json`, all or nothing.

        Raises:
            StorageError: the folder holds files that tagware did not write, or cannot be written.
        """
        return write_files({**self._bytes(), MANIFEST: self.manifest().encode()}, folder)

    @classmethod
    def load(cls, folder: Path) -> Design:
        """Read a design and check that every file is as it was written.

        Raises:
            InputError: there is no design.json, or a file is missing.
            LayoutError: it is damaged, or a file was changed or would lie outside the folder.
        """
        path = existing_file(Path(folder) / MANIFEST, "RTL design (design.json)")
        content = read_json(path)
        try:
            expected = dict(content["files"])
            files = {name: _source(path.parent, name) for name in expected}
            design = fill(cls, {**content, "files": files}, path)
        except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise LayoutError(
                f"is not the manifest of an RTL design ({error})", path, "emit the design again"
            ) from None
        for name, digest in digests(design._bytes()).items():
            if digest != expected[name]:
                raise LayoutError("was changed after it was written", path.parent / name, "emit the design again")
        return design

    def _bytes(self) -> dict[str, bytes]:
        return {name: text.encode() for name, text in self.files.items()}


def _source(folder: Path, name: str) -> str:
    """The text of a file of a saved design; its name goes into the scripts of tools and the folders of others."""
    if not PLAIN_PATH.fullmatch(name):
        raise LayoutError(f"names a file {name!r}", folder / MANIFEST, "emit the design again")
    try:
        return existing_file(folder / name, "RTL source", "emit the design again").read_text()
    except UnicodeDecodeError:
        raise LayoutError("was changed after it was written", folder / name, "emit the design again") from None
