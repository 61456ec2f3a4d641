"""What synthesis of a design gave: counts, clocks and the check of the netlist, and the rows of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hls.hardware import HardwareRow
from hls.synth.config import FAMILIES
from hls.synth.resources import Resources, UnitResources
from hls.synth.timing import Timing
from hls.tools.nextpnr import PART, Step
from jets.config import load_saved
from jets.files import write_json

ULTRASCALE_PLUS = "xcup"


@dataclass(frozen=True)
class Mapped:
    """A design mapped to the cells of a Xilinx family by Yosys.

    Attributes:
        dsp, bram: whether multipliers could take DSP slices and tables block RAM.
        resources: of the whole design.
        combined_luts: sites of look-up tables when small ones share one wherever they can, a lower bound.
        units: of each block.
        timing: the estimate of the longest path; None for other families than UltraScale+, or without registers.
        seconds: that Yosys took.
    """

    family: str
    dsp: bool
    bram: bool
    resources: Resources
    combined_luts: int
    units: tuple[UnitResources, ...]
    timing: Timing | None
    seconds: float

    @property
    def cost_ratio(self) -> float | None:
        """Look-up tables for each one that alkaid's estimate counts, over the blocks; None when it counts none."""
        cost = sum(unit.cost for unit in self.units)
        return sum(unit.resources.lut for unit in self.units) / cost if cost else None


@dataclass(frozen=True)
class Routed:
    """A design between shift registers, placed and routed for the largest ECP5 by nextpnr.

    Attributes:
        fits: whether it does; the rest is None or what it would need when not.
        fmax_mhz: the clock after routing.
        lut, ff, dsp, bram: 4-input look-up tables, flip-flops, 18x18 multipliers and 18 Kb block RAM, those of the
            shift registers included.
        critical_path: from register to register.
        seconds: that nextpnr took.
    """

    seed: int
    fits: bool
    fmax_mhz: float | None
    lut: int | None
    ff: int | None
    dsp: int | None
    bram: int | None
    critical_path: tuple[Step, ...]
    seconds: float


@dataclass(frozen=True)
class NetlistCheck:
    """The mapped netlist simulated against the outputs that the design must give.

    Attributes:
        n_mismatch: vectors with any output bit different.
        complaints: what is wrong with bits or cycles, one sentence each.
    """

    family: str
    n_vectors: int
    n_mismatch: int
    complaints: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Synthesis:
    """All results for one design.

    Attributes:
        design, digest: its name and the SHA-256 of its manifest.
        versions: of the tools that ran.
    """

    design: str
    digest: str
    part: str
    clock_ns: float
    latency_cycles: int
    interval_cycles: float
    versions: Mapping[str, str]
    mapped: tuple[Mapped, ...]
    routed: tuple[Routed, ...] = ()
    checks: tuple[NetlistCheck, ...] = ()

    @property
    def hardware(self) -> tuple[HardwareRow, ...]:
        """Rows for the section `hardware` of a report: counts, the estimated clock, and what was placed and routed."""
        rows = []
        for mapped in self.mapped:
            rows.append(self._counts(mapped))
            if mapped.timing is not None:
                rows.append(self._estimate(mapped, mapped.timing))
        if self.routed:
            rows.append(self._placed(self.best))
        return tuple(rows)

    @property
    def agrees(self) -> bool:
        """Whether every netlist that was simulated does what the design must."""
        return not self.complaints()

    def complaints(self) -> list[str]:
        """What is wrong with the netlists that were simulated, one sentence each."""
        return [f"netlist for {check.family}: {text}" for check in self.checks for text in check.complaints]

    @property
    def best(self) -> Routed:
        """The placement with the highest clock."""
        return max(self.routed, key=lambda routed: routed.fmax_mhz or 0.0)

    def save(self, path: Path) -> Path:
        """Write the results as JSON."""
        write_json(path, asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> Synthesis:
        """Read what `save` wrote.

        Raises:
            InputError: no such file.
            LayoutError: the file holds something else.
        """
        return load_saved(cls, path, "a result of synthesis", "synthesize again")

    def _row(self, **content: Any) -> HardwareRow:
        return HardwareRow(
            clock_ns=self.clock_ns,
            latency_cycles=self.latency_cycles,
            initiation_interval=math.ceil(self.interval_cycles),
            latency_ns=self.latency_cycles * self.clock_ns,
            **content,
        )

    def _counts(self, mapped: Mapped) -> HardwareRow:
        found = mapped.resources
        return self._row(
            tool="Yosys",
            tool_version=self.versions["yosys"],
            part=self._part(mapped),
            lut=found.lut,
            ff=found.ff,
            dsp=found.dsp,
            bram=found.bram18,
            kind="synthesis",
            note=_note(mapped),
        )

    def _estimate(self, mapped: Mapped, timing: Timing) -> HardwareRow:
        return replace(
            self._counts(mapped),
            tool="tagware timing",
            tool_version=None,
            fmax_mhz=timing.fmax_mhz,
            kind="estimate",
            note="longest path of Yosys' netlist with published delays of UltraScale+ -2 and typical nets, before "
            "placement (docs/synthesis.md)",
        )

    def _part(self, mapped: Mapped) -> str | None:
        """The design's part where the family is its own."""
        ultrascale_plus = self.part.lower().startswith(("xcvu", "xcku", "xczu", "xcau", "xck26", "xcu"))
        return self.part if ultrascale_plus == (mapped.family == ULTRASCALE_PLUS) else None

    def _placed(self, routed: Routed) -> HardwareRow:
        what = "4-input look-up tables, shift registers around the design included"
        return self._row(
            tool="nextpnr-ecp5",
            tool_version=self.versions["nextpnr-ecp5"],
            part=PART,
            lut=routed.lut,
            ff=routed.ff,
            dsp=routed.dsp,
            bram=routed.bram,
            fmax_mhz=routed.fmax_mhz,
            kind="place_and_route" if routed.fits else "synthesis",
            note=f"{what}; seed {routed.seed}" if routed.fits else f"does not fit the largest ECP5; {what}",
        )


def _note(mapped: Mapped) -> str:
    allowed = {"DSP slices": mapped.dsp, "block RAM (of 18 Kb)": mapped.bram}
    used = ", ".join(f"{'with' if use else 'without'} {what}" for what, use in allowed.items())
    sites = f"{mapped.combined_luts} sites if small tables share one wherever they can"
    return f"{FAMILIES[mapped.family]}, {used}; {sites}"
