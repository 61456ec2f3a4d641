"""The vendors' reports, in the layouts that the tools write: numbers, their absence, and damage that is named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hls.tools.oneapi import read_oneapi
from hls.tools.reports.hls import Cosimulation, CSynthesis, parse_cosim, parse_csynth
from hls.tools.reports.quartus import Fit, OneApi, TimingAnalysis, parse_fit, parse_oneapi, parse_sta
from hls.tools.reports.reading import count, read_report
from hls.tools.reports.vivado import (
    Instance,
    Timing,
    Utilization,
    parse_hierarchy,
    parse_timing_summary,
    parse_utilization,
)
from jets.errors import LayoutError

REPORTS = Path(__file__).parents[2] / "mock_tools/reports"
TOP, CELL = ("doubling", "(top)"), ("gates", "recurrence_cell")
ULTRASCALE = "xcvu13p-flga2577-2-e"
EXPECTED: list[tuple[str, Callable[[str], Any], Any]] = [
    ("csynth_vitis.xml", parse_csynth, CSynthesis("2024.2", ULTRASCALE, 5.0, 4.0, 12, 2, 50012, 4321, 60, 6, 0)),
    (
        "csynth_vivado.xml",
        parse_csynth,
        CSynthesis("2019.2", "xcku115-flvb2104-2-i", 5.0, 4.355, None, None, 9533, 5886, 8, 4, 0),
    ),
    ("cosim_vitis.rpt", parse_cosim, Cosimulation("Verilog", True, 14, 3)),
    ("cosim_vivado.rpt", parse_cosim, Cosimulation("VHDL", True, 778, None)),
    ("cosim_fail.rpt", parse_cosim, Cosimulation("Verilog", False, None, None)),
    (
        "utilization_ultrascale.rpt",
        parse_utilization,
        Utilization(
            "Vivado v.2024.2 (lin64) Build 5239630 Fri Nov 08 22:34:34 MST 2024", ULTRASCALE, "Routed",
            21734, 4864, 60, 25, 0,
        ),
    ),
    (
        "utilization_series7.rpt",
        parse_utilization,
        Utilization(
            "Vivado v.2019.2 (lin64) Build 2708876 Wed Nov  6 21:39:14 MST 2019", "7a35tcsg324-1", "Synthesized",
            1009, 920, 3, 0, None,
        ),
    ),
    ("timing_met.rpt", parse_timing_summary, Timing("clk", 5.0, 1.0, 0.033)),
    ("timing_violated.rpt", parse_timing_summary, Timing("clk", 5.0, -1.25, 0.033)),
    (
        "fit_pro.rpt",
        parse_fit,
        Fit("22.4.0 Build 94 12/07/2022 SC Pro Edition", "10CX220YF780E5G", 1930, 2137, 761, 7, 2),
    ),
    ("fit_lite.rpt", parse_fit, Fit("22.1std.0 Build 915 10/25/2022 SC Lite", "5CSEBA6U23I7", 1930, 2137, 761, 7, 2)),
    ("sta.rpt", parse_sta, TimingAnalysis(131.58, -2.6, 0.019)),
    ("oneapi_quartus.json", parse_oneapi, OneApi(252.84, 2212, 5001, 12, 5)),
]  # fmt: skip
HIERARCHY = ("hierarchy.rpt", parse_hierarchy, None)


@pytest.mark.parametrize(("name", "parse", "expected"), EXPECTED)
def test_a_report_gives_its_numbers(name: str, parse: Callable[[str], Any], expected: Any) -> None:
    assert read_report(REPORTS / name, parse) == expected


def test_a_hierarchy_gives_every_instance_with_its_depth() -> None:
    instances = read_report(REPORTS / "hierarchy.rpt", parse_hierarchy)
    assert [(i.name, i.depth) for i in instances] == [
        ("doubling", 0), ("(doubling)", 1), ("recurrence_1", 1), ("gates", 2), ("pipeline_2", 1),
    ]  # fmt: skip
    assert instances[0] == Instance(*TOP, 0, 21734, 4864, 60, 25)
    assert instances[3] == Instance(*CELL, 2, 18800, 2100, 60, 25)


def test_the_fastest_clock_has_no_slack_left() -> None:
    assert Timing("clk", 5.0, 1.0, 0.0).fmax_mhz == 250.0
    assert Timing("clk", 5.0, -1.25, 0.0).fmax_mhz == 160.0
    assert Timing("clk", 5.0, None, None).fmax_mhz is None


def test_a_oneapi_folder_is_a_row_and_before_the_hardware_compile_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "reports/resources/json/quartus.json"
    path.parent.mkdir(parents=True)
    text = (REPORTS / "oneapi_quartus.json").read_text()
    path.write_text(text)
    row = read_oneapi(tmp_path)
    assert (row.fmax_mhz, row.ff, row.dsp, row.bram, row.note) == (252.84, 5001, 12, 5, "2212 ALM")
    path.write_text(text.replace("252.84", "TBD").replace("2211.6", "TBD").replace("5001", "TBD"))
    row = read_oneapi(tmp_path)
    assert (row.fmax_mhz, row.ff, row.note) == (None, None, None)


DAMAGE = [
    ("csynth_vitis.xml", "<LUT>50012</LUT>", "<LUT>many</LUT>", "AreaEstimates/Resources/LUT is 'many'"),
    ("csynth_vitis.xml", "<LUT>50012</LUT>", "<LUT>1.5</LUT>", "AreaEstimates/Resources/LUT is '1.5'"),
    ("csynth_vitis.xml", "<LUT>50012</LUT>", "<LUT>nan</LUT>", "AreaEstimates/Resources/LUT is 'nan'"),
    ("csynth_vitis.xml", "<DSP>60</DSP>", "", "no AreaEstimates/Resources/DSP48E"),
    ("csynth_vitis.xml", "<Worst-caseLatency>12</Worst-caseLatency>", "", "Worst-caseLatency"),
    ("csynth_vitis.xml", "</profile>", "", "not XML to its end"),
    ("cosim_vitis.rpt", "      Pass|", "        NA|", "no simulated language"),
    ("cosim_vitis.rpt", "|             14|", "|             x4|", "the largest latency is 'x4'"),
    ("cosim_vitis.rpt", "|             14|              1|              2|              3|", "|", "latency"),
    ("utilization_ultrascale.rpt", "| CLB LUTs*                  |", "| CLB                  |", "no CLB LUTs"),
    ("utilization_ultrascale.rpt", "| 21734 |     0 |", "| 2173 4 |     0 |", "CLB LUTs is '2173 4'"),
    ("utilization_ultrascale.rpt", "| DSPs  ", "| D     ", "no DSPs"),
    ("utilization_ultrascale.rpt", "| Device  ", "| D       ", "no Device"),
    ("hierarchy.rpt", "|      Instance     |", "|                   |", "Utilization by Hierarchy"),
    ("hierarchy.rpt", "|  FFs |", "|      |", "no column FFs of doubling"),
    ("hierarchy.rpt", "| 4253 |", "| 42x3 |", "FFs of recurrence_1 is '42x3'"),
    ("timing_met.rpt", "| Design Timing Summary", "| Design", "no Design Timing Summary"),
    ("timing_met.rpt", "      1.000        0.000 ", "      1.0.0        0.000 ", "WNS(ns) is '1.0.0'"),
    ("timing_met.rpt", "clk    {0.000 2.500} ", "", "no Clock Summary"),
    ("fit_pro.rpt", "; Successful", "; Failed", "Fitter Status is 'Failed"),
    ("fit_pro.rpt", "Combinational ALUT usage for logic", "Combinational", "no Combinational ALUT usage for logic"),
    ("sta.rpt", "Model Fmax Summary", "Model", "no Fmax Summary"),
    ("sta.rpt", "131.58 MHz", "131,x8 MHz", "Restricted Fmax of Slow 900mV 100C"),
    ("sta.rpt", "Worst-case Slack", "Slack", "no Multicorner Timing Analysis Summary"),
    ("oneapi_quartus.json", '"quartusFitClockSummary"', '"clocks"', "quartusFitClockSummary"),
    ("oneapi_quartus.json", '"5001"', '"5k"', "reg is '5k'"),
]  # fmt: skip


def test_a_design_without_a_timed_path_has_no_slack() -> None:
    text = (REPORTS / "timing_met.rpt").read_text()
    timing = parse_timing_summary(text.replace("      1.000        0.000 ", "        inf        0.000 "))
    assert (timing.setup_slack_ns, timing.fmax_mhz) == (None, None)


@pytest.mark.parametrize(("name", "old", "new", "words"), DAMAGE)
def test_damage_names_the_file_and_the_field(tmp_path: Path, name: str, old: str, new: str, words: str) -> None:
    parse = next(parse for known, parse, _ in (*EXPECTED, HIERARCHY) if known == name)
    text = (REPORTS / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    with pytest.raises(LayoutError) as error:
        read_report(tmp_path / name, parse)
    assert str(tmp_path / name) in str(error.value) and words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "parse", "_"), [*EXPECTED, HIERARCHY])
@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.45])
def test_the_beginning_of_a_report_is_refused(
    tmp_path: Path, name: str, parse: Callable[[str], Any], _: Any, fraction: float
) -> None:
    text = (REPORTS / name).read_text()
    (tmp_path / name).write_text(text[: int(fraction * len(text))])
    with pytest.raises(LayoutError) as error:
        read_report(tmp_path / name, parse)
    assert name in str(error.value)


def test_a_report_that_was_never_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(LayoutError) as error:
        read_report(tmp_path / "a.rpt", parse_cosim)
    assert "a.rpt" in str(error.value) and "without writing this file" in str(error.value)


@given(st.integers(0, 10**9))
def test_a_count_is_read_with_and_without_separators(number: int) -> None:
    assert count(f" {number} ", "LUT") == count(f"{number:,}", "LUT") == number


@given(st.text(max_size=200))
def test_no_text_makes_a_parser_fail_otherwise_than_by_name(text: str) -> None:
    for _, parse, _ in (*EXPECTED, HIERARCHY):
        with pytest.raises(LayoutError):
            parse(text)


STRANGE = st.text(max_size=12) | st.sampled_from(["-1", "nan", "1e999", "9" * 5000, ";", "|", "\n", "\x00", "<a>"])


@pytest.mark.parametrize(("name", "parse", "_"), [*EXPECTED, HIERARCHY])
@settings(max_examples=80, derandomize=True, database=None)
@given(place=st.floats(0, 1), length=st.integers(0, 40), new=STRANGE)
def test_a_report_with_other_text_anywhere_is_read_or_refused(
    name: str, parse: Callable[[str], Any], _: Any, place: float, length: int, new: str
) -> None:
    text = (REPORTS / name).read_text()
    start = int(place * len(text))
    with suppress(LayoutError):
        parse(text[:start] + new + text[start + length :])
