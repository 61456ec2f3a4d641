"""Reports of Quartus Prime (Fitter and Timing Analyzer, 17.0 and later) and of the oneAPI FPGA flow."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from hls.tools.reports.reading import REMEDY, count, decimal, missing, rows_of
from jets.errors import LayoutError

FMAX_TABLE = re.compile(r"^; (Slow [^\n]*Model Fmax Summary)\s*;$(.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
MEMORY_BLOCK = re.compile(r"M\d+K blocks|M\d+Ks|Total RAM Blocks")
DSP_BLOCKS = ("DSP Blocks Needed [=A+B-C]", "Total DSP Blocks", "DSP block 18-bit elements")


@dataclass(frozen=True)
class Fit:
    """The Fitter's report (`REVISION.fit.rpt`): `lut` are combinational ALUTs, `bram` blocks of M9K, M10K or M20K."""

    version: str
    part: str
    alm: int | None
    lut: int | None
    ff: int | None
    dsp: int | None
    bram: int | None


@dataclass(frozen=True)
class TimingAnalysis:
    """The Timing Analyzer's report (`REVISION.sta.rpt`): slowest Fmax and worst slacks over all corners."""

    fmax_mhz: float | None
    setup_slack_ns: float | None
    hold_slack_ns: float | None


@dataclass(frozen=True)
class OneApi:
    """The Quartus part of a oneAPI FPGA report (`reports/resources/json/quartus.json`) for the whole kernel system."""

    fmax_mhz: float | None
    alm: int | None
    ff: int | None
    dsp: int | None
    bram: int | None


def parse_fit(text: str) -> Fit:
    """The resources after fitting.

    Raises:
        LayoutError: the fit did not succeed, or a resource is missing or malformed.
    """
    cells = {row[0]: row[1] for row in rows_of(text, ";") if len(row) > 1}
    status = _field(cells, "Fitter Status")
    if not status.startswith("Successful"):
        raise LayoutError(f"Fitter Status is {status!r}", None, "read the log of this step")
    memory = next((name for name in cells if MEMORY_BLOCK.fullmatch(name)), "Total RAM Blocks")
    dsp = next((name for name in DSP_BLOCKS if name in cells), DSP_BLOCKS[0])
    return Fit(
        version=_field(cells, "Quartus Prime Version"),
        part=_field(cells, "Device"),
        alm=_used(cells, "Logic utilization (in ALMs)"),
        lut=_used(cells, "Combinational ALUT usage for logic"),
        ff=_used(cells, "Dedicated logic registers"),
        dsp=_used(cells, dsp),
        bram=_used(cells, memory),
    )


def parse_sta(text: str) -> TimingAnalysis:
    """The slack and Fmax after fitting.

    Raises:
        LayoutError: there is no Fmax of a slow corner, no summary over the corners, or a number is malformed.
    """
    fmax = []
    for title, body in FMAX_TABLE.findall(text):
        for row in rows_of(body, ";"):
            if len(row) > 2 and row[0] != "Fmax":
                fmax.append(decimal(row[1].removesuffix("MHz"), f"Restricted Fmax of {title}"))
    slacks = [row[1:3] for row in rows_of(text, ";") if len(row) > 2 and row[0] == "Worst-case Slack"]
    if not fmax:
        raise missing("Fmax Summary")
    if not slacks:
        raise missing("Multicorner Timing Analysis Summary")
    setup, hold = (decimal(slack, what) for slack, what in zip(slacks[0], ("Setup", "Hold"), strict=True))
    return TimingAnalysis(min((f for f in fmax if f is not None), default=None), setup, hold)


def parse_oneapi(text: str) -> OneApi:
    """What Quartus made of a oneAPI kernel system; "TBD" before the hardware compile is None.

    Raises:
        LayoutError: not JSON, or without the two Quartus summaries, or a number is malformed.
    """
    try:
        content = json.loads(text)
        clock = dict(content["quartusFitClockSummary"]["nodes"][0])
        usage = dict(content["quartusFitResourceUsageSummary"]["nodes"][-1])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise LayoutError(f"is not a Quartus summary of oneAPI ({error!r})", None, REMEDY) from None
    fmax = decimal(str(clock.get("kernel clock", clock.get("clock", ""))), "kernel clock")
    alm, ff, dsp, bram = (_rounded(usage, key) for key in ("alm", "reg", "dsp", "ram"))
    return OneApi(fmax, alm, ff, dsp, bram)


def _rounded(usage: dict[str, Any], key: str) -> int | None:
    number = decimal(str(usage.get(key, "")), key)  # ALMs are shared between kernels, in tenths
    return None if number is None else round(number)


def _used(cells: dict[str, str], field: str) -> int | None:
    return count(_field(cells, field).partition("/")[0], field)


def _field(cells: dict[str, str], field: str) -> str:
    if field not in cells:
        raise missing(field)
    return cells[field]
