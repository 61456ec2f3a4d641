"""Reports of Vitis HLS and Vivado HLS (2019.2 and later): C synthesis as XML, co-simulation as a table."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from hls.tools.reports.reading import REMEDY, count, decimal, missing, rows_of
from jets.errors import LayoutError


@dataclass(frozen=True)
class CSynthesis:
    """What C synthesis estimates (`NAME_csynth.xml`): worst-case latency, largest interval, resources.

    `bram` counts blocks of 18 Kb.
    """

    version: str
    part: str
    clock_ns: float | None
    estimated_clock_ns: float | None
    latency_cycles: int | None
    interval_cycles: int | None
    lut: int | None
    ff: int | None
    dsp: int | None
    bram: int | None
    uram: int | None


@dataclass(frozen=True)
class Cosimulation:
    """What co-simulation saw (`NAME_cosim.rpt`): whether the testbench passed, and the longest latency and interval."""

    language: str
    passed: bool
    latency_cycles: int | None
    interval_cycles: int | None


def parse_csynth(text: str) -> CSynthesis:
    """The report of C synthesis.

    Raises:
        LayoutError: it is not XML to its end, or a field is missing or malformed.
    """
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise LayoutError(f"is not XML to its end ({error})", None, REMEDY) from None
    dsp = "AreaEstimates/Resources/DSP"
    return CSynthesis(
        version=_text(root, "ReportVersion/Version"),
        part=_text(root, "UserAssignments/Part"),
        clock_ns=_decimal(root, "UserAssignments/TargetClockPeriod"),
        estimated_clock_ns=_decimal(root, "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
        latency_cycles=_count(root, "PerformanceEstimates/SummaryOfOverallLatency/Worst-caseLatency"),
        interval_cycles=_count(root, "PerformanceEstimates/SummaryOfOverallLatency/Interval-max"),
        lut=_count(root, "AreaEstimates/Resources/LUT"),
        ff=_count(root, "AreaEstimates/Resources/FF"),
        dsp=_count(root, dsp if root.find(dsp) is not None else f"{dsp}48E"),
        bram=_count(root, "AreaEstimates/Resources/BRAM_18K"),
        uram=_count(root, "AreaEstimates/Resources/URAM"),
    )


def parse_cosim(text: str) -> Cosimulation:
    """The report of co-simulation: the one language that was simulated.

    Raises:
        LayoutError: no language was simulated, or its line is incomplete or malformed.
    """
    for language, *cells in rows_of(text, "|"):
        if language in ("Verilog", "VHDL") and cells and cells[0] != "NA":
            if len(cells) < 7:
                raise missing(f"latency and interval of {language}")
            latency, interval = count(cells[3], "the largest latency"), count(cells[6], "the largest interval")
            return Cosimulation(language, cells[0] == "Pass", latency, interval)
    raise missing("simulated language")


def _text(root: ET.Element, path: str) -> str:
    text = root.findtext(path)
    if text is None:
        raise missing(path)
    return text.strip()


def _count(root: ET.Element, path: str) -> int | None:
    return count(_text(root, path), path)


def _decimal(root: ET.Element, path: str) -> float | None:
    return decimal(_text(root, path), path)
