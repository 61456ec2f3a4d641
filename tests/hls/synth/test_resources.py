from pathlib import Path

import pytest

from hls.synth.resources import Resources, combined_luts, resources, unit_resources
from hls.tools.yosys import Cell, Netlist, parse_statistics
from jets.errors import LayoutError
from tests.hls.synth.designs import squares

DATA = Path(__file__).parent / "data"


def test_every_kind_of_cell_counts_as_what_it_takes():
    cells = {
        "LUT2": 3, "LUT6": 1, "INV": 2, "SRL16E": 1, "RAM32M": 1, "FDRE": 5, "FDSE": 1, "CARRY4": 2,
        "MUXF7": 2, "MUXF8": 1, "DSP48E2": 4, "RAMB18E2": 1, "RAMB36E2": 2, "$scopeinfo": 9,
    }  # fmt: skip
    assert resources(cells) == Resources(lut=11, ff=6, carry4=2, wide_mux=3, dsp=4, bram18=5)


def test_a_cell_that_was_not_mapped_is_refused():
    with pytest.raises(LayoutError, match=r"2 cells \$_XOR_"):
        resources({"LUT2": 3, "$_XOR_": 2})


def test_blocks_have_their_layers_and_counts():
    statistics = parse_statistics((DATA / "yosys_statistics.json").read_text(), "here")
    (unit,) = unit_resources(statistics, squares().units, "squares")
    assert unit.layers == ("squared", "added")
    assert unit.resources == resources(statistics.total("squares")) == Resources(lut=47, ff=39, carry4=10)


def lut(name, *inputs, kind="LUT3"):
    ports = {f"I{index}": (bit,) for index, bit in enumerate(inputs)}
    return Cell(name, kind, {}, ports, {"O": (hash(name) % 10**9 + 10**6,)})


def netlist_of(*cells):
    return Netlist(cells, {}, {}, {"input": (), "output": ()})


def test_two_functions_of_five_inputs_share_a_site():
    assert combined_luts(netlist_of(lut("sum", 1, 2, 3), lut("carry", 1, 2, 3))) == 1
    assert combined_luts(netlist_of(lut("first", 1, 2, 3), lut("second", 3, 4, 5))) == 1


def test_functions_of_six_inputs_together_or_nothing_in_common_do_not_share():
    assert combined_luts(netlist_of(lut("first", 1, 2, 3), lut("second", 3, 4, 5, 6, kind="LUT4"))) == 2
    assert combined_luts(netlist_of(lut("first", 1, 2), lut("second", 3, 4))) == 2
    assert combined_luts(netlist_of(lut("whole", *range(6), kind="LUT6"), lut("part", 1, 2))) == 2


def test_two_sums_of_a_carry_chain_do_not_share():
    first, second = lut("first", 1, 2), lut("second", 1, 3)
    select = (*first.outputs["O"], *second.outputs["O"], "0", "0")
    carry = Cell("chain", "CARRY4", {}, {"S": select, "DI": ("0",) * 4, "CI": ("0",), "CYINIT": ("0",)}, {})
    assert combined_luts(netlist_of(first, second)) == 1
    assert combined_luts(netlist_of(first, second, carry)) == 2
