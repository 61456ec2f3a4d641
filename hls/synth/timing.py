"""The longest path of a mapped UltraScale+ netlist: an estimate before placement, with published delays.

Paths from register to register are walked; those from and to the ports are the neighbours' business. Carry chains are
taken as CARRY8, as Vivado puts them together, and every net gets a typical length.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from hls.rtl.design import Unit
from hls.synth import delays
from hls.tools.yosys import Bit, Cell, Netlist
from jets.errors import LayoutError


@dataclass(frozen=True)
class PathStep:
    """One cell on a path, with the net that leads to it.

    Attributes:
        cell: its type, e.g. LUT5.
        instance: where it is, e.g. block1.datapath.stage2.
        signal: the name that the net to it has in the source; None when it has none.
        fan_out: of that net.
        net_ns, cell_ns: the delay of that net and of the cell.
    """

    cell: str
    instance: str
    signal: str | None
    fan_out: int
    net_ns: float
    cell_ns: float


@dataclass(frozen=True)
class Timing:
    """The critical path.

    Attributes:
        period_ns: the shortest clock period.
        logic_levels: cells between the two registers.
        unit, layers: the block where the path ends, with its layers; None outside of all.
        path: from the register that starts it to the one that ends it.
    """

    period_ns: float
    logic_levels: int
    unit: str | None
    layers: tuple[str, ...]
    path: tuple[PathStep, ...]

    @property
    def fmax_mhz(self) -> float:
        """The highest clock frequency, of the logic or of the clock network."""
        return min(1000.0 / self.period_ns, delays.CLOCK_NETWORK_MHZ)


@dataclass(frozen=True)
class Pin:
    """An input of a cell, as far as its delay depends on it: the cell's kind of input and the bit's number."""

    kind: str
    index: int = 0


Arc = tuple[Pin, Bit, Bit, float]
"""From a pin, fed by a net, to an output net, in nanoseconds."""


@dataclass
class Node:
    """A cell, or the cells of one CARRY8, as arcs.

    Attributes:
        through: from inputs to outputs at once.
        starts: outputs that a clock edge sets, with their delay after it.
        ends: inputs that must be there before a clock edge, with how long before.
    """

    cell: Cell
    through: list[Arc] = field(default_factory=list)
    starts: list[tuple[Bit, float]] = field(default_factory=list)
    ends: list[tuple[Pin, Bit, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Arrival:
    """When a net is there at the latest, and what made it so late."""

    time: float
    node: Node
    step: tuple[float, float]
    before: Bit | None


def estimate(netlist: Netlist, units: Iterable[Unit] = ()) -> Timing | None:
    """The critical path of a flat netlist of UltraScale+ cells; None without a path from register to register.

    Raises:
        LayoutError: a cell whose delays are not known, or a loop without a register.
    """
    nodes = list(_nodes(netlist))
    drivers = {bit: node for node in nodes for bit in _outputs(node.cell)}
    arrivals = _arrivals(nodes, drivers, netlist)
    worst: tuple[float, Node, tuple[float, float], Bit] | None = None
    for node in nodes:
        for pin, bit, setup in node.ends:
            if bit in arrivals:
                net = _net(drivers[bit], pin, netlist.fan_out[bit])
                total = arrivals[bit].time + net + setup
                if worst is None or total > worst[0]:
                    worst = (total, node, (net, setup), bit)
    if worst is None:
        return None
    return _timing(worst, arrivals, netlist, tuple(units))


def _timing(
    worst: tuple[float, Node, tuple[float, float], Bit],
    arrivals: Mapping[Bit, Arrival],
    netlist: Netlist,
    units: tuple[Unit, ...],
) -> Timing:
    total, node, step, bit = worst
    path = [_path_step(node.cell, bit, step, netlist)]
    before: Bit | None = bit
    while before is not None:
        arrival = arrivals[before]
        path.append(_path_step(arrival.node.cell, arrival.before, arrival.step, netlist))
        before = arrival.before
    unit = _unit_of(node.cell.name, netlist.scopes, units)
    return Timing(
        period_ns=total + delays.CLOCK_UNCERTAINTY,
        logic_levels=len(path) - 2,
        unit=unit.name if unit else None,
        layers=unit.layers if unit else (),
        path=tuple(reversed(path)),
    )


def _path_step(cell: Cell, bit: Bit | None, step: tuple[float, float], netlist: Netlist) -> PathStep:
    return PathStep(
        cell=cell.kind,
        instance=".".join(_instance(cell.name)),
        signal=netlist.net_names.get(bit) if isinstance(bit, int) else None,
        fan_out=netlist.fan_out[bit] if bit is not None else 0,
        net_ns=step[0],
        cell_ns=step[1],
    )


def _instance(name: str) -> list[str]:
    """The path of instances in a cell's name, without what Yosys made up."""
    named = name.removeprefix("$flatten").replace("\\", "").split("$")[0]
    return [part for part in named.split(".") if part]


def _unit_of(name: str, scopes: Mapping[str, str], units: tuple[Unit, ...]) -> Unit | None:
    path = _instance(name)
    modules = [scopes.get(".".join(path[:depth])) for depth in range(1, len(path) + 1)]
    return next((unit for unit in units if unit.name in modules), None)


def _arrivals(nodes: list[Node], drivers: Mapping[Bit, Node], netlist: Netlist) -> dict[Bit, Arrival]:
    """The latest arrival of every net that a register sets, in the order in which they settle.

    Nets settle, not cells: the upper bits of one CARRY8 may wait for its own lower bits.
    """
    arrivals = {bit: Arrival(delay, node, (0.0, delay), None) for node in nodes for bit, delay in node.starts}
    arcs: dict[Bit, list[Arc]] = {}
    for arc in itertools.chain.from_iterable(node.through for node in nodes):
        arcs.setdefault(arc[2], []).append(arc)
    order = TopologicalSorter({output: {bit for _, bit, _, _ in into} for output, into in arcs.items()})
    try:
        for output in order.static_order():
            _settle(arcs.get(output, ()), arrivals, drivers, netlist)
    except CycleError as error:
        cell = drivers[error.args[1][0]].cell
        raise LayoutError("is in a loop without a register", f"cell {cell.name}", "put a register into it") from error
    return arrivals


def _settle(arcs: Iterable[Arc], arrivals: dict[Bit, Arrival], drivers: Mapping[Bit, Node], netlist: Netlist) -> None:
    """The latest arrival of the net that all these arcs lead to."""
    for pin, bit, output, delay in arcs:
        if bit not in arrivals:
            continue
        net = _net(drivers[bit], pin, netlist.fan_out[bit])
        time = arrivals[bit].time + net + delay
        if output not in arrivals or time > arrivals[output].time:
            arrivals[output] = Arrival(time, drivers[output], (net, delay), bit)


def _outputs(cell: Cell) -> Iterator[Bit]:
    for bits in cell.outputs.values():
        yield from (bit for bit in bits if isinstance(bit, int))


def _net(driver: Node, pin: Pin, fan_out: int) -> float:
    """The delay of a net from its driver to a pin; short inside a slice."""
    kind = driver.cell.kind
    table, carry, mux = kind.startswith("LUT") or kind == "INV", kind == "CARRY8", kind.startswith("MUXF")
    if pin.kind == "CI":
        return delays.CARRY_TO_CARRY
    if table and pin.kind == "S":
        return delays.TABLE_TO_CARRY
    if (table or mux) and pin.kind == "mux":
        return delays.TABLE_TO_WIDE_MUX
    if pin.kind == "D" and fan_out == 1 and (table or mux):
        return delays.TABLE_TO_REGISTER
    if pin.kind == "D" and fan_out == 1 and carry:
        return delays.SUM_TO_REGISTER
    net = delays.route(fan_out) + (delays.OUT_OF_MUX if carry or mux else 0.0)
    if pin.kind == "S":
        return net + delays.LOOK_UP_TABLE + delays.TABLE_TO_CARRY
    return net + (delays.TO_REGISTER_PIN if pin.kind in ("D", "DI", "CYINIT", "select") else 0.0)


def _nodes(netlist: Netlist) -> Iterator[Node]:
    yield from _carry_nodes([cell for cell in netlist.cells if cell.kind == "CARRY4"])
    for cell in netlist.cells:
        if cell.kind != "CARRY4":
            yield _node(cell)


def _node(cell: Cell) -> Node:
    for pattern, build in _BUILDERS:
        if re.fullmatch(pattern, cell.kind):
            return build(cell)
    raise LayoutError(f"has unknown delays ({cell.kind})", f"cell {cell.name}", "add them to hls/synth/delays.py")


def _through(cell: Cell, pins: Mapping[str, Pin], delay: float) -> list[Arc]:
    """All given ports to all outputs."""
    return [
        (pin, bit, output, delay)
        for port, pin in pins.items()
        for bit in cell.inputs.get(port, ())
        if isinstance(bit, int)
        for output in _outputs(cell)
    ]


def _table(cell: Cell) -> Node:
    return Node(cell, through=_through(cell, {port: Pin("table") for port in cell.inputs}, delays.LOOK_UP_TABLE))


def _wide_mux(cell: Cell) -> Node:
    pins = {"I0": Pin("mux"), "I1": Pin("mux"), "S": Pin("select")}
    return Node(cell, through=_through(cell, pins, delays.WIDE_MUX))


def _flip_flop(cell: Cell) -> Node:
    setups = {"D": delays.FLIP_FLOP_IN, **{port: delays.ENABLE_IN for port in ("CE", "R", "S", "CLR", "PRE")}}
    return _clocked(cell, delays.FLIP_FLOP_OUT, setups)


def _shift_register(cell: Cell) -> Node:
    node = _clocked(cell, delays.SHIFT_REGISTER_OUT, {"D": delays.SHIFT_REGISTER_IN, "CE": delays.ENABLE_IN})
    node.through += _through(cell, {port: Pin("table") for port in ("A", "A0", "A1", "A2", "A3")}, delays.LOOK_UP_TABLE)
    return node


def _block_ram(cell: Cell) -> Node:
    setups = {port: delays.BLOCK_RAM_IN for port in cell.inputs if "CLK" not in port}
    return _clocked(cell, delays.BLOCK_RAM_OUT, setups)


def _constant(cell: Cell) -> Node:
    return Node(cell)


def _clocked(cell: Cell, after: float, before: Mapping[str, float]) -> Node:
    """Every output is set by the clock; `before` has the set-up time of each port."""
    return Node(
        cell,
        starts=[(bit, after) for bit in _outputs(cell)],
        ends=[
            (Pin("D" if port == "D" else "control"), bit, setup)
            for port, setup in before.items()
            for bit in cell.inputs.get(port, ())
            if isinstance(bit, int)
        ],
    )


def _dsp(cell: Cell) -> Node:
    """A multiplier with the registers that its parameters switch on."""
    product, output = _is_set(cell, "MREG"), _is_set(cell, "PREG")
    node = Node(cell)
    outputs = list(_outputs(cell))
    for port in ("A", "B", "C", "D", "PCIN", "ACIN", "BCIN"):
        register = {"A": "AREG", "B": "BREG", "C": "CREG", "D": "DREG"}.get(port)
        multiplied = port in ("A", "B", "D", "ACIN", "BCIN")
        bits = [bit for bit in cell.inputs.get(port, ()) if isinstance(bit, int)]
        if register and _is_set(cell, register):
            node.ends += [(Pin("control"), bit, delays.DSP_IN) for bit in bits]
        elif multiplied and product:
            node.ends += [(Pin("control"), bit, delays.MULTIPLIED_TO_REGISTER) for bit in bits]
        elif output:
            setup = delays.DSP_INTO_OUTPUT_REGISTER if multiplied else delays.DSP_CASCADE_IN
            node.ends += [(Pin("control"), bit, setup) for bit in bits]
        else:
            node.through += [(Pin("table"), bit, each, delays.DSP_THROUGH) for bit in bits for each in outputs]
    if output:
        after = delays.DSP_OUT
    elif product:
        after = delays.REGISTER_TO_PRODUCT
    elif any(_is_set(cell, register) for register in ("AREG", "BREG", "CREG", "DREG")):
        after = delays.DSP_OUT_OF_INPUT_REGISTER
    else:
        return node
    node.starts = [(bit, after) for bit in outputs]
    return node


def _is_set(cell: Cell, parameter: str) -> bool:
    return int(str(cell.parameters.get(parameter, "0")), 2) != 0


_BUILDERS = (
    (r"LUT\d|INV", _table),
    (r"MUXF[78]", _wide_mux),
    (r"FD[RSCP]E", _flip_flop),
    (r"SRL16E|SRLC32E", _shift_register),
    (r"DSP48E2", _dsp),
    (r"RAMB(18|36)E2", _block_ram),
    (r"VCC|GND", _constant),
)


def _carry_nodes(cells: list[Cell]) -> Iterator[Node]:
    """Chains of CARRY4 in pairs: the first of a chain is the lower half of a CARRY8."""
    above: dict[Bit, Cell] = {cell.inputs["CI"][0]: cell for cell in cells if isinstance(cell.inputs["CI"][0], int)}
    tops = {cell.outputs["CO"][3] for cell in cells if "CO" in cell.outputs}
    for cell in cells:
        if cell.inputs["CI"][0] in tops:
            continue
        lower: Cell | None = cell
        while lower is not None:
            upper = _next(lower, above)
            yield _carry8(lower, upper)
            lower = _next(upper, above) if upper else None


def _next(cell: Cell, above: Mapping[Bit, Cell]) -> Cell | None:
    return above.get(cell.outputs["CO"][3]) if "CO" in cell.outputs else None


def _carry8(lower: Cell, upper: Cell | None) -> Node:
    halves = [lower] if upper is None else [lower, upper]
    inputs = {port: tuple(bit for half in halves for bit in half.inputs[port]) for port in ("S", "DI")}
    unused = ("x",) * delays.HALF
    outputs = {port: tuple(bit for half in halves for bit in half.outputs.get(port, unused)) for port in ("O", "CO")}
    cell = Cell(lower.name, "CARRY8", lower.parameters, inputs, outputs)
    starts = [(Pin(port, index), bit) for port in ("S", "DI") for index, bit in enumerate(inputs[port])]
    starts += [(Pin(port), bit) for port in ("CI", "CYINIT") for bit in lower.inputs[port]]
    node = Node(cell)
    for pin, bit in starts:
        if not isinstance(bit, int):
            continue
        for port, bits in outputs.items():
            for last, output in enumerate(bits):
                delay = delays.carry8(pin.kind, pin.index, port, last)
                if isinstance(output, int) and delay is not None:
                    node.through.append((pin, bit, output, delay))
    return node
