"""Reports of Vivado (2019.1 and later): utilization, utilization by hierarchy, timing summary."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hls.tools.reports.reading import count, decimal, missing, rows_of

LUT = ("CLB LUTs", "Slice LUTs")
FF = ("CLB Registers", "Slice Registers", "Registers")
DSP = ("DSPs", "DSP Slices")
BLOCK_RAM = ("Block RAM Tile",)
CLOCK = re.compile(r"^(\S+)\s+\{[^}]*\}\s+(\S+)\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Utilization:
    """`report_utilization`: resources of the whole design; `bram` counts blocks of 18 Kb.

    `state` is the design's, e.g. "Synthesized", "Fully Placed" or "Routed".
    """

    version: str
    part: str
    state: str
    lut: int | None
    ff: int | None
    dsp: int | None
    bram: int | None
    uram: int | None


@dataclass(frozen=True)
class Instance:
    """One line of `report_utilization -hierarchical`; `depth` is 0 for the top; `bram` counts blocks of 18 Kb."""

    name: str
    module: str
    depth: int
    lut: int | None
    ff: int | None
    dsp: int | None
    bram: int | None


@dataclass(frozen=True)
class Timing:
    """`report_timing_summary`: the first clock and the worst setup and hold slack of the whole design."""

    clock: str
    clock_ns: float | None
    setup_slack_ns: float | None
    hold_slack_ns: float | None

    @property
    def fmax_mhz(self) -> float | None:
        """The frequency at which the setup slack is zero."""
        if self.clock_ns is None or self.setup_slack_ns is None or self.setup_slack_ns >= self.clock_ns:
            return None
        return 1000 / (self.clock_ns - self.setup_slack_ns)


def parse_utilization(text: str) -> Utilization:
    """The resources of a design.

    Raises:
        LayoutError: a resource or a line of the header is missing or malformed.
    """
    used: dict[str, str] = {}
    for name, *cells in rows_of(text, "|"):
        if cells:
            used.setdefault(name.rstrip("*").strip(), cells[0])
    tiles = decimal(_one_of(used, BLOCK_RAM), "Block RAM Tile")
    return Utilization(
        version=_header(text, "Tool Version"),
        part=_header(text, "Device"),
        state=_header(text, "Design State"),
        lut=count(_one_of(used, LUT), LUT[0]),
        ff=count(_one_of(used, FF), FF[0]),
        dsp=count(_one_of(used, DSP), DSP[0]),
        bram=None if tiles is None else round(2 * tiles),
        uram=count(used.get("URAM", ""), "URAM"),
    )


def parse_hierarchy(text: str) -> tuple[Instance, ...]:
    """The resources of every instance, the top first.

    Raises:
        LayoutError: there is no such table, a column is missing, or a line is incomplete or malformed.
    """
    lines = [line for line in text.splitlines() if line.startswith("|")]
    table = [[cell.rstrip() for cell in line[1:-1].split("|")] for line in lines if line.endswith("|")]
    places = [index for index, cells in enumerate(table) if cells[0].strip() == "Instance"]
    if not places:
        raise missing("table Utilization by Hierarchy")
    header = [cell.strip() for cell in table[places[0]]]
    rows = [dict(zip(header, cells, strict=False)) for cells in table[places[0] + 1 :] if len(cells) > 1]
    if not rows:
        raise missing("instance")
    return tuple(_instance(row) for row in rows)


def parse_timing_summary(text: str) -> Timing:
    """The slack of a design.

    Raises:
        LayoutError: the summary or the clock is missing or malformed.
    """
    _, found, summary = text.partition("| Design Timing Summary")
    lines = [line.split() for line in summary.splitlines()]
    heads = [index for index, words in enumerate(lines) if words[:1] == ["WNS(ns)"]]
    if not found or not heads or len(lines) < heads[0] + 3 or len(lines[heads[0] + 2]) < 5:
        raise missing("Design Timing Summary")
    values = lines[heads[0] + 2]
    clock = CLOCK.search(text.partition("| Clock Summary")[2])
    if clock is None:
        raise missing("Clock Summary")
    return Timing(
        clock[1], decimal(clock[2], "Period(ns)"), decimal(values[0], "WNS(ns)"), decimal(values[4], "WHS(ns)")
    )


def _instance(row: dict[str, str]) -> Instance:
    name = row["Instance"]
    blocks = [_column(row, column) for column in ("RAMB36", "RAMB18")]
    return Instance(
        name=name.strip(),
        module=row.get("Module", "").strip(),
        depth=(len(name) - len(name.lstrip()) - 1) // 2,
        lut=_column(row, "Total LUTs"),
        ff=_column(row, "FFs"),
        dsp=_column(row, "DSP Blocks" if "DSP Blocks" in row else "DSP48 Blocks"),
        bram=None if None in blocks else 2 * (blocks[0] or 0) + (blocks[1] or 0),
    )


def _column(row: dict[str, str], column: str) -> int | None:
    if column not in row:
        raise missing(f"column {column} of {row['Instance'].strip()}")
    return count(row[column].partition("(")[0], f"{column} of {row['Instance'].strip()}")


def _one_of(used: dict[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        if name in used:
            return used[name]
    raise missing(names[0])


def _header(text: str, key: str) -> str:
    found = re.search(rf"^\|\s*{key}\s*:\s*(.+?)\s*$", text, re.MULTILINE)
    if found is None:
        raise missing(key)
    return found[1]
