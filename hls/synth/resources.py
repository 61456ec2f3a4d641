"""What a mapped design takes: look-up tables, flip-flops, carry chains, DSP slices and block RAM."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hls.rtl.design import Unit
from hls.tools.yosys import SCOPE, Netlist, Statistics
from jets.errors import LayoutError

KINDS: tuple[tuple[str, str, int], ...] = (
    (r"LUT[1-6]|INV|SRL16E?|SRLC32E", "lut", 1),
    (r"RAM32X1S|RAM64X1S|RAM16X1S", "lut", 1),
    (r"RAM(32|64)X1D|RAM128X1S", "lut", 2),
    (r"RAM(32|64)M|RAM128X1D|RAM256X1S", "lut", 4),
    (r"RAM(32|64)M16", "lut", 8),
    (r"FD[RSCP]E(_1)?|LD[CP]E", "ff", 1),
    (r"CARRY4", "carry4", 1),
    (r"MUXF[78]", "wide_mux", 1),
    (r"DSP48E[12]", "dsp", 1),
    (r"RAMB18E[12]", "bram18", 1),
    (r"RAMB36E[12]", "bram18", 2),
)
"""Cells that Yosys maps to, what each counts as, and how often."""
FREE = frozenset({SCOPE, "VCC", "GND", "$print", "$check"})
SHARED_INPUTS = 5
"""Inputs that the two outputs of a 6-input LUT share (AMD UG574)."""
NEIGHBOURS = 100
"""Functions of one net that are looked at for a partner, so that a reset's thousands are not."""


@dataclass(frozen=True)
class Resources:
    """Counts of primitives.

    Attributes:
        lut: look-up table cells of one to six inputs, inverters, and shift registers in look-up tables.
        ff: flip-flops.
        carry4: four-bit pieces of carry chains; two make a CARRY8 of UltraScale+.
        wide_mux: F7 and F8 multiplexers.
        dsp: DSP slices.
        bram18: block RAM in pieces of 18 Kb.
    """

    lut: int = 0
    ff: int = 0
    carry4: int = 0
    wide_mux: int = 0
    dsp: int = 0
    bram18: int = 0


@dataclass(frozen=True)
class UnitResources:
    """One block of the design, with what its modules take.

    Attributes:
        name: of the module.
        layers: of the hls4ml graph that it computes.
        cost: alkaid's estimate of its logic, in LUT.
        modules: resources of one instance of each module below it that was kept whole, by name.
    """

    name: str
    layers: tuple[str, ...]
    cost: float
    resources: Resources
    modules: dict[str, Resources]


def resources(cells: Mapping[str, int], where: str = "statistics of Yosys") -> Resources:
    """The primitives among cells, by type.

    Raises:
        LayoutError: a cell that is no primitive of the family, so that the counts would be wrong.
    """
    counts: dict[str, int] = {}
    for cell, number in cells.items():
        if cell in FREE or not number:
            continue
        found = next(((kind, each) for pattern, kind, each in KINDS if re.fullmatch(pattern, cell)), None)
        if found is None:
            what = f"there are {number} cells {cell}, which count as nothing"
            raise LayoutError(what, where, "is a module of the design missing, or the Yosys much newer than this?")
        counts[found[0]] = counts.get(found[0], 0) + number * found[1]
    return Resources(**counts)


def unit_resources(statistics: Statistics, units: tuple[Unit, ...], top: str) -> tuple[UnitResources, ...]:
    """The table of blocks; what the top module adds to them is in none of them.

    Raises:
        LayoutError: a block is not among the modules.
    """
    table = []
    for unit in units:
        below = {
            name: resources(statistics.total(name))
            for name in sorted(statistics.modules)
            if name != unit.name and statistics.instances(name, unit.name) and name.startswith(unit.name)
        }
        count = max(1, statistics.instances(unit.name, top))
        cells = {cell: count * number for cell, number in statistics.total(unit.name).items()}
        table.append(UnitResources(unit.name, unit.layers, unit.cost, resources(cells), below))
    return tuple(table)


def combined_luts(netlist: Netlist) -> int:
    """Sites of 6-input LUTs, if every two small functions that may share one and have an input in common do.

    A site has two outputs of up to five shared inputs; only one of them reaches the carry chain's sum and the wide
    multiplexers. Vivado combines in the same way but stops where timing suffers, so that its count lies between this
    one and the number of cells.
    """
    inputs = {cell.name: _data_inputs(cell.inputs) for cell in netlist.cells if re.fullmatch(r"LUT\d|INV", cell.kind)}
    driver = {bits[0]: cell.name for cell in netlist.cells if cell.name in inputs for bits in cell.outputs.values()}
    only_first = {driver[bit] for bit in _first_output_only(netlist) if bit in driver}
    users: dict[int, list[str]] = {}
    for name, bits in inputs.items():
        for bit in bits:
            users.setdefault(bit, []).append(name)
    free = {name for name, bits in inputs.items() if len(bits) <= SHARED_INPUTS}
    sites = len(inputs)
    for name in sorted(free, key=lambda name: (-len(inputs[name]), name)):
        if name not in free:
            continue
        free.discard(name)
        partner = _partner(name, inputs, users, free, only_first)
        if partner is not None:
            free.discard(partner)
            sites -= 1
    return sites


def _partner(
    name: str,
    inputs: Mapping[str, frozenset[int]],
    users: Mapping[int, list[str]],
    free: set[str],
    only_first: set[str],
) -> str | None:
    """The free function with most inputs in common that fits beside `name`."""
    own = inputs[name]
    fitting = (
        other
        for bit in sorted(own)
        for other in users[bit][:NEIGHBOURS]
        if other in free
        and not (name in only_first and other in only_first)
        and len(own | inputs[other]) <= SHARED_INPUTS
    )
    return max(fitting, key=lambda other: (len(own & inputs[other]), other), default=None)


def _data_inputs(ports: Mapping[str, tuple[int | str, ...]]) -> frozenset[int]:
    return frozenset(bit for bits in ports.values() for bit in bits if isinstance(bit, int))


def _first_output_only(netlist: Netlist) -> Iterator[int | str]:
    for cell in netlist.cells:
        if cell.kind == "CARRY4":
            yield from cell.inputs["S"]
        elif cell.kind in ("MUXF7", "MUXF8"):
            yield from (*cell.inputs["I0"], *cell.inputs["I1"])
