from dataclasses import replace
from pathlib import Path

import pytest

from hls.synth import delays
from hls.synth.timing import estimate
from hls.tools.yosys import Cell, Netlist, parse_netlist
from jets.errors import LayoutError
from tests.hls.synth.designs import squares

DATA = Path(__file__).parent / "data"


def flip_flop(name, data, output):
    return Cell(name, "FDRE", {}, {"C": (1,), "CE": ("1",), "D": (data,), "R": ("0",)}, {"Q": (output,)})


def table(name, output, *inputs):
    ports = {f"I{index}": (bit,) for index, bit in enumerate(inputs)}
    return Cell(name, f"LUT{len(inputs)}", {}, ports, {"O": (output,)})


def carry4(name, selects, sums, carry_in="0", carry_out=None):
    padded = (*selects, *("0",) * (4 - len(selects)))
    outputs = {"O": (*sums, *("x",) * (4 - len(sums))), "CO": ("x", "x", "x", carry_out or "x")}
    return Cell(name, "CARRY4", {}, {"S": padded, "DI": ("0",) * 4, "CI": (carry_in,), "CYINIT": ("0",)}, outputs)


def netlist_of(*cells, scopes=None):
    return Netlist(cells, scopes or {}, {}, {"input": (1,), "output": ()})


def test_a_path_is_the_sum_of_its_cells_and_nets():
    timing = estimate(netlist_of(flip_flop("a", 12, 10), table("t", 11, 10), table("u", 12, 11)))
    expected = (
        delays.FLIP_FLOP_OUT
        + delays.ROUTE
        + delays.LOOK_UP_TABLE
        + delays.ROUTE
        + delays.LOOK_UP_TABLE
        + delays.TABLE_TO_REGISTER
        + delays.FLIP_FLOP_IN
        + delays.CLOCK_UNCERTAINTY
    )
    assert timing.period_ns == pytest.approx(expected)
    assert [step.cell for step in timing.path] == ["FDRE", "LUT1", "LUT1", "FDRE"]
    assert timing.logic_levels == 2


def test_fan_out_makes_a_net_slower():
    few = netlist_of(flip_flop("a", 12, 10), table("t", 12, 10))
    many = netlist_of(flip_flop("a", 12, 10), table("t", 12, 10), *(table(f"t{i}", 20 + i, 10) for i in range(7)))
    difference = estimate(many).period_ns - estimate(few).period_ns
    assert difference == pytest.approx(3 * delays.ROUTE_PER_DOUBLING)


def test_a_carry_chain_is_taken_as_carry8():
    chain = [
        carry4("c0", (20,), (), carry_out=30),
        carry4("c1", (), (), carry_in=30, carry_out=31),
        carry4("c2", (), (40,), carry_in=31),
    ]
    timing = estimate(netlist_of(flip_flop("a", 40, 10), table("t", 20, 10), *chain))
    through = delays.carry8("S", 0, "CO", 7) + delays.CARRY_TO_CARRY + delays.carry8("CI", 0, "O", 0)
    start = delays.FLIP_FLOP_OUT + delays.ROUTE + delays.LOOK_UP_TABLE + delays.TABLE_TO_CARRY
    end = delays.SUM_TO_REGISTER + delays.FLIP_FLOP_IN + delays.CLOCK_UNCERTAINTY
    assert timing.period_ns == pytest.approx(start + through + end)
    assert [step.cell for step in timing.path] == ["FDRE", "LUT1", "CARRY8", "CARRY8", "FDRE"]


def test_a_longer_chain_is_slower():
    periods = []
    for n_carries in (1, 3, 9):
        carries = [carry4("c0", (20,), (), carry_out=30)]
        carries += [carry4(f"c{i}", (), (), carry_in=29 + i, carry_out=30 + i) for i in range(1, n_carries)]
        last = carry4("last", (), (99,), carry_in=29 + n_carries)
        periods.append(estimate(netlist_of(flip_flop("a", 99, 10), table("t", 20, 10), *carries, last)).period_ns)
    assert periods == sorted(periods)
    assert periods[2] - periods[1] == pytest.approx(3 * (0.023 + delays.CARRY_TO_CARRY), abs=1e-9)


def test_registers_of_a_multiplier_shorten_its_paths():
    def period(**registers):
        multiplier = Cell("m", "DSP48E2", registers, {"A": (10,), "B": (10,)}, {"P": (11,)})
        return estimate(netlist_of(flip_flop("a", 11, 10), multiplier)).period_ns

    none = period()
    output = period(PREG="1")
    both = period(AREG="1", BREG="1", PREG="1")
    assert none > output > both
    assert none == pytest.approx(
        delays.FLIP_FLOP_OUT
        + delays.route(2)
        + delays.DSP_THROUGH
        + delays.ROUTE
        + delays.TO_REGISTER_PIN
        + delays.FLIP_FLOP_IN
        + delays.CLOCK_UNCERTAINTY
    )


def test_the_clock_network_bounds_the_clock():
    timing = estimate(netlist_of(flip_flop("a", 10, 10)))
    assert 1000 / timing.period_ns > timing.fmax_mhz == delays.CLOCK_NETWORK_MHZ


def test_a_netlist_without_a_path_between_registers_has_no_clock():
    assert estimate(netlist_of(table("t", 11, 10))) is None
    assert estimate(netlist_of(flip_flop("a", 10, 11))) is None


def test_a_loop_without_a_register_is_refused():
    with pytest.raises(LayoutError, match=r"cell (t|u): is in a loop"):
        estimate(netlist_of(flip_flop("a", 12, 10), table("t", 11, 10, 12), table("u", 12, 11)))


def test_the_upper_bits_of_a_carry_may_wait_for_its_lower_bits():
    timing = estimate(
        netlist_of(
            flip_flop("a", 41, 10),
            table("t", 20, 10),
            carry4("c", (20, 21), (40, 41)),
            table("u", 21, 40),
        )
    )
    assert [step.cell for step in timing.path] == ["FDRE", "LUT1", "CARRY8", "LUT1", "CARRY8", "FDRE"]


def test_a_lower_bit_of_a_carry_may_not_wait_for_an_upper_bit():
    loop = netlist_of(flip_flop("a", 41, 10), table("t", 20, 41, 10), carry4("c", (20, 21), (40, 41)))
    with pytest.raises(LayoutError, match=r"cell (t|c): is in a loop"):
        estimate(loop)


def test_a_cell_without_delays_is_refused():
    unknown = Cell("x", "FIFO18E2", {}, {"DI": (1,)}, {"DO": (2,)})
    with pytest.raises(LayoutError, match=r"cell x: has unknown delays \(FIFO18E2\)"):
        estimate(netlist_of(unknown))


def test_a_path_is_traced_to_its_block_and_layers():
    netlist = parse_netlist((DATA / "yosys_netlist.json").read_text(), "squares", "here")
    timing = estimate(netlist, squares().units)
    assert (timing.unit, timing.layers) == ("squares_pipeline0", ("squared", "added"))
    assert timing.path[0].cell == timing.path[-1].cell == "FDRE"
    assert any(step.signal == "in_ready" for step in timing.path)


def test_a_real_netlist_is_slower_when_a_carry_chain_is_cut_into_look_up_tables():
    netlist = parse_netlist((DATA / "yosys_netlist.json").read_text(), "squares", "here")
    slower = replace(netlist, cells=tuple(_without_fast_carry(cell) for cell in netlist.cells))
    adders = [cell for cell in netlist.cells if cell.kind == "CARRY4"]
    assert adders
    assert estimate(slower).period_ns >= estimate(netlist).period_ns


def _without_fast_carry(cell):
    if cell.kind != "CARRY4":
        return cell
    inputs = {f"I{i}": (bit,) for i, bit in enumerate(bit for bits in cell.inputs.values() for bit in bits)}
    return Cell(cell.name, "LUT6", {}, inputs, cell.outputs)
