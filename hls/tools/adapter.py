"""What every vendor's tool is to us: the steps it knows, the files it needs, its command lines and its reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hls.hardware import HardwareRow
from hls.project import Project, check_part
from hls.rtl.design import Design
from hls.templating import environment
from hls.tools.tool import Tool
from jets.config import check_above_zero
from jets.errors import LayoutError
from jets.files import read_json

STATE = "state.json"
TEMPLATES = Path(__file__).with_name("tcl")
Target = Project | Design


@dataclass(frozen=True)
class VendorConfig:
    """How a vendor's tools are run.

    Attributes:
        part, clock_ns: FPGA and clock period; those of the project or design unless given.
        timeout_s: seconds that one step may take.
        prefix: command put before the tool's, e.g. ("ssh", "host") or ("apptainer", "exec", "image.sif").
        vectors: stored vectors that the tool's own C simulation and co-simulation run.
    """

    part: str | None = None
    clock_ns: float | None = None
    timeout_s: float = 6 * 3600.0
    prefix: tuple[str, ...] = ()
    vectors: int = 100

    def __post_init__(self) -> None:
        check_part(self.part)
        check_above_zero(self, "clock_ns", "timeout_s", "vectors")


@dataclass(frozen=True)
class Adapter(ABC):
    """One tool at work on one firmware project or RTL design below the folder `root`.

    Attributes:
        name: of the tool and of its folder.
        steps: that it knows, in the order in which they run.
        needs: the step that must have run before another.
    """

    target: Target
    config: VendorConfig
    root: Path

    name: ClassVar[str]
    steps: ClassVar[tuple[str, ...]]
    needs: ClassVar[Mapping[str, str]] = {}

    @property
    def work(self) -> Path:
        """The folder in which the tool runs."""
        return self.root / self.name

    def state(self) -> dict[str, Any]:
        """What `work` was written for ("version" of the tool, "files" with their digests), and the steps "done".

        Raises:
            LayoutError: the record is damaged.
        """
        path = self.work / STATE
        empty: dict[str, Any] = {"version": None, "files": {}, "done": {}}
        state = read_json(path) if path.is_file() else empty
        if not isinstance(state, dict) or state.keys() != empty.keys():
            raise LayoutError("is no record of the steps of a tool", path, "remove this file")
        return state

    @property
    def part(self) -> str:
        """The FPGA."""
        own = self.target.part if isinstance(self.target, Design) else self.target.config.part
        return self.config.part or own

    @property
    def clock_ns(self) -> float:
        """The clock period that is asked for."""
        own = self.target.clock_ns if isinstance(self.target, Design) else self.target.config.clock_ns
        return self.config.clock_ns or own

    @property
    def values(self) -> dict[str, Any]:
        """What every script is told."""
        return {"name": self.target.name, "part": self.part, "clock_ns": self.clock_ns}

    @abstractmethod
    def find(self) -> Tool:
        """The program.

        Raises:
            ToolNotFound: it is not installed, or too old.
        """

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """Everything that the tool needs in its folder, by path: sources, constraints, a script for each step.

        Raises:
            ConfigError: this tool has no use for such a target.
        """

    @abstractmethod
    def command(self, tool: Tool, step: str) -> list[str]:
        """The command line of a step, to be run in `work`.

        Raises:
            InputError: the step needs something that the target does not have.
        """

    @abstractmethod
    def read(self, tool: Tool, step: str) -> HardwareRow | None:
        """What a finished step reports; None for a step without numbers.

        Raises:
            LayoutError: a report is missing, partial or malformed.
            ExactnessError: the tool's own comparison with the stored vectors found a difference.
        """

    def row(self, tool: Tool, kind: str, **numbers: Any) -> HardwareRow:
        """A row with this tool, part and clock; the latency in ns follows from that in cycles."""
        cycles = numbers.get("latency_cycles")
        return HardwareRow(
            tool=self.name,
            kind=kind,
            tool_version=tool.version,
            part=self.part,
            clock_ns=self.clock_ns,
            latency_ns=None if not cycles else cycles * self.clock_ns,
            **numbers,
        )


def render(template: str, **values: Any) -> bytes:
    """A template of the folder `tcl` with its values."""
    return str(environment(TEMPLATES).get_template(template).render(**values)).encode()


def timing_note(setup_slack_ns: float | None, hold_slack_ns: float | None = None) -> str | None:
    """The note of a row whose timing is not met; no slower clock mends a hold slack below zero."""
    slacks = {"slack": setup_slack_ns, "hold slack": hold_slack_ns}
    missed = [f"{what} {slack:g} ns" for what, slack in slacks.items() if slack is not None and slack < 0]
    return f"timing not met, {', '.join(missed)}" if missed else None
