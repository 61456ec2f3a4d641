"""The one entry to the vendors' tools: run the steps that are not done yet, and return their rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from hls.hardware import HardwareRow
from hls.project import digests, write_files
from hls.tools.adapter import STATE, Adapter, Target, VendorConfig
from hls.tools.quartus import Quartus
from hls.tools.tool import Tool, run
from hls.tools.vitis_hls import VitisHls
from hls.tools.vivado import Vivado
from hls.tools.vivado_hls import VivadoHls
from jets.config import did_you_mean
from jets.errors import ConfigError, LayoutError
from jets.files import write_json

TOOLS: dict[str, type[Adapter]] = {tool.name: tool for tool in (VitisHls, VivadoHls, Vivado, Quartus)}
_log = logging.getLogger(__name__)


def run_steps(
    target: Target, tool: str, steps: Sequence[str], config: VendorConfig, folder: Path
) -> tuple[HardwareRow, ...]:
    """Run a vendor's tool on a firmware project or an RTL design in `folder`/`tool`; rows of the steps with numbers.

    A step that was done with the same sources, options and version of the tool is not run again. Steps that another
    one needs are run before it. Every step's log is `STEP.log` beside its reports.

    Raises:
        ConfigError: no such tool or step, or the tool has no use for such a target.
        ToolNotFound: the tool is not installed, or too old.
        ToolFailed: a step failed, was killed, found no licence or ran out of time; names the log.
        LayoutError: a step ended without a whole report.
        ExactnessError: the tool's co-simulation differs from the stored vectors.
    """
    check_steps(tool, steps)
    adapter = TOOLS[tool](target, config, Path(folder))
    ordered = _ordered(adapter, steps)
    files = adapter.files()
    found = adapter.find()
    _place(adapter, found, files)
    rows = [_row(adapter, found, step) for step in ordered]
    return tuple(row for row in rows if row is not None)


def check_steps(tool: str, steps: Sequence[str]) -> None:
    """Raise ConfigError unless there is such a tool, with these steps."""
    if tool not in TOOLS:
        raise ConfigError(f"no vendor's tool {tool!r}", None, did_you_mean(tool, TOOLS))
    for step in steps:
        if step not in TOOLS[tool].steps:
            raise ConfigError(f"{tool} has no step {step!r}", None, did_you_mean(step, TOOLS[tool].steps))


def _ordered(adapter: Adapter, steps: Sequence[str]) -> list[str]:
    """The steps and those that they need, in the order of the tool."""
    wanted = {*steps, *(adapter.needs[step] for step in steps if step in adapter.needs)}
    return [step for step in adapter.steps if step in wanted]


def _place(adapter: Adapter, tool: Tool, files: dict[str, bytes]) -> None:
    """Write the tool's folder anew unless it was written for the same sources, options and version."""
    wanted = {"version": tool.version, "files": digests(files)}
    if adapter.state().items() >= wanted.items():
        return
    write_files(files, adapter.work)
    write_json(adapter.work / STATE, {**wanted, "done": {}})


def _row(adapter: Adapter, tool: Tool, step: str) -> HardwareRow | None:
    """The row of a step, which is run unless it is done."""
    if step in adapter.state()["done"]:
        try:
            return adapter.read(tool, step)
        except LayoutError:
            _mark(adapter, step, None)
            raise
    command, config, log = adapter.command(tool, step), adapter.config, adapter.work / f"{step}.log"
    _log.info("%s: %s, see %s", adapter.name, step, log)
    finished = run(command, adapter.work, log, config.timeout_s, config.prefix)
    row = adapter.read(tool, step)
    _mark(adapter, step, finished.seconds)
    return row


def _mark(adapter: Adapter, step: str, seconds: float | None) -> None:
    """Note that a step is done in so many seconds, or (None) that it is not."""
    state = adapter.state()
    state["done"].pop(step, None)
    if seconds is not None:
        state["done"][step] = round(seconds, 1)
    write_json(adapter.work / STATE, state)
