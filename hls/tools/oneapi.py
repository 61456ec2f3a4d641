"""oneAPI FPGA (`icpx -fintelfpga`): reading the report of a kernel that was built elsewhere; no step is run here."""

from __future__ import annotations

from pathlib import Path

from hls.hardware import HardwareRow
from hls.tools.reports.quartus import parse_oneapi
from hls.tools.reports.reading import read_report

QUARTUS_JSON = "reports/resources/json/quartus.json"


def read_oneapi(project: Path) -> HardwareRow:
    """The row of a oneAPI project folder (`NAME.prj`); all numbers are None before the hardware compile.

    Raises:
        LayoutError: its report is missing, partial or malformed.
    """
    found = read_report(project / QUARTUS_JSON, parse_oneapi)
    note = None if found.alm is None else f"{found.alm} ALM"
    return HardwareRow(
        "oneapi", "vendor", ff=found.ff, dsp=found.dsp, bram=found.bram, fmax_mhz=found.fmax_mhz, note=note
    )
