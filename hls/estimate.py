"""Hardware numbers before any synthesis: rough, and labelled `"kind": "estimate"` wherever they are shown.

- EBOPs (arXiv:2405.00645): the sum over multiplications of the product of the operands' widths, a constant's width
  being that between its first and last non-zero bit. LUT + 55 DSP is about EBOPs after place and route, that paper
  finds for unrolled networks; a time-shared recurrent cell or multiplier is counted once here.
- DSP: a multiplication takes DSP48E2 slices, 27 x 18 bits signed (AMD UG579), when both operands have more than
  `LUT_MULTIPLIER_BITS` bits; a rule of thumb for what HLS tools do, not a documented limit.
- Gate tables: one read port each; a 6-input LUT holds 64 bits (AMD UG574), a dual-port 18 Kb block RAM serves two
  reads (AMD UG573).
- Latency of hls4ml's cells: reuse factor + adder tree + a cycle for each operation of the gates, an assumption about
  the schedule of HLS tools (`recurrent_step_cycles`). Of an exact cell: as many cycles as the longest path of a step
  takes by the delays that RTL stages are cut by (`exact_step_ns`). Stages end behind whole operations, so that it may
  be a cycle more; the manifest of emitted RTL states its schedule.
- In static mode the one cell is busy for all steps, so that interval and latency agree; otherwise every step has a
  cell (arXiv:2207.00559).

Adders, registers, control and routing are not counted; expect tens of percent, in either direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hls.fixed_point import FixedType
from hls.rtl.config import LOGIC_SHARE
from hls.rtl.emit import delays

DSP_WIDTHS = (27, 18)
LUT_MULTIPLIER_BITS = 10
LUT_ROM_BITS = 64
BLOCK_RAM_BITS = 18 * 1024
ADDER_LEVEL_NS = 1.5
"""Time for one level of an adder tree: an assumption for UltraScale+, carry chain and routing of about 20 bits."""

GATES = {"GRU": 3, "LSTM": 4}
GATE_CYCLES = {"GRU": 4, "LSTM": 5}
"""Cycles after the matrix products: sigmoid, r (U h + b), tanh, mix in a GRU; gates, products, sum, tanh, product in an
LSTM."""


@dataclass(frozen=True)
class LayerEstimate:
    """One layer's share.

    Attributes:
        ebops: effective bit operations of what is instantiated.
        multiplications: number of products per jet.
        dsp: slices of the multipliers that are too wide for LUTs.
        lut_ebops: EBOPs of the multipliers that are not.
        table_bits: bits of a gate table, or of the tables of one unit, each read by `table_reads` ports.
    """

    name: str
    ebops: float
    multiplications: int
    dsp: int
    lut_ebops: float
    latency_cycles: int
    initiation_interval: int
    table_bits: int = 0
    table_reads: int = 0


def estimate(graph: Any) -> list[dict[str, Any]]:
    """Rows of the report's `hardware` for an hls4ml ModelGraph: all in LUTs, and with DSP slices and block RAM.

    The second row is left out when no multiplication is wide enough for a DSP slice and there is no table.
    """
    layers = layer_estimates(graph)
    clock_ns = float(graph.config.get_config_value("ClockPeriod"))
    latency = _latency_cycles(graph, layers)
    ports = [(layer.table_bits, layer.table_reads) for layer in layers]
    row: dict[str, Any] = {
        "tool": "tagware estimate",
        "tool_version": None,
        "part": graph.config.get_config_value("Part"),
        "clock_ns": clock_ns,
        "latency_cycles": latency,
        "initiation_interval": max((layer.initiation_interval for layer in layers), default=1),
        "latency_ns": latency * clock_ns,
        "lut": math.ceil(sum(layer.ebops for layer in layers) + sum(_rom_luts(*port) for port in ports)),
        "ff": None,
        "dsp": 0,
        "bram": 0,
        "fmax_mhz": None,
        "kind": "estimate",
        "note": "before synthesis, all multipliers and tables in LUTs: EBOPs (arXiv:2405.00645) plus table ROMs",
    }
    dsp, bram = sum(layer.dsp for layer in layers), sum(_block_rams(*port) for port in ports)
    if not dsp and not bram:
        return [row]
    return [
        row,
        {
            **row,
            "lut": math.ceil(sum(layer.lut_ebops for layer in layers)),
            "dsp": dsp,
            "bram": bram,
            "note": _note(dsp, bram),
        },
    ]


def _latency_cycles(graph: Any, layers: Sequence[LayerEstimate]) -> int:
    """Cycles of one layer after another, where layers that the same one feeds work side by side."""
    longest: dict[str, int] = {}
    for layer in layers:
        source = graph.graph[layer.name].get_input_node().name
        longest[source] = max(longest.get(source, 0), layer.latency_cycles)
    return sum(longest.values())


def _note(dsp: int, bram: int) -> str:
    """What the second row puts elsewhere than in LUTs."""
    places = {"wide multipliers in DSP48E2 (27x18)": dsp, "tables in 18 Kb block RAM": bram}
    return "before synthesis, " + " and ".join(place for place, count in places.items() if count)


def ebops(graph: Any) -> float:
    """EBOPs of an hls4ml ModelGraph, a time-shared cell or multiplier counted once."""
    return float(sum(layer.ebops for layer in layer_estimates(graph)))


def layer_estimates(graph: Any) -> list[LayerEstimate]:
    """The estimate of each layer that multiplies."""
    clock_ns = float(graph.config.get_config_value("ClockPeriod"))
    kinds = {"Dense": _dense, "PointwiseConv1D": _pointwise, "MaskedMean": _masked_mean, "Einsum": _einsum}
    kinds |= {"GRU": _recurrent, "LSTM": _recurrent, "ExactGRU": _exact, "ExactLSTM": _exact}
    return [kinds[node.class_name](node, clock_ns) for node in graph.get_layers() if node.class_name in kinds]


def constant_bits(values: NDArray[Any], fraction_bits: int) -> NDArray[np.int64]:
    """Bits between the first and the last non-zero bit of each |value| * 2**fraction_bits; 0 for a zero."""
    integers = np.rint(np.abs(np.asarray(values, np.float64)) * 2.0**fraction_bits).astype(np.int64)
    lowest = integers & -integers
    odd = np.where(integers == 0, 0, integers // np.maximum(lowest, 1))
    return np.asarray(np.ceil(np.log2(odd + 1.0)), np.int64)


def multiplier_dsps(first_bits: int, second_bits: int) -> int:
    """DSP48E2 slices of one signed multiplier; 0 where it goes to LUTs."""
    wide, narrow = max(first_bits, second_bits), min(first_bits, second_bits)
    if narrow <= LUT_MULTIPLIER_BITS:
        return 0
    return math.ceil((wide - 1) / (DSP_WIDTHS[0] - 1)) * math.ceil((narrow - 1) / (DSP_WIDTHS[1] - 1))


def tree_cycles(n_terms: int, clock_ns: float) -> int:
    """Cycles of a balanced tree that adds `n_terms`, as many levels a clock as `ADDER_LEVEL_NS` allows."""
    levels = math.ceil(math.log2(max(n_terms, 1)))
    return math.ceil(levels / max(1, int(clock_ns // ADDER_LEVEL_NS)))


def recurrent_step_cycles(kind: str, n_terms: int, reuse_factor: int, clock_ns: float) -> int:
    """Cycles of one step: the products take the reuse factor, then the adder tree, then the gates one after another."""
    return reuse_factor + tree_cycles(n_terms, clock_ns) + GATE_CYCLES[kind]


def exact_step_ns(node: Any) -> float:
    """The longest path of one step of an exact cell, from its state to the next one (docs/recurrent.md)."""
    bits = {role: kind.width for role, kind in _types(node).items()}
    products = [delays.product(bits[gate], other) for gate, other in _exact_products(node)]
    add = delays.adder(bits["recurrence"])
    tree = delays.ENTRY + _adder_levels(node) * add
    if node.class_name == "ExactLSTM":
        gate = max(_gate_ns(bits[f"{role}_sum"]) for role in ("enter", "forget", "candidate"))
        return tree + gate + max(products[:2]) + 2 * add + _gate_ns(bits["squashed_sum"]) + products[2]
    gates = _gate_ns(bits["reset_sum"]) + _gate_ns(bits["candidate_sum"])
    second = add if node.get_attr("reset_after") else tree - delays.ENTRY
    return tree + gates + sum(products) + second + 2 * delays.adder(bits["candidate"]) + delays.CAST


def _gate_ns(sum_bits: int) -> float:
    return delays.CAST + delays.table(sum_bits)


def _adder_levels(node: Any) -> int:
    """Levels of the tree that adds a gate's products with the state to what is known of it before.

    A product adds as many shifted values as its constant has signed digits; sharing them takes a level more.
    """
    weight = node.weights["recurrent_weight"]
    codes = np.rint(np.abs(weight.data) * 2.0 ** _fixed(weight.type).fraction_bits).astype(np.int64)
    digits = np.bitwise_count(codes ^ (3 * codes)).reshape(int(node.get_attr("n_out")), -1).sum(axis=0)
    return 1 + math.ceil(math.log2(digits.max() + 1))


def _input_widths(node: Any, tensor: str | None = None) -> NDArray[np.int64]:
    """Bits of every number that a node reads of a tensor, its first one by default, in its shape.

    It is one type for all, or what HGQ2's quantizer gives each.
    """
    source, value = node.get_input_node(tensor), node.get_input_variable(tensor)
    if source.class_name == "FixedPointQuantizer":
        return np.asarray(np.broadcast_to(source.mask_kbi[1], (1, *value.shape))[0], np.int64)
    if source.class_name == "Transpose":
        return _input_widths(source).transpose(source.get_attr("perm"))
    if source.class_name == "Masked" or _chooses(source):
        return _input_widths(source)[..., : value.shape[-1]]
    return np.full(value.shape, _fixed(value.type).width)


def _chooses(node: Any) -> bool:
    """Whether a layer's matrix chooses the first columns, which is wires."""
    if node.class_name != "PointwiseConv1D":
        return False
    matrix = _by_input(node, node.weights["weight"].data)
    return np.array_equal(matrix, np.eye(*matrix.shape))


def _in_luts(node: Any, dsp: int) -> tuple[float, float]:
    """EBOPs of a dense layer of every row, each product with a multiplier of its own, and those of them in LUTs."""
    bits = constant_bits(node.weights["weight"].data, _fixed(node.weights["weight"].type).fraction_bits)
    widths = _input_widths(node)
    total = float(widths.reshape(-1, widths.shape[-1]).sum(axis=0) @ _by_input(node, bits).sum(axis=1))
    return total, 0.0 if dsp else total


def _by_input(node: Any, values: NDArray[Any]) -> NDArray[Any]:
    """What goes with the weights of a dense layer as a matrix (n_in, n_out), whichever way hls4ml holds them."""
    n_out = node.get_output_variable().shape[-1]
    return values.reshape(n_out, -1).T if node.get_attr("_weights_transposed") else values.reshape(-1, n_out)


def _matrix(node: Any, weight: str, value: FixedType, reuse_factor: int) -> tuple[float, int, int, float]:
    """EBOPs, products, DSP slices and EBOPs left to LUTs of a constant matrix times a vector."""
    data, kind = node.weights[weight].data, _fixed(node.weights[weight].type)
    count = int(np.count_nonzero(data))
    multipliers = math.ceil(count / reuse_factor)
    if reuse_factor == 1:
        total = float(constant_bits(data, kind.fraction_bits).sum() * value.width)
    else:
        total = float(multipliers * kind.width * value.width)
    dsp = multipliers * multiplier_dsps(kind.width, value.width)
    return total, count, dsp, 0.0 if dsp else total


def _dense(node: Any, clock_ns: float) -> LayerEstimate:
    reuse_factor = int(node.get_attr("reuse_factor"))
    value = _fixed(node.get_input_variable().type)
    total, count, dsp, in_luts = _matrix(node, "weight", value, reuse_factor)
    if reuse_factor == 1:
        total, in_luts = _in_luts(node, dsp)
    latency = reuse_factor + tree_cycles(int(node.get_attr("n_in")) + 1, clock_ns)
    return LayerEstimate(node.name, total, count, dsp, in_luts, latency, reuse_factor)


def _pointwise(node: Any, clock_ns: float) -> LayerEstimate:
    """A dense layer of every row, each with multipliers of its own; a matrix that chooses columns is wires."""
    if _chooses(node):
        return LayerEstimate(node.name, 0.0, 0, 0, 0.0, 0, 1)
    rows = int(node.get_attr("out_width"))
    _, count, dsp, _ = _matrix(node, "weight", _fixed(node.get_input_variable().type), 1)
    total, in_luts = _in_luts(node, dsp)
    latency = 1 + tree_cycles(int(node.get_attr("n_chan")) + 1, clock_ns)
    return LayerEstimate(node.name, total, rows * count, rows * dsp, in_luts, latency, 1)


def _einsum(node: Any, clock_ns: float) -> LayerEstimate:
    """Products of two tensors of values, each with a multiplier of its own."""
    widths = [
        _input_widths(node, tensor).reshape(node.get_attr(f"inp{k}_shape")) for k, tensor in enumerate(node.inputs)
    ]
    total = float(np.einsum(node.get_attr("equation"), *widths).sum())
    n_terms = int(node.get_attr("n_contract"))
    count = n_terms * math.prod(int(node.get_attr(name)) for name in ("n_inplace", "n_free0", "n_free1"))
    dsp = count * multiplier_dsps(*(_fixed(node.get_input_variable(tensor).type).width for tensor in node.inputs))
    return LayerEstimate(node.name, total, count, dsp, 0.0 if dsp else total, 1 + tree_cycles(n_terms, clock_ns), 1)


def _masked_mean(node: Any, clock_ns: float) -> LayerEstimate:
    return LayerEstimate(node.name, 0.0, 0, 0, 0.0, tree_cycles(int(node.get_attr("n_particles")), clock_ns), 1)


def _recurrent(node: Any, clock_ns: float) -> LayerEstimate:
    kind, units = node.class_name, int(node.get_attr("n_out"))
    reuse_factor = max(int(node.get_attr("reuse_factor")), int(node.get_attr("recurrent_reuse_factor")))
    value, state = _fixed(node.get_input_variable().type), _fixed(node.get_output_variable().type)
    table = _fixed(node.types["table_t"])
    parts = [
        _matrix(node, "weight", value, int(node.get_attr("reuse_factor"))),
        _matrix(node, "recurrent_weight", state, int(node.get_attr("recurrent_reuse_factor"))),
        *_gate_products(kind, units, table.width, state, _fixed(node.types["recurrent_weight_t"])),
    ]
    reads = (GATES[kind] + (kind == "LSTM")) * units
    inputs = max(int(node.get_attr("n_in")), units)
    step = recurrent_step_cycles(kind, inputs + 1, reuse_factor, clock_ns)
    return _cell(node, parts, step, reuse_factor, (int(node.get_attr("table_size")) * table.width, reads))


def _exact(node: Any, clock_ns: float) -> LayerEstimate:
    """A recurrent layer of docs/recurrent.md: every product has its multiplier, every gate a table of its own."""
    units = int(node.get_attr("n_out"))
    types = _types(node)
    state, value = _fixed(node.get_output_variable().type), _fixed(node.get_input_variable().type)
    parts = [_matrix(node, "weight", value, 1), _matrix(node, "recurrent_weight", state, 1)]
    for gate, bits in _exact_products(node):
        parts.append(_variable_products(units, types[gate].width, bits))
    tables = [role for role in types if f"{role}_sum" in types]
    table_bits = sum(2 ** types[f"{role}_sum"].width * types[role].width for role in tables)
    step = math.ceil(exact_step_ns(node) / (LOGIC_SHARE * clock_ns))
    return _cell(node, parts, step, 1, (table_bits, units))


def _cell(
    node: Any,
    parts: Sequence[tuple[float, int, int, float]],
    step: int,
    reuse_factor: int,
    tables: tuple[int, int],
) -> LayerEstimate:
    """A recurrent layer of such products, of `step` cycles a step, and of `tables` of so many bits and reads a step."""
    steps = int(node.get_attr("n_timesteps"))
    total, count, dsp, in_luts = (sum(column) for column in zip(*parts, strict=True))
    copies = 1 if node.get_attr("static") else steps
    return LayerEstimate(
        name=node.name,
        ebops=total * copies,
        multiplications=int(count) * steps,
        dsp=int(dsp) * copies,
        lut_ebops=in_luts * copies,
        latency_cycles=steps * step,
        initiation_interval=steps * step if copies == 1 else reuse_factor,
        table_bits=tables[0],
        table_reads=tables[1] * copies,
    )


def _types(node: Any) -> dict[str, FixedType]:
    """The types of an exact cell by role."""
    return {role.removesuffix("_t"): _fixed(named) for role, named in node.types.items()}


def _exact_products(node: Any) -> list[tuple[str, int]]:
    """The gates that multiply in an exact cell, and the width of what they multiply."""
    types, state = _types(node), _fixed(node.get_output_variable().type)
    if node.class_name == "ExactLSTM":
        widths = {"forget": "cell_state", "enter": "candidate", "leave": "squashed"}
        return [(gate, types[role].width) for gate, role in widths.items()]
    difference = max(state.integer, types["candidate"].integer) + 1
    difference += max(state.fraction_bits, types["candidate"].fraction_bits)
    inner = types["recurrent_sum"].width if node.get_attr("reset_after") else state.width
    return [("update", difference), ("reset", inner)]


def _gate_products(
    kind: str, units: int, gate_bits: int, state: FixedType, recurrent: FixedType
) -> Iterator[tuple[float, int, int, float]]:
    """The products of two variables: r (U h + b), (1 - z) h', z h in a GRU; i g, f s, o tanh(s) in an LSTM."""
    summed = state.width + recurrent.width + math.ceil(math.log2(max(units, 2)))
    others = {
        "GRU": (summed, gate_bits, state.width),
        "LSTM": (gate_bits, state.width, gate_bits),
    }
    return (_variable_products(units, gate_bits, bits) for bits in others[kind])


def _variable_products(count: int, first_bits: int, second_bits: int) -> tuple[float, int, int, float]:
    """As `_matrix`, of `count` products of two variables."""
    dsp = count * multiplier_dsps(first_bits, second_bits)
    total = float(count * first_bits * second_bits)
    return total, count, dsp, 0.0 if dsp else total


def _rom_luts(bits: int, reads: int) -> int:
    return reads * math.ceil(bits / LUT_ROM_BITS)


def _block_rams(bits: int, reads: int) -> int:
    return math.ceil(reads / 2) * math.ceil(bits / BLOCK_RAM_BITS)


def _fixed(named: Any) -> FixedType:
    return FixedType.parse(str(named.precision))
